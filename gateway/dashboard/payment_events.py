"""Everything that happened to a payment: its own entries in the audit trail, and those of all that hangs on it."""

from gateway.dashboard import words
from gateway.dashboard.timeline import Event, Subject, list_events
from gateway.dashboard.words import PageClock
from gateway.fulfilment.services import AUTHORITY_KINDS
from gateway.http.phones import mask
from gateway.payments.queries import get_payment
from gateway.refunds.queries import list_refunds_of
from gateway.reversals.queries import find_reversal
from gateway.sms.queries import list_messages_of_causes, list_messages_of_vend
from vending.vends.queries import find_vend_of


def list_payment_events(
    clock: PageClock, payment_id: int, *, approval_ids: list[int], case_ids: list[int]
) -> list[Event]:
    """Inquiries, sales, refunds, reversals, claims, proposals, open cases, texts and statement lines, oldest first."""
    payment = get_payment(payment_id)
    if payment is None:
        return []
    reversal = find_reversal(payment.provider, payment.receipt) if payment.receipt else None
    vends = [vend for kind in AUTHORITY_KINDS if (vend := find_vend_of(kind, str(payment_id)))]
    subjects = [
        Subject(f"payment:{payment_id}"),
        *(Subject(f"inquiry:{inquiry.pk}") for inquiry in payment.inquiries.order_by("pk")),
        *(Subject(f"vend:{vend.pk}", f"sale {vend.pk}") for vend in vends),
        *(Subject(f"refund:{refund.pk}", f"refund {refund.pk}") for refund in list_refunds_of(payment_id)),
        *([Subject(f"reversal:{reversal.pk}")] if reversal else []),
        *(
            Subject(f"claim:{claim.pk}", f"meter {claim.meter.drn}")
            for claim in payment.claims.select_related("meter").order_by("pk")
        ),
        *(Subject(f"approval:{approval_id}", f"proposal {approval_id}") for approval_id in approval_ids),
        *(Subject(f"case:{case_id}", f"case {case_id}") for case_id in case_ids),
        *_list_texts(payment_id, [vend.pk for vend in vends]),
    ]
    zone = payment.meter.site.timezone if payment.meter else ""
    also = list_provider_events(clock, payment_id)
    return list_events(clock, subjects, zone=zone, currency=payment.currency, also=also)


def _list_texts(payment_id: int, vend_ids: list[int]) -> list[Subject]:
    """The texts of its sales, and those about money that bought nothing."""
    texts = {text.pk: text.to_e164 for text in list_messages_of_causes(f"payment:{payment_id}:")}
    texts |= {text.pk: text.to_e164 for vend_id in vend_ids for text in list_messages_of_vend(vend_id)}
    return [Subject(f"message:{text_id}", f"to {mask(phone)}") for text_id, phone in texts.items()]


def list_provider_events(clock: PageClock, payment_id: int) -> list[Event]:
    """What no audit entry says: when the provider says that the money moved, and which of its lists say so."""
    payment = get_payment(payment_id)
    if payment is None:
        return []
    zone = payment.meter.site.timezone if payment.meter else ""
    lines = payment.statement_lines.select_related("statement").order_by("pk")
    events = [
        Event(
            at=clock.moment(line.statement.imported_at, zone),
            what=f"Read in the provider's list: {line.kind}",
            subject=f"statement {line.statement_id}",
            detail=f"{words.money(line.amount_minor, line.currency)}, {line.outcome}",
            who=f"provider: {payment.provider}",
        )
        for line in lines
    ]
    if payment.paid_at:
        paid = clock.moment(payment.paid_at, zone)
        events.append(Event(paid, "Paid, by the provider's clock", "", "", f"provider: {payment.provider}"))
    return events
