"""One payment and its time line: also those that became no sale."""

from dataclasses import dataclass

from django.http import Http404, HttpRequest, HttpResponse
from django.views.decorators.http import require_safe

from gateway.dashboard import words
from gateway.dashboard.layout import operators_only, read_clock, show
from gateway.dashboard.stuck import next_of_payment
from gateway.dashboard.timeline import Event, Subject, list_events
from gateway.dashboard.words import Moment, PageClock, State
from gateway.fulfilment.services import AUTHORITY_KIND
from gateway.http.phones import mask
from gateway.payments.lifecycle import PaymentState
from gateway.payments.queries import get_payment
from gateway.sms.queries import list_messages_of_causes
from vending.vends.queries import list_vend_ids_of

_WAITING = (PaymentState.CONFIRMED, PaymentState.SUSPENSE, PaymentState.EXPECTED)


@dataclass(frozen=True)
class PaymentPage:
    """`age` and `next_try` are empty once nothing more happens by itself."""

    id: int
    state: State
    reason: str
    age: str
    next_try: str
    amount: str
    provider: str
    receipt: str
    reference: str
    account: str
    payer: str
    meter: str
    started_at: Moment
    attempts: int
    sale_id: int | None
    events: list[Event]


@operators_only
@require_safe
def payment(request: HttpRequest, payment_id: int) -> HttpResponse:
    clock = read_clock()
    found = get_payment_page(clock, payment_id)
    if found is None:
        raise Http404("no such payment")
    return show(request, "payment", {"payment": found}, clock=clock, nav="payments")


def get_payment_page(clock: PageClock, payment_id: int) -> PaymentPage | None:
    found = get_payment(payment_id)
    if found is None:
        return None
    zone = found.meter.site.timezone if found.meter else ""
    is_waiting = found.state in _WAITING
    return PaymentPage(
        id=found.pk,
        state=words.payment_state(found.state),
        reason=found.reason,
        age=clock.age(found.confirmed_at or found.started_at) if is_waiting else "",
        next_try=next_of_payment(clock, found.state, found.attempts, found.next_try_at, found.leased_until)
        if is_waiting
        else "",
        amount=words.money(found.amount_minor, found.currency),
        provider=found.provider,
        receipt=found.receipt or "",
        reference=found.reference,
        account=words.account(found.account_text),
        payer=words.payer(found.payer_e164, found.payer_masked, found.payer_sha256),
        meter=found.meter.drn if found.meter else "",
        started_at=clock.moment(found.started_at, zone),
        attempts=found.attempts,
        sale_id=list_vend_ids_of(AUTHORITY_KIND, [str(found.pk)]).get(str(found.pk)),
        events=list_events(
            clock,
            [Subject(f"payment:{found.pk}"), *_list_notices(found.pk)],
            zone=zone,
            currency=found.currency,
            also=list_provider_events(clock, found.pk),
        ),
    )


def _list_notices(payment_id: int) -> list[Subject]:
    """The texts about money that bought nothing."""
    notices = list_messages_of_causes(f"payment:{payment_id}:")
    return [Subject(f"message:{notice.pk}", f"to {mask(notice.to_e164)}") for notice in notices]


def list_provider_events(clock: PageClock, payment_id: int) -> list[Event]:
    """What only the payment's row knows: when the provider says that the money moved."""
    found = get_payment(payment_id)
    if found is None or found.paid_at is None:
        return []
    at = clock.moment(found.paid_at, found.meter.site.timezone if found.meter else "")
    return [
        Event(at=at, what="Paid, by the provider's clock", subject="", detail="", who=f"provider: {found.provider}")
    ]
