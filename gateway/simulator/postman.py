"""Carries what is posted later: callbacks, reports, expiries.

Its threads are daemons, so that ending the process waits for nothing.
"""

import heapq
import itertools
import sys
import threading
import time
import traceback
from collections.abc import Callable

Job = Callable[[], object]


class Postman:
    """Runs jobs at their time, several at once, each on its own: a job that fails takes no other with it."""

    def __init__(self, threads: int = 8) -> None:
        self._jobs: list[tuple[float, int, Job]] = []
        self._numbers = itertools.count()
        self._wake = threading.Condition()
        for _ in range(threads):
            threading.Thread(target=self._work, daemon=True, name="postman").start()

    def post(self, job: Job, *, after_seconds: float = 0.0) -> None:
        """Run `job` once, not before `after_seconds` from now."""
        with self._wake:
            heapq.heappush(self._jobs, (time.monotonic() + after_seconds, next(self._numbers), job))
            self._wake.notify()

    def post_until_taken(
        self, job: Callable[[], bool], *, after_seconds: float, every_seconds: float, until: float
    ) -> None:
        """Run `job` until it says that it was taken, or until the monotonic moment `until` has passed."""

        def attempt() -> None:
            if not job() and time.monotonic() < until:
                self.post(attempt, after_seconds=every_seconds)

        self.post(attempt, after_seconds=after_seconds)

    def _next_job(self) -> Job:
        with self._wake:
            while True:
                if not self._jobs:
                    self._wake.wait()
                    continue
                wait_seconds = self._jobs[0][0] - time.monotonic()
                if wait_seconds <= 0:
                    return heapq.heappop(self._jobs)[2]
                self._wake.wait(wait_seconds)

    def _work(self) -> None:
        while True:
            job = self._next_job()
            try:
                job()
            except Exception:
                traceback.print_exc(file=sys.stderr)
