"""What waits, the oldest first, with the reason and the next automatic try; paid money without a code comes first.

Money shows at once, however young: with no worker running its age rises here from the first second.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.views.decorators.http import require_safe

from gateway.dashboard import words
from gateway.dashboard.layout import operators_only, read_clock, show
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
PROMPT_PATIENCE = timedelta(seconds=10)
REPORT_PATIENCE = timedelta(minutes=10)
LOST_MESSAGES_SHOWN = timedelta(hours=72)
RELOAD_SECONDS = 10
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
class Section:
    """One kind of trouble. `is_cut` says that only the oldest rows are shown; messages have no amount or receipt."""

    anchor: str
    title: str
    meaning: str
    rows: list[StuckRow]
    is_cut: bool
    is_money: bool


@operators_only
@require_safe
def stuck(request: HttpRequest) -> HttpResponse:
    clock = read_clock()
    sections = list_sections(clock)
    rows = [row for section in sections for row in section.rows]
    return show(
        request,
        "stuck",
        {
            "sections": sections,
            "is_unattended": _is_unattended(clock, rows),
            "reload_seconds": RELOAD_SECONDS if "reload" in request.GET else 0,
        },
        clock=clock,
    )


def list_sections(clock: PageClock) -> list[Section]:
    return [
        _section(
            "no-code",
            "Paid, no code yet",
            "The money is here; the customer waits for the code.",
            [*_list_payment_rows(clock, [PaymentState.CONFIRMED]), *_list_vend_rows(clock)],
        ),
        _section(
            "no-meter",
            "Paid, no meter",
            "The payer's account text means no meter, or more than one.",
            _list_payment_rows(clock, [PaymentState.SUSPENSE]),
        ),
        _section(
            "messages",
            "SMS not delivered",
            "The code exists; the customer can also read it by USSD and by SMS keyword.",
            _list_message_rows(clock),
        ),
        _section(
            "purchases",
            "Purchases without an answer",
            "Begun by USSD, not paid as far as we know. Late money is still taken.",
            _list_purchase_rows(clock),
        ),
    ]


def _section(anchor: str, title: str, meaning: str, rows: Sequence[StuckRow]) -> Section:
    oldest_first = sorted(rows, key=lambda row: row.since)
    return Section(anchor, title, meaning, oldest_first[:SHOWN], len(rows) > SHOWN, anchor != "messages")


def _is_unattended(clock: PageClock, rows: Sequence[StuckRow]) -> bool:
    """Whether something is due for longer than a sweep would have left it: most likely no worker runs."""
    patience = timedelta(seconds=3 * settings.SWEEP_SECONDS + 5)
    return any(row.due_at and clock.now - row.due_at > patience for row in rows)


def _list_purchase_rows(clock: PageClock) -> list[StuckRow]:
    rows = _list_payment_rows(clock, [PaymentState.EXPECTED, PaymentState.UNKNOWN])
    return [row for row in rows if clock.now - row.since > PROMPT_PATIENCE]


def _list_payment_rows(clock: PageClock, states: Sequence[PaymentState]) -> list[StuckRow]:
    return [
        _row(
            clock,
            payment.confirmed_at or payment.started_at,
            name=f"Payment {payment.pk}",
            url=reverse("dashboard:payment", args=[payment.pk]),
            amount=words.money(payment.amount_minor, payment.currency),
            meter=payment.meter.drn if payment.meter else words.account(payment.account_text),
            receipt=payment.receipt or "",
            phone=words.payer(payment.payer_e164, payment.payer_masked, payment.payer_sha256),
            state=words.payment_state(payment.state),
            reason=payment.reason,
            next_try=next_of_payment(clock, payment.state, payment.attempts, payment.next_try_at, payment.leased_until),
            due_at=_due_at(clock, payment.next_try_at, payment.leased_until),
        )
        for payment in list_payments_in(states, limit=SHOWN + 1)
    ]


def _list_vend_rows(clock: PageClock) -> list[StuckRow]:
    vends = list_unfinished_vends(SHOWN + 1)
    paid = list_money_facts([(vend.authority.kind, vend.authority.reference) for vend in vends])
    return [
        _row(
            clock,
            paid.get((vend.authority.kind, vend.authority.reference), NO_MONEY).at or vend.funded_at,
            name=f"Sale {vend.pk}",
            url=reverse("dashboard:sale", args=[vend.pk]),
            amount=words.money(vend.paid_minor, vend.currency),
            meter=vend.meter.drn,
            receipt=paid.get((vend.authority.kind, vend.authority.reference), NO_MONEY).receipt,
            phone="",
            state=words.vend_state(vend.state),
            reason=words.held_reason(vend.held_reason),
            next_try=words.next_try(clock, vend.next_try_at, vend.leased_until),
            due_at=_due_at(clock, vend.next_try_at, vend.leased_until),
        )
        for vend in vends
    ]


def _list_message_rows(clock: PageClock) -> list[StuckRow]:
    lost = list_undelivered_messages(
        since=clock.now - LOST_MESSAGES_SHOWN, silent_since=clock.now - REPORT_PATIENCE, limit=SHOWN + 1
    )
    return [
        _row(
            clock,
            message.queued_at,
            name=f"SMS {message.pk}: {words.message_kind(message.kind)}",
            url=reverse("dashboard:sale", args=[message.vend_id]) if message.vend_id else "",
            amount="",
            meter=message.vend.meter.drn if message.vend else "",
            receipt="",
            phone=mask(message.to_e164),
            state=words.message_state(message.state),
            reason=message.code,
            next_try=_next_of_message(clock, message.state, message.next_try_at, has_sale=bool(message.vend_id)),
            due_at=_due_at(clock, message.next_try_at, None) if message.state == MessageState.QUEUED else None,
        )
        for message in [*list_unsent_messages(SHOWN + 1), *lost]
    ]


def _row(
    clock: PageClock,
    since: datetime,
    *,
    name: str,
    url: str,
    amount: str,
    meter: str,
    receipt: str,
    phone: str,
    state: State,
    reason: str,
    next_try: str,
    due_at: datetime | None,
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
    """The next automatic try of a payment that waits, or what it waits for instead."""
    if state == PaymentState.EXPECTED and next_try_at is None:
        return "waits for the customer's PIN"
    if state == PaymentState.UNKNOWN:
        return "none: waits for late money"
    if state == PaymentState.CONFIRMED and attempts >= MOST_ATTEMPTS:
        return f"none: given up after {attempts} tries"
    return words.next_try(clock, next_try_at, leased_until)


def _next_of_message(clock: PageClock, state: str, next_try_at: datetime | None, *, has_sale: bool) -> str:
    if state in (MessageState.FAILED, MessageState.EXPIRED):
        return "none: send it again from the sale" if has_sale else "none"
    return _NEXT_OF_MESSAGE.get(MessageState(state)) or words.next_try(clock, next_try_at, None)


def _due_at(clock: PageClock, next_try_at: datetime | None, leased_until: datetime | None) -> datetime | None:
    if next_try_at is None or next_try_at > clock.now or (leased_until and leased_until > clock.now):
        return None
    return next_try_at
