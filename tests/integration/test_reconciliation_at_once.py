"""Imports that meet: two of one file, two of files that overlap, and the callback that was only late."""

from collections.abc import Callable
from datetime import timedelta
from functools import partial

import pytest
from pytest_django import Settings

from gateway.payments.models import Payment
from gateway.reconciliation import taking
from gateway.reconciliation.models import Statement, StatementLine
from gateway.reconciliation.services import Outcome, import_statement
from gateway.webhooks.models import Callback
from tests.support.committed import at_once, committed, committed_world
from tests.support.statements import Listed, export
from tests.support.world import ACTOR, NOW, SHORT_CODE, World
from vending.vends.models import Vend

__all__ = ["committed", "committed_world"]
pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.money_path]
RECEIPTS = [f"SKJLOST{number:03d}" for number in range(12)]


@pytest.fixture(autouse=True)
def short_batches(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.MPESA_SHORT_CODE = SHORT_CODE
    monkeypatch.setattr(taking, "BATCH", 3)


def importing(world: World, receipts: list[str]) -> Callable[[], Outcome]:
    lines = [Listed(receipt, NOW - timedelta(hours=1), "100.00", account=world.meter.drn) for receipt in receipts]
    return partial(
        import_statement,
        provider="daraja",
        file_name="november.csv",
        content=export(lines, period=("2026-11-20 00:00:00", f"2026-11-20 11:{len(receipts)}:00")),
        mapping="org-portal",
        operator_id=None,
        actor=ACTOR,
        now=NOW + timedelta(hours=1),
    )


def late_callback(world: World, receipt: str) -> object:
    return world.confirm(10_000, receipt=receipt)


def test_imports_and_a_late_callback_at_once_make_each_payment_once(committed_world: World) -> None:
    world = committed_world
    acts: list[Callable[[], object]] = [
        importing(world, RECEIPTS),
        importing(world, RECEIPTS),
        importing(world, [*RECEIPTS[::-1], "SKJLOST900"]),
        partial(late_callback, world, RECEIPTS[7]),
    ]

    results = at_once(acts)
    world.later(3600)
    while world.fulfil().rows or world.resume().rows:
        world.later(1)

    assert [result for result in results if isinstance(result, Exception)] == []
    assert list(Payment.objects.order_by("receipt").values_list("receipt", flat=True)) == [*RECEIPTS, "SKJLOST900"]
    assert Vend.objects.filter(state="ISSUED").count() == 13
    assert StatementLine.objects.count() == 13
    assert Statement.objects.filter(finished_at=None).count() == 0
    assert Statement.objects.count() == 2
    told = Callback.objects.filter(outcome__in=("created", "accepted")).values_list("subject", flat=True)
    assert set(told) == {*RECEIPTS, "SKJLOST900"}
