"""A provider's list, pulled: what was lost is healed once, and nothing is concluded from what is not listed."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import pairwise

import pytest

from fleet.cases.models import Case
from gateway.fulfilment.services import allocate
from gateway.payments.models import Payment
from gateway.payments.ports import Door, Outcome, Payer, PaymentClaim, PullPage
from gateway.payments.services import freeze_payment
from gateway.reconciliation import pulling, tasks
from gateway.reconciliation.listed import MISSING, take_claim
from gateway.reconciliation.models import StatementLine
from gateway.reconciliation.pulling import Pulled, pull, pull_all
from gateway.webhooks.models import Callback
from tests.support.fake_payment_provider import FakePaymentProvider
from tests.support.rows import rows_of
from tests.support.world import ACTOR, World
from vending.kernel.money import MoneyError
from vending.vends.models import Vend
from vending.vends.services import hold_vend

pytestmark = pytest.mark.money_path
TWO_HOURS = timedelta(hours=2)


@pytest.fixture
def provider(monkeypatch: pytest.MonkeyPatch) -> FakePaymentProvider:
    """A provider that lists what it is told to; it has the name under which the world's payments come."""
    fake = FakePaymentProvider("daraja")
    monkeypatch.setattr(pulling, "get_provider", lambda name: fake)
    return fake


@pytest.fixture
def run(world: World, provider: FakePaymentProvider) -> Callable[[], Pulled]:
    """Pull the last two hours."""

    def run() -> Pulled:
        return pull(
            provider="daraja",
            starts_at=world.now - TWO_HOURS,
            ends_at=world.now,
            actor=ACTOR,
            clock=lambda: world.now,
        )

    return run


def listed(world: World, receipt: str, amount_minor: int = 20_000) -> PaymentClaim:
    claim = world.claim(amount_minor, world.meter.drn, receipt=receipt)
    return replace(claim, door=Door.PULL, paid_at=world.now, payer=Payer(masked="2547 ***** 101"))


def test_pull_of_many_pages_takes_what_was_lost_once(
    world: World, provider: FakePaymentProvider, run: Callable[[], Pulled]
) -> None:
    known = world.sell()
    provider.listed = [listed(world, known.receipt or ""), *(listed(world, f"SKJLOST00{n}") for n in range(4))]

    first, again = run(), run()
    world.fulfil()

    assert (first, again) == (Pulled({"matched": 1, "created": 4}), Pulled({"matched": 5}))
    assert [offset for _, _, offset in provider.pulls] == [0, 2, 4, 0, 2, 4]
    assert (Payment.objects.count(), Vend.objects.filter(state="ISSUED").count()) == (5, 5)
    assert sorted(Callback.objects.filter(door="pull").values_list("subject", flat=True)) == [
        f"SKJLOST00{n}" for n in range(4)
    ]
    assert StatementLine.objects.count() == 0


def test_pull_that_ends_early_keeps_what_came_and_freezes_nothing(
    world: World, provider: FakePaymentProvider, run: Callable[[], Pulled], monkeypatch: pytest.MonkeyPatch
) -> None:
    sold = world.sell()
    pages = iter([PullPage((listed(world, "SKJLOST001"),), 1, is_complete=True), PullPage((), None, False, "http_500")])
    monkeypatch.setattr(provider, "pull", lambda *args, **kwargs: next(pages))

    assert run() == Pulled({"created": 1}, is_complete=False, code="http_500")
    sold.refresh_from_db()
    assert (sold.frozen_reason, Case.objects.count()) == ("", 0)


def test_list_whose_offset_stands_still_is_left(
    world: World, provider: FakePaymentProvider, run: Callable[[], Pulled], monkeypatch: pytest.MonkeyPatch
) -> None:
    page = PullPage((listed(world, "SKJLOST001"),), 0, is_complete=True)
    monkeypatch.setattr(provider, "pull", lambda *args, **kwargs: page)

    assert run() == Pulled({"created": 1}, is_complete=False, code="offset_stands_still")


def test_list_without_end_is_left_after_the_most_pages(
    world: World, provider: FakePaymentProvider, run: Callable[[], Pulled], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pulling, "_MOST_PAGES", 3)
    provider.listed = [listed(world, f"SKJLOST{n:03d}") for n in range(20)]

    assert run() == Pulled({"created": 6}, is_complete=False, code="too_many_pages")


def test_pull_stops_when_its_time_is_over(world: World, provider: FakePaymentProvider) -> None:
    provider.listed = [listed(world, f"SKJLOST{n:03d}") for n in range(9)]
    ends_at = world.now

    def clock() -> datetime:
        world.later(6)
        return world.now

    pulled = pull(provider="daraja", starts_at=ends_at - TWO_HOURS, ends_at=ends_at, actor=ACTOR, clock=clock)

    assert (pulled.is_complete, pulled.code) == (False, "out_of_time")
    assert 0 < len(provider.pulls) < 5


def test_what_is_foreign_or_not_paid_is_not_taken(
    world: World, provider: FakePaymentProvider, run: Callable[[], Pulled]
) -> None:
    right = listed(world, "SKJLOST001")
    provider.listed = [
        replace(right, short_code="555555"),
        replace(right, outcome=Outcome.UNKNOWN),
        replace(right, receipt=""),
    ]

    assert run() == Pulled({"foreign": 3})
    assert Payment.objects.count() == 0


def test_claim_that_is_refused_stops_no_other(
    world: World, provider: FakePaymentProvider, run: Callable[[], Pulled], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refusing(**facts: object) -> object:
        if facts["claim"].receipt == "SKJLOST000":  # type: ignore[attr-defined]
            raise MoneyError("out of range")
        return take_claim(**facts)  # type: ignore[arg-type]

    monkeypatch.setattr(pulling, "take_claim", refusing)
    provider.listed = [listed(world, f"SKJLOST00{n}") for n in range(2)]

    assert run() == Pulled({"refused": 1, "created": 1})


def test_other_amount_is_one_case_however_often_it_is_listed(
    world: World, provider: FakePaymentProvider, run: Callable[[], Pulled]
) -> None:
    sold = world.sell(20_000)
    provider.listed = [listed(world, sold.receipt or "", 300)]

    assert run().counts == {"differs": 1}
    before = rows_of(Payment, Case, Callback)
    assert run().counts == {"differs": 1}
    assert rows_of(Payment, Case, Callback) == before
    assert list(Case.objects.values_list("reason", "subject")) == [("amount_differs", f"payment:{sold.pk}")]


def test_listed_payment_is_freed_and_its_held_sale_goes_on(
    world: World, provider: FakePaymentProvider, run: Callable[[], Pulled]
) -> None:
    payment = Payment.objects.get(pk=world.confirm().payment_id or 0)
    allocate(payment_ids=[payment.pk], tools=world.tools())
    freeze_payment(payment_id=payment.pk, reason=MISSING, actor=ACTOR, now=world.now)
    hold_vend(vend_id=Vend.objects.get().pk, reason=MISSING, actor=ACTOR, now=world.now)
    provider.listed = [listed(world, payment.receipt or "")]

    assert run().counts == {"matched": 1}
    world.resume()

    payment.refresh_from_db()
    assert (payment.frozen_reason, Vend.objects.get().state) == ("", "ISSUED")
    assert Case.objects.filter(closed_at=None).count() == 0


def test_wide_pull_asks_for_every_part_and_begins_with_another_each_hour(
    world: World, provider: FakePaymentProvider
) -> None:
    for hour in (0, 1):
        world.now = world.now.replace(hour=hour)
        pull_all(provider="daraja", span=timedelta(hours=48), actor=ACTOR, clock=lambda: world.now)

    first, second = provider.pulls[:8], provider.pulls[8:]
    for hour, asked in ((0, first), (1, second)):
        edges = sorted((starts_at, ends_at) for starts_at, ends_at, _ in asked)
        now = world.now.replace(hour=hour)
        assert (edges[0][0], edges[-1][1]) == (now - timedelta(hours=48), now)
        assert all(left[1] == right[0] for left, right in pairwise(edges))
    assert first[0][1] == world.now.replace(hour=0)
    assert second[0][1] == world.now.replace(hour=1) - timedelta(hours=6)


@pytest.mark.parametrize(("names", "pulls"), [((), 0), (("daraja",), 9)])
def test_tasks_pull_only_providers_that_are_set_to_be_pulled(
    world: World, provider: FakePaymentProvider, monkeypatch: pytest.MonkeyPatch, names: tuple[str, ...], pulls: int
) -> None:
    monkeypatch.setattr(tasks, "list_pulled_providers", lambda: names)

    tasks.pull_newest()
    tasks.pull_all()

    assert len(provider.pulls) == pulls
