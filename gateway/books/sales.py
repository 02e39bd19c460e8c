"""Every sale has its money, its price and its token; every token has its sale; no paid sale waits unseen."""

from collections.abc import Iterator, Sequence
from datetime import date

from gateway.books.rows import batches, list_details
from gateway.fulfilment.services import AUTHORITY_KINDS
from gateway.payments.models import Payment
from vending.kernel.errors import DomainError
from vending.sts.amounts import tenths_of
from vending.tariffs.models import FixedFeeCharge, FreeAllowance
from vending.tariffs.queries import month_of
from vending.tokens import services as tokens
from vending.tokens.models import Authority, Token
from vending.vends import services as sales
from vending.vends.funding import price_again
from vending.vends.lifecycle import VendState
from vending.vends.models import Vend


def find_wrong_vends() -> Iterator[str]:
    """Every sale has its payment, of the same amount and meter, at the tariff's price, and its months' fees once."""
    for vends in batches(Vend.objects.select_related("authority", "tariff", "meter__site")):
        payments = _payments_of([vend.authority for vend in vends])
        charges: dict[int, list[FixedFeeCharge]] = {vend.pk: [] for vend in vends}
        for charge in FixedFeeCharge.objects.filter(vend__in=vends).order_by("month_date", "pk"):
            charges[charge.vend_id].append(charge)
        allowances = {allowance.vend_id: allowance for allowance in FreeAllowance.objects.filter(vend__in=vends)}
        funded = list_details("vend.funded", "vend_sha256", [f"vend:{vend.pk}" for vend in vends])
        for vend in vends:
            if funded.get(f"vend:{vend.pk}") != sales.fingerprint_of(vend):
                yield f"vend:{vend.pk}: what it sold for what is not what was funded"
            yield from _check_money(vend, payments.get(vend.authority_id))
            yield from _check_month(vend, charges[vend.pk], allowances.get(vend.pk))


def _check_money(vend: Vend, payment: Payment | None) -> Iterator[str]:
    name = f"vend:{vend.pk}"
    if payment is None:
        yield f"{name}: authority:{vend.authority_id} names no payment"
    elif not _is_of(vend, payment):
        yield f"{name}: payment:{payment.pk} is not of the same amount, currency and meter"
    price = price_again(vend)
    if (price.net_minor, price.vat_minor, price.levies_minor) != (vend.net_minor, vend.vat_minor, vend.levies_minor):
        yield f"{name}: its net, VAT and levies are not what its energy costs by tariff:{vend.tariff_id}"


def _is_of(vend: Vend, payment: Payment) -> bool:
    """A moved payment's first sale was for the wrong meter, and the second may be of what was left of the money."""
    if vend.authority.kind == "moved":
        return vend.paid_minor <= payment.amount_minor and vend.currency == payment.currency
    is_meter_right = payment.meter_id == vend.meter_id or vend.state == VendState.CANCELLED
    return is_meter_right and (payment.amount_minor, payment.currency) == (vend.paid_minor, vend.currency)


def _check_month(vend: Vend, charges: Sequence[FixedFeeCharge], allowance: FreeAllowance | None) -> Iterator[str]:
    """The fee is that of whole months up to the sale's own, the allowance that of the sale's month."""
    name, month = f"vend:{vend.pk}", month_of(vend.priced_at, vend.meter.site.timezone)
    is_cancelled = vend.state == VendState.CANCELLED
    charged = sum(charge.amount_minor for charge in charges)
    months = [charge.month_date for charge in charges]
    is_right = months == _months_until(month, len(months)) and all(c.meter_id == vend.meter_id for c in charges)
    if charged != vend.fee_minor or not is_right:
        names = ", ".join(f"fixed_fee_charge:{charge.pk}" for charge in charges) or "no charge"
        yield f"{name}: its fixed fee is {vend.fee_minor}, but {names} is kept for its meter and month"
    if any((charge.cancelled_at is not None) != is_cancelled for charge in charges):
        yield f"{name}: is {vend.state}, which its fixed fee charges do not say"
    given = (allowance.energy_kwh_tenths, allowance.month_date, allowance.meter_id) if allowance else None
    if given != ((vend.free_kwh_tenths, month, vend.meter_id) if vend.free_kwh_tenths else None):
        yield f"{name}: its free energy is {vend.free_kwh_tenths}, which no allowance of its meter and month says"
    if allowance and (allowance.cancelled_at is not None) != is_cancelled:
        yield f"{name}: is {vend.state}, which its free allowance does not say"


def _months_until(month: date, count: int) -> list[date]:
    last = month.year * 12 + month.month - 1
    return [date(number // 12, number % 12 + 1, 1) for number in range(last - count + 1, last + 1)]


def find_wrong_tokens() -> Iterator[str]:
    """Every token has a sale, carries the energy sold, and is in every field what was verified and sent."""
    for batch in batches(Token.objects.select_related("authority__vend")):
        vends = {token.pk: getattr(token.authority, "vend", None) for token in batch}
        subjects = [f"vend:{vend.pk}" for vend in vends.values() if vend]
        verified = list_details("vend.issued", "token_sha256", subjects)
        for token in batch:
            vend = vends[token.pk]
            if vend is None:
                yield f"token:{token.pk}: no sale stands behind authority:{token.authority_id}"
                continue
            if (_energy_in(token), token.meter_id) != (vend.energy_kwh_tenths, vend.meter_id):
                yield f"token:{token.pk}: its energy or meter is not that of vend:{vend.pk}"
            if vend.state == VendState.ISSUED and verified.get(f"vend:{vend.pk}") != tokens.fingerprint_of(token):
                yield f"token:{token.pk}: is not the one that was verified for vend:{vend.pk}"


def _energy_in(token: Token) -> int | None:
    try:
        return tenths_of(token.amount_field)
    except DomainError:
        return None


def find_missing_tokens() -> Iterator[str]:
    """A sale that is ISSUED has its token; an authority has its sale."""
    for vend in Vend.objects.filter(state=VendState.ISSUED, authority__token=None).iterator():
        yield f"vend:{vend.pk}: is ISSUED without a token"
    for authority in Authority.objects.filter(vend=None).iterator():
        yield f"authority:{authority.pk}: no sale was made of it"


def _payments_of(authorities: Sequence[Authority]) -> dict[int, Payment]:
    """The payment that each of these authorities names, by the authority's id."""
    numbers = {a.reference for a in authorities if a.reference.isdecimal() and len(a.reference) < 19}
    payments = {str(payment.pk): payment for payment in Payment.objects.filter(pk__in=numbers)}
    named = ((a.pk, payments.get(a.reference)) for a in authorities if a.kind in AUTHORITY_KINDS)
    return {authority_id: payment for authority_id, payment in named if payment}
