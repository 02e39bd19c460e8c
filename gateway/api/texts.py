"""How the API writes values: amounts, energy and moments as text, states with their words, phones masked. Pure.

Nothing here lets a token, a whole phone number or a hash of one through.
"""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from enum import StrEnum
from typing import TypeVar

from gateway.http.phones import mask
from gateway.http.redaction import redact
from vending.kernel.money import digits_of, format_energy

Json = dict[str, object]
State = TypeVar("State", bound=StrEnum)

# A phone as people type it, plus, blanks, dots and all; a DRN of eleven or thirteen digits is none.
_DIGIT_RUN = re.compile(r"\+?\(?\d[\d ()./-]{6,38}\d")
_DRN_DIGITS = (11, 13)


def amount(minor: int, currency: str) -> str:
    """`20000` KES is "200.00": always as many digits as the currency has."""
    digits = digits_of(currency)
    return f"{Decimal(minor).scaleb(-digits):.{digits}f}"


def kwh(tenths: int) -> str:
    return format_energy(tenths)


def moment(at: datetime | None) -> str | None:
    """`2026-11-20T09:00:00Z`."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ") if at else None


def state(value: str, states: type[State], labels: Mapping[State, str]) -> Json:
    return {"state": value, "state_text": labels[states(value)]}


def payer(e164: str, masked: str, sha256: str) -> str:
    """`..101`, or "hidden" where the provider hides the number."""
    if e164 or masked:
        return mask(e164 or masked)
    return "hidden" if sha256 else ""


def account(text: str) -> str:
    """What the payer typed, without what may be a phone number or a code: many type their own number."""
    return _DIGIT_RUN.sub(_hide, redact(text))


def words(text: str) -> str:
    """A word or two that a person or a vendor wrote: shown, but for what has the shape of a secret."""
    return account(text)


def _hide(found: re.Match[str]) -> str:
    digits = re.sub(r"\D", "", found[0])
    is_meter = len(digits) in _DRN_DIGITS and not found[0].startswith("+")
    return found[0] if is_meter else mask(digits)
