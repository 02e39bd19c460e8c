"""Payments that must be verified, purchases with a prompt out, and what became of them."""

from fleet.audit.models import AuditEntry
from fleet.cases.models import Case
from gateway.payments.models import Payment
from gateway.payments.ports import Authenticity, Outcome, PushOutcome, PushResult
from gateway.payments.queries import reference_in
from gateway.payments.services import confirm_payment, store_push, verify_payment
from gateway.payments.trust import Trust
from tests.support.world import ACTOR, AMINA, World

DOUBTED = Trust(Authenticity.SECRET, must_verify=True)
CHECKOUT = "ws_CO_1"


def doubted(world: World, amount_minor: int = 20_000, receipt: str = "") -> Payment:
    """A confirmation that nobody vouches for."""
    claim = world.claim(amount_minor, world.meter.drn, receipt=receipt)
    reference = reference_in(claim.account_text)
    accepted = confirm_payment(claim=claim, reference=reference, trust=DOUBTED, actor=ACTOR, now=world.now)
    return Payment.objects.get(pk=accepted.payment_id or 0)


def prompted(world: World, checkout_id: str = CHECKOUT, payer: str = AMINA) -> Payment:
    """A purchase whose prompt is on the phone."""
    purchase = world.purchase(payer=payer)
    result = PushResult(PushOutcome.ACCEPTED, checkout_id, "0")
    store_push(payment_id=purchase.pk, result=result, actor=ACTOR, now=world.now)
    return Payment.objects.get(pk=purchase.pk)


def verify(world: World, payment: Payment, outcome: Outcome, amount_minor: int = 20_000) -> str:
    return verify_payment(payment_id=payment.pk, outcome=outcome, amount_minor=amount_minor, actor=ACTOR, now=world.now)


def acts_of(payment: Payment | None) -> list[str]:
    assert payment
    return list(AuditEntry.objects.filter(subject=f"payment:{payment.pk}").order_by("pk").values_list("act", flat=True))


def open_reasons(payment: Payment) -> list[str]:
    """Why a person is to look at it."""
    mine = Case.objects.filter(subject=f"payment:{payment.pk}", closed_at=None)
    return list(mine.order_by("pk").values_list("reason", flat=True))
