"""Selling: money of an authority into a funded vend, its token prepared, issued and verified; and what a person may do
about a sale that is held.

The caller is the flow (`gateway.fulfilment`) or the operator's desk; it holds the meters' locks where the text says so,
and asks the security module between these steps, outside of any transaction.
"""

import hashlib
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import UTC, datetime

from django.db import transaction

from fleet.audit.services import Act, record
from fleet.cases.services import close_cases
from fleet.meters.models import Meter
from vending.kernel.errors import DomainError
from vending.keys.errors import VendingKeyStopped
from vending.keys.stopping import stop_vending_key
from vending.ledger.services import post
from vending.tariffs.models import FixedFeeCharge, FreeAllowance
from vending.tokens import services as tokens
from vending.tokens.errors import VerifyFailed
from vending.tokens.services import grant_authorities
from vending.vends.errors import PaymentFrozen, SaleGivenUp, VendNotCancellable
from vending.vends.funding import SaleOrder, cancel_posting_of, decide, new_vend, posting_of, store_month_rows
from vending.vends.holding import can_go_on, follow_up, hold, move, open_missing_cases, subject_of
from vending.vends.lifecycle import VEND, VendState
from vending.vends.locks import lock_vends, lock_worn_out
from vending.vends.models import Vend
from vending.vends.preparing import prepare

__all__ = [
    "SaleOrder",
    "cancel_vend",
    "fingerprint_of",
    "fund_vends",
    "give_up_vends",
    "hold_vend",
    "release_vend",
    "resume_vends",
    "settle_vends",
    "wake_held_vends",
]
_ACTOR = "system:vends"


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
    sells nothing: the money is kept in its wallet; so is what a limit of the tariff keeps back. Idempotent by (kind,
    reference): a second call is an `IntegrityError` and changes nothing.

    An order may take its money out of another meter's wallet, whose lock the caller holds too; `WalletTooSmall` if it
    is not there. A site without prices at an order's moment is `TariffMissing`.
    """
    sales = decide(orders, meters, now)
    sold = [sale for sale in sales if sale.split.is_sale]
    authorities = grant_authorities(kind=kind, references=[sale.order.reference for sale in sold], now=now)
    vends = [new_vend(sale, authority, now) for sale, authority in zip(sold, authorities, strict=True)]
    prepare(vends, meters, random_nibble=random_nibble, look_ahead_minutes=look_ahead_minutes, now=now)
    Vend.objects.bulk_create(vends)
    store_month_rows(sold, vends)
    post(postings=[posting_of(sale) for sale in sales], now=now)
    vend_of: dict[str, Vend | None] = dict.fromkeys(order.reference for order in orders)
    vend_of.update({sale.order.reference: vend for sale, vend in zip(sold, vends, strict=True)})
    record(actor=actor, acts=[_funded_act(vend) for vend in vends], now=now)
    follow_up(vends=vends, reasons_before=[""] * len(vends), actor=actor, now=now)
    return vend_of


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

    A vend that gets it begins anew: its tries so far were of no token, and none of them ended a worker. One that was
    cancelled or taken out by hand since it was claimed is left alone.
    """
    vends = [vend for vend in lock_vends(vend_ids) if can_go_on(vend) and not hasattr(vend.authority, "token")]
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

    Compare and set under the vend's lock: a vend that somebody else issued or cancelled in the meantime, or that only
    a person may move, is left alone. A token that failed its verification stops its vending key, also where its sale
    was cancelled or frozen since: what else was made under it, however right it looks, waits until two persons start
    it again.
    """
    locked = lock_vends(list(outcomes))
    vends = [vend for vend in locked if can_go_on(vend)]
    reasons_before = [vend.held_reason for vend in vends]
    stopped = _stop_keys([vend for vend in locked if _has_failed(vend, outcomes[vend.pk])], actor, now)
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


@transaction.atomic
def cancel_vend(*, vend_id: int, actor: str, now: datetime) -> Vend:
    """Take a HELD sale back: all it took is in the meter's wallet again, its months' fees and free units are not had.

    A token of it stays as it is and is never sent. Raises `VendNotCancellable` unless it is HELD, so once. The caller
    holds the meter's lock.
    """
    vend = next(iter(lock_vends([vend_id])), None)
    if vend is None or not VEND.can_move(vend.state, VendState.CANCELLED):
        raise VendNotCancellable(f"sale {vend_id} is {vend.state if vend else 'none'}, not HELD", field="state")
    reason = vend.held_reason
    move(vend, VendState.CANCELLED)
    vend.next_try_at, vend.leased_until, vend.held_reason = None, None, ""
    _store([vend])
    posting = cancel_posting_of(vend)
    post(postings=[posting] if posting.lines else [], now=now)
    for rows in (FixedFeeCharge.objects, FreeAllowance.objects):
        rows.filter(vend=vend).update(cancelled_at=now)
    details = {"reason": reason, "wallet_minor": vend.paid_minor + vend.wallet_used_minor - vend.kept_minor}
    record(actor=actor, acts=[Act("vend.cancelled", f"vend:{vend.pk}", details)], now=now)
    follow_up(vends=[vend], reasons_before=[reason], actor=actor, now=now)
    close_cases(subject=subject_of(vend), outcome="closed by itself: the sale was cancelled", actor=actor, now=now)
    return vend


@transaction.atomic
def hold_vend(*, vend_id: int, reason: str, actor: str, now: datetime) -> bool:
    """Take a sale out of the flow, as `payment_frozen`, until a person releases or cancels it; returns whether it was
    this call. A worker in the middle of it issues nothing. `reason` says why, for the audit trail.

    One that has its code, is cancelled, or waits for a person already is left as it is. The caller holds the meter's
    lock.
    """
    vend = next(iter(lock_vends([vend_id])), None)
    if vend is None or not can_go_on(vend):
        return False
    reason_before = vend.held_reason
    hold(vend, PaymentFrozen(reason), now)
    _store([vend])
    details = {"reason": vend.held_reason, "why": reason}
    record(actor=actor, acts=[Act("vend.held", f"vend:{vend.pk}", details)], now=now)
    follow_up(vends=[vend], reasons_before=[reason_before], actor=actor, now=now)
    return True


@transaction.atomic
def release_vend(*, vend_id: int, actor: str, now: datetime) -> bool:
    """Let a sale that `hold_vend` took out be tried at once, as if for the first time: HELD without a token, else
    ISSUING; returns whether it was this call. One that waits for another reason is left as it is.

    The caller holds the meter's lock.
    """
    vend = next(iter(lock_vends([vend_id])), None)
    if vend is None or vend.state != VendState.HELD or vend.held_reason != PaymentFrozen.code:
        return False
    vend.held_reason, vend.next_try_at = "", now
    if hasattr(vend.authority, "token"):
        move(vend, VendState.ISSUING)  # a HELD one is tried for ever, also where it ends its worker every time
    _store([vend])
    Vend.objects.filter(pk=vend_id).update(attempts=0)
    record(actor=actor, acts=[Act("vend.released", f"vend:{vend_id}")], now=now)
    outcome = "closed by itself: the sale was released"
    close_cases(subject=subject_of(vend), reason=PaymentFrozen.code, outcome=outcome, actor=actor, now=now)
    return True


@transaction.atomic
def give_up_vends(*, now: datetime, actor: str, limit: int = 200) -> int:
    """Take sales out of the flow, as `sale_given_up`, that were begun the most times it tries; returns how many.

    Whatever ends its worker every time is one of them: nobody takes it up any more, so a person is called. One that is
    HELD is not: it is tried for ever. Also opens again the case of a sale that only a person can move, where somebody
    closed it and left the sale.
    """
    vends = lock_worn_out(now=now, limit=limit)
    reasons_before = [vend.held_reason for vend in vends]
    for vend in vends:
        hold(vend, SaleGivenUp(f"tried {vend.attempts} times"), now)
    _store(vends)
    acts = [Act("vend.held", f"vend:{vend.pk}", {"reason": vend.held_reason}) for vend in vends]
    record(actor=actor, acts=acts, now=now)
    follow_up(vends=vends, reasons_before=reasons_before, actor=actor, now=now)
    open_missing_cases(actor=actor, now=now)
    return len(vends)


def _has_failed(vend: Vend, outcome: DomainError | None) -> bool:
    """Whether this answer is the first to say so: a late one stops no key that two persons have started again."""
    is_known = vend.state == VendState.ISSUED or vend.held_reason == VerifyFailed.code
    return isinstance(outcome, VerifyFailed) and not is_known


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
    """What the audit trail keeps of a sale, so that a later change of what was sold for what shows.

    A plain sale is named as sales were before there were levies, blocks and allowances: their trail stays good.
    """
    money_in, money_out = (vend.paid_minor, vend.wallet_used_minor), (vend.net_minor, vend.vat_minor, vend.fee_minor)
    facts = (vend.meter_id, vend.tariff_id, vend.energy_kwh_tenths, vend.currency, money_in, money_out, vend.kept_minor)
    priced_at = "" if vend.priced_at == vend.funded_at else vend.priced_at.astimezone(UTC).isoformat()
    more = (vend.levies_minor, vend.free_kwh_tenths, vend.month_before_kwh_tenths, vend.is_lifeline, priced_at)
    named = f"vend {facts} {more}" if any(more) else f"vend {facts}"
    return hashlib.sha256(named.encode()).hexdigest()


def _funded_act(vend: Vend) -> Act:
    details = {"energy_kwh_tenths": vend.energy_kwh_tenths, "vend_sha256": fingerprint_of(vend)}
    return Act("vend.funded", f"vend:{vend.pk}", {"meter_id": vend.meter_id} | details)
