"""The yardstick of P14: Celery on Redis as it comes, but for late acknowledgement and a short visibility time-out.

Run as a program, it sends the one task.
"""

import os
import time

import redis
from celery import Celery

BROKER = os.environ.get("BROKER_URL", "")
app = Celery("stock", broker=BROKER)
app.conf.update(
    task_acks_late=True,
    task_reject_on_worker_lost=True,
    broker_transport_options={"visibility_timeout": 5},
    broker_connection_retry_on_startup=True,
)


def _work() -> None:
    """Hangs where it is told to, so that its worker is killed in the middle; else it is done."""
    marks = redis.Redis.from_url(BROKER)
    marks.set("begun", 1)
    if os.environ.get("STOCK_HANGS"):
        time.sleep(600)
    marks.set("done", 1)


work = app.task(name="work")(_work)

if __name__ == "__main__":
    work.delay()
