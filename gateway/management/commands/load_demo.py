"""`manage.py load_demo`: a small site to try everything on, with the published compliance vending key. Idempotent.

Refused in production. With `--json` standard output is one object that a simulator or a test needs; all else goes to
standard error.
"""

import json
import secrets
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import transaction

from fleet.customers.services import add_customer
from fleet.meters.lifecycle import LABELS, MeterState
from fleet.meters.models import Meter
from fleet.meters.services import MeterFacts, link_phone, move_meter, register_meter
from fleet.operators.services import set_operator
from fleet.sites.services import add_site
from gateway.clock import now
from gateway.http.phones import msisdn_sha256
from gateway.settings import kept_secret
from vending.keys.services import KeyAttributes, load_vending_key
from vending.sts.check_digits import luhn_digit
from vending.sts.identifiers import MeterPan
from vending.tariffs.engine import Prices
from vending.tariffs.services import publish_tariff

ACTOR = "system:load_demo"
VENDING_KEY = "abababababababab949494949494949401234567"
KEY = KeyAttributes(sgc="201457", krn=1, kt=2, base_date="14", dkga=4, ken=255)
TI, EA = 1, 11
PRICES = Prices(
    price_per_kwh_minor=2000,
    price_includes_vat=False,
    vat_basis_points=1600,
    fixed_fee_minor=1000,
    least_energy_kwh_tenths=1,
)
LEAST_PAYMENT_MINOR, MOST_PAYMENT_MINOR = 1000, 10_000_000
OPERATOR = ("demo", "demo-tokeni-1")
TARIFF_START = datetime(2026, 1, 1, tzinfo=UTC)

PEOPLE = {
    "+254711000101": "Amina Mwangi",
    "+254711000102": "Juma Kamau",
    "+254711000103": "Wanjiru Njoroge",
    "+254711000104": "Otieno Odhiambo",
    "+254711000105": "Halima Said",
    "+254711000106": "Peter Kiptoo",
}
# Body of the DRN without its check digit, the phones, and whether it ends up blocked.
METERS = (
    ("3700012345", ("+254711000101",), False),
    ("3700010932", ("+254711000102",), False),
    ("3700018127", ("+254711000102",), False),
    ("360100000042", ("+254711000103",), False),
    ("3700020046", ("+254711000104",), False),
    ("360100000117", ("+254711000105",), False),
    ("3700030011", ("+254711000106",), True),
)


class Command(BaseCommand):
    help = "Load the demo site: meters, phones, prices, the published test key, an operator's login."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--json", action="store_true", help="print one JSON object on standard output")

    def handle(self, *args: Any, **options: Any) -> None:
        if settings.IS_PRODUCTION:
            raise CommandError("load_demo works with TOKENI_MODE=demo or test only")
        ensure_demo_key_encryption_key()
        call_command("migrate", interactive=False, verbosity=0)
        with transaction.atomic():
            facts = _load()
        if options["json"]:
            self.stdout.write(json.dumps(facts))
        else:
            self.stderr.write(f"demo site loaded: {len(facts['meters'])} meters")


def ensure_demo_key_encryption_key() -> None:
    """In demo the key-encryption key is made in the data folder when none was given."""
    if settings.KEY_ENCRYPTION_KEY_FILE or settings.KEY_ENCRYPTION_KEY:
        return
    settings.KEY_ENCRYPTION_KEY_FILE = str(demo_key_encryption_key_file())


def demo_key_encryption_key_file() -> Path:
    path: Path = settings.TOKENI_DATA_DIR / "key_encryption_key"
    kept_secret(path)
    return path


def _load() -> dict[str, Any]:
    at = now()
    site = add_site(code="demo", name="Demo mini-grid", currency="KES", timezone="Africa/Nairobi", actor=ACTOR, now=at)
    load_vending_key(
        attributes=KEY, secret=bytes.fromhex(VENDING_KEY), nonce=secrets.token_bytes(12), actor=ACTOR, now=at
    )
    publish_tariff(
        site_id=site.pk,
        currency="KES",
        prices=PRICES,
        least_payment_minor=LEAST_PAYMENT_MINOR,
        most_payment_minor=MOST_PAYMENT_MINOR,
        starts_at=TARIFF_START,
        actor=ACTOR,
        now=at,
    )
    set_operator(username=OPERATOR[0], password=OPERATOR[1], actor=ACTOR, now=at)
    phones = {e164: _phone(e164, name, at) for e164, name in PEOPLE.items()}
    meters = [_meter(site.pk, body, numbers, is_blocked, phones, at) for body, numbers, is_blocked in METERS]
    return _facts(meters)


def _phone(e164: str, name: str, at: datetime) -> Any:
    return add_customer(name=name, e164=e164, msisdn_sha256=msisdn_sha256(e164), actor=ACTOR, now=at)


def _meter(
    site_id: int, body: str, numbers: tuple[str, ...], is_blocked: bool, phones: dict[str, Any], at: datetime
) -> dict[str, Any]:
    drn = body + luhn_digit(body)
    meter = register_meter(
        facts=MeterFacts(
            site_id=site_id,
            customer_id=phones[numbers[0]].customer_id,
            drn=drn,
            meter_pan=str(MeterPan.from_entry(drn)),
            ea=EA,
            sgc=KEY.sgc,
            krn=KEY.krn,
            kt=KEY.kt,
            ti=TI,
        ),
        actor=ACTOR,
        now=at,
    )
    for number in numbers:
        link_phone(meter_id=meter.pk, phone_id=phones[number].pk, actor=ACTOR, now=at)
    _bring_to_life(meter, is_blocked, at)
    meter.refresh_from_db(fields=["state"])
    return _meter_facts(meter, numbers)


def _bring_to_life(meter: Meter, is_blocked: bool, at: datetime) -> None:
    """Only a meter that this run has registered is moved: what somebody did to it since stays."""
    if meter.state != MeterState.STOCK:
        return
    states = [MeterState.INSTALLED, MeterState.ACTIVE, *([MeterState.SUSPENDED] if is_blocked else [])]
    for state in states:
        reason = "dispute" if state == MeterState.SUSPENDED else "demo"
        move_meter(meter_id=meter.pk, state=state, reason=reason, actor=ACTOR, now=at)


def _meter_facts(meter: Meter, numbers: tuple[str, ...]) -> dict[str, Any]:
    return {
        "drn": meter.drn,
        "meter_pan": meter.meter_pan,
        "ea": meter.ea,
        "dkga": KEY.dkga,
        "sgc": meter.sgc,
        "krn": meter.krn,
        "kt": meter.kt,
        "ti": meter.ti,
        "ken": KEY.ken,
        "base": KEY.base_date,
        "state": LABELS[MeterState(meter.state)],
        "phones": list(numbers),
    }


def _facts(meters: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "paybill": settings.MPESA_SHORT_CODE,
        "ussd_code": settings.USSD_CODE,
        "currency": "KES",
        "hook_secret": settings.HOOK_SECRETS[0],
        "operator": {
            "username": OPERATOR[0],
            "password": OPERATOR[1],
            "url": f"{settings.PUBLIC_BASE_URL}/dashboard/",
        },
        "tariff": {
            "price_per_kwh_minor": PRICES.price_per_kwh_minor,
            "price_includes_vat": PRICES.price_includes_vat,
            "vat_percent": PRICES.vat_basis_points // 100,
            "fixed_fee_minor": PRICES.fixed_fee_minor,
            "fixed_fee_per": "month",
        },
        "meters": meters,
        "phones": list(PEOPLE),
    }
