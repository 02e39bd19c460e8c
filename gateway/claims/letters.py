"""Texts about claims, to the phone that made them. Queued, never sent, here."""

from datetime import datetime
from zoneinfo import ZoneInfo

from fleet.cases.models import Case
from fleet.meters.models import Meter
from fleet.meters.queries import list_phones_of_meters
from gateway.claims.models import MeterClaim
from gateway.fulfilment.letters import payment_values
from gateway.payments.models import Payment
from gateway.sms.services import Draft, queue_messages
from gateway.sms.texts import render_sms


def queue_question(
    *, claim: MeterClaim, payment: Payment, meter: Meter, phone_e164: str, actor: str, now: datetime
) -> list[int]:
    """Whether the payment goes to this meter: YES or NO. Idempotent by claim."""
    linked = {e164 for e164, _ in list_phones_of_meters([meter.pk])[meter.pk]}
    values = payment_values(payment) | {"drn": meter.drn, "owner": _owner(meter, is_linked=phone_e164 in linked)}
    draft = Draft(f"claim:{claim.pk}:ask", "claim_ask", phone_e164, render_sms("claim_ask", values))
    return queue_messages(drafts=[draft], actor=actor, now=now)


def queue_case_notice(
    *, template: str, claim: MeterClaim, payment: Payment, wrong: Meter, case: Case, phone_e164: str, actor: str
) -> list[int]:
    """That a person looks at it, until when, and the case to name on the phone. Idempotent by claim."""
    answer_by = case.due_at.astimezone(ZoneInfo(wrong.site.timezone))
    values = {"drn": wrong.drn, "answer_by": f"{answer_by:%d %b}", "case_number": f"H{case.pk}"}
    body = render_sms(template, payment_values(payment) | values)
    draft = Draft(f"claim:{claim.pk}:case", template, phone_e164, body)
    return queue_messages(drafts=[draft], actor=actor, now=claim.asked_at)


def _owner(meter: Meter, *, is_linked: bool) -> str:
    """ "Amina M" to a phone that is linked to the meter, "A*** M" to any other; empty without an owner."""
    words = meter.customer.name.split() if meter.customer else []
    if not words:
        return ""
    first = words[0] if is_linked else f"{words[0][0]}***"
    return " ".join([first, *(word[0] for word in words[-1:] if len(words) > 1)])
