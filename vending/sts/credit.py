"""Credit in units: class 0 tokens of subclass 0 to 3 (IEC 62055-41, TransferCredit).

Body: subclass (4), random (4), TID (24), amount (16). The random bits keep equal vends from looking equal.
"""

from dataclasses import dataclass
from typing import ClassVar

from vending.sts.ciphers import Cipher
from vending.sts.errors import KeyTypeNotAllowed, UnsupportedToken
from vending.sts.fields import check_bits, is_whole
from vending.sts.frame import CREDIT_CLASS, open_token, seal_token, subclass_of
from vending.sts.identifiers import KeyType
from vending.sts.tid import GREATEST_TID

ELECTRICITY, WATER, GAS, TIME = range(4)

_BODIES = TIME + 1 << 44  # every body below has one of the four subclasses
_SIXTEEN_BITS = 0xFFFF
_FOUR_BITS = 0xF


@dataclass(frozen=True, slots=True)
class UnitCredit:
    """What a meter reads in a credit token: `tid` 24 bits, `rnd` 4, `amount_field` 16 (see `amounts.tenths_of`)."""

    token_class: ClassVar[int] = CREDIT_CLASS
    subclass: int
    tid: int
    rnd: int
    amount_field: int


def check_may_vend_credit(kt: int) -> None:
    """Refuse credit under any key but a unique one (`KeyTypeNotAllowed`); no KT at all is `KeyAttributeInvalid`.

    A default key only serves to receive key changes, and a common key vends only to magnetic cards, which are not made
    here.
    """
    if KeyType.of(kt) is not KeyType.DUTK:
        raise KeyTypeNotAllowed(f"a vending key of KT {kt:d} vends no credit", field="kt")


def encode_credit(*, subclass: int, tid: int, rnd: int, amount_field: int, cipher: Cipher, decoder_key: bytes) -> str:
    """The 20 digits that give this credit to the meter with this decoder key.

    `tid` has 24 bits, `rnd` 4, `amount_field` 16 as `amounts.amount_for` makes it; else `FieldOutOfRange`.
    `UnsupportedToken` for a subclass other than 0 to 3; the rest as in `frame.seal_token`.
    """
    # One look at the types and ends of all four: this is the hot path. Which one is wrong is asked only then.
    if not (
        type(subclass) is type(tid) is type(rnd) is type(amount_field) is int
        and 0 <= subclass <= TIME
        and 0 <= tid <= GREATEST_TID
        and 0 <= rnd <= _FOUR_BITS
        and 0 <= amount_field <= _SIXTEEN_BITS
    ):
        _check_fields(subclass, tid, rnd, amount_field)
    body = subclass << 44 | rnd << 40 | tid << 16 | amount_field
    return seal_token(CREDIT_CLASS, body, cipher=cipher, decoder_key=decoder_key)


def decode_credit(digits: str, *, cipher: Cipher, decoder_key: bytes) -> UnitCredit:
    """The credit that the meter with this decoder key would read.

    `UnsupportedToken` when the digits hold a valid token that is not credit in units; else the errors of
    `frame.open_token`.
    """
    token_class, body = open_token(digits, cipher=cipher, decoder_key=decoder_key)
    if token_class != CREDIT_CLASS:
        raise UnsupportedToken(f"a token of class {token_class} is no credit", field="token_class")
    return unit_credit_in(body)


def unit_credit_in(body: int) -> UnitCredit:
    """The fields of the 48 bits of an opened token of class 0. `UnsupportedToken` unless subclass 0 to 3."""
    if not (type(body) is int and 0 <= body < _BODIES):
        _check_units(subclass_of(body))
    return UnitCredit(body >> 44, body >> 16 & GREATEST_TID, body >> 40 & _FOUR_BITS, body & _SIXTEEN_BITS)


def _check_fields(subclass: int, tid: int, rnd: int, amount_field: int) -> None:
    _check_units(subclass)
    check_bits(tid, 24, "tid")
    check_bits(rnd, 4, "rnd")
    check_bits(amount_field, 16, "amount_field")


def _check_units(subclass: int) -> None:
    if not (is_whole(subclass) and 0 <= subclass <= TIME):
        raise UnsupportedToken("class 0 has credit in units in its subclasses 0 to 3", field="subclass")
