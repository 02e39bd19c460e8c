"""Sales that are given up: what ends its worker every time is taken out of the flow, and a person is called."""

import pytest

from fleet.audit.queries import list_entries_of
from fleet.cases.models import Case
from fleet.cases.services import close_case
from gateway.fulfilment.services import allocate
from tests.support.fake_security_module import FakeSecurityModule
from tests.support.world import ACTOR, NOW, World
from vending.keys.models import VendingKey
from vending.keys.stopping import start_vending_key
from vending.tokens.errors import VerifyFailed
from vending.vends.lifecycle import VendState
from vending.vends.locks import MOST_ATTEMPTS
from vending.vends.models import Vend
from vending.vends.services import cancel_vend, give_up_vends, hold_vend, release_vend, settle_vends

pytestmark = [pytest.mark.django_db, pytest.mark.money_path]
TWO = ("operator:1", "operator:2")


def allocated(world: World) -> Vend:
    """A sale whose TID is stored, before the module is asked."""
    (vend_id,) = allocate(payment_ids=[world.confirm().payment_id or 0], tools=world.tools()).vend_ids
    return Vend.objects.get(pk=vend_id)


def again(vend: Vend) -> tuple[str, str]:
    vend.refresh_from_db()
    return vend.state, vend.held_reason


def open_cases() -> set[tuple[str, str]]:
    return set(Case.objects.filter(closed_at=None).values_list("reason", "subject"))


def test_sale_that_ends_every_worker_is_given_up_with_a_case(world: World) -> None:
    worn, fresh = allocated(world), allocated(world)
    Vend.objects.filter(pk=worn.pk).update(attempts=MOST_ATTEMPTS)
    Vend.objects.filter(pk=fresh.pk).update(attempts=MOST_ATTEMPTS - 1)
    assert give_up_vends(now=world.now, actor=ACTOR) == 0  # somebody may still be at it
    world.later(6)
    assert give_up_vends(now=world.now, actor=ACTOR) == 1
    assert (again(worn), again(fresh)) == ((VendState.HELD, "sale_given_up"), (VendState.ISSUING, ""))
    assert open_cases() == {("sale_given_up", f"vend:{worn.pk}")}
    assert list_entries_of([f"vend:{worn.pk}"])[-1].details == {"reason": "sale_given_up"}
    assert give_up_vends(now=world.now, actor=ACTOR) == 0
    world.resume()
    assert (again(worn)[0], again(fresh)[0]) == (VendState.HELD, VendState.ISSUED)
    assert release_vend(vend_id=worn.pk, actor=ACTOR, now=world.now) is False
    cancel_vend(vend_id=worn.pk, actor=ACTOR, now=world.now)
    assert open_cases() == set()


def test_sale_that_is_held_is_tried_for_ever_and_never_given_up(world: World) -> None:
    world.module = FakeSecurityModule({}, is_unavailable=True)
    world.sell()
    Vend.objects.update(attempts=10 * MOST_ATTEMPTS)
    world.later(3_600)
    assert give_up_vends(now=world.now, actor=ACTOR) == 0
    assert Vend.objects.get().held_reason == "security_module_unavailable"


def test_no_more_sales_are_given_up_at_once_than_asked_for(world: World) -> None:
    vends = [allocated(world) for _ in range(3)]
    Vend.objects.update(attempts=MOST_ATTEMPTS)
    world.later(6)
    assert [give_up_vends(now=world.now, actor=ACTOR, limit=2) for _ in range(3)] == [2, 1, 0]
    assert {again(vend) for vend in vends} == {(VendState.HELD, "sale_given_up")}
    assert Case.objects.count() == 3


def test_case_of_a_sale_that_was_closed_without_an_act_is_opened_again(world: World) -> None:
    wrong = allocated(world)
    settle_vends(outcomes={wrong.pk: VerifyFailed()}, actor=ACTOR, now=world.now)
    start_vending_key(vending_key_id=VendingKey.objects.get().pk, actors=TWO, now=NOW)
    frozen = allocated(world)
    hold_vend(vend_id=frozen.pk, reason="not_confirmed", actor=ACTOR, now=world.now)
    own = {("sale_needs_decision", f"vend:{wrong.pk}"), ("payment_frozen", f"vend:{frozen.pk}")}
    assert open_cases() == own
    for case in Case.objects.filter(closed_at=None):
        close_case(case_id=case.pk, outcome="looks fine", actor=ACTOR, now=NOW)
    assert open_cases() == set()
    give_up_vends(now=world.now, actor=ACTOR)
    assert open_cases() == own
    count = Case.objects.count()
    give_up_vends(now=world.now, actor=ACTOR)
    assert Case.objects.count() == count
