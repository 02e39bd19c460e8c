"""The virtual meter: what it says to twenty digits, in which order, and after a restart."""

import threading
from typing import Any

import pytest

from gateway.simulator.frames import amount_of_field, frame_crc, join_token, read_credit, split_token
from gateway.simulator.meter import MeterFacts, VirtualMeter, Word
from gateway.simulator.misty1 import Misty1
from tests.support.stub_product import COMPLIANCE_KEY, meter_facts, mint

OWN = meter_facts("37000000010", "600727370000000105", [])
OTHER = meter_facts("37000000036", "600727370000000360", [])
TID = 6_000_000


def meter(**options: int) -> VirtualMeter:
    return VirtualMeter(MeterFacts.read(OWN), COMPLIANCE_KEY, **options)


def words(virtual: VirtualMeter, *tids: int) -> list[str]:
    return [virtual.type_digits(mint(OWN, tid=tid, tenths=10)).word for tid in tids]


def test_meter_new_token_adds_its_energy() -> None:
    virtual = meter()
    virtual.type_digits(mint(OWN, tid=TID, tenths=64))

    answer = virtual.type_digits(mint(OWN, tid=TID + 1, tenths=36))

    assert (answer.word, answer.energy_kwh_tenths, answer.balance_tenths) == (Word.ACCEPT, 36, 100)


def test_meter_same_token_again_is_used_and_adds_nothing() -> None:
    virtual = meter()
    digits = mint(OWN, tid=TID, tenths=64)
    virtual.type_digits(digits)

    answer = virtual.type_digits(digits)

    assert (answer.word, answer.energy_kwh_tenths, answer.balance_tenths) == (Word.USED, 0, 64)


def test_meter_other_token_of_a_used_minute_is_used() -> None:
    virtual = meter()
    virtual.type_digits(mint(OWN, tid=TID, tenths=64))

    assert virtual.type_digits(mint(OWN, tid=TID, tenths=65, rnd=9)).word == Word.USED


def test_meter_tokens_in_any_order_are_accepted() -> None:
    assert words(meter(), TID + 2, TID, TID + 1) == ["ACCEPT", "ACCEPT", "ACCEPT"]


def test_meter_token_older_than_the_factory_is_old() -> None:
    assert words(meter(manufactured_tid=TID), TID - 1, TID, TID + 1) == ["OLD", "USED", "ACCEPT"]


def test_meter_full_store_forgets_its_oldest_and_calls_it_old() -> None:
    virtual = meter(store_depth=2)

    assert words(virtual, TID, TID + 1, TID + 2) == ["ACCEPT", "ACCEPT", "ACCEPT"]
    assert words(virtual, TID, TID + 1, TID + 2) == ["OLD", "USED", "USED"]


def test_meter_token_of_another_meter_is_rejected() -> None:
    answer = meter().type_digits(mint(OTHER, tid=TID, tenths=64))

    assert (answer.word, answer.energy_kwh_tenths, answer.balance_tenths) == (Word.REJECT, 0, 0)


def test_meter_digits_as_people_type_them_are_accepted() -> None:
    digits = mint(OWN, tid=TID, tenths=64)
    grouped = "-".join(digits[at : at + 4] for at in range(0, 20, 4))

    assert meter().type_digits(f" {grouped.replace('-', ' - ')}\n").word == Word.ACCEPT


@pytest.mark.parametrize(
    "text",
    ["", "1", "1" * 19, "1" * 21, "x" * 20, "\u0661" * 20, "99999999999999999999", "73786976294838206464", "0" * 20],
)
def test_meter_what_is_no_token_is_rejected(text: str) -> None:
    assert meter().type_digits(text).word == Word.REJECT


def test_meter_one_wrong_digit_is_rejected() -> None:
    digits = mint(OWN, tid=TID, tenths=64)
    virtual = meter()

    for place in range(20):
        changed = digits[:place] + str((int(digits[place]) + 1) % 10) + digits[place + 1 :]
        assert virtual.type_digits(changed).word == Word.REJECT


@pytest.mark.parametrize(("token_class", "subclass"), [(0, 1), (0, 4), (1, 0), (2, 1)])
def test_meter_token_that_is_no_electricity_credit_is_rejected(token_class: int, subclass: int) -> None:
    virtual = meter()
    upper = subclass << 44 | 5 << 40 | TID << 16 | 64
    block = virtual.cipher.encrypt(upper << 16 | frame_crc(token_class, upper))

    assert virtual.type_digits(join_token(token_class, block)).word == Word.REJECT


def test_meter_two_people_at_once_load_a_token_once() -> None:
    virtual = meter()
    digits = mint(OWN, tid=TID, tenths=64)
    said: list[str] = []
    threads = [threading.Thread(target=lambda: said.append(virtual.type_digits(digits).word)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(said) == ["ACCEPT", *["USED"] * 7]
    assert virtual.balance_tenths == 64


def test_meter_remembers_its_tokens_without_power() -> None:
    before, after = meter(), meter()
    before.type_digits(mint(OWN, tid=TID, tenths=64))

    after.remember(before.memory())

    assert words(after, TID, TID + 1) == ["USED", "ACCEPT"]
    assert after.balance_tenths == 74


@pytest.mark.parametrize(("name", "value"), [("ea", 7), ("dkga", 2)])
def test_meter_facts_of_another_algorithm_are_refused(name: str, value: Any) -> None:
    with pytest.raises(ValueError, match="EA 11 under DKGA 04"):
        MeterFacts.read(OWN | {name: value})


def test_meter_facts_as_text_or_numbers_are_the_same() -> None:
    as_text = {name: str(value) for name, value in OWN.items() if name != "phones"}

    assert MeterFacts.read(as_text | {"base": "2014", "ti": "01"}) == MeterFacts.read(OWN)


def test_amount_field_at_the_band_edges() -> None:
    edges = {0: 0, 0x3FFF: 16383, 0x4000: 16384, 0x7FFF: 180214, 0x8000: 180224, 0xC000: 1818624, 0xFFFF: 18201624}

    assert {field: amount_of_field(field) for field in edges} == edges


def test_token_split_and_joined_is_the_same() -> None:
    for block in (0, 3 << 27, (1 << 64) - 1, 0x0123456789ABCDEF):
        for token_class in range(4):
            assert split_token(join_token(token_class, block)) == (token_class, block)


def test_credit_read_with_the_right_key_says_what_was_minted() -> None:
    frame = read_credit(mint(OWN, tid=TID, tenths=64, rnd=11), meter().cipher)

    assert frame is not None
    assert (frame.rnd, frame.tid, frame.energy_kwh_tenths) == (11, TID, 64)


def test_cipher_key_of_another_length_is_refused() -> None:
    with pytest.raises(ValueError, match="16 octets"):
        Misty1(b"\0" * 15)
