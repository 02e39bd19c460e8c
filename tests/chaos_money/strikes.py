"""What is done to the running product: signal 9 to each kind of process, and the broker wiped."""

import contextlib
import os
import random
import signal
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from redis import Redis
from redis.exceptions import RedisError

from tests.chaos_money.installation import Installation


class Striker:
    """Strikes when the customers have come so far: at fixed shares of the plan, in an order drawn from the seed."""

    def __init__(self, installation: Installation, seed: int, rounds: int) -> None:
        self._installation = installation
        chance = random.Random(f"strikes:{seed}")
        strikes: list[tuple[str, Callable[[], None]]] = [
            ("worker of tokens killed", lambda: self._kill_child("tokens@")),
            ("second worker of tokens killed", self._kill_own_worker),
            ("worker of calls killed", lambda: self._kill_child("calls@")),
            ("web worker killed", self._kill_web_worker),
            ("web server killed", lambda: self._kill_child("gunicorn")),
            ("beat killed", lambda: self._kill_child("beat-schedule")),
            ("broker wiped", self._wipe),
        ]
        self._plan: list[tuple[str, Callable[[], None]]] = []
        for _ in range(rounds):
            self._plan += chance.sample(strikes, len(strikes))
        self.counts: Counter[str] = Counter()

    def strike_up_to(self, share: float) -> None:
        """Everything that is due once this share (0 to 1) of the plan has begun; the last strike comes before 0.95."""
        while self._plan and sum(self.counts.values()) < share / 0.95 * self._total:
            name, strike = self._plan.pop(0)
            strike()
            self.counts[name] += 1

    @property
    def _total(self) -> int:
        return len(self._plan) + sum(self.counts.values())

    def _kill_child(self, word: str) -> None:
        if pid := self._installation.product.find_child(word):
            _kill(pid)

    def _kill_own_worker(self) -> None:
        self._installation.stop_own_worker()
        self._installation.start_own_worker()

    def _kill_web_worker(self) -> None:
        """One of those that the web server has forked; it starts another by itself."""
        if master := self._installation.product.find_child("gunicorn"):
            with contextlib.suppress(OSError):
                forked = Path(f"/proc/{master}/task/{master}/children").read_text().split()
                for pid in forked[:1]:
                    _kill(int(pid))

    def _wipe(self) -> None:
        with contextlib.suppress(RedisError), Redis.from_url(self._installation.redis.url) as client:
            client.flushall()


def _kill(pid: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)
