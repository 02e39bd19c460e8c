"""One payment: what is known, everything that happened, and what may be done now; also those that became no sale."""

from dataclasses import dataclass

from django.http import Http404, HttpRequest, HttpResponse
from django.views.decorators.http import require_safe

from fleet.approvals.services import LONGEST_REASON
from gateway.dashboard import words
from gateway.dashboard.approval_rows import ApprovalRow, Which, list_approval_rows
from gateway.dashboard.cases import CaseRow, list_case_rows
from gateway.dashboard.layout import operators_only, read_clock, show
from gateway.dashboard.offers import Offer, list_offers
from gateway.dashboard.payment_events import list_payment_events
from gateway.dashboard.queries import list_sale_ids
from gateway.dashboard.stuck_rows import doubt_words, next_of_doubted, next_of_payment, next_of_purchase
from gateway.dashboard.timeline import Event
from gateway.dashboard.words import Moment, PageClock, State
from gateway.desk.kinds import Kind
from gateway.payments.lifecycle import PaymentState
from gateway.payments.queries import get_payment
from gateway.refunds.lifecycle import RefundState
from gateway.refunds.queries import is_whole, list_refunds_of

_OPEN = (PaymentState.EXPECTED, PaymentState.UNKNOWN)
_UNSPENT = (PaymentState.CONFIRMED, PaymentState.SUSPENSE)


@dataclass(frozen=True)
class RefundRow:
    """`is_by_hand` asks for the payout's receipt; `can_ask` says that the provider could be asked once more."""

    id: int
    amount: str
    state: State
    reason: str
    receipt: str
    approved_at: Moment
    next_try: str
    is_by_hand: bool
    can_ask: bool


@dataclass(frozen=True)
class PaymentPage:
    """`age` and `next_try` are empty once nothing more happens by itself; `doubt` is why it is stopped, if it is."""

    id: int
    state: State
    reason: str
    doubt: str
    age: str
    next_try: str
    amount: str
    provider: str
    receipt: str
    reference: str
    account: str
    payer: str
    meter: str
    meter_id: int | None
    started_at: Moment
    attempts: int
    questions: str
    sale_id: int | None
    refunds: list[RefundRow]
    offers: list[Offer]
    cases: list[CaseRow]
    approvals: list[ApprovalRow]
    events: list[Event]


@operators_only
@require_safe
def payment(request: HttpRequest, payment_id: int) -> HttpResponse:
    clock = read_clock()
    found = get_payment_page(clock, payment_id, operator_id=request.user.pk)
    if found is None:
        raise Http404("no such payment")
    context = {"payment": found, "longest_reason": LONGEST_REASON}
    return show(request, "payment", context, clock=clock, nav="payments")


def get_payment_page(clock: PageClock, payment_id: int, *, operator_id: int | None) -> PaymentPage | None:
    found = get_payment(payment_id)
    if found is None:
        return None
    is_doubted = found.must_verify or bool(found.frozen_reason)
    is_waiting = found.state in (*_OPEN, *_UNSPENT)
    approvals = _list_approvals(clock, payment_id, found.meter_id, operator_id)
    cases = list_case_rows(clock, operator_id=operator_id, about=_subjects(payment_id))
    return PaymentPage(
        id=found.pk,
        state=words.payment_state(found.state),
        reason=words.reason(found.reason),
        doubt=doubt_words(found.frozen_reason) if is_doubted else "",
        age=clock.age(found.confirmed_at or found.started_at) if is_waiting else "",
        next_try=_next_of(clock, payment_id) if is_waiting or is_doubted else "",
        amount=words.money(found.amount_minor, found.currency),
        provider=found.provider,
        receipt=found.receipt or "",
        reference=found.reference,
        account=words.account(found.account_text),
        payer=words.payer(found.payer_e164, found.payer_masked, found.payer_sha256),
        meter=found.meter.drn if found.meter else "",
        meter_id=found.meter_id,
        started_at=clock.moment(found.started_at, found.meter.site.timezone if found.meter else ""),
        attempts=found.attempts,
        questions=words.asked(found.queries) if found.queries else "",
        sale_id=list_sale_ids([payment_id]).get(payment_id),
        refunds=_list_refunds(clock, payment_id),
        offers=list_offers(payment_id),
        cases=cases,
        approvals=approvals,
        events=list_payment_events(
            clock,
            payment_id,
            approval_ids=[row.id for row in approvals],
            case_ids=[row.id for row in cases],
        ),
    )


def _subjects(payment_id: int) -> set[str]:
    """What a case about this money is about."""
    sale_id = list_sale_ids([payment_id]).get(payment_id)
    refunds = {f"refund:{refund.pk}" for refund in list_refunds_of(payment_id)}
    return {f"payment:{payment_id}", *refunds, *([f"vend:{sale_id}"] if sale_id else [])}


def _list_approvals(
    clock: PageClock, payment_id: int, meter_id: int | None, operator_id: int | None
) -> list[ApprovalRow]:
    """Of the payment, of its sale, and of those about its meter's wallet the ones that name it."""
    sale_id = list_sale_ids([payment_id]).get(payment_id)
    subjects = [f"payment:{payment_id}", *([f"vend:{sale_id}"] if sale_id else [])]
    rows = list_approval_rows(clock, Which(subjects=subjects), operator_id=operator_id)
    if meter_id:
        wallets = list_approval_rows(clock, Which(subjects=[f"meter:{meter_id}"]), operator_id=operator_id)
        rows += [row for row in wallets if row.kind == Kind.WALLET_REFUND and row.payment_id == payment_id]
    return sorted(rows, key=lambda row: -row.id)


def _list_refunds(clock: PageClock, payment_id: int) -> list[RefundRow]:
    found = get_payment(payment_id)
    if found is None:
        return []
    return [
        RefundRow(
            id=refund.pk,
            amount=words.money(refund.amount_minor, refund.currency),
            state=words.refund_state(refund.state),
            reason=words.reason(refund.reason),
            receipt=refund.payout_receipt,
            approved_at=clock.moment(refund.approved_at),
            next_try=words.next_try(clock, refund.next_try_at, refund.leased_until)
            if refund.state in (RefundState.WAITING, RefundState.ASKED)
            else "",
            is_by_hand=refund.state == RefundState.BY_HAND,
            can_ask=refund.state == RefundState.BY_HAND and is_whole(refund, found),
        )
        for refund in list_refunds_of(payment_id)
    ]


def _next_of(clock: PageClock, payment_id: int) -> str:
    found = get_payment(payment_id)
    if found is None:
        return ""
    if found.must_verify or found.frozen_reason:
        return next_of_doubted(clock, found.frozen_reason, found.queries, found.next_query_at)
    if found.state in _OPEN:
        return next_of_purchase(
            clock, found.state, found.next_try_at, found.leased_until, found.queries, found.next_query_at
        )
    return next_of_payment(clock, found.state, found.attempts, found.next_try_at, found.leased_until)
