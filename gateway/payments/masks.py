"""What a phone number with its middle starred out still says about a phone. Pure."""

import re

_FEWEST_VISIBLE = 3


def pattern_of(masked: str) -> str:
    """A regular expression of the numbers in E.164 that may be the one behind `2547 ***** 126`, `25470****149` or
    `07** *** 126`; empty where fewer than three digits are visible, or something else stands there.

    Digits in front and behind must be the number's own; how many are starred out is not believed. Both databases read
    it alike.
    """
    text = re.sub(r"[\s\-]", "", masked).removeprefix("+")
    if not re.fullmatch(r"[0-9*]{4,32}", text) or "*" not in text or sum(map(str.isdigit, text)) < _FEWEST_VISIBLE:
        return ""
    shown = "[0-9]+".join(re.split(r"\*+", text))
    # A number in national form has a zero where its country code would stand.
    return rf"^[+][0-9]{{1,3}}{shown[1:]}$" if shown.startswith("0") else f"^[+]{shown}$"


def fits_mask(phone_e164: str, masked: str) -> bool:
    """Whether a number may be the one behind a masked form. A form that shows nothing fits nobody."""
    pattern = pattern_of(masked)
    return bool(pattern) and re.search(pattern, phone_e164) is not None
