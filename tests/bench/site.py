"""A site with enough meters that sales do not wait for one another, and the confirmations that pay for them."""

import io
import json
from datetime import datetime
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.db import transaction

from fleet.customers.services import add_customer
from fleet.meters.lifecycle import MeterState
from fleet.meters.services import MeterFacts, link_phone, move_meter, register_meter
from fleet.sites.models import Site
from gateway.http.phones import msisdn_sha256
from gateway.management.commands.load_demo import EA, KEY, TI
from tests.support.payloads import json_payload
from vending.sts.check_digits import luhn_digit
from vending.sts.identifiers import MeterPan

METERS = 300
_ACTOR = "system:bench"


def load_site(now: datetime) -> list[dict[str, str]]:
    """The demo site with `METERS` more meters, a phone each; returns what a payer of each would send."""
    call_command("load_demo", stderr=io.StringIO())
    site_id = Site.objects.get().pk
    with transaction.atomic():
        return [_add_meter(site_id, number, now) for number in range(METERS)]


def confirmation(payer: dict[str, str], receipt: str) -> bytes:
    """A C2B confirmation as it is recorded in the payloads, paid by this payer; the number comes hashed."""
    document: dict[str, Any] = json_payload("daraja/c2b_confirmation_hashed_msisdn.json")
    fields = {"TransID": receipt, "TransAmount": "200.00", "BusinessShortCode": settings.MPESA_SHORT_CODE}
    return json.dumps(document | fields | payer).encode()


def _add_meter(site_id: int, number: int, now: datetime) -> dict[str, str]:
    body = f"3710{number:06d}"
    drn, e164 = body + luhn_digit(body), f"+254712{number:06d}"
    sha256 = msisdn_sha256(e164)
    phone = add_customer(name=f"Customer {number}", e164=e164, msisdn_sha256=sha256, actor=_ACTOR, now=now)
    facts = MeterFacts(
        site_id=site_id,
        customer_id=phone.customer_id,
        drn=drn,
        meter_pan=str(MeterPan.from_entry(drn)),
        ea=EA,
        sgc=KEY.sgc,
        krn=KEY.krn,
        kt=KEY.kt,
        ti=TI,
    )
    meter = register_meter(facts=facts, actor=_ACTOR, now=now)
    link_phone(meter_id=meter.pk, phone_id=phone.pk, actor=_ACTOR, now=now)
    for state in (MeterState.INSTALLED, MeterState.ACTIVE):
        move_meter(meter_id=meter.pk, state=state, reason="bench", actor=_ACTOR, now=now)
    return {"BillRefNumber": drn, "MSISDN": sha256}
