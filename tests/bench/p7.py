"""P7: a backlog drained by one process, against the same flow with batches of one.

Both are the flow itself, in this process: what a worker runs when a sweep finds money that waits. The security module
is the real one, and every sale must be ISSUED at the end.
"""

import time
from collections.abc import Callable, Sequence

from tests.bench.flow import confirm, count_issued, tools
from tests.bench.ratios import MeasurementError, interleave, line

AIM = 5.0
BACKLOG, ONE_BY_ONE = 600, 60


def measure(payers: Sequence[dict[str, str]]) -> str:
    ours, yardstick = _draining(payers, BACKLOG, batch=None), _draining(payers, ONE_BY_ONE, batch=1)
    ours(), yardstick()
    return line("P7", "server", interleave(ours, yardstick), aim=AIM)


def _draining(payers: Sequence[dict[str, str]], count: int, *, batch: int | None) -> Callable[[], float]:
    """Tokens a second, with the flow's own batch size or another one."""
    from gateway.fulfilment.services import BATCH, fulfil

    def tokens_a_second() -> float:
        payment_ids, drained = confirm(payers, count), tools()
        started = time.perf_counter()
        while fulfil(payment_ids=None, tools=drained, limit=batch or BATCH).rows:
            pass
        seconds = time.perf_counter() - started
        if (issued := count_issued(payment_ids)) != count:
            raise MeasurementError(f"{issued} of {count} sales were issued")
        return count / seconds

    return tokens_a_second
