"""Selling: money of an authority into a funded vend, its token prepared, issued and verified.

The caller is the flow (`gateway.fulfilment`); it holds the meters' locks where the text says so, and asks the
security module between these steps, outside of any transaction.
"""

import hashlib
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from django.db import transaction

from fleet.audit.services import Act, record
from fleet.meters.models import Meter
from fleet.meters.services import can_vend
from vending.kernel.errors import DomainError
from vending.keys.errors import VendingKeyStopped
from vending.keys.stopping import stop_vending_key
from vending.ledger.accounts import ENERGY_REVENUE, FIXED_FEE_REVENUE, VAT, WALLET
from vending.ledger.queries import list_wallets
from vending.ledger.services import Line, Posting, post
from vending.sts.amounts import greatest_amount_within
from vending.tariffs.engine import Split, split_money
from vending.tariffs.models import FixedFeeCharge, Tariff
from vending.tariffs.queries import list_charged_meters, list_tariffs, month_of, prices_of
from vending.tokens import services as tokens
from vending.tokens.errors import VerifyFailed
from vending.tokens.models import Authority
from vending.tokens.services import grant_authorities
from vending.vends.holding import follow_up, hold, move, waits_for_hand
from vending.vends.lifecycle import VendState
from vending.vends.locks import LEASE, lock_vends
from vending.vends.models import Vend
from vending.vends.preparing import prepare

_ACTOR = "system:vends"


@dataclass(frozen=True)
class SaleOrder:
    """Money for a meter. `reference` is unique for its kind (a payment's id); `source` the account that the money is
    in.
    """

    reference: str
    meter_id: int
    paid_minor: int
    source: str
    cause: str


@dataclass(frozen=True)
class _Sale:
    """An order with what was decided about it."""

    order: SaleOrder
    meter: Meter
    tariff: Tariff
    split: Split
    month: date


def fund_vends(
    *,
    kind: str,
    orders: Sequence[SaleOrder],
    meters: Mapping[int, Meter],
    random_nibble: Callable[[], int],
    look_ahead_minutes: int,
    actor: str,
    now: datetime,
) -> dict[str, Vend | None]:
    """Book the money of each order and prepare what it buys; returns the vend of each reference, or None (all kept).

    To be called inside a transaction that holds the locks of all `meters`. Steps 1 and 2 of the flow share it:
    nothing outside is asked between them, and the recovery point (a vend ISSUING with its TID) stays. A blocked meter
    sells nothing: the money is kept in its wallet. Idempotent by (kind, reference): a second call is an
    `IntegrityError` and changes nothing.
    """
    sales = _decide(orders, meters, now)
    sold = [sale for sale in sales if sale.split.is_sale]
    authorities = grant_authorities(kind=kind, references=[sale.order.reference for sale in sold], now=now)
    vends = [_new_vend(sale, authority, now) for sale, authority in zip(sold, authorities, strict=True)]
    prepare(vends, meters, random_nibble=random_nibble, look_ahead_minutes=look_ahead_minutes, now=now)
    Vend.objects.bulk_create(vends)
    _charge_fees(sold, vends)
    post(postings=[_posting(sale) for sale in sales], now=now)
    vend_of: dict[str, Vend | None] = dict.fromkeys(order.reference for order in orders)
    vend_of.update({sale.order.reference: vend for sale, vend in zip(sold, vends, strict=True)})
    record(actor=actor, acts=[_funded_act(vend) for vend in vends], now=now)
    follow_up(vends=vends, reasons_before=[""] * len(vends), actor=actor, now=now)
    return vend_of


def _decide(orders: Sequence[SaleOrder], meters: Mapping[int, Meter], now: datetime) -> list[_Sale]:
    """Split every order's money, in order: what one keeps in the wallet, the next of that meter may use."""
    wallets = list_wallets(list(meters))
    tariffs = list_tariffs({meter.site_id for meter in meters.values()}, now)
    months = {meter.pk: month_of(now, meter.site.timezone) for meter in meters.values()}
    charged = list_charged_meters(list(months.items()))
    sales = []
    for order in orders:
        meter = meters[order.meter_id]
        month = months[meter.pk]
        split = _split(order, meter, tariffs[meter.site_id], wallets[meter.pk], (meter.pk, month) not in charged)
        wallets[meter.pk] += split.kept_minor - split.wallet_used_minor
        if split.is_sale:
            charged.add((meter.pk, month))
        sales.append(_Sale(order, meter, tariffs[meter.site_id], split, month))
    return sales


def _split(order: SaleOrder, meter: Meter, tariff: Tariff, wallet_minor: int, is_fee_due: bool) -> Split:
    if not can_vend(meter):
        return Split(order.paid_minor, 0, 0, 0, 0, 0, order.paid_minor)
    return split_money(
        prices_of(tariff),
        paid_minor=order.paid_minor,
        wallet_minor=wallet_minor,
        is_fee_due=is_fee_due,
        greatest_within=greatest_amount_within,
    )


def _new_vend(sale: _Sale, authority: Authority, now: datetime) -> Vend:
    split = sale.split
    return Vend(
        authority=authority,
        meter=sale.meter,
        tariff=sale.tariff,
        state=VendState.FUNDED,
        currency=sale.tariff.currency,
        paid_minor=split.paid_minor,
        wallet_used_minor=split.wallet_used_minor,
        net_minor=split.net_minor,
        vat_minor=split.vat_minor,
        fee_minor=split.fee_minor,
        kept_minor=split.kept_minor,
        energy_kwh_tenths=split.energy_kwh_tenths,
        next_try_at=now,
        leased_until=now + LEASE,
        funded_at=now,
    )


def _charge_fees(sold: Sequence[_Sale], vends: Sequence[Vend]) -> None:
    FixedFeeCharge.objects.bulk_create(
        FixedFeeCharge(meter=sale.meter, month_date=sale.month, vend=vend)
        for sale, vend in zip(sold, vends, strict=True)
        if vend.fee_minor
    )


def _posting(sale: _Sale) -> Posting:
    split, meter_id = sale.split, sale.meter.pk
    return Posting(
        cause=sale.order.cause,
        currency=sale.tariff.currency,
        lines=(
            Line(sale.order.source, split.paid_minor),
            Line(WALLET, split.wallet_used_minor - split.kept_minor, meter_id),
            Line(ENERGY_REVENUE, -split.net_minor, meter_id),
            Line(VAT, -split.vat_minor, meter_id),
            Line(FIXED_FEE_REVENUE, -split.fee_minor, meter_id),
        ),
    )


@transaction.atomic
def resume_vends(
    *,
    vend_ids: Sequence[int],
    meters: Mapping[int, Meter],
    random_nibble: Callable[[], int],
    look_ahead_minutes: int,
    now: datetime,
) -> None:
    """Give vends without a token theirs, where what held them is gone. The caller holds the meters' locks.

    A vend that gets it begins anew: its tries so far were of no token, and none of them ended a worker.
    """
    vends = [vend for vend in lock_vends(vend_ids) if not hasattr(vend.authority, "token")]
    reasons_before = [vend.held_reason for vend in vends]
    prepare(vends, meters, random_nibble=random_nibble, look_ahead_minutes=look_ahead_minutes, now=now)
    _store(vends)
    Vend.objects.filter(pk__in=[vend.pk for vend in vends if vend.state == VendState.ISSUING]).update(attempts=0)
    follow_up(vends=vends, reasons_before=reasons_before, actor=_ACTOR, now=now)


def wake_held_vends(*, reasons: Collection[str], now: datetime) -> int:
    """Let sales that are HELD for one of these reasons be tried at the next sweep: what held them was just mended.

    Only the time of the next try changes, and not where only a person may move the sale. Returns how many.
    """
    held = Vend.objects.filter(state=VendState.HELD, held_reason__in=reasons, next_try_at__gt=now)
    return held.update(next_try_at=now)


@transaction.atomic(savepoint=False)
def settle_vends(*, outcomes: Mapping[int, DomainError | None], actor: str, now: datetime) -> list[Vend]:
    """Step 4: move each vend to ISSUED (None) or HELD (the error). Returns those that became ISSUED by this call.

    Compare and set under the vend's lock: a vend that somebody else issued in the meantime, or that only a person may
    move, is left alone. A token that failed its verification stops its vending key: what else was made under it,
    however right it looks, waits until two persons start it again.
    """
    vends = [vend for vend in lock_vends(list(outcomes)) if vend.state != VendState.ISSUED and not waits_for_hand(vend)]
    reasons_before = [vend.held_reason for vend in vends]
    stopped = _stop_keys([vend for vend in vends if isinstance(outcomes[vend.pk], VerifyFailed)], actor, now)
    acts = []
    for vend, reason_before in zip(vends, reasons_before, strict=True):
        token = vend.authority.token
        error = outcomes[vend.pk]
        if error is None and (token.vending_key.stopped_at or token.vending_key_id in stopped):
            error = VendingKeyStopped("the vending key was stopped before the token was settled")
        if error is None:
            _issue(vend, now)
            acts.append(Act("vend.issued", f"vend:{vend.pk}", {"token_sha256": tokens.fingerprint_of(token)}))
        else:
            hold(vend, error, now)
            if error.code != reason_before:  # a try every five minutes that changes nothing is no act
                acts.append(Act("vend.held", f"vend:{vend.pk}", {"reason": error.code}))
    _store(vends)
    record(actor=actor, acts=acts, now=now)
    follow_up(vends=vends, reasons_before=reasons_before, actor=actor, now=now)
    return [vend for vend in vends if vend.state == VendState.ISSUED]


def _stop_keys(failed: Sequence[Vend], actor: str, now: datetime) -> set[int]:
    """Stop the vending keys of these tokens, in one order whatever the caller's; returns their ids."""
    key_ids = {vend.authority.token.vending_key_id for vend in failed}
    for key_id in sorted(key_ids):
        stop_vending_key(vending_key_id=key_id, reason=VerifyFailed.code, actor=actor, now=now)
    return key_ids


def _store(vends: Sequence[Vend]) -> None:
    """One UPDATE for each different set of values: the vends of a batch nearly always share one."""
    fields = ("state", "held_reason", "next_try_at", "leased_until", "issued_at")
    alike: dict[tuple[object, ...], list[int]] = {}
    for vend in vends:
        alike.setdefault(tuple(getattr(vend, field) for field in fields), []).append(vend.pk)
    for values, vend_ids in alike.items():
        Vend.objects.filter(pk__in=vend_ids).update(**dict(zip(fields, values, strict=True)))


def _issue(vend: Vend, now: datetime) -> None:
    if vend.state == VendState.HELD:
        move(vend, VendState.ISSUING)
    move(vend, VendState.ISSUED)
    vend.issued_at, vend.next_try_at, vend.leased_until, vend.held_reason = now, None, None, ""


def fingerprint_of(vend: Vend) -> str:
    """What the audit trail keeps of a sale, so that a later change of what was sold for what shows."""
    money_in, money_out = (vend.paid_minor, vend.wallet_used_minor), (vend.net_minor, vend.vat_minor, vend.fee_minor)
    facts = (vend.meter_id, vend.tariff_id, vend.energy_kwh_tenths, vend.currency, money_in, money_out, vend.kept_minor)
    return hashlib.sha256(f"vend {facts}".encode()).hexdigest()


def _funded_act(vend: Vend) -> Act:
    details = {"energy_kwh_tenths": vend.energy_kwh_tenths, "vend_sha256": fingerprint_of(vend)}
    return Act("vend.funded", f"vend:{vend.pk}", {"meter_id": vend.meter_id} | details)
