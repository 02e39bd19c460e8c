"""What the virtual meter keeps without power."""

import json

from gateway.simulator.meter import VirtualMeter, Word
from tests.support.meter_tokens import TID, build, key_set, order, papers, units

NEW_KEY = bytes(range(16))


def restarted(before: VirtualMeter, **options: int) -> VirtualMeter:
    """Another meter from the same factory, with the memory as a file holds it."""
    after = build(before.facts, **options)
    after.remember(json.loads(json.dumps(before.memory())))
    return after


def test_meter_remembers_its_tokens() -> None:
    before = build()
    digits = units(before)
    before.type_digits(digits)

    after = restarted(before)

    assert after.type_digits(digits).word == Word.USED
    assert after.type_digits(units(after, tid=TID + 1, field=10)).balance_tenths == 74


def test_meter_remembers_every_register() -> None:
    before = build()
    before.tamper()
    before.registers.units, before.registers.currency = [1, 2, 3, 4], [5, 6, 7, -8]
    for minute, (subclass, field) in enumerate(((0, 1000), (2, 7), (6, 500), (7, 9), (10, 1025), (10, 0xFC01))):
        before.type_digits(order(before, subclass, field, tid=TID + minute))

    after = restarted(before)

    assert after.registers == before.registers
    assert (after.registers.controls, after.registers.flags) == ({1: 1}, {0: 1})


def test_meter_remembers_the_key_it_was_given() -> None:
    before = build()
    for digits in key_set(before, papers(krn=5, ti=9, sgc="123457", ken=200), NEW_KEY):
        before.type_digits(digits)

    after = restarted(before)

    assert after.held == before.held
    assert after.held.decoder_key == NEW_KEY
    assert after.type_digits(units(before)).word == Word.ACCEPT


def test_meter_remembers_the_sections_of_a_set_not_yet_whole() -> None:
    before = build()
    tokens = key_set(before, papers(krn=5), NEW_KEY)
    for digits in tokens[:3]:
        before.type_digits(digits)

    after = restarted(before)

    assert after.held == before.held
    assert after.type_digits(tokens[3]).word == Word.ACCEPT
    assert (after.held.krn, after.held.decoder_key) == (5, NEW_KEY)


def test_meter_memory_of_an_older_kind_gives_tokens_and_balance() -> None:
    meter = build()
    factory_key = meter.held

    meter.remember({"tids": [0] * 49 + [TID], "balance_tenths": 64})

    assert meter.held == factory_key
    answers = [meter.type_digits(units(meter, tid=tid, field=10)) for tid in (TID, TID + 1)]
    assert [(answer.word, answer.balance_tenths) for answer in answers] == [("USED", 64), ("ACCEPT", 74)]


def test_meter_with_a_deeper_store_does_not_take_again_what_had_fallen_out() -> None:
    before = build(store_depth=2)
    tokens = [units(before, tid=TID + minute) for minute in range(3)]
    for digits in tokens:
        before.type_digits(digits)

    after = restarted(before, store_depth=500)

    assert [after.type_digits(digits).word for digits in tokens] == ["OLD", "USED", "USED"]


def test_meter_with_a_shallower_store_keeps_the_newest() -> None:
    before = build(store_depth=5)
    tokens = [units(before, tid=TID + minute) for minute in range(3)]
    for digits in tokens:
        before.type_digits(digits)

    after = restarted(before, store_depth=2)

    assert [after.type_digits(digits).word for digits in tokens] == ["OLD", "USED", "USED"]


def test_meter_memory_is_a_copy() -> None:
    before = build()
    memory = before.memory()
    after = build()
    after.remember(memory)

    after.type_digits(units(after))

    assert memory == before.memory()
