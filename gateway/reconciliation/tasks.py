"""Celery's entry to pulls, and to sales whose payment is no longer in doubt, whichever door said so."""

from datetime import timedelta

from celery import shared_task

from gateway import clock
from gateway.payments.registry import list_pulled_providers
from gateway.queues import Queue
from gateway.reconciliation import pulling
from gateway.reconciliation.freezing import release_sales
from gateway.solo import solo

NEWEST, ALL = timedelta(hours=2), timedelta(hours=48)
_ACTOR = "system:reconciliation"


@shared_task(queue=Queue.PAYMENTS)
@solo
def pull_newest() -> None:
    """Let sales go that nothing stops any more; then the last two hours: what a lost callback would have told."""
    release_sales(actor=_ACTOR, now=clock.now())
    for provider in list_pulled_providers():
        ends_at = clock.now()
        pulling.pull(provider=provider, starts_at=ends_at - NEWEST, ends_at=ends_at, actor=_ACTOR, clock=clock.now)


@shared_task(queue=Queue.PAYMENTS)
@solo
def pull_all() -> None:
    """As far back as a provider's list goes."""
    for provider in list_pulled_providers():
        pulling.pull_all(provider=provider, span=ALL, actor=_ACTOR, clock=clock.now)
