"""A tariff version as a value, and as the JSON terms of an approval. Pure.

Terms hold amounts as whole minor units, energy as tenths of a kWh, and the start as ISO 8601 in UTC. Reading them takes
nothing but what `terms_of` writes; whether it makes sense is `vending.tariffs.checking`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from vending.tariffs.engine import Block, Levy, Lifeline, Prices, Rounding
from vending.tariffs.errors import TariffInvalid

_PRICES_COUNTS = (
    "price_per_kwh_minor",
    "vat_basis_points",
    "fixed_fee_minor",
    "fee_arrears_months",
    "free_kwh_tenths",
    "least_energy_kwh_tenths",
)
_LIMITS = ("least_payment_minor", "most_payment_minor", "day_limit_minor")
_TEXTS = ("currency", "customer_class", "note")
_LIFELINE = ("up_to_kwh_tenths", "price_per_kwh_minor", "most_kwh_tenths")
_OTHERS = ("starts_at", "price_includes_vat", "blocks", "lifeline", "levies", "rounding")
TERMS = frozenset((*_PRICES_COUNTS, *_LIMITS, *_TEXTS, *_OTHERS))


@dataclass(frozen=True)
class TariffFacts:
    """One version, without its site: the arguments of `publish_tariff` by the same names. Zero `day_limit_minor`: none.

    `customer_class` empty: every class of the site that has no prices of its own.
    """

    currency: str
    prices: Prices
    least_payment_minor: int
    most_payment_minor: int
    starts_at: datetime
    customer_class: str = ""
    day_limit_minor: int = 0
    note: str = ""


def terms_of(facts: TariffFacts) -> dict[str, object]:
    prices = facts.prices
    counts = {name: getattr(prices, name) for name in _PRICES_COUNTS}
    limits = {name: getattr(facts, name) for name in _LIMITS}
    texts = {name: getattr(facts, name) for name in _TEXTS}
    lifeline = prices.lifeline and {name: getattr(prices.lifeline, name) for name in _LIFELINE}
    return {
        **texts,
        "starts_at": facts.starts_at.astimezone(UTC).isoformat(),
        **counts,
        "price_includes_vat": prices.price_includes_vat,
        "blocks": [[block.up_to_kwh_tenths, block.price_per_kwh_minor] for block in prices.blocks],
        "lifeline": lifeline,
        "levies": [[levy.name, levy.basis_points] for levy in prices.levies],
        "rounding": str(prices.rounding),
        **limits,
    }


def read_terms(terms: Mapping[str, object]) -> TariffFacts:
    """The facts that these terms say. `TariffInvalid`, with the field, for one that is missing, unknown or of another
    type.
    """
    if odd := TERMS ^ set(terms):
        raise TariffInvalid("the terms lack this, or have it too much", field=min(map(str, odd)))
    counts = {name: _count(terms, name) for name in _PRICES_COUNTS}
    prices = Prices(
        **counts,
        price_includes_vat=_yes_or_no(terms, "price_includes_vat"),
        blocks=tuple(Block(_up_to(up_to), _whole(price, "blocks")) for up_to, price in _pairs(terms, "blocks")),
        lifeline=_lifeline(terms),
        levies=tuple(Levy(_name(name), _whole(points, "levies")) for name, points in _pairs(terms, "levies")),
        rounding=_rounding(terms),
    )
    return TariffFacts(
        currency=_text(terms, "currency"),
        prices=prices,
        least_payment_minor=_count(terms, "least_payment_minor"),
        most_payment_minor=_count(terms, "most_payment_minor"),
        starts_at=_moment(terms),
        customer_class=_text(terms, "customer_class"),
        day_limit_minor=_count(terms, "day_limit_minor"),
        note=_text(terms, "note"),
    )


def _count(terms: Mapping[str, object], name: str) -> int:
    return _whole(terms[name], name)


def _whole(value: object, field: str) -> int:
    if type(value) is not int:
        raise TariffInvalid("not a whole number", field=field)
    return value


def _text(terms: Mapping[str, object], name: str) -> str:
    value = terms[name]
    if not isinstance(value, str):
        raise TariffInvalid("not a text", field=name)
    return value


def _yes_or_no(terms: Mapping[str, object], name: str) -> bool:
    value = terms[name]
    if not isinstance(value, bool):
        raise TariffInvalid("neither true nor false", field=name)
    return value


def _pairs(terms: Mapping[str, object], name: str) -> list[tuple[object, object]]:
    value = terms[name]
    if not isinstance(value, list):
        raise TariffInvalid("not a list", field=name)
    return [_pair(row, name) for row in value]


def _pair(row: object, field: str) -> tuple[object, object]:
    if not isinstance(row, list) or len(row) != 2:
        raise TariffInvalid("not a list of pairs", field=field)
    return row[0], row[1]


def _up_to(value: object) -> int | None:
    return None if value is None else _whole(value, "blocks")


def _name(value: object) -> str:
    if not isinstance(value, str):
        raise TariffInvalid("the name of a levy is a text", field="levies")
    return value


def _lifeline(terms: Mapping[str, object]) -> Lifeline | None:
    value = terms["lifeline"]
    if value is None:
        return None
    if not isinstance(value, Mapping) or set(value) != set(_LIFELINE):
        raise TariffInvalid(f"a lifeline is {', '.join(_LIFELINE)}", field="lifeline")
    return Lifeline(*(_whole(value[name], "lifeline") for name in _LIFELINE))


def _rounding(terms: Mapping[str, object]) -> Rounding:
    try:
        return Rounding(_text(terms, "rounding"))
    except ValueError:
        raise TariffInvalid(f"one of {', '.join(Rounding)}", field="rounding") from None


def _moment(terms: Mapping[str, object]) -> datetime:
    try:
        moment = datetime.fromisoformat(_text(terms, "starts_at"))
        if moment.tzinfo is not None:
            return moment.astimezone(UTC)
    except (ValueError, OverflowError):
        pass
    raise TariffInvalid("not a moment with its time zone", field="starts_at")
