"""Five hundred sales to one meter at once, by eight workers on one database: each token counts, once, in any order."""

import random
from collections import Counter

import pytest

from fleet.cases.models import Case
from gateway.books.queries import list_differences
from gateway.fulfilment.services import fulfil, resume
from gateway.simulator.meter import MeterFacts, VirtualMeter
from gateway.sms.models import Message
from tests.support.committed import at_once, committed, committed_world
from tests.support.world import VENDING_KEY, World
from vending.tokens.models import MeterTid, Token
from vending.vends.lifecycle import VendState
from vending.vends.models import Vend

__all__ = ["committed", "committed_world"]
pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.money_path]
SALES, WORKERS, BATCH = 500, 8, 10
NOW_TID = 6_777_180


def virtual_meter(world: World) -> VirtualMeter:
    row = world.meter
    facts = MeterFacts(row.drn, row.meter_pan, row.sgc, row.krn, row.kt, row.ti, base=14)
    return VirtualMeter(facts, VENDING_KEY, store_depth=SALES)


def sell_at_once(world: World, sales: int) -> None:
    """Each worker takes batches from what waits, until nothing does."""
    for _ in range(sales):
        world.confirm()

    def work() -> int:
        taken = 0
        while rows := fulfil(payment_ids=None, tools=world.tools(), limit=BATCH).rows:
            taken += rows
        return taken

    assert sum(int(str(taken)) for taken in at_once([work] * WORKERS, patience_seconds=60)) == sales


def tids() -> list[int]:
    return list(Token.objects.order_by("pk").values_list("tid", flat=True))


def words_for(meter: VirtualMeter, codes: list[str]) -> Counter[str]:
    return Counter(str(meter.type_digits(digits).word) for digits in codes)


def test_five_hundred_sales_at_once_are_five_hundred_tokens_that_the_meter_takes_in_any_order(
    committed_world: World,
) -> None:
    world = committed_world
    world.look_ahead_minutes = 600
    sell_at_once(world, SALES)
    assert set(Vend.objects.values_list("state", flat=True)) == {VendState.ISSUED}
    assert tids() == list(range(NOW_TID, NOW_TID + SALES))
    assert MeterTid.objects.get().last_tid == NOW_TID + SALES - 1
    assert Message.objects.count() == SALES
    assert not Case.objects.exists()
    codes = list(Token.objects.values_list("digits", flat=True))
    random.Random(3).shuffle(codes)
    meter = virtual_meter(world)
    assert words_for(meter, codes) == {"ACCEPT": SALES}
    assert meter.balance_tenths == sum(Vend.objects.values_list("energy_kwh_tenths", flat=True))
    random.Random(4).shuffle(codes)
    assert words_for(meter, codes) == {"USED": SALES}
    assert list(list_differences(world.now)) == []


def test_sales_at_once_stay_near_the_clock_and_go_on_with_it(committed_world: World) -> None:
    world, sales = committed_world, 200
    sell_at_once(world, sales)
    assert tids() == list(range(NOW_TID, NOW_TID + 31))
    assert Counter(Vend.objects.values_list("state", "held_reason")) == {
        (VendState.ISSUED, ""): 31,
        (VendState.HELD, "look_ahead_limit"): sales - 31,
    }
    case = Case.objects.get()
    assert (case.reason, case.subject, case.closed_at) == ("look_ahead_limit", f"meter:{world.meter.pk}", None)
    assert list(list_differences(world.now)) == []
    rounds = 0
    while Vend.objects.filter(state=VendState.HELD).exists():
        world.later(31 * 60)
        rounds += 1
        sweep_at_once(world)
        assert Token.objects.count() == min(31 * (rounds + 1), sales)
    given = tids()
    assert given == sorted(set(given))
    assert len(given) == sales
    case.refresh_from_db()
    assert case.closed_at == world.now
    assert words_for(virtual_meter(world), list(Token.objects.values_list("digits", flat=True))) == {"ACCEPT": sales}
    assert list(list_differences(world.now)) == []


def sweep_at_once(world: World) -> None:
    def work() -> None:
        while resume(tools=world.tools()).rows:
            pass

    assert at_once([work] * 2, patience_seconds=60) == [None, None]
