"""Celery's entry to the flow."""

import logging
from collections.abc import Callable
from typing import Any

from celery import shared_task
from celery.signals import celeryd_after_setup, worker_ready
from django.conf import settings

from fleet.audit.services import seal_entries
from gateway.chance import random_nibble
from gateway.clock import now
from gateway.fulfilment.services import Tools, fulfil, resume
from gateway.fulfilment.stuck import open_stuck_cases
from gateway.fulfilment.waiting import tell_waiting_customers
from gateway.queues import Queue
from gateway.relay import wake
from vending.kernel.errors import DomainError
from vending.security.registry import get_security_module
from vending.vends.locks import LEASE
from vending.vends.services import give_up_vends

logger = logging.getLogger(__name__)

SEND_MESSAGES = "gateway.sms.tasks.send_messages"
_ACTOR = "system:fulfilment"


@celeryd_after_setup.connect
def check_security_module(instance: Any, **_: Any) -> None:
    """Test the security module when a worker that will ask it starts, not at its first sale.

    The worker starts all the same: with a module that refuses to work, sales are HELD and money is kept.
    """
    if Queue.TOKENS not in instance.app.amqp.queues.consume_from:
        return
    try:
        get_security_module().health()
    except DomainError as refusal:
        # Without its frames, which are the module's.
        logger.error("the security module refuses to work: %s (%s)", refusal, refusal.code)  # noqa: TRY400


@worker_ready.connect
def take_up(sender: Any, **_: Any) -> None:
    """What a killed worker left is free when its leases end: soon after another one starts, not at beat's next turn."""
    if Queue.TOKENS in sender.app.amqp.queues.consume_from:
        sweep_fulfilment.apply_async(countdown=LEASE.total_seconds() + 1, expires=60, retry=False)


@shared_task(queue=Queue.TOKENS)
def fulfil_payments(payment_ids: list[int]) -> None:
    """Take these payments through the flow, and others that wait with them; what somebody else has is left."""
    wake(SEND_MESSAGES, fulfil(payment_ids=payment_ids, tools=_tools(), bring_along=True).message_ids)


@shared_task(queue=Queue.TOKENS)
def sweep_fulfilment() -> None:
    """Whatever waits, in batches, until nothing does. New money goes before each batch of sales that were held: there
    may be thousands of those, none of which can go on yet. Who still waits after that is told so.
    """
    _step_aside("sales were not given up", _give_up)
    _step_aside("no case was opened for stuck payments", _call_staff)
    tools = _tools()
    while (progress := fulfil(payment_ids=None, tools=tools)).rows or (progress := resume(tools=tools)).rows:
        wake(SEND_MESSAGES, progress.message_ids)
    _step_aside("waiting customers were not told", _tell)


def _step_aside(fault: str, step: Callable[[], None]) -> None:
    """What only follows the sales must never stop them."""
    try:
        step()
    except Exception:
        logger.exception(fault)


def _give_up() -> None:
    give_up_vends(now=now(), actor=_ACTOR)


def _call_staff() -> None:
    open_stuck_cases(now=now())


def _tell() -> None:
    wake(SEND_MESSAGES, tell_waiting_customers(now=now()))


@shared_task(queue=Queue.PAYMENTS)
def seal_audit() -> None:
    while seal_entries(now=now()):
        pass


def _tools() -> Tools:
    return Tools(
        module=get_security_module(),
        clock=now,
        random_nibble=random_nibble,
        look_ahead_minutes=settings.TID_LOOK_AHEAD_MINUTES,
    )
