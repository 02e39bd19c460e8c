"""THE flow: payment -> vend -> token -> message. Read this first.

`fulfil` may be called by anybody, at any time, for any batch; called twice, the second call finds nothing to do. Killed
anywhere, the sweeper calls it again, and the states say where to go on:

    claim      CONFIRMED payments and unfinished vends, by a lease that ends by itself
    allocate   payment ALLOCATED or SUSPENSE; vend FUNDED, then ISSUING with its TID stored   (one transaction)
    issue      the security module makes the digits, they are stored, read again, decoded     (none open)
    settle     vend ISSUED, its messages QUEUED                                               (one transaction)

The TID is stored before the module is asked, so asking again gives the same twenty digits.
"""

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple

from django.db import transaction

from fleet.audit.services import Act, record
from fleet.cases.services import CaseDraft, close_cases, open_cases
from fleet.meters.locks import lock_meters
from gateway.failpoints import Failpoint, reach
from gateway.fulfilment.issuing import Outcomes, issue
from gateway.fulfilment.letters import queue_kept_notices, queue_letters, queue_lost_notices
from gateway.fulfilment.pricing import priced_at_of, queue_price_notices
from gateway.fulfilment.stuck import close_stuck_cases
from gateway.payments.lifecycle import PAYMENT, PaymentState
from gateway.payments.locks import claim_payments, lock_payments
from gateway.payments.models import Payment
from gateway.payments.queries import find_meters, list_payments
from gateway.payments.services import postpone_payment
from gateway.payments.sql import store_allocated
from gateway.reversals.queries import list_reversed_receipts
from vending.kernel.errors import DomainError
from vending.ledger.accounts import SUSPENSE, provider_float
from vending.ledger.services import Line, Posting, post
from vending.security.ports import SecurityModule
from vending.vends.locks import claim_vends
from vending.vends.queries import list_meters_of_tokenless
from vending.vends.services import SaleOrder, fund_vends, resume_vends, settle_vends

logger = logging.getLogger(__name__)

BATCH = 50
AUTHORITY_KIND = "payment"
# Both name a payment: what it bought first, and what it bought when it was moved to the meter that was meant.
MOVED = "moved"
AUTHORITY_KINDS = (AUTHORITY_KIND, MOVED)
PAYMENT_WITHOUT_METER = "payment_without_meter"
PAYMENT_WITHOUT_METER_DUE = timedelta(hours=24)
_ACTOR = "system:fulfilment"


@dataclass(frozen=True)
class Tools:
    """What the flow needs from outside: the module, a clock, a random nibble, and how far TIDs may be ahead."""

    module: SecurityModule
    clock: Callable[[], datetime]
    random_nibble: Callable[[], int]
    look_ahead_minutes: int


class Progress(NamedTuple):
    """What one call did: how many rows it claimed, and the messages that now wait to be sent."""

    rows: int
    message_ids: list[int]


def fulfil(
    *, payment_ids: Sequence[int] | None, tools: Tools, bring_along: bool = False, limit: int = BATCH
) -> Progress:
    """Take waiting payments (these, or any) through the whole flow; `bring_along` fills the batch with others."""
    claimed = claim_payments(payment_ids=payment_ids, bring_along=bring_along, now=tools.clock(), limit=limit)
    if not claimed:
        return Progress(0, [])
    reach(Failpoint.PAYMENTS_CLAIMED)
    allocated = _allocate_all(claimed, tools)
    letters = issue_and_settle(vend_ids=allocated.vend_ids, tools=tools)
    return Progress(len(claimed), allocated.message_ids + letters)


def resume(*, tools: Tools, limit: int = BATCH) -> Progress:
    """Take unfinished vends on from where they stopped."""
    vend_ids = claim_vends(now=tools.clock(), limit=limit)
    if not vend_ids:
        return Progress(0, [])
    _give_tokens(vend_ids, tools)
    return Progress(len(vend_ids), issue_and_settle(vend_ids=vend_ids, tools=tools))


def issue_and_settle(*, vend_ids: Sequence[int], tools: Tools) -> list[int]:
    """Steps 3 to 5: ask the module, store and verify, then move vends and queue their messages in one transaction."""
    outcomes = issue(vend_ids, tools.module)
    return _settle_all(outcomes, tools) if outcomes else []


def _settle_all(outcomes: Outcomes, tools: Tools) -> list[int]:
    """Settle the batch; if it cannot be as a whole, each alone, so that one bad row does not wear out the rest. One
    that never can be is given up in the end, with a case.
    """
    try:
        message_ids = _settle(outcomes, tools)
    except Exception:
        logger.exception("settling of %d sales failed", len(outcomes))
        if len(outcomes) == 1:
            return []
        return [pk for vend_id, outcome in outcomes.items() for pk in _settle_all({vend_id: outcome}, tools)]
    reach(Failpoint.ISSUE_AFTER_COMMIT)
    return message_ids


@transaction.atomic
def _settle(outcomes: Outcomes, tools: Tools) -> list[int]:
    now = tools.clock()
    vends = settle_vends(outcomes=outcomes, actor=_ACTOR, now=now)
    message_ids = queue_letters(vends=vends, now=now)
    reach(Failpoint.ISSUE_BEFORE_COMMIT)
    return message_ids


class Allocated(NamedTuple):
    vend_ids: list[int]
    message_ids: list[int]


def _allocate_all(payment_ids: Sequence[int], tools: Tools) -> Allocated:
    """Allocate the batch; if it cannot be as a whole, each alone, so that one bad row does not stop the rest."""
    try:
        allocated = allocate(payment_ids=payment_ids, tools=tools)
    except Exception as error:
        logger.exception("allocation of %d payments failed", len(payment_ids))
        if len(payment_ids) == 1:
            reason = error.code if isinstance(error, DomainError) else type(error).__name__
            postpone_payment(payment_id=payment_ids[0], reason=reason, now=tools.clock())
            return Allocated([], [])
        parts = [_allocate_all([payment_id], tools) for payment_id in payment_ids]
        return Allocated([v for part in parts for v in part.vend_ids], [m for part in parts for m in part.message_ids])
    reach(Failpoint.ALLOCATE_AFTER_COMMIT)
    return allocated


@transaction.atomic
def allocate(*, payment_ids: Sequence[int], tools: Tools) -> Allocated:
    """Steps 1 and 2: book each payment's money and prepare what it buys; returns the vends that want their token.

    Locks: the meters by ascending id, then the payments. Idempotent by payment: only CONFIRMED ones (and SUSPENSE
    ones that have got a meter) are taken, and an authority is unique. What is on hold by then is left alone; money
    that the provider took back already buys nothing and waits in suspense for that to be booked.
    """
    meter_of = _match(payment_ids)
    meters = lock_meters(set(meter_of.values()))
    now = tools.clock()
    waiting = [payment for payment in lock_payments(payment_ids) if _is_waiting(payment, meter_of)]
    payments = _set_aside_taken_back(waiting, now)
    known = [payment for payment in payments if payment.pk in meter_of]
    orders = [_order(payment, meter_of[payment.pk]) for payment in known]
    vend_of = fund_vends(
        kind=AUTHORITY_KIND,
        orders=orders,
        meters={order.meter_id: meters[order.meter_id] for order in orders},
        random_nibble=tools.random_nibble,
        look_ahead_minutes=tools.look_ahead_minutes,
        actor=_ACTOR,
        now=now,
    )
    _store(payments, meter_of, now)
    kept = [payment for payment in known if vend_of[str(payment.pk)] is None]
    lost = [payment for payment in payments if payment.pk not in meter_of]
    message_ids = queue_kept_notices(payments=kept, meters=meters, now=now) + queue_lost_notices(payments=lost, now=now)
    message_ids += queue_price_notices(payments=known, vend_of=vend_of, meters=meters, now=now)
    reach(Failpoint.ALLOCATE_BEFORE_COMMIT)
    return Allocated([vend.pk for vend in vend_of.values() if vend], message_ids)


def _match(payment_ids: Sequence[int]) -> dict[int, int]:
    """The meter of each payment that has one: the purchase's, else what the account text means, in its own currency."""
    payments = list_payments(payment_ids)
    by_text = find_meters(sorted({payment.account_text for payment in payments if not payment.meter_id}))
    meter_of = {}
    for payment in payments:
        meter = by_text.get(payment.account_text)
        if payment.meter_id:
            meter_of[payment.pk] = payment.meter_id
        elif meter and meter.site.currency == payment.currency:
            meter_of[payment.pk] = meter.pk
    return meter_of


def _is_waiting(payment: Payment, meter_of: Mapping[int, int]) -> bool:
    """Whether nobody else has allocated it, nor stopped it, since it was claimed; a lost one waits for a meter.

    One that was given a meter since it was matched is left to the next claim, which locks that meter.
    """
    if payment.must_verify or payment.frozen_reason or payment.meter_id not in (None, meter_of.get(payment.pk)):
        return False
    if payment.state == PaymentState.SUSPENSE:
        return payment.pk in meter_of
    return payment.state == PaymentState.CONFIRMED


def _set_aside_taken_back(payments: Sequence[Payment], now: datetime) -> list[Payment]:
    """Put money that the provider has taken back into suspense, where it is no more claimed; returns the rest."""
    reversed_receipts = list_reversed_receipts({(payment.provider, payment.receipt or "") for payment in payments})
    if not reversed_receipts:
        return list(payments)
    back = [payment for payment in payments if (payment.provider, payment.receipt) in reversed_receipts]
    moved = [payment for payment in back if payment.state != PaymentState.SUSPENSE]
    post(postings=[_suspense_posting(payment) for payment in moved], now=now)
    for payment in moved:
        PAYMENT.check_can_move(payment.state, PaymentState.SUSPENSE)
    for payment in back:
        _end(payment, PaymentState.SUSPENSE, "taken back by the provider")
    store_allocated(back)
    record(actor=_ACTOR, acts=[_act(payment) for payment in moved], now=now)
    return [payment for payment in payments if payment not in back]


def _order(payment: Payment, meter_id: int) -> SaleOrder:
    return SaleOrder(
        reference=str(payment.pk),
        meter_id=meter_id,
        paid_minor=payment.amount_minor,
        source=SUSPENSE if payment.state == PaymentState.SUSPENSE else provider_float(payment.provider),
        cause=f"payment:{payment.pk}:allocated",
        priced_at=priced_at_of(payment),
    )


def _store(payments: Sequence[Payment], meter_of: Mapping[int, int], now: datetime) -> None:
    """Move each payment on, and book what has no meter into suspense, with a case about it until it has one."""
    lost = [payment for payment in payments if payment.pk not in meter_of]
    found = [payment for payment in payments if payment.state == PaymentState.SUSPENSE]
    post(postings=[_suspense_posting(payment) for payment in lost], now=now)
    for payment in payments:
        payment.meter_id = meter_of.get(payment.pk)
        state = PaymentState.ALLOCATED if payment.meter_id else PaymentState.SUSPENSE
        PAYMENT.check_can_move(payment.state, state)
        _end(payment, state, "" if payment.meter_id else "no meter for this account")
    store_allocated(payments)
    record(actor=_ACTOR, acts=[_act(payment) for payment in payments], now=now)
    if lost:  # a savepoint is two round trips
        open_cases(drafts=[_meterless(payment, now) for payment in lost], actor=_ACTOR, now=now)
    close_stuck_cases(payments, now)
    for payment in found:
        subject, outcome = f"payment:{payment.pk}", "closed by itself: the payment has its meter"
        close_cases(subject=subject, reason=PAYMENT_WITHOUT_METER, outcome=outcome, actor=_ACTOR, now=now)


def _end(payment: Payment, state: PaymentState, reason: str) -> None:
    payment.state, payment.reason, payment.next_try_at, payment.leased_until = state, reason, None, None


def _act(payment: Payment) -> Act:
    return Act(f"payment.{payment.state.lower()}", f"payment:{payment.pk}")


def _meterless(payment: Payment, now: datetime) -> CaseDraft:
    details = {"amount_minor": payment.amount_minor, "currency": payment.currency}
    return CaseDraft(PAYMENT_WITHOUT_METER, f"payment:{payment.pk}", now + PAYMENT_WITHOUT_METER_DUE, details)


def _suspense_posting(payment: Payment) -> Posting:
    lines = (
        Line(provider_float(payment.provider), payment.amount_minor),
        Line(SUSPENSE, -payment.amount_minor),
    )
    return Posting(cause=f"payment:{payment.pk}:suspense", currency=payment.currency, lines=lines)


@transaction.atomic
def _give_tokens(vend_ids: Sequence[int], tools: Tools) -> None:
    """Vends that were held before they had a TID get one now, under their meters' locks."""
    meter_ids = list_meters_of_tokenless(vend_ids)
    if meter_ids:
        resume_vends(
            vend_ids=vend_ids,
            meters=lock_meters(meter_ids),
            random_nibble=tools.random_nibble,
            look_ahead_minutes=tools.look_ahead_minutes,
            now=tools.clock(),
        )
