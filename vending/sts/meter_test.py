"""Tests and displays that a meter does on request: class 1 tokens (IEC 62055-41, InitiateMeterTest/Display).

Body: subclass (4), control, manufacturer code. In clear, for any meter: no key, no TID. Meters with a manufacturer
code of 2 digits read subclass 0, those with 4 digits subclass 1; offer both when it is not known. Code 0 is every
maker's. Subclass 2 asks for a control or flag (STS 202-5).
"""

from dataclasses import dataclass
from typing import ClassVar

from vending.sts.errors import UnsupportedToken
from vending.sts.fields import check_between, check_bits, is_whole
from vending.sts.frame import TEST_CLASS, seal_token, subclass_of

SHORT_CODE_TEST, LONG_CODE_TEST, READ = range(3)

_BODY_BITS = 44
_MFR_BITS = {SHORT_CODE_TEST: 8, LONG_CODE_TEST: 16, READ: 8}  # the control has the rest of the body: 36 or 28 bits

GREATEST_TEST = 18


@dataclass(frozen=True, slots=True)
class MeterTest:
    """What a meter reads: `control` 36 bits and `mfr` 8, or 28 and 16 in subclass 1."""

    token_class: ClassVar[int] = TEST_CLASS
    subclass: int
    control: int
    mfr: int


def encode_meter_test(*, subclass: int, control: int, mfr: int) -> str:
    """The 20 digits that ask a meter of manufacturer code `mfr` for what `control` says.

    `FieldOutOfRange` for more bits than the subclass has, `UnsupportedToken` for a subclass other than 0 to 2.
    """
    mfr_bits = _mfr_bits(subclass)
    check_bits(control, _BODY_BITS - mfr_bits, "control")
    check_bits(mfr, mfr_bits, "mfr")
    body = subclass << _BODY_BITS | control << mfr_bits | mfr
    return seal_token(TEST_CLASS, body, cipher=None, decoder_key=b"")


def meter_test_in(body: int) -> MeterTest:
    """The fields of the 48 bits of an opened token of class 1. `UnsupportedToken` unless subclass 0 to 2."""
    subclass = subclass_of(body)
    mfr_bits = _mfr_bits(subclass)
    control = body & (1 << _BODY_BITS) - 1
    return MeterTest(subclass, control >> mfr_bits, control & (1 << mfr_bits) - 1)


def control_of_test(number: int, subclass: int) -> int:
    """The control field that asks for test `number` in subclass 0 or 1: bit n-1 for test n, all ones for test 0.

    Test 0 is everything that is mandatory. `FieldOutOfRange` for a number other than 0 to 18, `UnsupportedToken` for
    another subclass.
    """
    if not (is_whole(subclass) and subclass in (SHORT_CODE_TEST, LONG_CODE_TEST)):
        raise UnsupportedToken("tests are asked for in subclass 0 or 1 of class 1", field="subclass")
    check_between(number, 0, GREATEST_TEST, "number", name="the number of a test")
    return 1 << number - 1 if number else (1 << _BODY_BITS - _MFR_BITS[subclass]) - 1


def _mfr_bits(subclass: int) -> int:
    if not (is_whole(subclass) and subclass in _MFR_BITS):
        raise UnsupportedToken("class 1 has tests and displays in its subclasses 0 to 2", field="subclass")
    return _MFR_BITS[subclass]
