"""A small world for tests of the flow, made through services: one site, its key and prices, meters with phones.

Everything happens at `NOW` unless a test moves `World.now`; chance is a fixed nibble; the security module is the real
one in software, so every token in a test is one that a meter would take.
"""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count

from fleet.customers.services import add_customer
from fleet.meters.lifecycle import MeterState
from fleet.meters.models import Meter
from fleet.meters.services import MeterFacts, link_phone, move_meter, register_meter
from fleet.sites.models import Site
from fleet.sites.services import add_site
from gateway.fulfilment.services import Progress, Tools, fulfil, resume
from gateway.http.inbound import InboundRequest
from gateway.http.phones import msisdn_sha256
from gateway.payments.models import Payment
from gateway.payments.ports import Door, Outcome, Payer, PaymentClaim
from gateway.payments.queries import reference_in
from gateway.payments.services import Accepted, confirm_payment, settle_prompt, start_purchase
from gateway.webhooks.services import journal
from vending.keys.models import VendingKey
from vending.keys.services import KeyAttributes, load_vending_key, open_vending_key
from vending.security.ports import SecurityModule
from vending.security.software import SoftwareSecurityModule
from vending.sts.check_digits import luhn_digit
from vending.sts.identifiers import MeterPan
from vending.tariffs.engine import Prices
from vending.tariffs.services import publish_tariff

NOW = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)
ACTOR = "system:tests"
VENDING_KEY = bytes.fromhex("abababababababab949494949494949401234567")
DES_KEYS = bytes.fromhex("abababababababab4949494949494949")
KEY = KeyAttributes(sgc="201457", krn=1, kt=2, base_date="14", dkga=4, ken=255)
PRICES = Prices(
    price_per_kwh_minor=2000,
    price_includes_vat=False,
    vat_basis_points=1600,
    fixed_fee_minor=1000,
    least_energy_kwh_tenths=1,
)
AMINA, JUMA, STRANGER = "+254711000101", "+254711000102", "+254722999888"
SHORT_CODE = "400200"


@dataclass
class World:
    """The site, its meters, and the clock that everything reads."""

    site: Site
    meter: Meter
    other_meter: Meter
    module: SecurityModule
    now: datetime = NOW
    look_ahead_minutes: int = 30
    receipts: count = field(default_factory=lambda: count(1))  # type: ignore[type-arg]

    def tools(self) -> Tools:
        return Tools(self.module, lambda: self.now, lambda: 5, look_ahead_minutes=self.look_ahead_minutes)

    def later(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)

    def confirm(self, amount_minor: int = 20_000, account: str = "", payer: str = AMINA, receipt: str = "") -> Accepted:
        """A pay-bill confirmation with a hashed number, journalled as the door does."""
        claim = self.claim(amount_minor, account or self.meter.drn, payer, receipt)
        return self.take(claim)

    def take(self, claim: PaymentClaim) -> Accepted:
        reference = reference_in(claim.account_text)
        journal(
            provider=claim.provider,
            door=claim.door,
            request=InboundRequest("POST", "application/json", b"{}"),
            subject=claim.receipt or claim.checkout_id,
            outcome="accepted",
            now=self.now,
        )
        if claim.door == Door.STK:
            return settle_prompt(claim=claim, actor=ACTOR, now=self.now)
        return confirm_payment(claim=claim, reference=reference, actor=ACTOR, now=self.now)

    def claim(self, amount_minor: int, account: str, payer: str = AMINA, receipt: str = "") -> PaymentClaim:
        return PaymentClaim(
            provider="daraja",
            door=Door.CONFIRMATION,
            outcome=Outcome.PAID,
            receipt=receipt or f"RCPT{next(self.receipts):06d}",
            amount_minor=amount_minor,
            currency="KES",
            short_code=SHORT_CODE,
            account_text=account,
            payer=Payer(sha256=msisdn_sha256(payer)) if payer else Payer(masked="2547 ***** 126"),
        )

    def prompt_paid(
        self, checkout_id: str, receipt: str, amount_minor: int = 20_000, phone: str = AMINA
    ) -> PaymentClaim:
        return PaymentClaim(
            provider="daraja",
            door=Door.STK,
            outcome=Outcome.PAID,
            receipt=receipt,
            checkout_id=checkout_id,
            result_code="0",
            amount_minor=amount_minor,
            currency="KES",
            payer=Payer(e164=phone),
        )

    def prompt_failed(self, checkout_id: str, outcome: Outcome = Outcome.NOT_PAID) -> PaymentClaim:
        return PaymentClaim("daraja", Door.STK, outcome, checkout_id=checkout_id, result_code="1032", currency="KES")

    def purchase(self, amount_minor: int = 20_000, payer: str = AMINA, meter: Meter | None = None) -> Payment:
        return start_purchase(
            provider="daraja",
            meter=meter or self.meter,
            payer_e164=payer,
            amount_minor=amount_minor,
            new_reference=lambda: "TREFERENCE",
            actor=ACTOR,
            now=self.now,
        )

    def fulfil(self, payment_ids: list[int] | None = None) -> Progress:
        return fulfil(payment_ids=payment_ids, tools=self.tools())

    def resume(self) -> Progress:
        return resume(tools=self.tools())

    def sell(self, amount_minor: int = 20_000, account: str = "", payer: str = AMINA) -> Payment:
        """A whole sale, from the confirmation to the queued message."""
        accepted = self.confirm(amount_minor, account, payer)
        self.fulfil()
        return Payment.objects.get(pk=accepted.payment_id or 0)


def make_world() -> World:
    site = add_site(code="test", name="Test site", currency="KES", timezone="Africa/Nairobi", actor=ACTOR, now=NOW)
    load_vending_key(attributes=KEY, secret=VENDING_KEY, nonce=bytes(12), actor=ACTOR, now=NOW)
    publish_tariff(
        site_id=site.pk,
        currency="KES",
        prices=PRICES,
        least_payment_minor=1000,
        most_payment_minor=10_000_000,
        starts_at=NOW - timedelta(days=30),
        actor=ACTOR,
        now=NOW,
    )
    meter = add_meter(site, "3700012345", "Amina Mwangi", AMINA)
    other = add_meter(site, "360100000042", "Juma Kamau", JUMA)
    return World(site, meter, other, SoftwareSecurityModule(open_vending_key=open_vending_key))


def load_key(**changes: object) -> VendingKey:
    """A published vending key with the attributes of `KEY` but for these."""
    attributes = KeyAttributes(**(vars(KEY) | changes))
    secret = VENDING_KEY if attributes.dkga == 4 else DES_KEYS[: 16 if attributes.dkga == 3 else 8]
    return load_vending_key(attributes=attributes, secret=secret, nonce=bytes(12), actor=ACTOR, now=NOW)


def add_meter(
    site: Site, body: str, owner: str, phone_e164: str, *, sgc: str = KEY.sgc, krn: int = KEY.krn, ea: int = 11
) -> Meter:
    """An active meter whose owner has one linked phone."""
    phone = add_customer(name=owner, e164=phone_e164, msisdn_sha256=msisdn_sha256(phone_e164), actor=ACTOR, now=NOW)
    drn = body + luhn_digit(body)
    facts = MeterFacts(
        site_id=site.pk,
        customer_id=phone.customer_id,
        drn=drn,
        meter_pan=str(MeterPan.from_entry(drn)),
        ea=ea,
        sgc=sgc,
        krn=krn,
        kt=KEY.kt,
        ti=1,
    )
    meter = register_meter(facts=facts, actor=ACTOR, now=NOW)
    link_phone(meter_id=meter.pk, phone_id=phone.pk, actor=ACTOR, now=NOW)
    for state in (MeterState.INSTALLED, MeterState.ACTIVE):
        move_meter(meter_id=meter.pk, state=state, reason="test", actor=ACTOR, now=NOW)
    return Meter.objects.get(pk=meter.pk)


def block(meter: Meter) -> None:
    move_meter(meter_id=meter.pk, state=MeterState.SUSPENDED, reason="dispute", actor=ACTOR, now=NOW)
