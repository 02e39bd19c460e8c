"""What customers hold in their hands at the end: the texts on their phones."""

import re
from collections.abc import Iterable
from dataclasses import dataclass

_TOKEN_LINE = re.compile(r"[0-9]{4}( [0-9]{4}){4}")
_UNITS = re.compile(r"([0-9]+)\.([0-9]) units for meter ([0-9]{11,13})")
_AMOUNT = re.compile(r"^(?:You paid )?KES ?([0-9,]+)\b", re.MULTILINE)
_KEPT = re.compile(r"KES ?([0-9,]+) \(([A-Z0-9]{10})\) kept for meter ([0-9]{11,13})")


@dataclass(frozen=True)
class Code:
    """One text with a code."""

    digits: str
    energy_kwh_tenths: int
    drn: str
    amount: int
    receipt: str
    phone: str


@dataclass(frozen=True)
class Kept:
    """One text that says that money waits."""

    amount: int
    receipt: str
    drn: str


def read_codes(phone: str, texts: Iterable[str]) -> tuple[list[Code], list[str]]:
    """The codes, and the texts that are half of one: a code without its facts, or the facts without the code."""
    codes, odd = [], []
    for text in texts:
        lines = text.split("\n")
        has_code = _TOKEN_LINE.fullmatch(lines[0]) is not None
        units, amount = _UNITS.search(text), _AMOUNT.search(text)
        if not has_code or units is None or amount is None:
            if has_code or (units and amount):
                odd.append(text)
            continue
        energy, paid = int(units[1]) * 10 + int(units[2]), int(amount[1].replace(",", ""))
        codes.append(Code(lines[0], energy, units[3], paid, lines[-1].split()[-1], phone))
    return codes, odd


def read_kept(texts: Iterable[str]) -> list[Kept]:
    found = (_KEPT.search(text) for text in texts)
    return [Kept(int(hit[1].replace(",", "")), hit[2], hit[3]) for hit in found if hit]
