"""What can be asked about customers' claims, and about the sale that a payment became."""

from datetime import datetime

from fleet.customers.models import Phone
from gateway.claims.lifecycle import ClaimState
from gateway.claims.models import ClaimTry, MeterClaim
from gateway.fulfilment.services import AUTHORITY_KINDS
from vending.vends.models import Vend
from vending.vends.queries import list_vend_ids_of, list_vends_with_tokens

SUSPENSE = "suspense"


def count_tries(phone_sha256: str, *, since: datetime) -> int:
    """How often this phone named a payment, rightly or not."""
    return ClaimTry.objects.filter(phone_sha256=phone_sha256, at__gt=since).count()


def count_wrong_tries(*, since: datetime) -> int:
    return ClaimTry.objects.filter(is_right=False, at__gt=since).count()


def count_claims(phone_sha256: str, *, since: datetime) -> int:
    """How often this phone named a meter for a payment of its own."""
    return MeterClaim.objects.filter(phone_sha256=phone_sha256, asked_at__gt=since).count()


def find_open_claim(payment_id: int) -> MeterClaim | None:
    return MeterClaim.objects.filter(payment_id=payment_id, state=ClaimState.OPEN).first()


def find_asked_claim(phone_sha256: str, *, since: datetime) -> MeterClaim | None:
    """The newest claim for which this phone was asked YES or NO since then, also if nobody waits for it any more."""
    asked = MeterClaim.objects.filter(phone_sha256=phone_sha256, kind=SUSPENSE, asked_at__gt=since)
    return asked.filter(state__in=[ClaimState.OPEN, ClaimState.EXPIRED]).order_by("-pk").first()


def find_sale(payment_id: int) -> Vend | None:
    """What the payment bought: the sale that it was moved to, if it was, else its first one; None if all of it is in a
    wallet, as after a cancelled sale.
    """
    for kind in reversed(AUTHORITY_KINDS):
        vend_ids = list_vend_ids_of(kind, [str(payment_id)]).values()
        if vends := list_vends_with_tokens(vend_ids):
            return vends[0]
    return None


def find_phone_id(phone_e164: str) -> int | None:
    """The row of a registered phone: a case names it instead of the number."""
    return Phone.objects.filter(e164=phone_e164).values_list("pk", flat=True).first()
