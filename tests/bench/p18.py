"""P18: what the audit trail and the check of every token cost a sale, and, told apart, what the ledger costs.

Ours is the whole flow; the yardstick leaves out one of them. The ratio is time with over time without, so that 1.10
means a tenth more. What is left out is left out here alone: nothing in the product can be told to.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any
from unittest.mock import patch

from tests.bench.flow import confirm, count_issued, tools
from tests.bench.ratios import MeasurementError, interleave, line

AIM = 1.10
SALES = 400
Without = Callable[[], Any]


def measure(payers: Sequence[dict[str, str]]) -> list[str]:
    whole = _milliseconds_a_sale(payers, ExitStack)
    lines = []
    for what, without in (("audit+check", _without_proof), ("ledger", _without_ledger)):
        bare = _milliseconds_a_sale(payers, without)
        whole(), bare()
        rounds = interleave(whole, bare)
        lines.append(line("P18", "server", rounds, aim=AIM, cost=what, unit="ms_a_sale"))
    return lines


def _milliseconds_a_sale(payers: Sequence[dict[str, str]], without: Without) -> Callable[[], float]:
    from gateway.fulfilment.services import fulfil

    def milliseconds_a_sale() -> float:
        payment_ids, drained = confirm(payers, SALES), tools()
        with without():
            started = time.perf_counter()
            while fulfil(payment_ids=None, tools=drained).rows:
                pass
            seconds = time.perf_counter() - started
        if (issued := count_issued(payment_ids)) != SALES:
            raise MeasurementError(f"{issued} of {SALES} sales were issued")
        return seconds * 1000 / SALES

    return milliseconds_a_sale


@contextmanager
def _without_proof() -> Iterator[None]:
    """No audit entry is written, and no token is decoded and compared."""
    from fleet.audit.models import AuditEntry

    with (
        patch.object(type(AuditEntry.objects), "bulk_create", _write_all_but(AuditEntry)),
        patch("gateway.fulfilment.issuing._verify", lambda vends, module: {vend.pk: None for vend in vends}),
    ):
        yield


@contextmanager
def _without_ledger() -> Iterator[None]:
    with patch("vending.vends.services.post", lambda **_: None):
        yield


def _write_all_but(left_out: type) -> Callable[..., Any]:
    from django.db.models import Manager

    write = Manager.bulk_create

    def bulk_create(manager: Any, rows: Any, *args: Any, **options: Any) -> Any:
        if manager.model is left_out:
            return list(rows)
        return write(manager, rows, *args, **options)

    return bulk_create
