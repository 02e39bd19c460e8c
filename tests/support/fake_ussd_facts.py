"""A small fleet in memory that answers what USSD menus ask (`gateway.ussd.menus.Facts`)."""

from dataclasses import dataclass, field, replace

from gateway.ussd.menus import CodeFacts, CodeState, MeterFacts, QuoteFacts, Refusal

AMINA = MeterFacts(meter_id=1, drn="37000123457", label="Amina M", can_buy=True)
JUMA = MeterFacts(meter_id=2, drn="37000109324", label="J*** K.", can_buy=True)
SHOP = MeterFacts(meter_id=3, drn="3700012345676", label="Shop", can_buy=True)
BLOCKED = MeterFacts(meter_id=4, drn="37000555559", label="B*** D.", can_buy=False)

READY = CodeFacts(11, "12Mar", 20000, 64, "12345678901234567890", CodeState.READY, "14:02")
OLDER = CodeFacts(10, "05Mar", 10000, 34, "11112222333344445555", CodeState.READY)
OLDEST = CodeFacts(9, "28Feb", 5000, 17, "66667777888899990000", CodeState.READY)
BEING_MADE = CodeFacts(12, "13Mar", 20000, 0, "", CodeState.BEING_MADE)
NOT_PAID = CodeFacts(0, "14Mar", 20000, 0, "", CodeState.NOT_PAID)

QUOTE = QuoteFacts(energy_kwh_tenths=64, vat_minor=2048, fee_minor=1000, kept_minor=152)


def passes_luhn(digits: str) -> bool:
    total = 0
    for place, digit in enumerate(reversed(digits)):
        doubled = int(digit) * (1 + place % 2)
        total += doubled - 9 if doubled > 9 else doubled
    return total % 10 == 0


@dataclass(frozen=True)
class FakeFacts:
    """One phone's world; `own` are the linked meters, `fleet` is found by number with a masked owner."""

    own: tuple[MeterFacts, ...] = (AMINA,)
    fleet: tuple[MeterFacts, ...] = (AMINA, JUMA, SHOP, BLOCKED)
    codes: dict[int, tuple[CodeFacts, ...]] = field(default_factory=dict)
    presets: tuple[int, int, int] = (5000, 10000, 20000)
    quote: QuoteFacts = QUOTE
    least_minor: int = 1400
    most_minor: int = 500000
    kept: int = 152
    brand: str = "Jua Power"
    ussd_code: str = "*384*96#"
    paybill: str = "400200"
    help_line: str = "0800 123 456"
    currency: str = "KES"

    def list_meters(self) -> tuple[MeterFacts, ...]:
        return self.own

    def find_meter(self, drn_digits: str) -> MeterFacts | None:
        found = next((meter for meter in self.fleet if meter.drn == drn_digits), None)
        return replace(found, label=f"{found.label[0]}***") if found and "*" not in found.label else found

    def is_meter_number(self, digits: str) -> bool:
        return len(digits) in (11, 13) and passes_luhn(digits)

    def list_presets(self, meter_id: int) -> tuple[int, int, int]:
        return self.presets

    def get_quote(self, meter_id: int, amount_minor: int) -> QuoteFacts:
        assert amount_minor > 0
        if not any(meter.meter_id == meter_id and meter.can_buy for meter in self.own + self.fleet):
            return QuoteFacts(refusal=Refusal.BLOCKED)
        if amount_minor < self.least_minor:
            return QuoteFacts(refusal=Refusal.TOO_LITTLE, least_minor=self.least_minor, most_minor=self.most_minor)
        if amount_minor > self.most_minor:
            return QuoteFacts(refusal=Refusal.TOO_MUCH, least_minor=self.least_minor, most_minor=self.most_minor)
        return self.quote

    def can_sell(self, meter_id: int) -> bool:
        return self.quote.refusal != Refusal.CANNOT_SELL

    def list_codes(self, meter_id: int) -> tuple[CodeFacts, ...]:
        return self.codes.get(meter_id, ())

    def kept_minor(self, meter_id: int) -> int:
        return self.kept
