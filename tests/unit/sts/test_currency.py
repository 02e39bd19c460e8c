"""Credit in money: class 0, subclass 4 to 7, and its 20-bit amount."""

from itertools import pairwise
from typing import Any

import pytest

from vending.sts.ciphers import MISTY1
from vending.sts.crc import token_crc
from vending.sts.currency import (
    GREATEST_CURRENCY,
    CurrencyCredit,
    currency_credit_in,
    currency_field_for,
    encode_currency,
    greatest_currency_within,
    hundred_thousandths_of,
)
from vending.sts.errors import AmountOutOfRange, StsError, UnsupportedToken
from vending.sts.frame import open_token
from vending.sts.tokens import decode_token

METER: dict[str, Any] = {"cipher": MISTY1, "decoder_key": bytes.fromhex("929bd3a415c9420a05ec5ee9f3ce91c3")}
CREDIT: dict[str, Any] = {"subclass": 4, "tid": 7_171_922, "amount_field": 0x178E3}
UNIT = 100_000


@pytest.mark.parametrize(
    ("hundred_thousandths", "sign", "exponent", "mantissa"),
    [
        (0, 0, 0, 0),
        (1, 0, 0, 1),
        (16_383, 0, 0, 16_383),
        (16_384, 0, 1, 0),
        (16_385, 0, 1, 1),
        (UNIT, 0, 1, 8_362),
        (180_214, 0, 1, 16_383),
        (180_215, 0, 2, 0),  # the mantissa overflows into the next band
        (-1, 1, 0, 1),
        (-16_383, 1, 0, 16_383),
        (-16_384, 1, 1, 0),
        (-16_393, 1, 1, 0),
        (-UNIT, 1, 1, 8_361),
        (-180_223, 1, 1, 16_383),
        (GREATEST_CURRENCY, 0, 31, 16_383),
        (GREATEST_CURRENCY - 1, 0, 31, 16_383),
        (-GREATEST_CURRENCY, 1, 31, 16_383),
        (-GREATEST_CURRENCY + 1, 1, 31, 16_382),
    ],
)
def test_currency_field_is_rounded_towards_plus_infinity(
    hundred_thousandths: int, sign: int, exponent: int, mantissa: int
) -> None:
    assert currency_field_for(hundred_thousandths) == sign << 19 | exponent << 14 | mantissa


@pytest.mark.parametrize(
    ("asked", "carried"),
    [(UNIT, 100_004), (-UNIT, -99_994), (180_224 * UNIT, 18_022_442_624), (-180_224 * UNIT, -18_021_442_624)],
)
def test_currency_sent_is_never_less_than_asked(asked: int, carried: int) -> None:
    assert hundred_thousandths_of(currency_field_for(asked)) == carried


@pytest.mark.parametrize("hundred_thousandths", [GREATEST_CURRENCY + 1, -GREATEST_CURRENCY - 1, 10**400])
def test_currency_out_of_range_is_refused(hundred_thousandths: int) -> None:
    with pytest.raises(AmountOutOfRange) as refusal:
        currency_field_for(hundred_thousandths)

    assert (refusal.value.code, refusal.value.field) == ("amount_out_of_range", "amount")


@pytest.mark.parametrize(
    ("hundred_thousandths", "greatest"),
    [
        (0, 0),
        (16_393, 16_384),
        (180_223, 180_214),
        (UNIT, 99_994),
        (-UNIT, -100_004),
        (-16_385, -16_394),
        (-1, -1),
        (GREATEST_CURRENCY, GREATEST_CURRENCY),
        (GREATEST_CURRENCY * 10, GREATEST_CURRENCY),
        (-GREATEST_CURRENCY, -GREATEST_CURRENCY),
    ],
)
def test_greatest_currency_within_rounds_down_to_what_a_token_carries(hundred_thousandths: int, greatest: int) -> None:
    assert greatest_currency_within(hundred_thousandths) == greatest


def test_greatest_currency_within_less_than_any_token_carries_is_refused() -> None:
    with pytest.raises(AmountOutOfRange):
        greatest_currency_within(-GREATEST_CURRENCY - 1)


def test_greatest_currency_is_that_of_the_formula() -> None:
    """m * 10^e and the sum, for n from 1 to e, of 16384 * 10^(n-1)."""
    assert 16_383 * 10**31 + sum(16_384 * 10 ** (n - 1) for n in range(1, 32)) == GREATEST_CURRENCY


def test_currency_of_every_positive_field_rises_and_encodes_to_itself() -> None:
    fields = [*range(1 << 15), *range(31 << 14, 1 << 19)]  # the two lowest bands, and the highest
    carried = [hundred_thousandths_of(field) for field in fields]

    assert all(lower < higher for lower, higher in pairwise(carried))
    assert [currency_field_for(amount) for amount in carried] == fields


def test_currency_of_a_field_with_the_sign_is_the_negative() -> None:
    for field in (0, 1, 16_383, 1 << 14, 0x7FFFF):
        assert hundred_thousandths_of(1 << 19 | field) == -hundred_thousandths_of(field)


def test_currency_token_has_its_amount_in_two_places_and_crc_c() -> None:
    digits = encode_currency(**CREDIT | {"subclass": 7, "amount_field": 0xA1234}, **METER)

    token_class, body = open_token(digits, **METER)

    assert (token_class, body) == (0, 0x7 << 44 | 0xA << 40 | 7_171_922 << 16 | 0x1234)
    assert token_crc(0, body) != token_crc(0, body & ~(4 << 44))
    assert currency_credit_in(body) == CurrencyCredit(subclass=7, tid=7_171_922, amount_field=0xA1234)


def test_currency_published_token_is_made_and_read() -> None:
    """STS 531-1-11, CTSA20-2: 16,383 of the base unit."""
    digits = encode_currency(**CREDIT, **METER)

    assert digits == "52505389063758159292"
    assert currency_field_for(16_383 * UNIT) == CREDIT["amount_field"]
    assert decode_token(digits, **METER) == CurrencyCredit(**CREDIT)


@pytest.mark.parametrize(
    ("change", "code", "field"),
    [
        ({"subclass": 3}, "unsupported_token", "subclass"),
        ({"subclass": 8}, "unsupported_token", "subclass"),
        ({"tid": 1 << 24}, "field_out_of_range", "tid"),
        ({"tid": -1}, "field_out_of_range", "tid"),
        ({"amount_field": 1 << 20}, "field_out_of_range", "amount_field"),
        ({"amount_field": -1}, "field_out_of_range", "amount_field"),
    ],
)
def test_currency_with_a_wrong_field_is_refused(change: dict[str, Any], code: str, field: str) -> None:
    with pytest.raises(StsError) as refusal:
        encode_currency(**CREDIT | METER | change)

    assert (refusal.value.code, refusal.value.field) == (code, field)


def test_currency_of_a_body_of_units_is_refused() -> None:
    for subclass in (0, 3, 8, 15):
        with pytest.raises(UnsupportedToken):
            currency_credit_in(subclass << 44)
