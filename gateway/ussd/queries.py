"""What a menu may ask, answered from the tables: the `Facts` of one phone at one moment."""

from collections.abc import Sequence
from datetime import datetime
from functools import cached_property
from zoneinfo import ZoneInfo

from django.conf import settings

from fleet.meters.models import Meter
from fleet.meters.queries import find_meter, get_meter, list_meters_of_phone
from fleet.meters.services import can_vend
from gateway.payments.lifecycle import PaymentState
from gateway.payments.models import Payment
from gateway.payments.queries import list_open_purchases, list_past_amounts
from gateway.ussd.menus.facts import CodeFacts, CodeState, MeterFacts, QuoteFacts, Refusal
from vending.kernel.money import digits_of
from vending.ledger.queries import get_wallet
from vending.sts.errors import StsError
from vending.sts.identifiers import MeterPan
from vending.tariffs.errors import TariffMissing
from vending.vends.lifecycle import VendState
from vending.vends.models import Vend
from vending.vends.queries import get_quote, list_last_vends, list_refusals

PRESETS_MAJOR = (50, 100, 200)
CODES_SHOWN = 3
_OPEN_PURCHASE_HOURS = 24


class PhoneFacts:
    """`Facts` of the menus for one phone. Reads only; each question is one or two round trips."""

    def __init__(self, phone_e164: str, now: datetime) -> None:
        self._phone_e164, self._now = phone_e164, now
        self._seen: dict[int, Meter] = {}
        self.brand: str = settings.BRAND
        self.ussd_code: str = settings.USSD_CODE
        self.paybill: str = settings.MPESA_SHORT_CODE
        self.help_line: str = settings.HELP_LINE

    @cached_property
    def _linked(self) -> Sequence[Meter]:
        return list_meters_of_phone(self._phone_e164)

    @cached_property
    def currency(self) -> str:
        return self._linked[0].site.currency if self._linked else settings.CURRENCY

    def list_meters(self) -> tuple[MeterFacts, ...]:
        return tuple(MeterFacts(meter.pk, meter.drn, _short_name(meter), can_vend(meter)) for meter in self._linked)

    def find_meter(self, drn_digits: str) -> MeterFacts | None:
        meter = find_meter(drn_digits)
        return MeterFacts(meter.pk, meter.drn, _masked_name(meter), can_vend(meter)) if meter else None

    def is_meter_number(self, digits: str) -> bool:
        try:
            MeterPan.from_entry(digits)
        except StsError:
            return False
        return True

    def list_presets(self, meter_id: int) -> tuple[int, int, int]:
        """The customer's own last amounts, filled up with the usual ones, in rising order."""
        scale = 10 ** digits_of(self.currency)
        past = dict.fromkeys(amount for amount in list_past_amounts(meter_id, 20) if amount % scale == 0)
        usual = (amount * scale for amount in PRESETS_MAJOR)
        chosen = sorted(list(dict.fromkeys([*list(past)[:3], *usual]))[:3])
        return chosen[0], chosen[1], chosen[2]

    def get_quote(self, meter_id: int, amount_minor: int) -> QuoteFacts:
        if self._is_foreign(meter_id):
            return QuoteFacts(refusal=Refusal.CANNOT_SELL)
        try:
            quote = get_quote(meter=self._meter(meter_id), paid_minor=amount_minor, now=self._now)
        except TariffMissing:
            return QuoteFacts(refusal=Refusal.CANNOT_SELL)
        return QuoteFacts(
            energy_kwh_tenths=quote.split.energy_kwh_tenths,
            vat_minor=quote.split.vat_minor,
            levies_minor=quote.split.levies_minor,
            fee_minor=quote.split.fee_minor,
            fee_months=quote.fee_months,
            kept_minor=quote.split.kept_minor,
            wallet_minor=quote.split.wallet_used_minor,
            refusal=quote.refusal,
            least_minor=quote.least_minor,
            most_minor=quote.most_minor,
        )

    def can_sell(self, meter_id: int) -> bool:
        return not self._is_foreign(meter_id) and list_refusals([self._meter(meter_id)], self._now)[meter_id] is None

    def list_codes(self, meter_id: int) -> tuple[CodeFacts, ...]:
        """Sales of a linked meter, and this phone's purchases for it that are not sales (yet), newest first."""
        if meter_id not in {meter.pk for meter in self._linked}:
            return ()
        zone = ZoneInfo(self._meter(meter_id).site.timezone)
        rows = [(vend.funded_at, _code_of_vend(vend, zone)) for vend in list_last_vends(meter_id, CODES_SHOWN)]
        for payment in list_open_purchases(meter_id, self._phone_e164, CODES_SHOWN):
            if (self._now - payment.started_at).total_seconds() < _OPEN_PURCHASE_HOURS * 3600:
                rows.append((payment.started_at, _code_of_purchase(payment, zone)))
        rows.sort(key=lambda row: row[0], reverse=True)
        return tuple(code for _, code in rows[:CODES_SHOWN])

    def kept_minor(self, meter_id: int) -> int:
        return get_wallet(meter_id)

    def _is_foreign(self, meter_id: int) -> bool:
        """Whether its site takes other money than this phone's menus ask for and show."""
        return self._meter(meter_id).site.currency != self.currency

    def _meter(self, meter_id: int) -> Meter:
        for meter in self._linked:
            if meter.pk == meter_id:
                return meter
        if meter_id not in self._seen:
            self._seen[meter_id] = get_meter(meter_id)
        return self._seen[meter_id]


def _code_of_vend(vend: Vend, zone: ZoneInfo) -> CodeFacts:
    issued = vend.state == VendState.ISSUED
    when = vend.funded_at.astimezone(zone)
    return CodeFacts(
        vend_id=vend.pk,
        made_on=f"{when:%d%b}",
        made_time=f"{when:%H:%M}",
        amount_minor=vend.paid_minor,
        energy_kwh_tenths=vend.energy_kwh_tenths,
        digits=vend.authority.token.digits if issued else "",
        state=CodeState.READY if issued else CodeState.BEING_MADE,
    )


def _code_of_purchase(payment: Payment, zone: ZoneInfo) -> CodeFacts:
    when = payment.started_at.astimezone(zone)
    is_paid = payment.state == PaymentState.CONFIRMED
    state = CodeState.BEING_MADE if is_paid else CodeState.NOT_PAID
    return CodeFacts(0, f"{when:%d%b}", payment.amount_minor, 0, "", state, f"{when:%H:%M}")


def _short_name(meter: Meter) -> str:
    """First name and last initial: "Amina M"."""
    words = meter.customer.name.split() if meter.customer else []
    return " ".join([*words[:1], *(word[0] for word in words[-1:] if len(words) > 1)])


def _masked_name(meter: Meter) -> str:
    """First letter and last initial: "J*** K."."""
    words = meter.customer.name.split() if meter.customer else []
    return " ".join(
        [*(f"{word[0]}***" for word in words[:1]), *(f"{word[0]}." for word in words[-1:] if len(words) > 1)]
    )
