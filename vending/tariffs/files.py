"""A tariff as a person writes it: whole units as decimal text ("20.00", "16" percent, "0.1" kWh). Pure.

The numbers become minor units, basis points and tenths of a kWh exactly, or are refused: nothing is rounded here. What
may be left out is in `_DEFAULTS`. Whether the tariff makes sense is `vending.tariffs.checking`.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from vending.kernel.money import MoneyError, parse_minor
from vending.tariffs.engine import Block, Levy, Lifeline, Prices, Rounding
from vending.tariffs.errors import TariffInvalid
from vending.tariffs.terms import TariffFacts

_REQUIRED = {"site", "starts_at", "vat_percent", "price_includes_vat", "least_payment", "most_payment"}
_DEFAULTS: dict[str, object] = {
    "customer_class": "",
    "price_per_kwh": None,
    "blocks": [],
    "lifeline": None,
    "levies": [],
    "rounding": "half_up",
    "fixed_fee": "0",
    "fee_arrears_months": 0,
    "free_kwh": "0",
    "least_kwh": "0.1",
    "day_limit": "0",
    "note": "",
}
_BLOCK = {"up_to_kwh", "price_per_kwh"}
_LIFELINE = {"up_to_kwh", "price_per_kwh", "most_kwh"}
_LEVY = {"name", "percent"}
_NUMBER = re.compile(r"([0-9]{1,12})(?:\.([0-9]{1,12}))?", re.ASCII)


@dataclass(frozen=True)
class Reader:
    """Reads the fields of one file. `TariffInvalid` names the field."""

    fields: Mapping[str, object]
    currency: str
    timezone: str

    def facts(self) -> TariffFacts:
        return TariffFacts(
            currency=self.currency,
            prices=self._prices(),
            least_payment_minor=self.money("least_payment"),
            most_payment_minor=self.money("most_payment"),
            starts_at=self._starts_at(),
            customer_class=self.text("customer_class"),
            day_limit_minor=self.money("day_limit"),
            note=self.text("note"),
        )

    def _prices(self) -> Prices:
        blocks = tuple(self._blocks())
        if bool(blocks) == (self.fields["price_per_kwh"] is not None):
            raise TariffInvalid("give one price, or blocks", field="price_per_kwh")
        includes_vat = self.fields["price_includes_vat"]
        if not isinstance(includes_vat, bool):
            raise TariffInvalid("neither true nor false", field="price_includes_vat")
        return Prices(
            price_per_kwh_minor=blocks[0].price_per_kwh_minor if blocks else self.money("price_per_kwh"),
            price_includes_vat=includes_vat,
            vat_basis_points=self.scaled("vat_percent", 2),
            fixed_fee_minor=self.money("fixed_fee"),
            least_energy_kwh_tenths=self.scaled("least_kwh", 1),
            blocks=blocks,
            lifeline=self._lifeline(),
            levies=tuple(Levy(row.text("name"), row.scaled("percent", 2)) for row in self._rows("levies", _LEVY)),
            rounding=self._rounding(),
            fee_arrears_months=self.scaled("fee_arrears_months", 0),
            free_kwh_tenths=self.scaled("free_kwh", 1),
        )

    def _blocks(self) -> list[Block]:
        return [
            Block(
                None if row.fields["up_to_kwh"] is None else row.scaled("up_to_kwh", 1),
                row.money("price_per_kwh"),
            )
            for row in self._rows("blocks", _BLOCK)
        ]

    def _lifeline(self) -> Lifeline | None:
        if self.fields["lifeline"] is None:
            return None
        row = self._row(self.fields["lifeline"], "lifeline", _LIFELINE)
        return Lifeline(row.scaled("up_to_kwh", 1), row.money("price_per_kwh"), row.scaled("most_kwh", 1))

    def _rounding(self) -> Rounding:
        try:
            return Rounding(self.text("rounding"))
        except ValueError:
            raise TariffInvalid(f"one of {', '.join(Rounding)}", field="rounding") from None

    def _starts_at(self) -> datetime:
        try:
            moment = datetime.fromisoformat(self.text("starts_at"))
            by_some_clock = moment if moment.tzinfo else moment.replace(tzinfo=ZoneInfo(self.timezone))
            return by_some_clock.astimezone(UTC)
        except (ValueError, OverflowError):
            raise TariffInvalid("a moment looks like 2026-12-01 or 2026-12-01T00:00+03:00", field="starts_at") from None

    def _rows(self, name: str, names: set[str]) -> list["Reader"]:
        rows = self.fields[name]
        if not isinstance(rows, list):
            raise TariffInvalid("not a list", field=name)
        return [self._row(row, name, names) for row in rows]

    def _row(self, row: object, name: str, names: set[str]) -> "Reader":
        if not isinstance(row, Mapping) or set(row) != names:
            raise TariffInvalid(f"each has {', '.join(sorted(names))}", field=name)
        return Reader(row, self.currency, self.timezone)

    def text(self, name: str) -> str:
        value = self.fields[name]
        if not isinstance(value, str):
            raise TariffInvalid("not a text", field=name)
        return value

    def money(self, name: str) -> int:
        """Minor units; refuses what is finer than the currency."""
        try:
            return parse_minor(self._number(name), self.currency)
        except MoneyError as refusal:
            raise TariffInvalid(f"{refusal} ({self.currency})", field=name) from None

    def scaled(self, name: str, digits: int) -> int:
        """A number with at most so many digits after the point, as a whole number of its last one."""
        match = _NUMBER.fullmatch(self._number(name))
        fraction = (match[2] or "").rstrip("0") if match else ""
        if match is None or len(fraction) > digits:
            raise TariffInvalid(f"a number with at most {digits} digits after the point", field=name)
        return int(match[1] + fraction.ljust(digits, "0"))

    def _number(self, name: str) -> str:
        """As text: a JSON number with a point is a binary fraction by the time it is here."""
        value = self.fields[name]
        if type(value) is int:
            return str(value)
        if not isinstance(value, str):
            raise TariffInvalid('a number in quotes, like "20.00"', field=name)
        return value


def read_site_code(content: object) -> str:
    """The site that the file is for: its currency and clock are needed to read the rest."""
    if not isinstance(content, Mapping) or not isinstance(content.get("site"), str):
        raise TariffInvalid("the file names no site", field="site")
    return str(content["site"])


def read_file(content: object, *, currency: str, timezone: str) -> TariffFacts:
    """What the file says, at this currency; a start without a time zone is by this clock.

    `TariffInvalid`, with the field, for one that is missing, unknown, or no such number.
    """
    if not isinstance(content, Mapping):
        raise TariffInvalid("not a JSON object")
    if odd := set(content) - _REQUIRED - set(_DEFAULTS) | _REQUIRED - set(content):
        raise TariffInvalid("missing, or nothing that a tariff has", field=min(map(str, odd)))
    return Reader({**_DEFAULTS, **content}, currency, timezone).facts()
