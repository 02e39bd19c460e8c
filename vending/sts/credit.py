"""Credit in units: class 0 tokens of subclass 0 to 3 (IEC 62055-41, TransferCredit).

Body: subclass (4), random (4), TID (24), amount (16). The random bits keep equal vends from looking equal.
"""

from dataclasses import dataclass

from vending.sts.errors import FieldOutOfRange, KeyTypeNotAllowed, UnsupportedToken
from vending.sts.frame import open_token, seal_token
from vending.sts.identifiers import KeyType
from vending.sts.tid import GREATEST_TID

CREDIT_CLASS = 0
ELECTRICITY = 0
_UNIT_SUBCLASSES = range(4)  # electricity, water, gas, time

_SIXTEEN_BITS = 0xFFFF
_FOUR_BITS = 0xF


@dataclass(frozen=True, slots=True)
class UnitCredit:
    """What a meter reads in a credit token: `tid` 24 bits, `rnd` 4, `amount_field` 16 (see `amounts.tenths_of`)."""

    subclass: int
    tid: int
    rnd: int
    amount_field: int


def check_may_vend_credit(kt: int) -> None:
    """Refuse credit under any key but a unique one (`KeyTypeNotAllowed`).

    A default key only serves to receive key changes, and a common key vends only to magnetic cards, which are not made
    here.
    """
    if kt != KeyType.DUTK:
        raise KeyTypeNotAllowed(f"a vending key of KT {kt} vends no credit", field="kt")


def encode_credit(*, subclass: int, tid: int, rnd: int, amount_field: int, ea: int, decoder_key: bytes) -> str:
    """The 20 digits that give this credit to the meter with this decoder key.

    `tid` has 24 bits, `rnd` 4, `amount_field` 16 as `amounts.amount_for` makes it; else `FieldOutOfRange`.
    `UnsupportedToken` for a subclass other than 0 to 3; the rest as in `frame.seal_token`.
    """
    _check_units(subclass)
    if not (0 <= tid <= GREATEST_TID and 0 <= rnd <= _FOUR_BITS and 0 <= amount_field <= _SIXTEEN_BITS):
        raise FieldOutOfRange("TID has 24 bits, RND 4, the amount 16", field="credit")
    body = subclass << 44 | rnd << 40 | tid << 16 | amount_field
    return seal_token(CREDIT_CLASS, body, ea=ea, decoder_key=decoder_key)


def decode_credit(digits: str, *, ea: int, decoder_key: bytes) -> UnitCredit:
    """The credit that the meter with this decoder key would read.

    `UnsupportedToken` when the digits hold a valid token that is not credit in units; else the errors of
    `frame.open_token`.
    """
    token_class, body = open_token(digits, ea=ea, decoder_key=decoder_key)
    if token_class != CREDIT_CLASS:
        raise UnsupportedToken(f"a token of class {token_class} is no credit", field="token_class")
    _check_units(body >> 44)
    return UnitCredit(body >> 44, body >> 16 & GREATEST_TID, body >> 40 & _FOUR_BITS, body & _SIXTEEN_BITS)


def _check_units(subclass: int) -> None:
    if subclass not in _UNIT_SUBCLASSES:
        raise UnsupportedToken(f"class 0 subclass {subclass} is not credit in units", field="subclass")
