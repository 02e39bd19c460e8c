"""Credit in units: class 0, subclass 0 to 3."""

from enum import IntEnum
from typing import Any

import pytest

from vending.kernel.errors import DomainError
from vending.sts.ciphers import MISTY1
from vending.sts.credit import (
    ELECTRICITY,
    GAS,
    TIME,
    WATER,
    UnitCredit,
    check_may_vend_credit,
    decode_credit,
    encode_credit,
    unit_credit_in,
)
from vending.sts.errors import UnsupportedToken
from vending.sts.frame import seal_token

METER: dict[str, Any] = {"cipher": MISTY1, "decoder_key": bytes.fromhex("929bd3a415c9420a05ec5ee9f3ce91c3")}
DIGITS = "58625789986991357486"  # STS 531-1-11, CTSA01: 0.1 kWh
CREDIT: dict[str, Any] = {"subclass": ELECTRICITY, "tid": 85_740, "rnd": 5, "amount_field": 1}


class Kind(IntEnum):
    ELECTRICITY = 0


def test_credit_published_token_is_made_and_read() -> None:
    assert encode_credit(**CREDIT, **METER) == DIGITS
    assert decode_credit(DIGITS, **METER) == UnitCredit(**CREDIT)


def test_credit_subclasses_have_the_numbers_of_the_standard() -> None:
    assert (ELECTRICITY, WATER, GAS, TIME) == (0, 1, 2, 3)


def test_credit_takes_a_named_number_as_that_number() -> None:
    assert encode_credit(**CREDIT | {"subclass": Kind.ELECTRICITY}, **METER) == DIGITS


def test_credit_value_knows_its_class() -> None:
    assert UnitCredit.token_class == UnitCredit(**CREDIT).token_class == 0


@pytest.mark.parametrize(
    ("change", "code", "field"),
    [
        ({"tid": -1}, "field_out_of_range", "tid"),
        ({"tid": 1 << 24}, "field_out_of_range", "tid"),
        ({"rnd": -1}, "field_out_of_range", "rnd"),
        ({"rnd": 16}, "field_out_of_range", "rnd"),
        ({"amount_field": -1}, "field_out_of_range", "amount_field"),
        ({"amount_field": 1 << 16}, "field_out_of_range", "amount_field"),
        ({"subclass": 4}, "unsupported_token", "subclass"),
        ({"subclass": -1}, "unsupported_token", "subclass"),
    ],
)
def test_credit_with_a_wrong_field_is_refused(change: dict[str, Any], code: str, field: str) -> None:
    with pytest.raises(DomainError) as refusal:
        encode_credit(**CREDIT | METER | change)

    assert (refusal.value.code, refusal.value.field) == (code, field)


@pytest.mark.parametrize(
    ("token_class", "subclass", "field"),
    [(1, 0, "token_class"), (2, 1, "token_class"), (0, 4, "subclass"), (0, 9, "subclass")],
)
def test_credit_reading_a_valid_token_of_another_kind_is_refused(token_class: int, subclass: int, field: str) -> None:
    digits = seal_token(token_class, subclass << 44, **METER)

    with pytest.raises(UnsupportedToken) as refusal:
        decode_credit(digits, **METER)

    assert (refusal.value.code, refusal.value.field) == ("unsupported_token", field)


def test_credit_of_a_body_is_its_fields() -> None:
    assert unit_credit_in(0x3_A_BCDEF0_1234) == UnitCredit(subclass=3, rnd=0xA, tid=0xBCDEF0, amount_field=0x1234)


def test_credit_is_vended_under_a_unique_key_only() -> None:
    check_may_vend_credit(2)
    for kt, code in (
        (0, "key_type_not_allowed"),
        (1, "key_type_not_allowed"),
        (3, "key_type_not_allowed"),
        (4, "key_attribute_invalid"),
    ):
        with pytest.raises(DomainError) as refusal:
            check_may_vend_credit(kt)
        assert (refusal.value.code, refusal.value.field) == (code, "kt")
