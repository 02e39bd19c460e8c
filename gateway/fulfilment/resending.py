"""Sending stored codes again: the same digits to a phone that may see them. Nothing is minted here."""

from collections.abc import Sequence
from datetime import datetime
from zoneinfo import ZoneInfo

from django.conf import settings

from gateway.fulfilment.services import MOVED
from gateway.payments.queries import list_payment_ids_of_payer
from gateway.sms.services import Draft, queue_messages
from gateway.sms.texts import render_sms
from vending.vends.lifecycle import VendState
from vending.vends.models import Vend
from vending.vends.queries import list_issued_vends, list_vend_ids_of, list_vends_with_tokens


def resend_codes(*, vend_ids: Sequence[int], to_e164: str, request: str, actor: str, now: datetime) -> list[int]:
    """Queue the codes of these sales for one phone, which the caller knows may see them. Idempotent by `request` and
    vend.
    """
    drafts = [
        Draft(f"{request}:{vend.pk}", "resend", to_e164, _resend_text(vend), vend.pk)
        for vend in list_vends_with_tokens(vend_ids)
    ]
    return queue_messages(drafts=drafts, actor=actor, now=now)


def list_codes_for_phone(*, msisdn_sha256: str, meter_ids: Sequence[int], limit: int) -> list[Vend]:
    """The newest issued sales that a phone may see: of meters linked to it, and what it paid for itself, also where
    the money was moved to another meter than it was first paid for.
    """
    paid = [str(payment_id) for payment_id in list_payment_ids_of_payer(msisdn_sha256, limit=50)]
    seen = {vend.pk: vend for vend in list_issued_vends(meter_ids=meter_ids, references=paid, limit=limit)}
    moved = list_vend_ids_of(MOVED, paid).values()
    seen |= {vend.pk: vend for vend in list_vends_with_tokens(moved) if vend.state == VendState.ISSUED}
    return sorted(seen.values(), key=lambda vend: -vend.pk)[:limit]


def _resend_text(vend: Vend) -> str:
    bought_at = vend.funded_at.astimezone(ZoneInfo(vend.meter.site.timezone))
    return render_sms(
        "token_resend",
        {
            "digits": vend.authority.token.digits,
            "energy_kwh_tenths": vend.energy_kwh_tenths,
            "drn": vend.meter.drn,
            "bought_on": f"{bought_at:%d %b}",
            "ussd_code": settings.USSD_CODE,
        },
    )
