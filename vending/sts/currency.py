"""Credit in money: class 0 tokens of subclass 4 to 7 (IEC 62055-41:2018, TransferCredit in currency).

Body: subclass (4), the high 4 bits of the amount field (4), TID (24), its low 16 bits (16). The amount field takes the
place of the random bits too: sign (1), exponent (5), mantissa (14). It counts hundred-thousandths of the currency's
base unit, with the steps and bands of `amounts`, but 32 of them. The CRC is CRC_C (`crc.token_crc`).
"""

from dataclasses import dataclass
from typing import ClassVar

from vending.sts.ciphers import Cipher
from vending.sts.errors import AmountOutOfRange, UnsupportedToken
from vending.sts.fields import check_between, check_bits, is_whole
from vending.sts.frame import CREDIT_CLASS, seal_token, subclass_of
from vending.sts.tid import GREATEST_TID

ELECTRICITY_CURRENCY, WATER_CURRENCY, GAS_CURRENCY, TIME_CURRENCY = range(4, 8)

_MANTISSA_BITS = 14
_MANTISSAS = 1 << _MANTISSA_BITS
_SIGN = 1 << 19
# (first magnitude, step) by exponent: each band begins where the one below ends.
_BANDS: tuple[tuple[int, int], ...] = tuple(
    (_MANTISSAS * ((10**exponent - 1) // 9), 10**exponent) for exponent in range(32)
)

GREATEST_CURRENCY = _BANDS[-1][0] + (_MANTISSAS - 1) * _BANDS[-1][1]  # hundred-thousandths


@dataclass(frozen=True, slots=True)
class CurrencyCredit:
    """What a meter reads: `tid` 24 bits, `amount_field` 20 (see `hundred_thousandths_of`)."""

    token_class: ClassVar[int] = CREDIT_CLASS
    subclass: int
    tid: int
    amount_field: int


def encode_currency(*, subclass: int, tid: int, amount_field: int, cipher: Cipher, decoder_key: bytes) -> str:
    """The 20 digits that give this money to the meter with this decoder key.

    `tid` has 24 bits, `amount_field` 20 as `currency_field_for` makes it; else `FieldOutOfRange`. `UnsupportedToken`
    for a subclass other than 4 to 7; the rest as in `frame.seal_token`.
    """
    _check_currency(subclass)
    check_bits(tid, 24, "tid")
    check_bits(amount_field, 20, "amount_field")
    body = subclass << 44 | amount_field >> 16 << 40 | tid << 16 | amount_field & 0xFFFF
    return seal_token(CREDIT_CLASS, body, cipher=cipher, decoder_key=decoder_key)


def currency_credit_in(body: int) -> CurrencyCredit:
    """The fields of the 48 bits of an opened token of class 0. `UnsupportedToken` unless subclass 4 to 7."""
    subclass = subclass_of(body)
    _check_currency(subclass)
    return CurrencyCredit(subclass, body >> 16 & GREATEST_TID, (body >> 40 & 0xF) << 16 | body & 0xFFFF)


def currency_field_for(hundred_thousandths: int) -> int:
    """The 20-bit field of the smallest amount that is not less: rounding is towards plus infinity in both signs.

    So 1.00000 is sent as 1.00004, and -1.00000 as -0.99994. `AmountOutOfRange` beyond `GREATEST_CURRENCY` in either
    sign.
    """
    check_between(hundred_thousandths, -GREATEST_CURRENCY, GREATEST_CURRENCY, "amount", AmountOutOfRange)
    if hundred_thousandths < 0:
        return _SIGN | _magnitude_field_within(-hundred_thousandths)
    within = _magnitude_field_within(hundred_thousandths)
    # One field more is one step more: a mantissa that overflows carries into the exponent, where the next band begins.
    return within if hundred_thousandths_of(within) == hundred_thousandths else within + 1


def greatest_currency_within(hundred_thousandths: int) -> int:
    """The greatest amount that a token can carry and that is not more: rounding towards minus infinity.

    Its `currency_field_for` is exact. More than `GREATEST_CURRENCY` gives that; less than its negative is
    `AmountOutOfRange`.
    """
    if not is_whole(hundred_thousandths):
        raise AmountOutOfRange("an amount is a whole number of hundred-thousandths", field="amount")
    # What a token carries lies symmetrically around zero, so down is up on the other side.
    opposite = currency_field_for(-min(hundred_thousandths, GREATEST_CURRENCY))
    return -hundred_thousandths_of(opposite)


def hundred_thousandths_of(amount_field: int) -> int:
    """What a meter credits for a 20-bit field. `FieldOutOfRange` for more than 20 bits."""
    check_bits(amount_field, 20, "amount_field")
    start, step = _BANDS[amount_field >> _MANTISSA_BITS & 0x1F]
    magnitude = start + (amount_field & _MANTISSAS - 1) * step
    return -magnitude if amount_field & _SIGN else magnitude


def _check_currency(subclass: int) -> None:
    if not (is_whole(subclass) and ELECTRICITY_CURRENCY <= subclass <= TIME_CURRENCY):
        raise UnsupportedToken("class 0 has credit in currency in its subclasses 4 to 7", field="subclass")


def _magnitude_field_within(magnitude: int) -> int:
    exponent = sum(magnitude >= start for start, _ in _BANDS[1:])
    start, step = _BANDS[exponent]
    return exponent << _MANTISSA_BITS | (magnitude - start) // step
