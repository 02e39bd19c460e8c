"""What can be wrong with a value of the standard, each with a stable code. Messages never hold a key or a token."""

from typing import ClassVar

from vending.kernel.errors import DomainError


class StsError(DomainError):
    """The root of every refusal of this package."""

    code: ClassVar[str] = "sts_error"


class MeterNumberInvalid(StsError):
    """A meter number is not 11, 13 or 18 digits, or its 18 digits do not begin as a MeterPAN must."""

    code = "meter_number_invalid"


class CheckDigitWrong(StsError):
    """A Luhn check digit of a meter number does not fit: most likely one digit was mistyped."""

    code = "check_digit_wrong"


class KeyAttributeInvalid(StsError):
    """SGC, KRN, KT, TI, KEN or base date outside of what the standard allows; `field` says which."""

    code = "key_attribute_invalid"


class VendingKeyMalformed(StsError):
    """A vending key has not the number of octets that its DKGA takes."""

    code = "vending_key_malformed"


class DecoderKeyMalformed(StsError):
    """A decoder key has not the number of octets that its EA takes."""

    code = "decoder_key_malformed"


class KeyTypeNotAllowed(StsError):
    """A key of this KT may not vend this token: only a unique key (KT 2) vends credit for a keypad."""

    code = "key_type_not_allowed"


class VendingKeyExpired(StsError):
    """The TID is beyond the vending key's KEN."""

    code = "key_expired"


class UnsupportedAlgorithm(StsError):
    """An EA, a DKGA, or a pair of them, that this installation does not compute."""

    code = "unsupported_algorithm"


class UnsupportedToken(StsError):
    """A token class or subclass that is reserved, or not made or read here."""

    code = "unsupported_token"


class FieldOutOfRange(StsError):
    """A field does not fit into its bits; `field` says which."""

    code = "field_out_of_range"


class AmountOutOfRange(StsError):
    """An amount of units below zero, or above the greatest that a token can carry."""

    code = "amount_out_of_range"


class MomentOutOfRange(StsError):
    """A moment without a time zone, or outside of what its base date can count."""

    code = "moment_out_of_range"


class TidExhausted(StsError):
    """No TID is left under this base date: the meter must be moved to a later one."""

    code = "tid_exhausted"


class TokenMalformed(StsError):
    """Not 20 digits, or a number of 2^66 or more, which is no IEC 62055-41 token."""

    code = "token_malformed"


class TokenCrcWrong(StsError):
    """The CRC does not fit: other digits, another meter, or another key than the token was made for."""

    code = "token_crc_wrong"
