"""Test and display tokens of class 1: in clear, for every meter, changing nothing."""

import pytest

from gateway.simulator.meter import MeterAnswer, MeterFacts, VirtualMeter, Word
from tests.support.meter_tokens import TID, build, currency, display, order, papers, units

FOUR_DIGIT_PAN = "000013700000000224"
SHOWN: list[dict[str, int | str]] = [
    {"load_switch": "open"},
    {"displays": "8" * 20},
    {"consumed_kwh_tenths": 0},
    {"krn": 1, "kt": 2},
    {"ti": 1},
    {"token_input": "keypad"},
    {"power_limit_watts": 0},
    {"tampered": 0},
    {"load_watts": 0},
    {"software_version": "virtual 1"},
    {"phase_unbalance_limit_watts": 0},
    {"water_factor": 0},
    {"tariff_rate": 0},
    {"ea": 11},
    {"key_change_tokens": 4},
    {"sgc": "201457"},
    {"ken": 255},
    {"drn": "00000000000"},
]


def shown(meter: VirtualMeter, test: int, subclass: int = 0) -> dict[str, int | str]:
    return dict(meter.type_digits(display(meter, subclass, 1 << test - 1)).display)


@pytest.mark.parametrize("subclass", [0, 1])
@pytest.mark.parametrize("test", range(1, 19))
def test_display_each_test_shows_its_own(test: int, subclass: int) -> None:
    meter = build()

    answer = meter.type_digits(display(meter, subclass, 1 << test - 1))

    assert answer == MeterAnswer(Word.ACCEPT, 0, 0, SHOWN[test - 1])


@pytest.mark.parametrize(("subclass", "everything"), [(0, (1 << 36) - 1), (1, (1 << 28) - 1)])
def test_display_of_everything_shows_every_test(subclass: int, everything: int) -> None:
    meter = build()

    answer = meter.type_digits(display(meter, subclass, everything))

    assert answer.display == {name: value for test in SHOWN for name, value in test.items()}


def test_display_of_two_tests_shows_both() -> None:
    meter = build()

    assert meter.type_digits(display(meter, 0, 1 << 4 | 1 << 15)).display == {"ti": 1, "sgc": "201457"}


@pytest.mark.parametrize("control", [0, 1 << 18, 1 << 35, 1 << 18 | 1, (1 << 36) - 2, (1 << 28) - 1])
def test_display_of_what_no_test_is_called_is_rejected(control: int) -> None:
    meter = build()

    assert meter.type_digits(display(meter, 0, control)) == MeterAnswer(Word.REJECT, 0, 0)


def test_display_follows_the_registers() -> None:
    meter = build()
    for subclass, field in ((0, 1000), (2, 7), (6, 500), (7, 9)):
        meter.type_digits(order(meter, subclass, field, tid=TID + subclass))
    meter.type_digits(units(meter, tid=TID + 20))

    assert shown(meter, 1) == {"load_switch": "closed"}
    assert shown(meter, 7) == {"power_limit_watts": 1000}
    assert shown(meter, 11) == {"phase_unbalance_limit_watts": 500}
    assert (shown(meter, 12), shown(meter, 13)) == ({"water_factor": 9}, {"tariff_rate": 7})
    meter.tamper()
    assert (shown(meter, 1), shown(meter, 8)) == ({"load_switch": "open"}, {"tampered": 1})


def test_display_switch_is_closed_by_currency_too() -> None:
    meter = build()
    meter.type_digits(currency(meter, field=1))

    assert shown(meter, 1) == {"load_switch": "closed"}


@pytest.mark.parametrize(("ea", "dkga", "count"), [(7, 2, 3), (9, 2, 3), (11, 4, 4)])
def test_display_of_the_cipher_and_of_the_longest_key_change(ea: int, dkga: int, count: int) -> None:
    meter = build(papers(ea=ea, dkga=dkga))

    assert (shown(meter, 14), shown(meter, 15)) == ({"ea": ea}, {"key_change_tokens": count})


@pytest.mark.parametrize(
    ("pan", "subclass", "mfr", "word"),
    [
        ("600727370000000105", 0, 37, "ACCEPT"),
        ("600727370000000105", 1, 37, "ACCEPT"),
        ("600727370000000105", 0, 38, "REJECT"),
        (FOUR_DIGIT_PAN, 1, 1370, "ACCEPT"),
        (FOUR_DIGIT_PAN, 1, 13, "REJECT"),
        (FOUR_DIGIT_PAN, 0, 0, "ACCEPT"),
    ],
)
def test_display_token_is_for_every_maker_or_for_the_meters_own(pan: str, subclass: int, mfr: int, word: str) -> None:
    meter = build(papers(meter_pan=pan))

    assert meter.type_digits(display(meter, subclass, 1 << 4, mfr)).word == word


def test_display_token_is_the_same_at_every_meter_and_can_be_repeated() -> None:
    one, other = build(), build(papers(meter_pan=FOUR_DIGIT_PAN, ea=7))
    digits = display(one, 0, 1 << 4)

    assert digits == display(other, 0, 1 << 4)
    assert [meter.type_digits(digits).word for meter in (one, other, one)] == [Word.ACCEPT] * 3


def test_display_reads_flags_and_controls_that_were_set() -> None:
    meter = build()
    for minute, field in enumerate((63 << 10 | 3 << 1 | 1, 63 << 10 | 1 << 1, 5 << 10 | 77)):
        meter.type_digits(order(meter, 10, field, tid=TID + minute))

    flags, controls = (meter.type_digits(display(meter, 2, control)).display for control in (0xFC0000000, 0))

    assert (flags, controls) == ({"flag_1": 0, "flag_3": 1}, {"control_5": 77})
    assert meter.type_digits(display(meter, 2, 1)).word == Word.REJECT


def test_display_manufacturer_code_has_two_or_four_digits() -> None:
    facts = [MeterFacts("", pan, "201457", 1, 2, 1, 14) for pan in ("600727370000000105", FOUR_DIGIT_PAN)]

    assert [each.manufacturer_code for each in facts] == ["37", "1370"]
