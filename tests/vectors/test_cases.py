"""Cases beyond the published ones: other ways to say the same, and what each kind of token is read as."""

from decimal import Decimal
from typing import Any

import pytest

from tests.vectors.asking import DK07, DK09, DK11, MANAGEMENT, TOKEN, VK04, outcome, read, refusal, result
from vending.vectors.algorithms import Outcome
from vending.vectors.decimals import steps_in, text_of

# The key and the moment, in every way that a case may say them


@pytest.mark.parametrize(
    "inputs",
    [
        {"key": DK11},
        {"key": {"dk": DK11["dk"]}, "ea": 11},
        {"key": DK11, "ea": 11},
        {"key": VK04},
        {"key": {name: value for name, value in VK04.items() if name != "ea"}, "ea": 11},
        {"key": {name: value for name, value in VK04.items() if name != "base"}, "base": 14},
        {"key": VK04 | {"base": "14"}},
        {"tid": None, "issued": "2014-03-01T13:00", "key": VK04},
        {"tid": None, "issued": "2014-03-01T13:00", "base": 14},
        {"tid": None, "issued": "2014-03-01 13:00:59Z", "base": "14"},
        {"tid": None, "issued": "2014-03-01T16:00:00.5+03:00", "base": "14"},
        {"issued": "2014-03-01T13:00", "base": 14},
        {"ken": 255},
        {"ken": 1},
    ],
)
def test_token_is_the_same_however_key_and_moment_are_said(inputs: dict[str, Any]) -> None:
    said = {name: value for name, value in (TOKEN | inputs).items() if value is not None}

    assert outcome("token", amount="0.1", **said) == Outcome("58625789986991357486")


@pytest.mark.parametrize("how", [{"amount": "0.1"}, {"units": 1}, {"field": 1}, {"amount": "0.1", "units": 1}])
def test_units_are_an_amount_a_count_of_tenths_or_the_raw_field(how: dict[str, Any]) -> None:
    assert result("token", **TOKEN, **how) == "58625789986991357486"


def test_inputs_that_play_no_part_are_told() -> None:
    said = outcome("token", **TOKEN | {"key": DK11 | {"sgc": "1"}}, amount="0.1", mfr=0)

    assert said.ignored == ("key.sgc", "mfr")


# Amounts


@pytest.mark.parametrize(
    ("amount", "tenths"),
    [("0", 0), ("0.01", 1), ("1.82", 19), ("1.8", 18), ("25.60", 256), ("1E3", 10_000), ("1e-99", 1), ("2.5E+1", 250)],
)
def test_amount_of_units_is_exact_and_rounded_up_to_tenths(amount: str, tenths: int) -> None:
    assert read(result("token", **TOKEN, amount=amount), DK11)["units"] == tenths


@pytest.mark.parametrize(
    ("amount", "carried"),
    [
        ("0.16384", "0.16384"),
        ("1", "1.00004"),
        ("0", "0"),
        ("0.000001", "0.00001"),
        ("100", "100.00624"),
        ("-1", "-0.99994"),
        ("-180224", "-180214.42624"),
        ("-0.000001", "0"),
        ("18.2e+1", "182.00624"),
    ],
)
def test_amount_of_currency_is_rounded_towards_plus_infinity(amount: str, carried: str) -> None:
    digits = result("token", **TOKEN | {"subclass": 4}, amount=amount)
    found = read(digits, DK11)["amount"]

    assert found == carried
    assert result("token", **TOKEN | {"subclass": 4}, amount=found) == digits


@pytest.mark.parametrize("amount", ["1.82044E+29", "-1.82044E+29"])
def test_great_amount_of_currency_is_read_in_plain_digits(amount: str) -> None:
    digits = result("token", **TOKEN | {"subclass": 4}, amount=amount)
    found = str(read(digits, DK11)["amount"])

    assert found.lstrip("-").replace(".", "").isdigit()
    assert 0 <= Decimal(found) - Decimal(amount) < 10**26
    assert result("token", **TOKEN | {"subclass": 4}, amount=found) == digits


@pytest.mark.parametrize(
    "amount", ["", "NaN", "Infinity", "1e999", "+1", ".5", "5.", "1,5", " 1", "1 ", "0x1", "\u0661"]
)
def test_amount_that_is_no_plain_decimal_is_refused(amount: str) -> None:
    assert refusal("token", **TOKEN, amount=amount)[0] == "input_malformed"
    assert refusal("token", **TOKEN | {"subclass": 4}, amount=amount)[0] == "input_malformed"


@pytest.mark.parametrize(
    ("subclass", "amount"), [(0, "-1"), (0, "-0.01"), (0, "1820162.5"), (0, "1e99"), (4, "1e99"), (4, "-1e40")]
)
def test_amount_that_no_token_carries_is_refused(subclass: int, amount: str) -> None:
    assert refusal("token", **TOKEN | {"subclass": subclass}, amount=amount)[0] == "amount_out_of_range"


def test_decimal_texts_have_the_fewest_digits() -> None:
    assert [text_of(steps, 5) for steps in (0, 1, 10_000_000, -99_994, 120_000)] == [
        "0",
        "0.00001",
        "100",
        "-0.99994",
        "1.2",
    ]
    assert steps_in("0.1", 10, "amount") == 1


# What each kind of token is read as: exactly these names


@pytest.mark.parametrize("key", [DK07, DK09, DK11], ids=["EA07", "EA09", "EA11"])
@pytest.mark.parametrize(
    ("inputs", "fields"),
    [
        (
            {"class": 0, "subclass": 3, "units": 20_005},
            {"class": 0, "subclass": 3, "tid": 85740, "rnd": 5, "units": 20_014, "field": 0x416B},
        ),
        (
            {"class": 0, "subclass": 7, "amount": "-2.5", "rnd": None},
            {"class": 0, "subclass": 7, "tid": 85740, "amount": "-2.49924", "field": 33465},
        ),
        (
            {"class": 2, "subclass": 0, "power_w": 1000},
            {"class": 2, "subclass": 0, "tid": 85740, "rnd": 5, "units": 1000, "field": 1000},
        ),
        (
            {"class": 2, "subclass": 6, "units": 20_005},
            {"class": 2, "subclass": 6, "tid": 85740, "rnd": 5, "units": 20_014, "field": 0x416B},
        ),
        *(
            (
                {"class": 2, "subclass": subclass, "field": 0xBEEF},
                {"class": 2, "subclass": subclass, "tid": 85740, "rnd": 5, "field": 0xBEEF},
            )
            for subclass in (1, 2, 5, 7, 10)
        ),
    ],
    ids=lambda value: f"{value['class']}-{value['subclass']}",
)
def test_token_is_read_as_the_fields_of_its_kind(
    inputs: dict[str, Any], fields: dict[str, Any], key: dict[str, Any]
) -> None:
    said = {name: value for name, value in (TOKEN | {"key": key} | inputs).items() if value is not None}
    decoded = read(result("token", **said), key)

    assert decoded == fields
    assert list(decoded) == list(fields)


@pytest.mark.parametrize(
    ("subclass", "control", "mfr"), [(0, (1 << 36) - 1, 255), (1, (1 << 28) - 1, 65535), (2, 1, 7)]
)
def test_test_token_is_read_without_a_key(subclass: int, control: int, mfr: int) -> None:
    fields = {"class": 1, "subclass": subclass, "control": control, "mfr": mfr}
    made = outcome("token", **fields)

    assert result("token_decode", token=made.result) == fields
    assert outcome("token_decode", token=made.result, key=DK07) == Outcome(fields, ignored=("key",))


def test_key_change_set_of_four_is_read_by_section() -> None:
    new_key = VK04 | {"ti": 2, "base": 35, "sgc": "203557", "krn": 6}
    digits = result("kct", key=VK04, new_key=new_key, ken=171)
    decoded = [read(token, VK04) for token in digits]
    parts = [int(result("DKGA", **new_key)[start : start + 8], 16) for start in (0, 8, 16, 24)]

    assert decoded == [
        {"class": 2, "subclass": 3, "kenho": 10, "krn": 6, "ro": 1, "kt": 2, "kct3": 0, "key_part": parts[0]},
        {"class": 2, "subclass": 4, "kenlo": 11, "ti": 2, "key_part": parts[3]},
        {"class": 2, "subclass": 8, "sgc_part": 203557 & 0xFFF, "key_part": parts[1]},
        {"class": 2, "subclass": 9, "sgc_part": 203557 >> 12, "key_part": parts[2]},
    ]
    assert digits == [
        result("kct_section", key=VK04, new_key=new_key, section=section, **fields)
        for section, fields in (
            (1, {"kenho": 10, "krn": 6, "ro": True, "kt": 2, "kct3": False}),
            (2, {"kenlo": 11, "ti": 2}),
            (3, {"sgc": "203557"}),
            (4, {"sgc": "203557"}),
        )
    ]


def test_key_change_set_of_three_teaches_the_sgc() -> None:
    new_key = {"dk": "fedcba9876543210", "sgc": "203557", "krn": 6, "kt": 2, "ti": 2}
    made = outcome("kct", ea=7, key=DK07, new_key=new_key, ken=255, ro=0, three_token=True)
    decoded = [read(token, DK07) for token in made.result]

    assert [fields["subclass"] for fields in decoded] == [3, 4, 8]
    assert (decoded[0]["kct3"], decoded[2]["sgc_part"], decoded[2]["key_part"]) == (1, 203557, 0)
    assert made.result[2] == result("kct_section", key=DK07, new_key=DK07 | new_key, section=3, sgc="203557")
    assert made.used_sample_tables


def test_key_change_takes_ken_from_the_new_key() -> None:
    new_key = VK04 | {"ti": 2}

    assert result("kct", key=VK04, new_key=new_key | {"ken": 7}) == result("kct", key=VK04, new_key=new_key, ken=7)


def test_key_change_without_ro_sets_it_when_the_base_date_changes() -> None:
    same, later = (result("kct", key=VK04, new_key=VK04 | {"ti": 2, "base": base}, ken=255) for base in (14, 35))

    assert (read(same[0], VK04)["ro"], read(later[0], VK04)["ro"]) == (0, 1)


@pytest.mark.parametrize(("key", "section"), [(VK04, 0), (VK04, 5), (DK07, 4)])
def test_section_that_a_set_has_not_is_refused(key: dict[str, Any], section: int) -> None:
    code, _ = refusal("kct_section", key=key, new_key=key, section=section, sgc="203557")

    assert code in ("field_out_of_range", "unsupported_token")


@pytest.mark.parametrize(
    ("token_class", "subclass"), [(0, 8), (0, 15), (1, 3), (1, 15), (2, 3), (2, 11), (3, 0), (-1, 0)]
)
def test_token_of_a_kind_that_has_no_fields_is_refused(token_class: int, subclass: int) -> None:
    inputs = TOKEN | {"class": token_class, "subclass": subclass, "field": 0, "control": 0, "mfr": 0}

    assert refusal("token", **inputs)[0] == "unsupported_token"


# Key expiry


@pytest.mark.parametrize("ken", [0, 1])
def test_tid_beyond_ken_expires_the_key(ken: int) -> None:
    last = (ken + 1 << 16) - 1

    assert result("KEN", tid=last, ken=ken) == "ok"
    assert result("KEN", tid=last + 1, ken=ken) == "expired"
    assert result("KEN", tid=(1 << 24) - 1, ken=255) == "ok"
    assert refusal("token", **TOKEN | {"tid": last + 1, "key": DK11 | {"ken": ken}}, units=1)[0] == "key_expired"
    assert refusal("token", **TOKEN | {"tid": last + 1}, ken=ken, units=1)[0] == "key_expired"
    assert refusal("token", **MANAGEMENT | {"tid": last + 1}, subclass=5, ken=ken, field=0)[0] == "key_expired"
    assert refusal("token", **TOKEN | {"tid": last + 1, "subclass": 4}, ken=ken, amount="1")[0] == "key_expired"
