"""What can be wrong with a value of the standard, each with a stable code. Messages never hold a key or a token."""

from typing import ClassVar

from vending.kernel.errors import DomainError


class StsError(DomainError):
    """The root of every refusal of this package."""

    code: ClassVar[str] = "sts_error"


class MeterNumberInvalid(StsError):
    """A meter number is not 11, 13 or 18 digits, or does not begin as a MeterPAN must; or no manufacturer code."""

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


class VendingKeyParityWrong(StsError):
    """An octet of a DES vending key has not odd parity: most likely the key was mistyped."""

    code = "vending_key_parity_wrong"


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


class UnverifiedAlgorithm(StsError):
    """A DKGA, EA or KT that no published vector covers: computed here, but not for sale."""

    code = "unverified_algorithm"


class StaTablesInvalid(StsError):
    """What should be the tables of EA 07 is not two substitutions of 16 and a permutation of 64."""

    code = "ea07_tables_invalid"


class UnsupportedToken(StsError):
    """A token class or subclass that is reserved, or not made or read here."""

    code = "unsupported_token"


class FieldOutOfRange(StsError):
    """A field is no whole number, does not fit into its bits or has no meaning; `field` says which."""

    code = "field_out_of_range"


class AmountOutOfRange(StsError):
    """An amount of units or money that no token can carry."""

    code = "amount_out_of_range"


class MomentOutOfRange(StsError):
    """No moment, one without a time zone, or one outside of what its base date can count."""

    code = "moment_out_of_range"


class TidExhausted(StsError):
    """No TID is left under this base date: the meter must be moved to a later one."""

    code = "tid_exhausted"


class TidTooFarAhead(StsError):
    """The TID is further ahead of the clock than the limit allows; it may be used once the clock has come nearer."""

    code = "look_ahead_limit"
    retryable: ClassVar[bool] = True


class TokenMalformed(StsError):
    """Not 20 digits, or a number of 2^66 or more, which is no IEC 62055-41 token."""

    code = "token_malformed"


class TokenCrcWrong(StsError):
    """The CRC does not fit: other digits, another meter, or another key than the token was made for."""

    code = "token_crc_wrong"
