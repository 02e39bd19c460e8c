"""How long a text is on the air: septets, and the parts an SMS is charged for. The simulator's own count."""

_BASIC = frozenset(
    "@\u00a3$\u00a5\u00e8\u00e9\u00f9\u00ec\u00f2\u00c7\n\u00d8\u00f8\r\u00c5\u00e5\u0394_\u03a6\u0393\u039b\u03a9\u03a0"
    "\u03a8\u03a3\u0398\u039e\u00c6\u00e6\u00df\u00c9 !\"#\u00a4%&'()*+,-./0123456789:;<=>?\u00a1"
    "ABCDEFGHIJKLMNOPQRSTUVWXYZ\u00c4\u00d6\u00d1\u00dc\u00a7\u00bfabcdefghijklmnopqrstuvwxyz\u00e4\u00f6\u00f1\u00fc\u00e0"
)
_EXTENSION = frozenset("^{}\\[~]|\u20ac\f")
USSD_SEPTETS = 182
USSD_UCS2_UNITS = 80


def septets(text: str) -> int | None:
    """Septets of a text in the GSM default alphabet; None when it needs UCS-2."""
    if any(character not in _BASIC and character not in _EXTENSION for character in text):
        return None
    return len(text) + sum(character in _EXTENSION for character in text)


def _ucs2_units(text: str) -> int:
    return len(text.encode("utf-16-be")) // 2


def sms_parts(text: str) -> int:
    """Parts that the network sends. A pair that a boundary would cut in two is not looked at: a charge, not a codec."""
    length = septets(text)
    length, single, each = (_ucs2_units(text), 70, 67) if length is None else (length, 160, 153)
    return 1 if length <= single else -(-length // each)


def fits_ussd(text: str) -> bool:
    """Whether a network carries this screen whole."""
    length = septets(text)
    return _ucs2_units(text) <= USSD_UCS2_UNITS if length is None else length <= USSD_SEPTETS
