"""The terms of a proposal in words: every one of them, so that a second person agrees to exactly what is done.

A new term is shown by its name and value until it has words here. Tariffs have their own
(`vending.tariffs.describing`).
"""

from collections.abc import Callable, Mapping
from typing import NamedTuple

from gateway.dashboard import words
from gateway.desk.kinds import Kind
from vending.tariffs.describing import details_of, headline_of
from vending.tariffs.errors import TariffInvalid
from vending.tariffs.queries import list_versions
from vending.tariffs.terms import TariffFacts, read_terms

Terms = Mapping[str, object]


class TermLine(NamedTuple):
    """`name` is empty for a line that says all by itself."""

    name: str
    value: str


def _money(terms: Terms, name: str) -> str:
    minor, currency = terms[name], terms.get("currency")
    return words.money(minor, currency) if isinstance(minor, int) and isinstance(currency, str) else str(minor)


def _text(terms: Terms, name: str) -> str:
    return str(terms[name] or "")


def _units(terms: Terms, name: str) -> str:
    tenths = terms[name]
    return words.units(tenths) if isinstance(tenths, int) else str(tenths)


_WORDS: Mapping[str, tuple[str, Callable[[Terms, str], str]]] = {
    "amount_minor": ("Goes back", _money),
    "moved_minor": ("Money that moves", _money),
    "money_back_minor": ("Back to the wallet", _money),
    "source": ("Out of", lambda terms, name: {"wallet": "the meter's wallet"}.get(str(terms[name]), str(terms[name]))),
    "source_drn": ("From meter", _text),
    "drn": ("Meter", _text),
    "vend_id": ("Cancels first", lambda terms, name: f"sale {terms[name]}" if terms[name] else ""),
    "energy_kwh_tenths": ("Units not delivered", _units),
    "payment_id": ("To who paid", lambda terms, name: f"payment {terms[name]}"),
    "payment_minor": ("Payment", _money),
    "receipt": ("Receipt", _text),
    "payment_state": ("The payment is", lambda terms, name: words.payment_state(str(terms[name])).words),
    "vend_state": ("The sale is", lambda terms, name: words.vend_state(str(terms[name])).words),
    "frozen_reason": ("Stopped because", lambda terms, name: words.reason(str(terms[name]))),
    "must_verify": ("To be verified", lambda terms, name: "yes" if terms[name] else ""),
    "wallet_minor": ("The wallet holds", _money),
}
# Ids of rows, beside the name that people know; and what the amounts say.
_UNSAID = {"meter_id", "source_meter_id", "currency"}


def list_terms(kind: str, subject: str, terms: Terms, timezone: str) -> list[TermLine]:
    """What would be done, line by line: what moves first, what the maker saw after it."""
    if kind == Kind.TARIFF_PUBLISH:
        return _list_tariff_terms(subject, terms, timezone)
    ordered = [name for name in _WORDS if name in terms]
    known = [TermLine(_label(name, terms), _WORDS[name][1](terms, name)) for name in ordered]
    unknown = [TermLine(name, str(terms[name])) for name in terms if name not in _WORDS and name not in _UNSAID]
    return [line for line in [*known, *unknown] if line.value]


def _label(name: str, terms: Terms) -> str:
    return "To meter" if name == "drn" and "source_drn" in terms else _WORDS[name][0]


def read_tariff(terms: Terms) -> TariffFacts | None:
    """None when the terms are none that this version of the product reads."""
    try:
        return read_terms(terms)
    except TariffInvalid:
        return None


def _list_tariff_terms(subject: str, terms: Terms, timezone: str) -> list[TermLine]:
    facts = read_tariff(terms)
    if facts is None:
        return [TermLine(name, str(value)) for name, value in terms.items()]
    site = next((tariff.site for tariff in list_versions() if subject == f"site:{tariff.site_id}"), None)
    lines = [TermLine("", headline_of(facts, site.timezone if site else timezone))]
    lines += [TermLine("", line) for line in details_of(facts)]
    return [TermLine("Site", site.name), *lines] if site else lines
