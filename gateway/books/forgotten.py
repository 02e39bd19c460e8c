"""Money that is old, and neither came to an end nor has an open case: nobody would ever look at it."""

from collections.abc import Collection, Iterator
from datetime import datetime, timedelta

from django.conf import settings
from django.db.models import Q

from fleet.cases.models import Case
from gateway.payments.doubts import PAID_WITHOUT_RECEIPT
from gateway.payments.lifecycle import PaymentState
from gateway.payments.models import Payment
from gateway.refunds.lifecycle import RefundState
from gateway.refunds.models import Refund
from gateway.reversals.models import Reversal
from gateway.reversals.queries import list_applicable_ids
from vending.keys.models import VendingKey
from vending.vends.models import UNFINISHED, Vend
from vending.vends.selling import key_name_of

# Far more than ever wait at once.
_MOST_TOLD = 1000


def find_forgotten_money(now: datetime) -> Iterator[str]:
    """Paid money that is old has become a token, a wallet's or the payer's, or somebody has an open case about it."""
    before = now - timedelta(minutes=settings.PAID_WITHOUT_TOKEN_MINUTES)
    about = set(Case.objects.filter(closed_at=None).values_list("subject", flat=True))
    yield from _find_sales(before, about)
    yield from _find_payments(before, about)
    yield from _find_back(before, about)


def _find_sales(before: datetime, about: set[str]) -> Iterator[str]:
    keys = {(key.sgc, key.krn, key.kt): key.pk for key in VendingKey.objects.defer("sealed")}
    old = Vend.objects.filter(state__in=UNFINISHED, funded_at__lte=before)
    for vend in old.select_related("meter", "authority__token").iterator():
        if not about & list_subjects(vend, keys.get(key_name_of(vend.meter))):
            yield f"vend:{vend.pk}: paid since {vend.funded_at:%Y-%m-%d %H:%M}, has no code and no open case"


def _find_payments(before: datetime, about: Collection[str]) -> Iterator[str]:
    waiting = Q(state__in=(PaymentState.CONFIRMED, PaymentState.SUSPENSE), confirmed_at__lte=before)
    unnamed = Q(state=PaymentState.UNKNOWN, reason=PAID_WITHOUT_RECEIPT, started_at__lte=before)
    for payment in Payment.objects.filter(waiting | unnamed).order_by("pk").iterator():
        if f"payment:{payment.pk}" not in about:
            yield f"payment:{payment.pk}: paid, is {payment.state} since long, and has no open case"


def _find_back(before: datetime, about: Collection[str]) -> Iterator[str]:
    """Who waits for a person has a case; whom the sweep should have asked for, or booked, long ago, too."""
    by_hand = Q(state=RefundState.BY_HAND)
    overdue = Q(state__in=(RefundState.WAITING, RefundState.ASKED)) & (Q(next_try_at=None) | Q(next_try_at__lte=before))
    for refund in Refund.objects.filter(by_hand | overdue).order_by("pk").iterator():
        if f"refund:{refund.pk}" not in about:
            yield f"refund:{refund.pk}: is {refund.state}, nobody pays it out, and it has no open case"
    told = Reversal.objects.filter(pk__in=list_applicable_ids(_MOST_TOLD), seen_at__lte=before)
    for reversal in told.order_by("pk"):
        payment = Payment.objects.get(provider=reversal.provider, receipt=reversal.payment_receipt)
        if f"payment:{payment.pk}" not in about:
            yield f"reversal:{reversal.pk}: payment:{payment.pk} was taken back, is not booked so, and has no open case"


def list_subjects(vend: Vend, key_id: int | None) -> set[str]:
    """What a case that also tells of this sale may be about."""
    token = getattr(vend.authority, "token", None)
    sgc, krn, kt = key_name_of(vend.meter)
    return {
        f"vend:{vend.pk}",
        f"meter:{vend.meter_id}",
        f"payment:{vend.authority.reference}",
        f"vending_key:{token.vending_key_id if token else key_id}",
        f"vending_key:{key_id}",
        f"supply_group:{sgc}/{krn}/{kt}",
        "installation",
    }
