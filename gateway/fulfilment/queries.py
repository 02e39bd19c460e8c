"""Whose money or code is late, and has not been told so; which money cannot be allocated. Each list is of one partial
index, and what customers are told of the last hour alone: a text about an old sale helps nobody. What nobody can be
told about stays in its list: the caller skips so many.
"""

from datetime import datetime, timedelta

from django.db.models import CharField, Exists, OuterRef, Q, Value
from django.db.models.functions import Cast, Concat

from fleet.cases.models import Case
from gateway.payments.doubts import WRONG_METER
from gateway.payments.lifecycle import PaymentState
from gateway.payments.models import Payment
from gateway.sms.models import Message
from vending.vends.models import UNFINISHED, Vend

PATIENCE = timedelta(seconds=60)
VIEW = timedelta(hours=1)
# A sale that a person stopped is not "being made".
PAYMENT_FROZEN = "payment_frozen"


def list_late_vends(now: datetime, *, template: str, skip: int, limit: int) -> list[Vend]:
    """Paid sales whose code is not there after a minute, oldest first."""
    late = Vend.objects.filter(state__in=UNFINISHED, funded_at__lte=now - PATIENCE, funded_at__gt=now - VIEW)
    untold = late.exclude(held_reason=PAYMENT_FROZEN).filter(~_is_told("authority__reference", template))
    return list(untold.select_related("authority", "meter").order_by("funded_at", "pk")[skip : skip + limit])


def list_late_payments(now: datetime, *, template: str, is_frozen: bool, skip: int, limit: int) -> list[Payment]:
    """Confirmed money that has not been allocated after a minute, oldest first: on hold by a person, or not. Who says
    that it is for another meter has been answered.
    """
    late = Payment.objects.filter(
        state=PaymentState.CONFIRMED, confirmed_at__lte=now - PATIENCE, confirmed_at__gt=now - VIEW
    )
    chosen = late.exclude(frozen_reason__in=["", WRONG_METER]) if is_frozen else late.filter(frozen_reason="")
    untold = chosen.filter(~_is_told("pk", template))
    return list(untold.select_related("meter").order_by("confirmed_at", "pk")[skip : skip + limit])


def list_unconfirmed_purchases(now: datetime, *, template: str, skip: int, limit: int) -> list[Payment]:
    """Purchases whose prompt went out over a minute ago and nobody knows what became of it, oldest first."""
    is_open = Q(state=PaymentState.EXPECTED) | Q(state=PaymentState.UNKNOWN, next_query_at__isnull=False)
    late = Payment.objects.filter(is_open, pushed_at__lte=now - PATIENCE, pushed_at__gt=now - VIEW)
    untold = late.filter(~_is_told("pk", template))
    return list(untold.select_related("meter").order_by("pushed_at", "pk")[skip : skip + limit])


def list_stuck_payments(now: datetime, *, tries: int, case: str, limit: int) -> list[Payment]:
    """Money that was begun so many times and is not allocated, without an open case of this reason, oldest first."""
    may_buy = Q(state=PaymentState.CONFIRMED) | Q(state=PaymentState.SUSPENSE, meter__isnull=False)
    is_at_rest = Q(leased_until=None) | Q(leased_until__lte=now)
    stuck = Payment.objects.filter(
        may_buy, is_at_rest, attempts__gte=tries, next_try_at__isnull=False, must_verify=False, frozen_reason=""
    )
    subject = Concat(Value("payment:"), Cast(OuterRef("pk"), CharField()))
    is_known = Exists(Case.objects.filter(reason=case, subject=subject, closed_at=None))
    return list(stuck.filter(~is_known).order_by("next_try_at", "pk")[:limit])


def _is_told(payment_id: str, template: str) -> Exists:
    """Whether the notice of this template was queued for the payment: by its cause, which is unique."""
    cause = Concat(Value("payment:"), Cast(OuterRef(payment_id), CharField()), Value(f":{template}"))
    return Exists(Message.objects.filter(cause=cause))
