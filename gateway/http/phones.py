"""Phone numbers in the one form we keep: E.164 with its plus. Pure; what a number may do is decided elsewhere.

Mobile money hides the payer's number behind asterisks or a hash. Both are looked for before anything is parsed, because
`2547 ***** 126` *parses*, to somebody else's number.
"""

import hashlib
import re

import phonenumbers
from phonenumbers import NumberParseException, ValidationResult

from gateway.http.errors import PhoneInvalid

_WRITTEN = re.compile(r"\+?[0-9(][0-9 ().\-/]{3,30}")
_HASHED = re.compile(r"[0-9A-Fa-f]{64}")
_MASKED = re.compile(r"\+?[0-9][0-9 -]*\*[0-9* -]*")
_LONGEST_MASKED = 32
_SHOWN_DIGITS = 3


def is_masked(text: str) -> bool:
    """Whether this is a number with its middle starred out: `2547 ***** 126`, `25470****149`."""
    return len(text) <= _LONGEST_MASKED and _MASKED.fullmatch(text) is not None


def is_hashed(text: str) -> bool:
    """Whether this has the form of a SHA-256 in hex, in which C2B callbacks carry the payer."""
    return _HASHED.fullmatch(text) is not None


def to_e164(text: str, *, default_region: str) -> str:
    """The E.164 form of a number that a person wrote, national or international; `default_region` is ISO 3166 ("KE").

    Raises `PhoneInvalid` for anything that is no assigned number of its country: a typing mistake would send a code to
    a stranger.
    """
    number = _parse(_written(text), default_region)
    if number is None or not phonenumbers.is_valid_number(number):
        raise PhoneInvalid("not a phone number", field="phone")
    return _format(number)


def wire_to_e164(text: str, *, default_region: str) -> str:
    """The E.164 form of a number that a vendor wrote: with its country code, and with or without the plus.

    A form decodes the plus of a badly escaped `+2547...` to a space, and Daraja never writes one. Here only the length
    is judged: the network knows a newly opened range before our tables do. Raises `PhoneInvalid`.
    """
    written = _written(text)
    for candidate, region in (("+" + written.lstrip("+"), None), (written, default_region)):
        number = _parse(candidate, region)
        if number is not None and _is_possible(number):
            return _format(number)
    raise PhoneInvalid("not a phone number", field="phone")


def msisdn_sha256(e164: str) -> str:
    """SHA-256 in hex of the number without its plus, as Safaricom hashes payers. It is personal data all the same."""
    return hashlib.sha256(e164.removeprefix("+").encode("ascii")).hexdigest()


def mask(e164: str) -> str:
    """What a log or a page may show of a number: `..456`. A text too short to hide anything shows nothing."""
    return ".." + e164[-_SHOWN_DIGITS:] if len(e164) > 2 * _SHOWN_DIGITS else ".."


def _written(text: str) -> str:
    written = text.strip()
    if not written.isascii() or _WRITTEN.fullmatch(written) is None or is_hashed(written):
        raise PhoneInvalid("not a phone number", field="phone")
    # 00 is how most of the world dials abroad; Kenya's own 000 is left to the library.
    return "+" + written[2:] if written.startswith("00") and not written.startswith("000") else written


def _parse(text: str, region: str | None) -> phonenumbers.PhoneNumber | None:
    try:
        return phonenumbers.parse(text, region)
    except NumberParseException:
        return None


def _is_possible(number: phonenumbers.PhoneNumber) -> bool:
    reason = phonenumbers.is_possible_number_with_reason(number)
    return reason == ValidationResult.IS_POSSIBLE and number.national_number != 0


def _format(number: phonenumbers.PhoneNumber) -> str:
    return str(phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164))
