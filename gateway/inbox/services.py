"""Texts that customers send us: the last code by keyword, a word of help else. Answers go to the asking phone alone.

A phone sees the codes of meters that are linked to it and of what it paid for itself; the stored digits, never a new
token.
"""

from datetime import datetime, timedelta

from django.db import transaction

from fleet.meters.queries import list_meters_of_phone
from gateway.fulfilment.letters import brand_values
from gateway.fulfilment.resending import list_codes_for_phone, resend_codes
from gateway.http.phones import msisdn_sha256
from gateway.inbox.keywords import Request, read_request
from gateway.sms.ports import InboundSms
from gateway.sms.queries import count_messages_to, list_messages_of_causes
from gateway.sms.services import Draft, queue_messages
from gateway.sms.texts import render_sms
from vending.vends.models import Vend

REQUESTS_A_DAY = 5
NOT_FOUND_AN_HOUR = 3
DAYS_BACK = 90
_CODES_SEARCHED = 20


@transaction.atomic
def answer_text(*, provider: str, sms: InboundSms, actor: str, now: datetime) -> list[int]:
    """Queue the answer to a customer's text; returns the ids of messages. Idempotent by the provider's id of the
    text.
    """
    request = read_request(sms.text)
    if not request.wants_code:
        return _tell(sms, "help_words", {}, cause=f"help:{sms.from_e164}:{now:%Y%m%d%H}", actor=actor, now=now)
    text_id = f"text:{provider}:{sms.provider_id}"[:110]
    if list_messages_of_causes(f"{text_id}:"):
        return []
    if count_messages_to(sms.from_e164, kind="resend", since=now - timedelta(days=1)) >= REQUESTS_A_DAY:
        cause = f"too_many:{sms.from_e164}:{now:%Y%m%d}"
        return _tell(sms, "too_many_requests", {"times": REQUESTS_A_DAY}, cause=cause, actor=actor, now=now)
    vend = _last_code(sms.from_e164, request, now)
    if vend is None:
        since = now - timedelta(hours=1)
        if count_messages_to(sms.from_e164, kind="no_code_found", since=since) >= NOT_FOUND_AN_HOUR:
            return []
        return _tell(sms, "no_code_found", {"days": DAYS_BACK}, cause=text_id, actor=actor, now=now)
    return resend_codes(vend_ids=[vend.pk], to_e164=sms.from_e164, request=text_id, actor=actor, now=now)


def _last_code(phone_e164: str, request: Request, now: datetime) -> Vend | None:
    meter_ids = [meter.pk for meter in list_meters_of_phone(phone_e164)]
    vends = list_codes_for_phone(
        msisdn_sha256=msisdn_sha256(phone_e164),
        meter_ids=meter_ids,
        limit=_CODES_SEARCHED,
    )
    since = now - timedelta(days=DAYS_BACK)
    fitting = (
        vend
        for vend in vends
        if vend.funded_at >= since and request.meter_digits in ("", vend.meter.drn, vend.meter.meter_pan)
    )
    return next(fitting, None)


def _tell(
    sms: InboundSms, template: str, values: dict[str, object], *, cause: str, actor: str, now: datetime
) -> list[int]:
    draft = Draft(cause, template, sms.from_e164, render_sms(template, brand_values() | values))
    return queue_messages(drafts=[draft], actor=actor, now=now)
