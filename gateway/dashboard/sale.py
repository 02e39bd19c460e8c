"""One sale: its money, its code, its messages and its time line; and the button that sends the code again.

The code is on the page for staff and nowhere else: not in the title, the address, a log or a message of ours.
"""

import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from django.contrib import messages
from django.db import IntegrityError, transaction
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_safe

from fleet.approvals.services import LONGEST_REASON
from gateway.clock import now
from gateway.dashboard import words
from gateway.dashboard.approval_rows import ApprovalRow, Which, list_approval_rows
from gateway.dashboard.cases import CaseRow, list_case_rows
from gateway.dashboard.layout import operators_only, read_clock, show
from gateway.dashboard.payment_events import list_provider_events
from gateway.dashboard.timeline import Event, Subject, list_events
from gateway.dashboard.words import Moment, PageClock, State
from gateway.fulfilment.resending import resend_codes
from gateway.fulfilment.services import AUTHORITY_KINDS
from gateway.http.phones import mask
from gateway.payments.queries import get_payment
from gateway.relay import wake
from gateway.sms.queries import list_messages_of_vend
from gateway.sms.texts import group_digits
from vending.kernel.errors import DomainError
from vending.vends.lifecycle import VendState
from vending.vends.queries import get_vend

SEND_MESSAGES = "gateway.sms.tasks.send_messages"
_FORM_ID = re.compile(r"[A-Za-z0-9_-]{16,64}")


@dataclass(frozen=True)
class Line:
    """A line of the sale's money."""

    label: str
    amount: str
    is_sum: bool = False


@dataclass(frozen=True)
class Text:
    """A message of this sale. `is_first_hand` marks those that the flow sent: their phones may get the code again."""

    id: int
    at: Moment
    kind: str
    phone: str
    attempts: int
    state: State
    code: str
    is_first_hand: bool


@dataclass(frozen=True)
class PaidBy:
    """`confirmed_at` is when we learned that the money had moved: from then on somebody waits."""

    id: int
    confirmed_at: datetime | None
    receipt: str
    provider: str
    payer: str
    account: str


@dataclass(frozen=True)
class SalePage:
    """`code` is the token in five groups of four, empty until it is made and checked."""

    id: int
    state: State
    reason: str
    age: str
    next_try: str
    meter: str
    meter_id: int
    customer: str
    site: str
    funded_at: Moment
    units: str
    code: str = field(repr=False)
    money_in: list[Line]
    money_out: list[Line]
    paid_by: PaidBy | None
    texts: list[Text]
    events: list[Event]
    is_held: bool
    cases: list[CaseRow]
    approvals: list[ApprovalRow]

    @property
    def is_cancellable(self) -> bool:
        """Held, and nobody has proposed to cancel it."""
        return self.is_held and not any(row.is_waiting for row in self.approvals)

    @property
    def choices(self) -> list[Text]:
        """The phones that got the code from the flow, to choose one from."""
        return [text for text in self.texts if text.is_first_hand]


@operators_only
@require_safe
def sale(request: HttpRequest, vend_id: int) -> HttpResponse:
    clock = read_clock()
    found = get_sale_page(clock, vend_id, operator_id=request.user.pk)
    if found is None:
        raise Http404("no such sale")
    context = {"sale": found, "form_id": secrets.token_urlsafe(18), "longest_reason": LONGEST_REASON}
    return show(request, "sale", context, clock=clock, nav="sales")


def get_sale_page(clock: PageClock, vend_id: int, *, operator_id: int | None) -> SalePage | None:
    vend = get_vend(vend_id)
    if vend is None:
        return None
    zone = vend.meter.site.timezone
    is_issued, is_over = vend.state == VendState.ISSUED, vend.state in (VendState.ISSUED, VendState.CANCELLED)
    payment_id = int(vend.authority.reference) if vend.authority.kind in AUTHORITY_KINDS else None
    paid_by = _get_paid_by(payment_id) if payment_id else None
    waits_since = (paid_by.confirmed_at if paid_by else None) or vend.funded_at
    texts = _list_texts(clock, vend_id, zone)
    approvals = list_approval_rows(clock, Which(subjects=[f"vend:{vend_id}"]), operator_id=operator_id)
    return SalePage(
        id=vend.pk,
        state=words.vend_state(vend.state),
        reason=words.reason(vend.held_reason),
        age="" if is_over else clock.age(waits_since),
        next_try="" if is_over else words.next_try(clock, vend.next_try_at, vend.leased_until),
        meter=vend.meter.drn,
        meter_id=vend.meter_id,
        customer=vend.meter.customer.name if vend.meter.customer else "",
        site=vend.meter.site.name,
        funded_at=clock.moment(vend.funded_at, zone),
        units=words.units(vend.energy_kwh_tenths)
        + (f", {words.units(vend.free_kwh_tenths)} of it free" if vend.free_kwh_tenths else ""),
        code=group_digits(vend.authority.token.digits) if is_issued else "",
        money_in=_lines(vend.currency, ("Paid", vend.paid_minor), ("From the wallet", vend.wallet_used_minor)),
        money_out=_lines(
            vend.currency,
            ("Energy, net", vend.net_minor),
            ("VAT", vend.vat_minor),
            *([("Levies", vend.levies_minor)] if vend.levies_minor else []),
            ("Fixed fee", vend.fee_minor),
            ("Kept in the wallet", vend.kept_minor),
        ),
        paid_by=paid_by,
        texts=texts,
        is_held=vend.state == VendState.HELD,
        cases=list_case_rows(clock, operator_id=operator_id, about={f"vend:{vend_id}"}),
        approvals=approvals,
        events=_list_events(
            clock,
            [f"vend:{vend_id}", *(f"approval:{row.id}" for row in approvals)],
            payment_id,
            texts,
            zone,
            vend.currency,
        ),
    )


def _lines(currency: str, *parts: tuple[str, int]) -> list[Line]:
    """The parts and their sum, so that a reader sees both sides agree."""
    lines = [Line(label, words.money(minor, currency)) for label, minor in parts]
    return [*lines, Line("Together", words.money(sum(minor for _, minor in parts), currency), is_sum=True)]


def _get_paid_by(payment_id: int) -> PaidBy | None:
    payment = get_payment(payment_id)
    if payment is None:
        return None
    return PaidBy(
        id=payment.pk,
        confirmed_at=payment.confirmed_at,
        receipt=payment.receipt or "",
        provider=payment.provider,
        payer=words.payer(payment.payer_e164, payment.payer_masked, payment.payer_sha256),
        account=words.account(payment.account_text),
    )


def _list_texts(clock: PageClock, vend_id: int, zone: str) -> list[Text]:
    return [
        Text(
            id=message.pk,
            at=clock.moment(message.queued_at, zone),
            kind=words.message_kind(message.kind),
            phone=mask(message.to_e164),
            attempts=message.attempts,
            state=words.message_state(message.state),
            code=message.code,
            is_first_hand=message.kind == "token",
        )
        for message in list_messages_of_vend(vend_id)
    ]


def _list_events(
    clock: PageClock, names: Sequence[str], payment_id: int | None, texts: Sequence[Text], zone: str, currency: str
) -> list[Event]:
    subjects = [
        *(Subject(name) for name in names),
        *(Subject(f"message:{text.id}", f"to {text.phone}") for text in texts),
    ]
    also: list[Event] = []
    if payment_id:
        subjects.append(Subject(f"payment:{payment_id}"))
        also = list_provider_events(clock, payment_id)
    return list_events(clock, subjects, zone=zone, currency=currency, also=also)


@operators_only
def resend(request: HttpRequest, vend_id: int) -> HttpResponse:
    """Send the code again, on POST. Whoever comes here by GET had to log in first and finds the button again."""
    if request.method == "POST":
        _resend(request, vend_id)
    return redirect("dashboard:sale", vend_id=vend_id)


def _resend(request: HttpRequest, vend_id: int) -> None:
    """Idempotent by the form's id: the same form sent twice queues one message."""
    vend = get_vend(vend_id)
    if vend is None:
        raise Http404("no such sale")
    chosen = request.POST.get("message", "")
    phones = {str(text.pk): text.to_e164 for text in list_messages_of_vend(vend_id) if text.kind == "token"}
    form_id = request.POST.get("form_id", "")
    if vend.state != VendState.ISSUED:
        messages.error(request, "This sale has no code yet. Nothing was sent.")
    elif chosen not in phones or not _FORM_ID.fullmatch(form_id):
        messages.error(request, "Choose the phone. Nothing was sent.")
    else:
        _queue_once(request, vend_id, phones[chosen], form_id)


def _queue_once(request: HttpRequest, vend_id: int, to_e164: str, form_id: str) -> None:
    operator_id = request.user.pk
    try:
        with transaction.atomic():
            message_ids = resend_codes(
                vend_ids=[vend_id],
                to_e164=to_e164,
                request=f"dashboard:{operator_id}:{form_id}",
                actor=f"operator:{operator_id}",
                now=now(),
            )
    except IntegrityError:
        message_ids = []  # the same form, sent twice at once: the other one has queued it
    except DomainError as error:
        messages.error(request, f"The SMS cannot be written ({error.code}). Nothing was sent.")
        return
    wake(SEND_MESSAGES, message_ids)
    if message_ids:
        messages.success(request, f"The same code is queued again for {mask(to_e164)}.")
    else:
        messages.info(request, "This request was done already. Nothing more was sent.")
