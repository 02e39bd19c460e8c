"""The yardstick of P6: a task that does nothing, on the queue and in the worker of the sale flow."""

from celery import shared_task

from gateway.queues import Queue


def _do_nothing(payment_ids: list[int]) -> None:
    """Takes what the real task takes."""


do_nothing = shared_task(queue=Queue.TOKENS, name="tests.bench.do_nothing")(_do_nothing)
