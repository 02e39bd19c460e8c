"""Telling a customer once that the code is late, or that nobody knows yet whether the money moved (journey A1)."""

import logging
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from functools import partial

from django.db import IntegrityError, transaction

from fleet.meters.models import Meter
from gateway.fulfilment.notices import queue_notices
from gateway.fulfilment.queries import list_late_payments, list_late_vends, list_unconfirmed_purchases
from gateway.payments.models import Payment
from gateway.payments.queries import find_meters, list_payments

logger = logging.getLogger(__name__)

CODE_LATE, NOT_CONFIRMED, ON_HOLD = "code_late", "not_confirmed", "payment_on_hold"
_PAGE = 200
_ACTOR = "system:fulfilment"


def tell_waiting_customers(*, now: datetime) -> list[int]:
    """Queue what is due for money that has waited for a minute; returns the ids of messages. Idempotent by payment."""
    try:
        with transaction.atomic():
            return [
                message_id
                for tell in (_tell_late_sales, _tell_late_payments, _tell_stopped_payments, _tell_unconfirmed)
                for message_id in _page_by_page(partial(tell, now))
            ]
    except IntegrityError:  # another sweep told the same ones at the same moment
        logger.info("late sales are being told by another sweep")
        return []


def _page_by_page(tell: Callable[[int], tuple[int, list[int]]]) -> list[int]:
    """All that is due. `tell` gets how many rows to skip, those that have nobody to be told, and says how many it read
    and the messages it queued.
    """
    message_ids: list[int] = []
    skip, read = 0, _PAGE
    while read == _PAGE:
        read, queued = tell(skip)
        skip += read - len(queued)
        message_ids += queued
    return message_ids


def _tell_late_sales(now: datetime, skip: int) -> tuple[int, list[int]]:
    vends = list_late_vends(now, template=CODE_LATE, skip=skip, limit=_PAGE)
    meter_of = {int(vend.authority.reference): vend.meter for vend in vends}
    return len(vends), _queue(CODE_LATE, list_payments(meter_of), meter_of, now)


def _tell_late_payments(now: datetime, skip: int) -> tuple[int, list[int]]:
    """Money that waits for the provider's word is as late as any; what nobody can place yet is being looked at."""
    late = list_late_payments(now, template=CODE_LATE, is_frozen=False, skip=skip, limit=_PAGE)
    meter_of = _meters_of(late)
    placed = [payment for payment in late if payment.pk in meter_of]
    return len(late), _queue(CODE_LATE, placed, meter_of, now)


def _tell_stopped_payments(now: datetime, skip: int) -> tuple[int, list[int]]:
    stopped = list_late_payments(now, template=ON_HOLD, is_frozen=True, skip=skip, limit=_PAGE)
    return len(stopped), _queue(ON_HOLD, stopped, _meters_of(stopped), now)


def _meters_of(payments: Sequence[Payment]) -> dict[int, Meter]:
    by_text = find_meters(sorted({payment.account_text for payment in payments if not payment.meter}))
    found = {payment.pk: payment.meter or by_text[payment.account_text] for payment in payments}
    return {payment_id: meter for payment_id, meter in found.items() if meter}


def _tell_unconfirmed(now: datetime, skip: int) -> tuple[int, list[int]]:
    purchases = list_unconfirmed_purchases(now, template=NOT_CONFIRMED, skip=skip, limit=_PAGE)
    meter_of = {payment.pk: payment.meter for payment in purchases if payment.meter}
    placed = [payment for payment in purchases if payment.pk in meter_of]
    return len(purchases), _queue(NOT_CONFIRMED, placed, meter_of, now)


def _queue(template: str, payments: Sequence[Payment], meters: Mapping[int, Meter], now: datetime) -> list[int]:
    return queue_notices(template=template, payments=payments, meters=meters, actor=_ACTOR, now=now)
