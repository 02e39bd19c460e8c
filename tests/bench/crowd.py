"""P15 and P16: sales by several threads at once, all of one merchant or meter, against sales spread over many.

A provider's float and a meter's row are what all of those sales have in common: the first must be no hot row at all,
the second is one by its nature (TIDs of a meter rise), and may only cost so much.
"""

import threading
import time
from collections.abc import Callable, Sequence

from tests.bench.flow import confirm, count_issued, tools
from tests.bench.ratios import MeasurementError, interleave, line

MERCHANTS = 1000
THREADS = 4
SALES = 400


def measure_one_merchant(payers: Sequence[dict[str, str]]) -> str:
    one = _selling(payers, lambda payment_ids: None)
    many = _selling(payers, _give_merchants)
    one(), many()
    return line("P15", "server", interleave(one, many), aim=0.80, merchants=str(MERCHANTS))


def measure_hot_meter(payers: Sequence[dict[str, str]]) -> str:
    hot = _selling(payers[:1], lambda payment_ids: None)
    spread = _selling(payers, lambda payment_ids: None)
    hot(), spread()
    rounds = interleave(hot, spread)
    _check_tids()
    return line("P16", "server", rounds, aim=0.35, meters=str(len(payers)))


def _selling(payers: Sequence[dict[str, str]], prepare: Callable[[list[int]], None]) -> Callable[[], float]:
    """Tokens a second of `THREADS` threads, each with payments of its own, one sale at a time."""

    def tokens_a_second() -> float:
        payment_ids = confirm(payers, SALES)
        prepare(payment_ids)
        shares = [payment_ids[number::THREADS] for number in range(THREADS)]
        threads = [threading.Thread(target=_sell_one_by_one, args=(share,)) for share in shares]
        started = time.perf_counter()
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        seconds = time.perf_counter() - started
        if (issued := count_issued(payment_ids)) != SALES:
            raise MeasurementError(f"{issued} of {SALES} sales were issued")
        return SALES / seconds

    return tokens_a_second


def _sell_one_by_one(payment_ids: Sequence[int]) -> None:
    from django.db import connection

    from gateway.fulfilment.services import fulfil

    mine = tools()
    try:
        for payment_id in payment_ids:
            fulfil(payment_ids=[payment_id], tools=mine)
    finally:
        connection.close()


def _give_merchants(payment_ids: list[int]) -> None:
    """A merchant's account each for every thousandth sale: the name of the provider is the name of its float."""
    from gateway.payments.models import Payment

    payments = list(Payment.objects.filter(pk__in=payment_ids))
    for payment in payments:
        payment.provider = f"merchant_{payment.pk % MERCHANTS}"
    Payment.objects.bulk_update(payments, ["provider"])


def _check_tids() -> None:
    from django.db.models import Count

    from vending.tokens.models import Token

    twice = Token.objects.values("meter", "base_date", "tid").annotate(count=Count("pk")).filter(count__gt=1)
    if twice.exists():
        raise MeasurementError("a meter has one TID twice")
