"""What tells a meter how to behave: class 2 tokens with a TID, subclass 0, 1, 2, 5, 6, 7 and 10 (IEC 62055-41).

Body: subclass (4), random (4), TID (24), field (16). Key-change tokens, the rest of class 2, are in `key_change`.
"""

from dataclasses import dataclass
from enum import IntEnum
from typing import ClassVar

from vending.sts.ciphers import Cipher
from vending.sts.errors import FieldOutOfRange, UnsupportedToken
from vending.sts.fields import check_bits, check_flag, is_whole
from vending.sts.frame import MANAGEMENT_CLASS, seal_token, subclass_of
from vending.sts.tid import GREATEST_TID

ALL_REGISTERS = 0xFFFF
FLAGS_INDEX = 63  # STS 202-5: the index of the extended set that holds flags, not a control

_REGISTERS = range(8)  # units of electricity, water, gas, time; then money in the same order


class ManagementSubclass(IntEnum):
    """The standard's names. Limits are in watts, coded by `amounts.amount_for`; 2 and 7 are raw, as the STSA defines.

    The field of ClearTamperCondition is 0, that of ClearCredit a register, that of ExtendedSet `extended_field`.
    """

    SET_MAXIMUM_POWER_LIMIT = 0
    CLEAR_CREDIT = 1
    SET_TARIFF_RATE = 2
    CLEAR_TAMPER_CONDITION = 5
    SET_MAXIMUM_PHASE_POWER_UNBALANCE_LIMIT = 6
    SET_WATER_METER_FACTOR = 7
    EXTENDED_SET = 10


_SUBCLASSES = frozenset(ManagementSubclass)


@dataclass(frozen=True, slots=True)
class Management:
    """What a meter reads in a management token: `tid` 24 bits, `rnd` 4, `field` 16."""

    token_class: ClassVar[int] = MANAGEMENT_CLASS
    subclass: int
    tid: int
    rnd: int
    field: int


def encode_management(*, subclass: int, tid: int, rnd: int, field: int, cipher: Cipher, decoder_key: bytes) -> str:
    """The 20 digits that tell this to the meter with this decoder key.

    `FieldOutOfRange` unless `tid` has 24 bits, `rnd` 4 and `field` 16 with a meaning in its subclass;
    `UnsupportedToken` for a subclass that is not a `ManagementSubclass`; the rest as in `frame.seal_token`.
    """
    _check_subclass(subclass)
    check_bits(tid, 24, "tid")
    check_bits(rnd, 4, "rnd")
    check_bits(field, 16, "field")
    _check_meaning(subclass, field)
    body = subclass << 44 | rnd << 40 | tid << 16 | field
    return seal_token(MANAGEMENT_CLASS, body, cipher=cipher, decoder_key=decoder_key)


def management_in(body: int) -> Management:
    """The fields of the 48 bits of an opened token of class 2. `UnsupportedToken` unless a `ManagementSubclass`."""
    subclass = subclass_of(body)
    _check_subclass(subclass)
    return Management(subclass, body >> 16 & GREATEST_TID, body >> 40 & 0xF, body & 0xFFFF)


def extended_field(*, index: int, value: int) -> int:
    """The field of ExtendedSet for a control: its index (6 bits) and value (10). `FieldOutOfRange` for more bits."""
    check_bits(index, 6, "index")
    check_bits(value, 10, "value")
    return index << 10 | value


def extended_flag_field(*, flag: int, is_on: bool) -> int:
    """The field of ExtendedSet for a flag: index 63, the flag's own index (9 bits) and 1 for on."""
    check_bits(flag, 9, "flag")
    check_flag(is_on, "is_on")
    return extended_field(index=FLAGS_INDEX, value=flag << 1 | is_on)


def _check_subclass(subclass: int) -> None:
    if not (is_whole(subclass) and subclass in _SUBCLASSES):
        raise UnsupportedToken("class 2 has this kind of token in subclass 0, 1, 2, 5, 6, 7 and 10", field="subclass")


def _check_meaning(subclass: int, field: int) -> None:
    if subclass == ManagementSubclass.CLEAR_CREDIT and field not in _REGISTERS and field != ALL_REGISTERS:
        raise FieldOutOfRange("ClearCredit takes register 0 to 7, or 65535 for all", field="field")
    if subclass == ManagementSubclass.CLEAR_TAMPER_CONDITION and field:
        raise FieldOutOfRange("ClearTamperCondition takes no field but 0", field="field")
