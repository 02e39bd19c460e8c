"""P6: tokens a second end to end through a Celery worker, against tasks that do nothing in the same worker.

The worker of the `tokens` queue is started as `manage.py up` starts it, with the yardstick's task as one more import. Ours:
payments confirmed by the accept path, one task for each, timed until the broker is empty and every vend is ISSUED, its message
queued. The broker is filled while the worker is stopped, for both, so that publishing takes nothing from either.
"""

import itertools
import os
import signal
import subprocess
import time
from collections.abc import Callable, Sequence
from contextlib import contextmanager
from collections.abc import Iterator

import redis

from tests.bench.children import log_tail, running_child
from tests.bench.ratios import MeasurementError, interleave, line
from tests.bench.server_profile import Installation
AIM = 0.50
SECONDS = 2.5
_FIRST_COUNT = 50
_MOST = 5000
_POLL_SECONDS = 0.01
_GIVE_UP_SECONDS = 60.0
_FULFIL = "gateway.fulfilment.tasks.fulfil_payments"
_DO_NOTHING = "tests.bench.do_nothing"
