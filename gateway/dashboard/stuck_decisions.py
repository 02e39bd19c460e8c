"""The rows of the page of what waits that end with a person's act: refunds, claims, double payments, proposals."""

from django.db.models import prefetch_related_objects
from django.urls import reverse

from fleet.approvals.queries import list_waiting
from fleet.cases.queries import list_open_cases
from gateway.dashboard import words
from gateway.dashboard.cases import MOST_READ, about_words
from gateway.dashboard.stuck_rows import SHOWN, StuckRow, due_at, make_row
from gateway.dashboard.words import BAD, BUSY, PageClock, State
from gateway.payments.doubts import DOUBTS, WRONG_METER
from gateway.payments.queries import find_double_pays, list_payments
from gateway.refunds.lifecycle import RefundState
from gateway.refunds.queries import list_open_refunds

# What became of the sale when the customer said that the meter was wrong, as its case tells it.
_CLAIM_STATES = {
    "stopped": State("code stopped", BUSY),
    "already_sent": State("code was sent", BAD),
    "for_staff": State("money in the wallet", BUSY),
}


def list_refund_rows(clock: PageClock) -> list[StuckRow]:
    return [
        make_row(
            clock,
            refund.approved_at,
            name=f"Refund {refund.pk}",
            url=f"{reverse('dashboard:payment', args=[refund.payment_id])}#refunds",
            amount=words.money(refund.amount_minor, refund.currency),
            meter=refund.meter.drn if refund.meter else "",
            receipt=refund.payment.receipt or "",
            phone=words.payer(refund.payment.payer_e164, refund.payment.payer_masked, refund.payment.payer_sha256),
            state=words.refund_state(refund.state),
            reason=words.reason(refund.reason),
            next_try="none: a person pays it out"
            if refund.state == RefundState.BY_HAND
            else f"{words.asked(refund.attempts)}, {words.next_try(clock, refund.next_try_at, refund.leased_until)}",
            due_at=due_at(clock, refund.next_try_at, refund.leased_until),
        )
        for refund in list_open_refunds(limit=SHOWN + 1)
    ]


def list_spent_doubt_rows(clock: PageClock, known_ids: frozenset[int]) -> list[StuckRow]:
    """Payments that were booked before they were doubted, but for those that are listed already: by their cases."""
    cases = list_open_cases(limit=MOST_READ, reasons=DOUBTS)
    ids = {_payment_id(case.subject): case for case in cases if _payment_id(case.subject) not in known_ids}
    payments = list_payments(payment_id for payment_id in ids if payment_id)
    prefetch_related_objects(payments, "meter")
    return [
        make_row(
            clock,
            ids[payment.pk].opened_at,
            name=f"Payment {payment.pk}",
            url=reverse("dashboard:payment", args=[payment.pk]),
            amount=words.money(payment.amount_minor, payment.currency),
            meter=payment.meter.drn if payment.meter else words.account(payment.account_text),
            receipt=payment.receipt or "",
            phone=words.payer(payment.payer_e164, payment.payer_masked, payment.payer_sha256),
            state=words.payment_state(payment.state),
            reason=words.reason(ids[payment.pk].reason),
            next_try="none: a person decides",
        )
        for payment in payments
    ]


def list_claim_rows(clock: PageClock) -> list[StuckRow]:
    """Payments that their payer says were for the wrong meter: a case each, until a person has decided."""
    cases = list_open_cases(limit=MOST_READ, reasons=[WRONG_METER])
    payments = {payment.pk: payment for payment in list_payments(filter(None, (_payment_id(c.subject) for c in cases)))}
    rows = []
    for case in cases:
        payment = payments.get(_payment_id(case.subject))
        if payment is None:
            continue
        meters = [str(case.details.get(name, "")) for name in ("wrong_meter", "right_meter")]
        row = make_row(
            clock,
            case.opened_at,
            name=f"Payment {payment.pk}, case {case.pk}",
            url=reverse("dashboard:payment", args=[payment.pk]),
            amount=words.money(payment.amount_minor, payment.currency),
            meter=" to ".join(meters),
            receipt=payment.receipt or "",
            phone=words.payer(payment.payer_e164, payment.payer_masked, payment.payer_sha256),
            state=_CLAIM_STATES.get(str(case.details.get("code")), words.payment_state(payment.state)),
            reason=f"owner: {case.owner.get_username()}" if case.owner else "nobody has taken the case",
            next_try="none: a person decides",
        )
        rows.append(row)
    return rows


def list_double_rows(clock: PageClock) -> list[StuckRow]:
    """The newest pairs of the last day; the second of each was sold like any other money."""
    doubles = find_double_pays(clock.now)[-SHOWN:]
    first_of = {double.second_id: double.first_id for double in doubles}
    payments = list_payments(first_of)
    prefetch_related_objects(payments, "meter")
    return [
        make_row(
            clock,
            payment.confirmed_at or payment.started_at,
            name=f"Payment {payment.pk}",
            url=reverse("dashboard:payment", args=[payment.pk]),
            amount=words.money(payment.amount_minor, payment.currency),
            meter=payment.meter.drn if payment.meter else "",
            receipt=payment.receipt or "",
            phone=words.payer(payment.payer_e164, payment.payer_masked, payment.payer_sha256),
            state=words.payment_state(payment.state),
            reason=f"the same as payment {first_of[payment.pk]}, within two minutes",
            next_try="none: it leaves this list after a day",
        )
        for payment in payments
    ]


def list_approval_rows(clock: PageClock) -> list[StuckRow]:
    return [
        make_row(
            clock,
            approval.asked_at,
            name=f"Proposal {approval.pk}: {words.act(approval.kind)}",
            url=reverse("dashboard:approval", args=[approval.pk]),
            amount=_amount_of(approval.terms),
            meter=str(approval.terms.get("drn") or about_words(approval.subject, {})),
            receipt=str(approval.terms.get("receipt") or ""),
            state=words.approval_state(approval.state),
            reason=f"asked by {approval.maker.get_username()}",
            next_try=f"expires {words.coming(clock, approval.expires_at)}",
        )
        for approval in list_waiting(limit=SHOWN + 1)
    ]


def _payment_id(subject: str) -> int:
    """0 for what is about something else."""
    kind, _, row_id = subject.partition(":")
    return int(row_id) if kind == "payment" and row_id.isdecimal() else 0


def _amount_of(terms: dict[str, object]) -> str:
    """What would move, of terms that name it."""
    for name in ("moved_minor", "amount_minor", "money_back_minor", "payment_minor"):
        minor = terms.get(name)
        if isinstance(minor, int):
            return words.money(minor, str(terms.get("currency")))
    return ""
