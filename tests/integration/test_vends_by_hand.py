"""What only a person does about a held sale: cancel it, freeze it, release it; and sales that are given up."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.db import transaction

from fleet.audit.queries import list_entries_of
from fleet.cases.models import Case
from fleet.meters.locks import lock_meters
from gateway.fulfilment.issuing import issue
from gateway.fulfilment.services import allocate, issue_and_settle
from gateway.sms.models import Message
from tests.support.committed import at_once, committed, committed_world
from tests.support.world import ACTOR, NOW, World
from vending.keys.models import VendingKey
from vending.keys.stopping import start_vending_key, stop_vending_key
from vending.ledger.models import LedgerEntry
from vending.ledger.queries import find_unbalanced_entries, get_wallet
from vending.tariffs.engine import Block, Levy, Prices
from vending.tariffs.models import FixedFeeCharge, FreeAllowance
from vending.tariffs.services import publish_tariff
from vending.tokens.errors import VerifyFailed
from vending.tokens.models import Token
from vending.vends.errors import VendNotCancellable
from vending.vends.lifecycle import VendState
from vending.vends.locks import MOST_ATTEMPTS, claim_vends
from vending.vends.models import Vend
from vending.vends.queries import get_quote, list_last_vends, list_vends_with_tokens
from vending.vends.services import (
    cancel_vend,
    give_up_vends,
    hold_vend,
    release_vend,
    resume_vends,
    settle_vends,
    wake_held_vends,
)

__all__ = ["committed", "committed_world"]
pytestmark = [pytest.mark.django_db, pytest.mark.money_path]
TWO = ("operator:1", "operator:2")
RICH = Prices(
    price_per_kwh_minor=1_000,
    price_includes_vat=False,
    vat_basis_points=1_600,
    fixed_fee_minor=100,
    least_energy_kwh_tenths=1,
    blocks=(Block(50, 1_000), Block(None, 2_000)),
    levies=(Levy("electrification", 500), Levy("inspection", 30)),
    free_kwh_tenths=25,
)


def stop() -> None:
    stop_vending_key(vending_key_id=VendingKey.objects.get().pk, reason="lost card", actor=ACTOR, now=NOW)


def start() -> None:
    start_vending_key(vending_key_id=VendingKey.objects.get().pk, actors=TWO, now=NOW)


def held(world: World, amount: int = 20_000) -> Vend:
    """A paid sale that waits for its vending key, without a token."""
    stop()
    payment = world.sell(amount)
    return Vend.objects.get(authority__reference=str(payment.pk))


def allocated(world: World) -> Vend:
    """A sale whose TID is stored, before the module is asked."""
    (vend_id,) = allocate(payment_ids=[world.confirm().payment_id or 0], tools=world.tools()).vend_ids
    return Vend.objects.get(pk=vend_id)


def failed(world: World) -> Vend:
    """A sale with a token that is not what was sold."""
    vend = allocated(world)
    settle_vends(outcomes={vend.pk: VerifyFailed()}, actor=ACTOR, now=world.now)
    vend.refresh_from_db()
    return vend


def again(vend: Vend) -> tuple[str, str]:
    vend.refresh_from_db()
    return vend.state, vend.held_reason


def open_cases() -> set[tuple[str, str]]:
    return set(Case.objects.filter(closed_at=None).values_list("reason", "subject"))


def acts(vend: Vend) -> list[str]:
    return [entry.act for entry in list_entries_of([f"vend:{vend.pk}"])]


def cancel(world: World, vend: Vend) -> Vend:
    with transaction.atomic():
        lock_meters([vend.meter_id])
        return cancel_vend(vend_id=vend.pk, actor=ACTOR, now=world.now)


def freeze(world: World, vend: Vend) -> bool:
    return hold_vend(vend_id=vend.pk, reason="not_confirmed", actor=ACTOR, now=world.now)


def release(world: World, vend: Vend) -> bool:
    return release_vend(vend_id=vend.pk, actor=ACTOR, now=world.now)


def test_cancel_puts_the_whole_money_back_into_the_wallet(world: World) -> None:
    vend = held(world)
    assert get_wallet(world.meter.pk) == 208
    cancelled = cancel(world, vend)
    assert (cancelled.state, cancelled.held_reason, cancelled.next_try_at) == (VendState.CANCELLED, "", None)
    assert again(vend) == (VendState.CANCELLED, "")
    assert get_wallet(world.meter.pk) == 20_000
    lines = LedgerEntry.objects.get(cause=f"vend:{vend.pk}:cancelled").lines
    assert set(lines.values_list("account", "meter_id", "amount_minor")) == {
        ("revenue:energy", world.meter.pk, 16_200),
        ("tax:vat", world.meter.pk, 2_592),
        ("revenue:fixed_fee", world.meter.pk, 1_000),
        ("wallet", world.meter.pk, -19_792),
    }
    entry = list_entries_of([f"vend:{vend.pk}"])[-1]
    assert (entry.act, entry.actor) == ("vend.cancelled", ACTOR)
    assert entry.details == {"reason": "vending_key_stopped", "wallet_minor": 19_792}
    assert open_cases() == set()
    assert list_last_vends(world.meter.pk, 9) == []


def test_cancelled_sale_gives_its_month_back_and_the_next_one_costs_the_same(world: World) -> None:
    publish_tariff(
        site_id=world.site.pk, currency="KES", prices=RICH, least_payment_minor=1, most_payment_minor=30_000,
        day_limit_minor=30_000, starts_at=NOW - timedelta(days=1), actor=ACTOR, now=NOW,
    )  # fmt: skip
    before = get_quote(meter=world.meter, paid_minor=30_000, now=NOW).split
    vend = held(world, 30_000)
    assert vend.energy_kwh_tenths == before.energy_kwh_tenths
    cancel(world, vend)
    assert get_wallet(world.meter.pk) == 30_000
    assert list(find_unbalanced_entries()) == []
    assert FixedFeeCharge.objects.get().cancelled_at == FreeAllowance.objects.get().cancelled_at == NOW
    assert get_quote(meter=world.meter, paid_minor=0, now=NOW).split.energy_kwh_tenths == before.energy_kwh_tenths
    start()
    world.sell(100)
    second = Vend.objects.latest("pk")
    assert (second.state, second.fee_minor, second.free_kwh_tenths) == (VendState.ISSUED, 100, 25)
    assert (second.month_before_kwh_tenths, second.wallet_used_minor) == (0, 30_000)
    assert second.energy_kwh_tenths == before.energy_kwh_tenths


def rows() -> tuple[int, int, list[tuple[str, str]]]:
    states = list(Vend.objects.order_by("pk").values_list("state", "held_reason"))
    return LedgerEntry.objects.count(), Case.objects.filter(closed_at=None).count(), states


@pytest.mark.parametrize("state", [VendState.FUNDED, VendState.ISSUING, VendState.ISSUED, VendState.CANCELLED])
def test_cancel_of_a_sale_that_is_not_held_is_refused_and_nothing_is_written(world: World, state: str) -> None:
    world.sell()
    Vend.objects.update(state=state)
    vend, before = Vend.objects.get(), rows()
    with pytest.raises(VendNotCancellable, match=rf"^sale {vend.pk} is {state}, not HELD$") as refusal:
        cancel(world, vend)
    assert (refusal.value.code, refusal.value.field) == ("vend_not_cancellable", "state")
    assert (rows(), "vend.cancelled" in acts(vend)) == (before, False)


def test_cancel_of_no_sale_is_refused(world: World) -> None:
    with pytest.raises(VendNotCancellable, match=r"^sale 999999 is none, not HELD$"):
        cancel_vend(vend_id=999_999, actor=ACTOR, now=NOW)


def test_cancel_twice_pays_back_once(world: World) -> None:
    vend = held(world)
    cancel(world, vend)
    before = rows()
    with pytest.raises(VendNotCancellable):
        cancel(world, vend)
    assert (rows(), get_wallet(world.meter.pk)) == (before, 20_000)


def test_cancel_of_a_sale_that_took_nothing_books_nothing(world: World) -> None:
    """At 1 a kWh a tenth costs less than half of the minor unit."""
    cheap = Prices(1, False, 0, 0, 1)
    publish_tariff(
        site_id=world.site.pk, currency="KES", prices=cheap, least_payment_minor=1, most_payment_minor=1,
        starts_at=NOW - timedelta(days=1), actor=ACTOR, now=NOW,
    )  # fmt: skip
    vend = held(world, 1)
    Vend.objects.update(energy_kwh_tenths=4, net_minor=0, kept_minor=1)
    entries = LedgerEntry.objects.count()
    vend.refresh_from_db()
    cancel(world, vend)
    assert (again(vend)[0], LedgerEntry.objects.count()) == (VendState.CANCELLED, entries)


def test_cancelled_sale_keeps_its_token_which_is_never_sent(world: World) -> None:
    vend = failed(world)
    start()
    token = Token.objects.get()
    cancel(world, vend)
    assert Token.objects.get() == token
    world.later(3_600)
    assert world.resume().rows == 0
    assert issue_and_settle(vend_ids=[vend.pk], tools=world.tools()) == []
    assert list_vends_with_tokens([vend.pk]) == []
    assert again(vend) == (VendState.CANCELLED, "")
    assert not Message.objects.exists()
    assert get_wallet(world.meter.pk) == 20_000


End = Callable[[World, Vend], object]


@pytest.mark.parametrize(
    ("end", "state"),
    [(cancel, (VendState.CANCELLED, "")), (freeze, (VendState.HELD, "payment_frozen"))],
    ids=["cancelled", "frozen"],
)
@pytest.mark.parametrize("outcome", [None, VerifyFailed()], ids=["right", "wrong"])
def test_worker_in_the_middle_of_a_sale_that_a_person_ends_issues_nothing(
    world: World, end: End, state: tuple[str, str], outcome: VerifyFailed | None
) -> None:
    """The worker has claimed it and asks the module while the person acts. A wrong token still tells of its key."""
    vend = allocated(world)
    Vend.objects.update(state=VendState.HELD, held_reason="security_module_unavailable", leased_until=None)
    world.later(1)
    assert claim_vends(now=world.now, limit=9) == [vend.pk]
    assert issue([vend.pk], world.module) == {vend.pk: None}
    end(world, vend)
    assert settle_vends(outcomes={vend.pk: outcome}, actor=ACTOR, now=world.now) == []
    assert again(vend) == state
    assert (vend.next_try_at, vend.leased_until, vend.issued_at) == (None, None, None)
    assert Token.objects.get().digits != ""
    assert not Message.objects.exists()
    assert (VendingKey.objects.get().stopped_at is None) == (outcome is None)


@pytest.mark.parametrize("end", [cancel, freeze])
def test_sale_that_a_person_ends_after_it_was_claimed_gets_no_tid(world: World, end: End) -> None:
    vend = held(world)
    start()
    world.later(3)
    assert claim_vends(now=world.now, limit=9) == [vend.pk]
    end(world, vend)
    before = again(vend)
    resume_vends(
        vend_ids=[vend.pk],
        meters=lock_meters([vend.meter_id]),
        random_nibble=lambda: 5,
        look_ahead_minutes=30,
        now=world.now,
    )
    assert (again(vend), Token.objects.count()) == (before, 0)


@pytest.mark.django_db(transaction=True)
def test_sale_that_is_settled_and_cancelled_at_once_ends_one_way(committed_world: World) -> None:
    world = committed_world
    vend = allocated(world)
    Vend.objects.update(state=VendState.HELD, held_reason="security_module_unavailable")
    assert issue([vend.pk], world.module) == {vend.pk: None}

    def settle() -> int:
        return len(settle_vends(outcomes={vend.pk: None}, actor=ACTOR, now=world.now))

    issued, cancelled = at_once([settle, lambda: cancel(world, vend)])
    if issued:
        assert isinstance(cancelled, VendNotCancellable)
        assert (again(vend)[0], get_wallet(world.meter.pk)) == (VendState.ISSUED, 208)
    else:
        assert isinstance(cancelled, Vend)
        assert (again(vend)[0], get_wallet(world.meter.pk)) == (VendState.CANCELLED, 20_000)


@pytest.mark.parametrize("state", [VendState.FUNDED, VendState.ISSUING, VendState.HELD])
def test_frozen_sale_waits_for_a_person_and_goes_on_when_it_is_released(world: World, state: str) -> None:
    vend = allocated(world)
    Vend.objects.update(state=state, held_reason="security_module_unavailable" if state == VendState.HELD else "")
    assert freeze(world, vend) is True
    assert again(vend) == (VendState.HELD, "payment_frozen")
    assert open_cases() == {("payment_frozen", f"vend:{vend.pk}")}
    entry = list_entries_of([f"vend:{vend.pk}"])[-1]
    assert entry.details == {"reason": "payment_frozen", "why": "not_confirmed"}
    world.later(86_400)
    assert (world.resume().rows, wake_held_vends(reasons=["payment_frozen"], now=world.now)) == (0, 0)
    assert release(world, vend) is True
    assert open_cases() == set()
    assert world.resume().rows == 1
    assert again(vend) == (VendState.ISSUED, "")
    assert acts(vend) == ["vend.funded", "vend.held", "vend.released", "vend.issued"]
    assert Message.objects.count() == 1


def test_sale_frozen_before_it_had_a_tid_gets_one_when_it_is_released(world: World) -> None:
    vend = held(world)
    assert freeze(world, vend) is True
    assert open_cases() == {("payment_frozen", f"vend:{vend.pk}")}  # nobody waits for the key any more
    start()
    assert release(world, vend) is True
    world.resume()
    assert again(vend) == (VendState.ISSUED, "")


def test_released_sale_with_a_token_is_given_up_like_any_other(world: World) -> None:
    """One that ends its worker every time is not tried for ever because it was frozen once."""
    vend = allocated(world)
    freeze(world, vend)
    assert release(world, vend) is True
    assert again(vend) == (VendState.ISSUING, "")
    Vend.objects.update(attempts=MOST_ATTEMPTS)
    assert give_up_vends(now=world.now, actor=ACTOR) == 1
    assert again(vend) == (VendState.HELD, "sale_given_up")


def test_released_sale_that_cannot_go_on_is_held_for_what_stands_in_the_way(world: World) -> None:
    vend = held(world)
    Vend.objects.update(attempts=MOST_ATTEMPTS)
    freeze(world, vend)
    release(world, vend)
    world.resume()
    assert again(vend) == (VendState.HELD, "vending_key_stopped")
    assert (vend.attempts, open_cases()) == (1, {("vending_key_stopped", f"vending_key:{VendingKey.objects.get().pk}")})


def test_freeze_leaves_what_has_ended_or_waits_for_a_person_already(world: World) -> None:
    issued = allocated(world)
    issue_and_settle(vend_ids=[issued.pk], tools=world.tools())
    wrong = failed(world)
    start()
    frozen, gone = allocated(world), allocated(world)
    for vend in (frozen, gone):
        assert freeze(world, vend)
    cancel(world, gone)
    before = rows()
    assert [freeze(world, vend) for vend in (issued, wrong, frozen, gone)] == [False] * 4
    assert [release(world, vend) for vend in (issued, wrong, gone)] == [False] * 3
    assert hold_vend(vend_id=999_999, reason="not_confirmed", actor=ACTOR, now=NOW) is False
    assert release_vend(vend_id=999_999, actor=ACTOR, now=NOW) is False
    assert rows() == before
    assert (release(world, frozen), release(world, frozen)) == (True, False)


def test_sale_with_a_wrong_token_keeps_a_case_of_its_own_until_it_is_cancelled(world: World) -> None:
    vend = failed(world)
    key = f"vending_key:{VendingKey.objects.get().pk}"
    assert open_cases() == {("verify_failed", key), ("sale_needs_decision", f"vend:{vend.pk}")}
    start()
    assert open_cases() == {("sale_needs_decision", f"vend:{vend.pk}")}
    cancel(world, vend)
    assert open_cases() == set()
    case = Case.objects.get(subject=f"vend:{vend.pk}")
    assert (case.outcome, case.details["vend_id"]) == ("closed by itself: the sale was cancelled", vend.pk)


def test_cancel_leaves_the_case_about_the_key_to_the_two_persons(world: World) -> None:
    vend = failed(world)
    cancel(world, vend)
    assert open_cases() == {("verify_failed", f"vending_key:{VendingKey.objects.get().pk}")}


def test_two_sales_of_a_meter_that_wait_for_a_person_are_two_cases(world: World) -> None:
    first, second = allocated(world), allocated(world)
    settle_vends(outcomes={first.pk: VerifyFailed(), second.pk: VerifyFailed()}, actor=ACTOR, now=world.now)
    own = {("sale_needs_decision", f"vend:{vend.pk}") for vend in (first, second)}
    assert own < open_cases()
    cancel(world, first)
    assert own & open_cases() == {("sale_needs_decision", f"vend:{second.pk}")}
