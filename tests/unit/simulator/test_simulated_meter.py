"""The virtual meter: what it says to twenty digits of credit, in which order, and when there is no room."""

import threading
from typing import Any

import pytest

from gateway.simulator.meter import MeterAnswer, MeterFacts, VirtualMeter, Word
from gateway.simulator.meter.frames import CREDIT, MANAGEMENT, seal_frame
from gateway.simulator.meter.registers import CreditLimits
from tests.support.meter_tokens import TID, build, currency, order, papers, units
from tests.support.stub_product import meter_facts, mint

OWN = meter_facts("37000000010", "600727370000000105", [])
OTHER = meter_facts("37000000036", "600727370000000360", [])
FIRST_TID_OF_KEN_86 = 86 << 16
HUNDRED_THOUSANDTHS = 100_000


def words(meter: VirtualMeter, *tids: int) -> list[str]:
    return [meter.type_digits(units(meter, tid=tid, field=10)).word for tid in tids]


def test_meter_new_token_adds_its_energy() -> None:
    meter = build()
    meter.type_digits(units(meter, tid=TID, field=64))

    assert meter.type_digits(units(meter, tid=TID + 1, field=36)) == MeterAnswer(Word.ACCEPT, 36, 100)


def test_meter_same_token_again_is_used_and_adds_nothing() -> None:
    meter = build()
    digits = units(meter)
    meter.type_digits(digits)

    assert meter.type_digits(digits) == MeterAnswer(Word.USED, 0, 64)


def test_meter_other_token_of_a_used_minute_is_used() -> None:
    meter = build()
    meter.type_digits(units(meter, field=64))

    assert meter.type_digits(units(meter, field=65, rnd=9)).word == Word.USED


def test_meter_tokens_in_any_order_are_accepted() -> None:
    assert words(build(), TID + 2, TID, TID + 1) == ["ACCEPT", "ACCEPT", "ACCEPT"]


def test_meter_token_older_than_the_factory_is_old() -> None:
    assert words(build(manufactured_tid=TID), TID - 1, TID, TID + 1) == ["OLD", "USED", "ACCEPT"]


def test_meter_full_store_forgets_its_oldest_and_calls_it_old() -> None:
    meter = build(store_depth=2)

    assert words(meter, TID, TID + 1, TID + 2) == ["ACCEPT", "ACCEPT", "ACCEPT"]
    assert words(meter, TID, TID + 1, TID + 2) == ["OLD", "USED", "USED"]


def test_meter_deep_store_takes_five_hundred_tokens_from_the_last_to_the_first() -> None:
    meter = build(store_depth=500, manufactured_tid=TID - 1)

    assert words(meter, *range(TID + 499, TID - 1, -1)) == ["ACCEPT"] * 500
    assert words(meter, TID, TID + 499) == ["USED", "USED"]
    assert meter.balance_tenths == 5000


def test_meter_without_any_store_is_refused() -> None:
    with pytest.raises(ValueError, match="one TID at least"):
        build(store_depth=0)


def test_meter_token_of_another_meter_is_rejected() -> None:
    meter = VirtualMeter(MeterFacts.read(OWN), b"\0" * 20)

    assert meter.type_digits(mint(OTHER, tid=TID, tenths=64)) == MeterAnswer(Word.REJECT, 0, 0)


def test_meter_digits_as_people_type_them_are_accepted() -> None:
    meter = build()
    digits = units(meter)
    grouped = " - ".join(digits[at : at + 4] for at in range(0, 20, 4))

    assert meter.type_digits(f" {grouped}\n").word == Word.ACCEPT


@pytest.mark.parametrize(
    "text",
    ["", "1", "1" * 19, "1" * 21, "x" * 20, "\u0661" * 20, "99999999999999999999", "73786976294838206464", "0" * 20],
)
def test_meter_what_is_no_token_is_rejected(text: str) -> None:
    assert build().type_digits(text).word == Word.REJECT


@pytest.mark.parametrize(("ea", "dkga"), [(7, 2), (7, 4), (9, 2), (11, 4)])
def test_meter_of_each_algorithm_takes_its_token_and_rejects_one_wrong_digit(ea: int, dkga: int) -> None:
    meter = build(papers(ea=ea, dkga=dkga))
    digits = units(meter)

    for place in range(20):
        changed = digits[:place] + str((int(digits[place]) + 1) % 10) + digits[place + 1 :]
        assert meter.type_digits(changed).word == Word.REJECT
    assert meter.type_digits(digits).word == Word.ACCEPT


@pytest.mark.parametrize(("token_class", "subclass"), [(0, 8), (0, 15), (1, 3), (1, 15), (2, 11), (2, 15), (3, 0)])
def test_meter_reserved_class_and_subclass_are_rejected(token_class: int, subclass: int) -> None:
    meter = build()
    upper = subclass << 44 | 5 << 40 | TID << 16

    assert meter.type_digits(seal_frame(token_class, upper, meter.cipher)).word == Word.REJECT


def test_meter_block_sealed_for_another_class_is_rejected() -> None:
    meter = build()
    credit, cleared = units(meter, field=0xFFFF, subclass=1), order(meter, 1, 0xFFFF)
    upper = 1 << 44 | 5 << 40 | TID << 16 | 0xFFFF

    assert seal_frame(CREDIT, upper, meter.cipher) == credit
    assert seal_frame(MANAGEMENT, upper, meter.cipher) == cleared
    assert credit != cleared, "the CRC is over the class too"


@pytest.mark.parametrize("subclass", [1, 2, 3])
def test_meter_units_of_another_resource_are_no_electricity(subclass: int) -> None:
    meter = build()

    assert meter.type_digits(units(meter, subclass=subclass, field=0x4001)) == MeterAnswer(Word.ACCEPT, 0, 0)
    assert meter.registers.units == [16394 if place == subclass else 0 for place in range(4)]
    assert meter.registers.currency == [0, 0, 0, 0]


@pytest.mark.parametrize("subclass", [4, 5, 6, 7])
def test_meter_currency_goes_into_its_own_register(subclass: int) -> None:
    meter = build()

    assert meter.type_digits(currency(meter, subclass=subclass, field=77)) == MeterAnswer(Word.ACCEPT, 0, 0)
    assert meter.registers.currency == [77 if place == subclass - 4 else 0 for place in range(4)]
    assert meter.registers.units == [0, 0, 0, 0]


def test_meter_negative_currency_is_taken_off_and_can_be_owed() -> None:
    meter = build()
    meter.type_digits(currency(meter, tid=TID, field=100))

    assert meter.type_digits(currency(meter, tid=TID + 1, field=1 << 19 | 130)).word == Word.ACCEPT
    assert meter.registers.currency[0] == -30


def test_meter_currency_sealed_with_the_plain_crc_is_rejected() -> None:
    meter = build()
    as_currency = currency(meter, field=64)
    upper = 4 << 44 | TID << 16 | 64
    plain = seal_frame(MANAGEMENT, upper, meter.cipher)

    assert as_currency != plain
    assert meter.type_digits(as_currency).word == Word.ACCEPT


def test_meter_without_room_is_full_and_takes_the_token_later() -> None:
    meter = build(limits=CreditLimits(units_tenths=100))
    last, next_one = units(meter, tid=TID, field=64), units(meter, tid=TID + 1, field=37)
    meter.type_digits(last)

    assert meter.type_digits(next_one) == MeterAnswer(Word.FULL, 0, 64)
    assert meter.type_digits(next_one) == MeterAnswer(Word.FULL, 0, 64), "it is not stored as used"
    assert meter.type_digits(last).word == Word.USED, "used comes before full"
    assert meter.type_digits(order(meter, 1, 0, tid=TID + 2)).word == Word.ACCEPT
    assert meter.type_digits(next_one) == MeterAnswer(Word.ACCEPT, 37, 37)


def test_meter_register_is_filled_to_its_greatest_value() -> None:
    meter = build(limits=CreditLimits(units_tenths=100))

    assert meter.type_digits(units(meter, field=100)) == MeterAnswer(Word.ACCEPT, 100, 100)


@pytest.mark.parametrize("sign", [0, 1 << 19])
def test_meter_currency_beyond_its_greatest_value_either_way_is_full(sign: int) -> None:
    meter = build(limits=CreditLimits(currency=100))

    assert meter.type_digits(currency(meter, field=sign | 101)).word == Word.FULL
    assert meter.type_digits(currency(meter, field=sign | 100)).word == Word.ACCEPT


def test_meter_greatest_currency_token_has_room() -> None:
    meter = build()

    assert meter.type_digits(currency(meter, field=0x7FFFF)).word == Word.ACCEPT
    assert meter.registers.currency[0] == 16383 * 10**31 + 16384 * (10**31 - 1) // 9
    assert meter.type_digits(currency(meter, tid=TID + 1, field=0x7FFFF)).word == Word.FULL


@pytest.mark.parametrize(("kt", "word"), [(0, "ACCEPT"), (1, "REJECT"), (2, "ACCEPT"), (3, "REJECT")])
def test_meter_credit_under_each_key_type(kt: int, word: str) -> None:
    meter = build(papers(kt=kt))

    assert meter.type_digits(units(meter)).word == word
    assert meter.type_digits(currency(meter, tid=TID + 1, field=1)).word == word
    assert meter.type_digits(order(meter, 2, 7, tid=TID + 2)).word == "ACCEPT", "keys of every type carry orders"


def test_meter_token_beyond_the_key_expiry_number_is_rejected() -> None:
    meter = build(papers(ken=85))

    assert words(meter, FIRST_TID_OF_KEN_86, FIRST_TID_OF_KEN_86 - 1) == ["REJECT", "ACCEPT"]
    assert meter.type_digits(order(meter, 2, 7, tid=FIRST_TID_OF_KEN_86)).word == Word.REJECT
    assert words(build(papers(ken=86)), FIRST_TID_OF_KEN_86) == ["ACCEPT"]
    assert words(build(papers(ken=255)), 0xFFFFFF) == ["ACCEPT"]


def test_meter_two_people_at_once_load_a_token_once() -> None:
    meter = build()
    digits = units(meter)
    said: list[str] = []
    threads = [threading.Thread(target=lambda: said.append(meter.type_digits(digits).word)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(said) == ["ACCEPT", *["USED"] * 7]
    assert meter.balance_tenths == 64


def test_meter_token_of_the_stub_product_is_accepted() -> None:
    meter = VirtualMeter(MeterFacts.read(OWN), bytes.fromhex("ab" * 8 + "94" * 8 + "01234567"))

    assert meter.type_digits(mint(OWN, tid=TID, tenths=64)) == MeterAnswer(Word.ACCEPT, 64, 64)


@pytest.mark.parametrize(("ea", "dkga"), [(11, 2), (9, 4), (8, 4), (7, 1), (7, 3), (11, 3)])
def test_facts_of_an_algorithm_that_no_virtual_meter_has_are_refused(ea: int, dkga: int) -> None:
    with pytest.raises(ValueError, match=f"not EA {ea:02d} under DKGA {dkga:02d}"):
        MeterFacts.read(OWN | {"ea": ea, "dkga": dkga})


def test_facts_as_text_or_numbers_are_the_same() -> None:
    as_text: dict[str, Any] = {name: str(value) for name, value in OWN.items() if name != "phones"}

    assert MeterFacts.read(as_text | {"base": "2014", "ti": "01"}) == MeterFacts.read(OWN)


def test_facts_without_an_expiry_number_never_expire() -> None:
    assert MeterFacts.read({name: value for name, value in OWN.items() if name != "ken"}).ken == 255
