"""What happened to a payment or to a sale, whole: the row, what became of it, what waits, and who did what.

For JSON; values as `texts` writes them, parts as `parts` does. Rows come from the queries of their slices.
"""

from gateway.api import parts, texts
from gateway.api.texts import Json
from gateway.fulfilment.services import AUTHORITY_KINDS
from gateway.payments.lifecycle import LABELS, PaymentState
from gateway.payments.models import Payment
from gateway.payments.queries import get_payment
from gateway.refunds.queries import list_refunds_of
from gateway.reversals.queries import find_reversal
from gateway.sms.models import Message
from gateway.sms.queries import list_messages_of_causes, list_messages_of_vend
from vending.vends.models import Vend
from vending.vends.queries import find_vend_of

# In these states the flow goes on by itself when `next_try_at` comes.
_GOES_ON = (PaymentState.EXPECTED, PaymentState.CONFIRMED, PaymentState.SUSPENSE)


def describe_payment(payment: Payment) -> Json:
    vends = [vend for kind in AUTHORITY_KINDS if (vend := find_vend_of(kind, str(payment.pk)))]
    messages = _list_messages(payment.pk, vends)
    refunds = list_refunds_of(payment.pk)
    reversal = find_reversal(payment.provider, payment.receipt or "")
    subjects = [
        f"payment:{payment.pk}",
        *(f"vend:{vend.pk}" for vend in vends),
        *(f"refund:{refund.pk}" for refund in refunds),
        *(f"approval:{refund.approval_id}" for refund in refunds),
        *([f"reversal:{reversal.pk}"] if reversal else []),
        *(f"message:{message.pk}" for message in messages),
    ]
    return {
        **_facts(payment),
        "sales": [parts.sale(vend) for vend in vends],
        "messages": [parts.message(message) for message in messages],
        "refunds": [parts.refund(refund) for refund in refunds],
        "reversal": parts.reversal(reversal) if reversal else None,
        "open_cases": parts.open_cases(subjects),
        "history": parts.history(subjects),
    }


def _list_messages(payment_id: int, vends: list[Vend]) -> list[Message]:
    """The texts of its sales, and those about money that bought nothing."""
    found = {message.pk: message for message in list_messages_of_causes(f"payment:{payment_id}:")}
    for vend in vends:
        found |= {message.pk: message for message in list_messages_of_vend(vend.pk)}
    return [found[pk] for pk in sorted(found)]


def _facts(payment: Payment) -> Json:
    is_stopped = bool(payment.frozen_reason) or payment.must_verify
    goes_on = payment.state in _GOES_ON and not is_stopped
    return {
        "operator": payment.provider,
        "receipt": payment.receipt,
        **texts.state(payment.state, PaymentState, LABELS),
        "reason": texts.words(payment.reason),
        "frozen_reason": payment.frozen_reason,
        "must_verify": payment.must_verify,
        "authenticity": payment.authenticity,
        "amount": texts.amount(payment.amount_minor, payment.currency),
        "currency": payment.currency,
        "account_text": texts.account(payment.account_text),
        "payer": texts.payer(payment.payer_e164, payment.payer_masked, payment.payer_sha256),
        "meter": {"drn": payment.meter.drn} if payment.meter else None,
        "started_at": texts.moment(payment.started_at),
        "paid_at": texts.moment(payment.paid_at),
        "confirmed_at": texts.moment(payment.confirmed_at),
        "next_try_at": texts.moment(payment.next_try_at) if goes_on else None,
        "next_question_at": texts.moment(payment.next_query_at),
    }


def describe_sale(vend: Vend) -> Json:
    messages = list_messages_of_vend(vend.pk)
    subjects = [f"vend:{vend.pk}", *(f"message:{message.pk}" for message in messages)]
    return {
        **parts.sale(vend),
        "payment": _payment_of(vend),
        "messages": [parts.message(message) for message in messages],
        "open_cases": parts.open_cases(subjects),
        "history": parts.history(subjects),
    }


def _payment_of(vend: Vend) -> Json | None:
    """Where to read on about the money; null for a sale that no payment made."""
    is_paid = vend.authority.kind in AUTHORITY_KINDS
    payment = get_payment(int(vend.authority.reference)) if is_paid else None
    return {"operator": payment.provider, "receipt": payment.receipt} if payment else None
