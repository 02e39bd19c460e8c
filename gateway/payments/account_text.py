"""What a payer types as account, turned into meter numbers that it may mean. Pure.

People type spaces and dashes, the letter O for a zero, a name before the number, 13-digit forms; wallets drop leading
zeros. Only an exact result with right check digits is ever used; a doubtful one is nobody's meter.
"""

import re
import unicodedata

from vending.sts.errors import StsError
from vending.sts.identifiers import MeterPan

_LENGTHS = (11, 13)
_LONGEST_TEXT = 100
_MOST_ZEROS_LOST = 3
_SEPARATORS = re.compile(r"[\s\-_./,:#]+")


def list_drns(text: str) -> list[str]:
    """The DRNs that the text may mean, likeliest first, each with right check digits; empty if there is none.

    A number is searched for in the whole text first, then without a name before it, with zeros put back in front last.
    A text longer than the field that it is kept in may have lost a second number at its end, and one with invisible
    characters does not say what its writer saw: nobody's.
    """
    if len(text) > _LONGEST_TEXT or any(map(_is_invisible, text)):
        return []
    found: dict[str, None] = {}
    for digits in _readings(text.upper()):
        for candidate in (digits, *_with_zeros(digits)):
            drn = _checked_drn(candidate)
            if drn:
                found[drn] = None
    return list(found)


def _is_invisible(character: str) -> bool:
    """Controls, marks of direction, joiners, halves of a character: everything in "other" that is no white space."""
    return unicodedata.category(character).startswith("C") and not character.isspace()


def _readings(text: str) -> list[str]:
    """Ways to read digits out of the text: joined as a whole, then from the first digit on, then word by word."""
    joined = _SEPARATORS.sub("", text)
    words = [word for word in _SEPARATORS.split(text) if word]
    from_first_digit = joined[match.start() :] if (match := re.search(r"\d", joined)) else ""
    readings = [joined, from_first_digit, *words]
    return [digits for reading in readings if (digits := reading.replace("O", "0")) and _is_plain_number(digits)]


def _with_zeros(digits: str) -> list[str]:
    return [digits.zfill(length) for length in _LENGTHS if 0 < length - len(digits) <= _MOST_ZEROS_LOST]


def _is_plain_number(text: str) -> bool:
    return text.isascii() and text.isdigit()


def _checked_drn(digits: str) -> str:
    try:
        return MeterPan.from_entry(digits).drn
    except StsError:
        return ""
