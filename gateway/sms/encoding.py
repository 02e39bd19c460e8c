"""The GSM 7-bit default alphabet (3GPP TS 23.038, 6.2.1) and how a text is cut into the parts of a long SMS.

Pure: no Django, no templates. A text that leaves the alphabet by one character is sent as UCS-2 and holds 70 instead
of 160, so everything we write passes `to_gsm7` first; `split` still knows UCS-2, for texts that others wrote.
"""

import unicodedata
from collections.abc import Callable, Iterable

from gateway.sms.errors import TextNotGsm7

# Position in the string is the code; 0x1B is the escape to the extension table and no character of its own.
_BASIC = (
    "@\u00a3$\u00a5\u00e8\u00e9\u00f9\u00ec\u00f2\u00c7\n\u00d8\u00f8\r\u00c5\u00e5"
    "\u0394_\u03a6\u0393\u039b\u03a9\u03a0\u03a8\u03a3\u0398\u039e\x1b\u00c6\u00e6\u00df\u00c9"
    " !\"#\u00a4%&'()*+,-./0123456789:;<=>?"
    "\u00a1ABCDEFGHIJKLMNOPQRSTUVWXYZ\u00c4\u00d6\u00d1\u00dc\u00a7"
    "\u00bfabcdefghijklmnopqrstuvwxyz\u00e4\u00f6\u00f1\u00fc\u00e0"
)
BASIC = frozenset(_BASIC) - {"\x1b"}
EXTENSION = frozenset("^{}\\[~]|\u20ac\f")
_SEPTETS = dict.fromkeys(BASIC, 1) | dict.fromkeys(EXTENSION, 2)

GSM7_SINGLE, GSM7_PART = 160, 153
UCS2_SINGLE, UCS2_PART = 70, 67

# What decomposition cannot know: punctuation, invisible characters, and letters that are no base letter with a mark.
_REPLACEMENTS = {
    **dict.fromkeys("\u2018\u2019\u201a\u201b\u2032\u00b4`\u02b9\u02bb\u02bc\u02bd\u02be\u02bf\u02c8", "'"),
    **dict.fromkeys("\u201c\u201d\u201e\u201f\u2033\u00ab\u00bb", '"'),
    **dict.fromkeys("\u2010\u2011\u2012\u2013\u2014\u2015\u2212\u2022\u00b7", "-"),
    **dict.fromkeys("\t\v\u00a0\u202f\u2028\u2029\u0085", " "),
    **dict.fromkeys("\u00ad\u200b\u200c\u200d\u200e\u200f\u2060\ufeff\ufe0e\ufe0f", ""),
    "\u2026": "...",
    "\u2044": "/",
    "\u00d7": "x",
    "\u00b5": "u",
    "\u0131": "i",
    **dict(zip("\u0110\u0111\u0126\u0127\u0141\u0142\u014a\u014b\u0166\u0167", "DdHhLlNnTt", strict=True)),
    **dict(zip("\u0181\u0253\u018a\u0257\u0198\u0199\u01b3\u01b4", "BbDdKkYy", strict=True)),  # Hausa
    **dict(zip("\u0190\u025b\u0186\u0254\u0189\u0256\u0191\u0192", "EeOoDdFf", strict=True)),  # Ewe, Akan
    "\u0152": "OE",
    "\u0153": "oe",
}


def is_gsm7(text: str) -> bool:
    """Whether every character is in the basic or the extension table."""
    return all(character in _SEPTETS for character in text)


def septets(text: str) -> int:
    """Length in septets; a character of the extension table takes two. Raises `TextNotGsm7` for any other character."""
    try:
        return sum(_SEPTETS[character] for character in text)
    except KeyError:
        raise TextNotGsm7("a character outside the GSM 7-bit alphabet", field="text") from None


def to_gsm7(text: str) -> str:
    """The text in GSM-7: the map above, then the base letters of a decomposition, else one `?` for a character.

    Total and idempotent; a text that fits already comes back unchanged. The order is that of GOV.UK Notify's sanitiser.
    """
    if is_gsm7(text):
        return text
    return "".join(map(_to_gsm7_character, unicodedata.normalize("NFC", text)))


def _to_gsm7_character(character: str) -> str:
    if character in _SEPTETS:
        return character
    if character in _REPLACEMENTS:
        return _REPLACEMENTS[character]
    bases = [part for part in unicodedata.normalize("NFKD", character) if not unicodedata.combining(part)]
    letters = "".join(_REPLACEMENTS.get(base, base) for base in bases)
    return letters if is_gsm7(letters) else "?"


def split(text: str) -> list[str]:
    """The parts in which the text travels, in order; together they are the text, and there is always at least one.

    160 septets alone or 153 a part; 70 or 67 UTF-16 units once a character leaves GSM-7. A pair (escape and code, or
    two surrogates) is never cut, so a part may be one unit short.
    """
    if is_gsm7(text):
        return _cut(text, _SEPTETS.__getitem__, GSM7_SINGLE, GSM7_PART)
    return _cut(text, _utf16_units, UCS2_SINGLE, UCS2_PART)


def count_parts(text: str) -> int:
    """How many messages the text is billed as."""
    return len(split(text))


def _utf16_units(character: str) -> int:
    return 2 if ord(character) > 0xFFFF else 1


def _cut(characters: Iterable[str], size: Callable[[str], int], single: int, part: int) -> list[str]:
    sized = [(character, size(character)) for character in characters]
    if sum(units for _, units in sized) <= single:
        return ["".join(character for character, _ in sized)]
    parts, room = [""], part
    for character, units in sized:
        if units > room:
            parts.append("")
            room = part
        parts[-1] += character
        room -= units
    return parts
