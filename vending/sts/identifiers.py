"""The numbers by which the standard names a meter and a vending key, as values that cannot be wrong (IEC 62055-41).

Each class is made from what was entered or stored and raises a coded error otherwise; once made it is used as the
plain text or number that it is. `MeterPan.from_entry` takes what a person types; the rest take exactly the standard's
form.
"""

from dataclasses import dataclass
from enum import IntEnum
from typing import Self

from vending.sts.check_digits import luhn_digit, luhn_fits
from vending.sts.errors import CheckDigitWrong, KeyAttributeInvalid, MeterNumberInvalid
from vending.sts.fields import check_between

IIN_OF_SHORT_DRN = "600727"  # the DRN behind it has 11 digits: a manufacturer code of 2
IIN_OF_LONG_DRN = "0000"  # the DRN behind it has 13 digits: a manufacturer code of 4

_IIN_BY_DRN_LENGTH = {11: IIN_OF_SHORT_DRN, 13: IIN_OF_LONG_DRN}
_PAN_LENGTH = 18
_DRN_DIGITS_BEHIND_CODE = 9  # a serial of 8 and the check digit


def check_pan_is_intact(digits: str) -> None:
    """Refuse a stored MeterPAN that has been damaged: it has 18 digits, and the last one checks all others.

    `MeterNumberInvalid`, `CheckDigitWrong`. Whether it was a good MeterPAN to begin with is the matter of `MeterPan`.
    """
    # Written out, not `_is_digits`: every decoder key begins here.
    if not (isinstance(digits, str) and len(digits) == _PAN_LENGTH and digits.isascii() and digits.isdigit()):
        raise MeterNumberInvalid(f"a MeterPAN has {_PAN_LENGTH} digits", field="meter_pan")
    if not luhn_fits(digits):
        raise CheckDigitWrong("the check digit of the MeterPAN does not fit", field="meter_pan")


def _is_digits(text: object) -> bool:
    return isinstance(text, str) and text.isascii() and text.isdigit()


def _iin_length(pan: str) -> int:
    if pan.startswith(IIN_OF_SHORT_DRN):
        return len(IIN_OF_SHORT_DRN)
    if pan.startswith(IIN_OF_LONG_DRN):
        return len(IIN_OF_LONG_DRN)
    raise MeterNumberInvalid("a MeterPAN begins with 600727 or 0000", field="meter_pan")


@dataclass(frozen=True, slots=True)
class MeterPan:
    """A meter's 18-digit number: IIN, DRN (11 or 13 digits with its own check digit), check digit over the 17.

    `MeterNumberInvalid` for the form or an unknown IIN, `CheckDigitWrong` when one of the two digits does not fit.
    """

    digits: str

    def __post_init__(self) -> None:
        check_pan_is_intact(self.digits)
        if not luhn_fits(self.drn):
            raise CheckDigitWrong("the check digit of the DRN does not fit", field="meter_pan")

    @classmethod
    def from_entry(cls, entry: str) -> Self:
        """From a DRN of 11 or 13 digits or a whole PAN; spaces and hyphens between digits are how people write them.

        `MeterNumberInvalid` for any other length or character, `CheckDigitWrong` for a digit mistyped.
        """
        digits = entry.replace(" ", "").replace("-", "") if isinstance(entry, str) else ""
        if len(digits) == _PAN_LENGTH:
            return cls(digits)
        iin = _IIN_BY_DRN_LENGTH.get(len(digits))
        if iin is None or not _is_digits(digits):
            raise MeterNumberInvalid("a meter number has 11, 13 or 18 digits", field="meter_pan")
        if not luhn_fits(digits):
            raise CheckDigitWrong("the check digit of the DRN does not fit", field="meter_pan")
        return cls(iin + digits + luhn_digit(iin + digits))

    @property
    def drn(self) -> str:
        """The number printed on the meter: 11 or 13 digits."""
        return self.digits[_iin_length(self.digits) : -1]

    @property
    def iin(self) -> str:
        return self.digits[: _iin_length(self.digits)]

    @property
    def manufacturer_code(self) -> "ManufacturerCode":
        """The first two digits of a DRN of 11, the first four of one of 13."""
        return ManufacturerCode(self.drn[: len(self.drn) - _DRN_DIGITS_BEHIND_CODE])

    def __str__(self) -> str:
        return self.digits


class SupplyGroupCode(str):
    """SGC: six decimal digits, zeros in front kept."""

    __slots__ = ()

    def __new__(cls, code: str) -> Self:
        if not _is_digits(code) or len(code) != 6:
            raise KeyAttributeInvalid("an SGC has six digits", field="sgc")
        return super().__new__(cls, code)


class ManufacturerCode(str):
    """MfrCode: two digits, or four on meters with a DRN of 13. `MeterNumberInvalid` otherwise."""

    __slots__ = ()

    def __new__(cls, code: str) -> Self:
        if not _is_digits(code) or len(code) not in (2, 4):
            raise MeterNumberInvalid("a manufacturer code has two or four digits", field="manufacturer_code")
        return super().__new__(cls, code)


def _checked_number(value: int, low: int, high: int, field: str) -> int:
    check_between(value, low, high, field, KeyAttributeInvalid, field.upper())
    return value


class KeyRevisionNumber(int):
    """KRN: 1 to 9."""

    __slots__ = ()

    def __new__(cls, number: int) -> Self:
        return super().__new__(cls, _checked_number(number, 1, 9, "krn"))


class TariffIndex(int):
    """TI: 0 to 99; two digits where it is written."""

    __slots__ = ()

    def __new__(cls, number: int) -> Self:
        return super().__new__(cls, _checked_number(number, 0, 99, "ti"))


class KeyExpiryNumber(int):
    """KEN: 0 to 255, the highest value of a TID's top 8 bits that the vending key may make; 255 never expires."""

    __slots__ = ()

    def __new__(cls, number: int) -> Self:
        return super().__new__(cls, _checked_number(number, 0, 255, "ken"))


class KeyType(IntEnum):
    """KT, by the standard's names for the decoder key that it makes."""

    DITK = 0  # initialisation
    DDTK = 1  # default
    DUTK = 2  # unique
    DCTK = 3  # common

    @classmethod
    def of(cls, number: int) -> Self:
        """The key type with this number; `KeyAttributeInvalid` when there is none."""
        return cls(_checked_number(number, 0, 3, "kt"))
