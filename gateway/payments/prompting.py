"""Asking for one prompt, and what a prompt that did not go out means: workings of `services`."""

from datetime import datetime, timedelta

from django.conf import settings

from gateway.payments.accepting import close
from gateway.payments.lifecycle import PaymentState
from gateway.payments.models import Payment
from gateway.payments.ports import PushOutcome, PushRequest, PushResult

PUSH_TRIES = 4
PUSH_RETRY = timedelta(seconds=5)
AMBIGUOUS_PUSH_WAIT = timedelta(seconds=90)


def push_request_of(payment: Payment) -> PushRequest:
    """The prompt for this purchase; its result comes to our door with the first secret."""
    callback_url = f"{settings.PUBLIC_BASE_URL}/hooks/payments/{payment.provider}/{settings.HOOK_SECRETS[0]}/stk/"
    return PushRequest(
        phone_e164=payment.payer_e164,
        amount_minor=payment.amount_minor,
        currency=payment.currency,
        account_reference=payment.reference,
        callback_url=callback_url,
    )


def store_failed_push(payment: Payment, result: PushResult, actor: str, now: datetime) -> None:
    """Refused: not paid. Unavailable: again soon. Ambiguous: a prompt may be on the phone, so again only after it is
    gone, and after the last try nobody knows.
    """
    if result.outcome == PushOutcome.REFUSED or payment.attempts >= PUSH_TRIES:
        state = PaymentState.UNKNOWN if result.outcome == PushOutcome.AMBIGUOUS else PaymentState.DECLINED
        close(payment, state, f"prompt {result.code}"[:60], actor, now)
        return
    wait = AMBIGUOUS_PUSH_WAIT if result.outcome == PushOutcome.AMBIGUOUS else PUSH_RETRY * payment.attempts
    payment.next_try_at, payment.leased_until = now + wait, None
    payment.save(update_fields=["next_try_at", "leased_until"])
