"""Orders of class 2 at the virtual meter: once each, and what they change."""

from typing import Any

import pytest

from gateway.simulator.meter import Word
from tests.support.meter_tokens import TID, build, order, units


@pytest.mark.parametrize(
    ("subclass", "field", "changed"),
    [
        (0, 1000, {"power_limit_watts": 1000}),
        (0, 0xC000, {"power_limit_watts": 1_818_624}),
        (2, 0xC000, {"tariff_rate": 0xC000}),
        (5, 0, {"is_tampered": False}),
        (6, 0x4001, {"phase_unbalance_limit_watts": 16_394}),
        (7, 1234, {"water_factor": 1234}),
        (10, 63 << 10 | 1 << 1 | 1, {"flags": {1: 1}}),
        (10, 63 << 10 | 511 << 1, {"flags": {511: 0}}),
        (10, 62 << 10 | 1023, {"controls": {62: 1023}}),
    ],
)
def test_order_new_changes_its_register_and_no_other(subclass: int, field: int, changed: dict[str, Any]) -> None:
    meter = build()
    meter.tamper()
    before = meter.registers.memory()

    answer = meter.type_digits(order(meter, subclass, field))

    assert (answer.word, answer.energy_kwh_tenths) == (Word.ACCEPT, 0)
    assert meter.registers.memory() == before | changed


@pytest.mark.parametrize("subclass", [0, 1, 2, 5, 6, 7, 10])
def test_order_same_again_is_used_and_older_than_the_store_is_old(subclass: int) -> None:
    meter = build(store_depth=1, manufactured_tid=TID)
    digits = order(meter, subclass, 0, tid=TID + 1)

    words = [meter.type_digits(each).word for each in (digits, digits, order(meter, subclass, 0, tid=TID))]

    assert words == [Word.ACCEPT, Word.USED, Word.OLD]


def test_order_and_credit_share_one_store() -> None:
    meter = build()
    meter.type_digits(order(meter, 0, 1000))

    assert meter.type_digits(units(meter)).word == Word.USED


@pytest.mark.parametrize("register", range(8))
def test_order_clears_the_credit_of_one_register(register: int) -> None:
    meter = build()
    meter.registers.units, meter.registers.currency = [1, 2, 3, 4], [5, 6, 7, 8]

    assert meter.type_digits(order(meter, 1, register)).word == Word.ACCEPT
    left = meter.registers.units + meter.registers.currency
    assert left == [0 if place == register else place + 1 for place in range(8)]


def test_order_clears_the_credit_of_every_register() -> None:
    meter = build()
    meter.registers.units, meter.registers.currency = [1, 2, 3, 4], [5, 6, 7, -8]

    answer = meter.type_digits(order(meter, 1, 0xFFFF))

    assert (answer.word, answer.energy_kwh_tenths, answer.balance_tenths) == (Word.ACCEPT, 0, 0)
    assert meter.registers.units + meter.registers.currency == [0] * 8


@pytest.mark.parametrize(("subclass", "field"), [(1, 8), (1, 0xFFFE), (5, 1)])
def test_order_that_no_meter_can_obey_is_rejected_and_its_minute_stays_free(subclass: int, field: int) -> None:
    meter = build()
    meter.tamper()
    before = meter.registers.memory()

    assert meter.type_digits(order(meter, subclass, field)).word == Word.REJECT
    assert meter.registers.memory() == before
    assert meter.type_digits(units(meter)).word == Word.ACCEPT


def test_order_without_room_for_credit_is_still_obeyed() -> None:
    meter = build()
    meter.registers.units[0] = 10**9

    assert meter.type_digits(order(meter, 0, 1000)).word == Word.ACCEPT
