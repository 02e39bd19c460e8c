"""The rows of the page of what waits: one shape for money, sales, messages and what persons have to decide."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.urls import reverse

from gateway.dashboard import words
from gateway.dashboard.queries import NO_MONEY, list_money_facts
from gateway.dashboard.words import PageClock, State
from gateway.http.phones import mask
from gateway.payments.lifecycle import PaymentState
from gateway.payments.locks import MOST_ATTEMPTS
from gateway.payments.queries import list_payments_in
from gateway.sms.lifecycle import MessageState
from gateway.sms.queries import list_undelivered_messages, list_unsent_messages
from vending.vends.queries import list_unfinished_vends

SHOWN = 50
# Doubtful money is told from the rest after reading: that much is read of one state.
MOST_READ = 500
PROMPT_PATIENCE = timedelta(seconds=10)
REPORT_PATIENCE = timedelta(minutes=10)
LOST_MESSAGES_SHOWN = timedelta(hours=72)
_FRESH_SECONDS, _LATE_SECONDS = 10, 300

_NEXT_OF_MESSAGE = {
    MessageState.SENDING: "waits for the provider's answer or report",
    MessageState.ACCEPTED: "waits for the delivery report",
}


@dataclass(frozen=True)
class StuckRow:
    """`due_at` is since when a worker could have taken it; None when it waits for something else."""

    since: datetime
    age: str
    age_seconds: int
    urgency: str
    name: str
    url: str
    amount: str
    meter: str
    receipt: str
    phone: str
    state: State
    reason: str
    next_try: str
    due_at: datetime | None


@dataclass(frozen=True)
class Money:
    """Confirmed money by what stops it: nothing, a doubt, or a meter that nobody knows."""

    due: list[StuckRow]
    doubted: list[StuckRow]
    no_meter: list[StuckRow]
    doubted_ids: frozenset[int]


def list_money(clock: PageClock) -> Money:
    """Money that is here and has bought nothing, from the partial index of what waits."""
    due: list[StuckRow] = []
    no_meter: list[StuckRow] = []
    doubted: dict[int, StuckRow] = {}
    states = (PaymentState.CONFIRMED, PaymentState.SUSPENSE)
    for payment in [row for state in states for row in list_payments_in([state], limit=MOST_READ)]:
        is_doubted = payment.must_verify or bool(payment.frozen_reason)
        row = make_row(
            clock,
            payment.confirmed_at or payment.started_at,
            name=f"Payment {payment.pk}",
            url=reverse("dashboard:payment", args=[payment.pk]),
            amount=words.money(payment.amount_minor, payment.currency),
            meter=payment.meter.drn if payment.meter else words.account(payment.account_text),
            receipt=payment.receipt or "",
            phone=words.payer(payment.payer_e164, payment.payer_masked, payment.payer_sha256),
            state=words.payment_state(payment.state),
            reason=doubt_words(payment.frozen_reason) if is_doubted else words.reason(payment.reason),
            next_try=next_of_doubted(clock, payment.frozen_reason, payment.queries, payment.next_query_at)
            if is_doubted
            else next_of_payment(clock, payment.state, payment.attempts, payment.next_try_at, payment.leased_until),
            due_at=None if is_doubted else due_at(clock, payment.next_try_at, payment.leased_until),
        )
        if is_doubted:
            doubted[payment.pk] = row
        else:
            (due if payment.state == PaymentState.CONFIRMED else no_meter).append(row)
    return Money(due, list(doubted.values()), no_meter, frozenset(doubted))


def doubt_words(frozen_reason: str) -> str:
    return words.reason(frozen_reason) if frozen_reason else "the provider is to be asked before anything is sold of it"


def next_of_doubted(clock: PageClock, frozen_reason: str, queries: int, next_query_at: datetime | None) -> str:
    return "none: a person decides" if frozen_reason else words.next_question(clock, queries, next_query_at)


def list_unknown_rows(clock: PageClock) -> list[StuckRow]:
    """Purchases of which nobody knows whether the money moved, but for those whose prompt has just gone out."""
    purchases = list_payments_in([PaymentState.EXPECTED, PaymentState.UNKNOWN], limit=SHOWN + 1)
    return [
        make_row(
            clock,
            payment.started_at,
            name=f"Payment {payment.pk}",
            url=reverse("dashboard:payment", args=[payment.pk]),
            amount=words.money(payment.amount_minor, payment.currency),
            meter=payment.meter.drn if payment.meter else "",
            phone=words.payer(payment.payer_e164, payment.payer_masked, payment.payer_sha256),
            state=words.payment_state(payment.state),
            reason=words.reason(payment.reason),
            next_try=next_of_purchase(
                clock, payment.state, payment.next_try_at, payment.leased_until, payment.queries, payment.next_query_at
            ),
            due_at=due_at(clock, payment.next_try_at or payment.next_query_at, payment.leased_until),
        )
        for payment in purchases
        if clock.now - payment.started_at > PROMPT_PATIENCE
    ]


def list_vend_rows(clock: PageClock) -> list[StuckRow]:
    vends = list_unfinished_vends(SHOWN + 1)
    paid = list_money_facts([(vend.authority.kind, vend.authority.reference) for vend in vends])
    return [
        make_row(
            clock,
            paid.get((vend.authority.kind, vend.authority.reference), NO_MONEY).at or vend.funded_at,
            name=f"Sale {vend.pk}",
            url=reverse("dashboard:sale", args=[vend.pk]),
            amount=words.money(vend.paid_minor, vend.currency),
            meter=vend.meter.drn,
            receipt=paid.get((vend.authority.kind, vend.authority.reference), NO_MONEY).receipt,
            state=words.vend_state(vend.state),
            reason=words.reason(vend.held_reason),
            next_try=words.next_try(clock, vend.next_try_at, vend.leased_until),
            due_at=due_at(clock, vend.next_try_at, vend.leased_until),
        )
        for vend in vends
    ]


def list_message_rows(clock: PageClock) -> list[StuckRow]:
    lost = list_undelivered_messages(
        since=clock.now - LOST_MESSAGES_SHOWN, silent_since=clock.now - REPORT_PATIENCE, limit=SHOWN + 1
    )
    return [
        make_row(
            clock,
            message.queued_at,
            name=f"SMS {message.pk}: {words.message_kind(message.kind)}",
            url=reverse("dashboard:sale", args=[message.vend_id]) if message.vend_id else "",
            meter=message.vend.meter.drn if message.vend else "",
            phone=mask(message.to_e164),
            state=words.message_state(message.state),
            reason=message.code,
            next_try=_next_of_message(clock, message.state, message.next_try_at, has_sale=bool(message.vend_id)),
            due_at=due_at(clock, message.next_try_at, None) if message.state == MessageState.QUEUED else None,
        )
        for message in [*list_unsent_messages(SHOWN + 1), *lost]
    ]


def count_reasons(rows: Sequence[StuckRow]) -> Mapping[str, int]:
    """How many of these rows wait for each reason; those without one by their state."""
    counts: dict[str, int] = {}
    for row in rows:
        name = row.reason or row.state.words
        counts[name] = counts.get(name, 0) + 1
    return counts


def make_row(
    clock: PageClock,
    since: datetime,
    *,
    name: str,
    url: str,
    state: State,
    next_try: str,
    amount: str = "",
    meter: str = "",
    receipt: str = "",
    phone: str = "",
    reason: str = "",
    due_at: datetime | None = None,
) -> StuckRow:
    seconds = clock.age_seconds(since)
    urgency = "fresh" if seconds < _FRESH_SECONDS else "slow" if seconds < _LATE_SECONDS else "late"
    return StuckRow(
        since=since,
        age=words.age_words(seconds),
        age_seconds=seconds,
        urgency=urgency,
        name=name,
        url=url,
        amount=amount,
        meter=meter,
        receipt=receipt,
        phone=phone,
        state=state,
        reason=reason,
        next_try=next_try,
        due_at=due_at,
    )


def next_of_payment(
    clock: PageClock, state: str, attempts: int, next_try_at: datetime | None, leased_until: datetime | None
) -> str:
    """The next automatic try of money that is here, or what it waits for instead."""
    if state == PaymentState.CONFIRMED and attempts >= MOST_ATTEMPTS:
        return f"none: given up after {attempts} tries"
    return words.next_try(clock, next_try_at, leased_until)


def next_of_purchase(
    clock: PageClock,
    state: str,
    next_try_at: datetime | None,
    leased_until: datetime | None,
    queries: int,
    next_query_at: datetime | None,
) -> str:
    """The next prompt or question of a purchase, or what it waits for instead."""
    if state == PaymentState.EXPECTED and next_try_at:
        return words.next_try(clock, next_try_at, leased_until)
    if next_query_at or state == PaymentState.EXPECTED:
        waits = "waits for the customer's PIN; " if state == PaymentState.EXPECTED else ""
        return waits + words.next_question(clock, queries, next_query_at)
    return f"none: {words.asked(queries)}, waits for late money"


def _next_of_message(clock: PageClock, state: str, next_try_at: datetime | None, *, has_sale: bool) -> str:
    if state in (MessageState.FAILED, MessageState.EXPIRED):
        return "none: send it again from the sale" if has_sale else "none"
    return _NEXT_OF_MESSAGE.get(MessageState(state)) or words.next_try(clock, next_try_at, None)


def due_at(clock: PageClock, next_try_at: datetime | None, leased_until: datetime | None) -> datetime | None:
    """Since when a worker could have taken it."""
    if next_try_at is None or next_try_at > clock.now or (leased_until and leased_until > clock.now):
        return None
    return next_try_at
