"""More meters and phones beside the demo's, loaded through the services, in a process that sees the product's settings.

`python -m tests.chaos_money.site COUNT` prints one JSON list of meters in the form of `load_demo --json`.
"""

import json
import os
import sys
from typing import Any

FIRST_PHONE = 254_712_500_000
ACTOR = "system:chaos_money"


def main(count: int) -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "gateway.settings")
    import django

    django.setup()
    print(json.dumps(load_meters(count)))


def load_meters(count: int) -> list[dict[str, Any]]:
    """Meters on the demo's site, each with a phone of its own; every fourth has a number of 13 digits."""
    from django.db import transaction

    from fleet.customers.services import add_customer
    from fleet.meters.lifecycle import MeterState
    from fleet.meters.services import MeterFacts, link_phone, move_meter, register_meter
    from fleet.sites.models import Site
    from gateway.clock import now
    from gateway.http.phones import msisdn_sha256
    from gateway.management.commands.load_demo import EA, KEY, TI
    from vending.sts.check_digits import luhn_digit
    from vending.sts.identifiers import MeterPan

    site, at, loaded = Site.objects.get(code="demo"), now(), []
    for number in range(count):
        body = f"360100{700_000 + number}" if number % 4 == 3 else f"3701{200_000 + number}"
        drn, e164 = body + luhn_digit(body), f"+{FIRST_PHONE + number}"
        with transaction.atomic():
            phone = add_customer(
                name=f"Customer {number}", e164=e164, msisdn_sha256=msisdn_sha256(e164), actor=ACTOR, now=at
            )
            facts = MeterFacts(
                site_id=site.pk, customer_id=phone.customer_id, drn=drn, meter_pan=str(MeterPan.from_entry(drn)),
                ea=EA, sgc=KEY.sgc, krn=KEY.krn, kt=KEY.kt, ti=TI,
            )  # fmt: skip
            meter = register_meter(facts=facts, actor=ACTOR, now=at)
            link_phone(meter_id=meter.pk, phone_id=phone.pk, actor=ACTOR, now=at)
            for state in (MeterState.INSTALLED, MeterState.ACTIVE):
                move_meter(meter_id=meter.pk, state=state, reason="chaos", actor=ACTOR, now=at)
        numbers = {"ea": EA, "dkga": KEY.dkga, "krn": KEY.krn, "kt": KEY.kt, "ti": TI, "ken": KEY.ken}
        names = {"drn": drn, "meter_pan": meter.meter_pan, "sgc": KEY.sgc, "base": KEY.base_date}
        loaded.append({**names, **numbers, "state": "ACTIVE", "phones": [e164]})
    return loaded


if __name__ == "__main__":
    main(int(sys.argv[1]))
