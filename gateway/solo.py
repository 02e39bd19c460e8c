"""One run of a task at a time in this process: a sweep that a slow provider holds up is not begun a second time.

Without it beat would fill every thread of a worker with sweeps that all wait for the same provider. It is no lock on
anything: rows have their leases.
"""

import functools
import threading
from collections.abc import Callable


def solo(work: Callable[[], None]) -> Callable[[], None]:
    """`work`, which does nothing while another thread of this process is at it."""
    busy = threading.Lock()

    @functools.wraps(work)
    def alone() -> None:
        if busy.acquire(blocking=False):
            try:
                work()
            finally:
                busy.release()

    return alone
