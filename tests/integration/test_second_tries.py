"""Sales that are tried again: after a worker died, behind new money, by a module that breaks its word, at one moment
with whoever mends them.
"""

import threading
import time
from collections.abc import Sequence
from datetime import timedelta

import pytest
from django.db import transaction
from django.db.models import F

from fleet.audit.models import AuditEntry
from gateway.fulfilment import tasks
from gateway.fulfilment.services import Progress, Tools, fulfil, resume
from gateway.payments.services import postpone_payment
from tests.support.committed import at_once, committed, committed_world
from tests.support.fake_security_module import FakeSecurityModule
from tests.support.world import ACTOR, NOW, STRANGER, World, add_meter, load_key
from vending.kernel.errors import DomainError
from vending.keys.errors import KeyEncryptionKeyMissing
from vending.keys.models import VendingKey
from vending.keys.services import open_vending_key
from vending.keys.stopping import start_vending_key, stop_vending_key
from vending.security.ports import CreditRequest, DecodedToken, Made, VerifyRequest
from vending.security.software import SoftwareSecurityModule
from vending.tokens.models import Token
from vending.vends.lifecycle import VendState
from vending.vends.locks import MOST_ATTEMPTS, claim_vends
from vending.vends.models import Vend

__all__ = ["committed", "committed_world"]
pytestmark = [pytest.mark.django_db, pytest.mark.money_path]
KENS = {("201457", 1, 2): 255}
TWO = ("operator:1", "operator:2")


class WorkerDied(BaseException):
    """As signal 9 would: nothing of the flow runs after it."""


class Deadly(FakeSecurityModule):
    def credit(self, requests: Sequence[CreditRequest]) -> list[Made | DomainError]:
        raise WorkerDied


def stop(world: World) -> int:
    key_id: int = VendingKey.objects.get(sgc=world.meter.sgc).pk
    stop_vending_key(vending_key_id=key_id, reason="lost card", actor=ACTOR, now=world.now)
    return key_id


def standing() -> list[tuple[str, str]]:
    return [(vend.state, vend.held_reason) for vend in Vend.objects.order_by("pk")]


def test_sale_that_waited_long_goes_on_after_the_worker_that_took_it_up_died(world: World) -> None:
    key_id = stop(world)
    world.sell()
    Vend.objects.update(attempts=MOST_ATTEMPTS)
    start_vending_key(vending_key_id=key_id, actors=TWO, now=world.now)
    world.later(3)
    world.module = Deadly(KENS)
    with pytest.raises(WorkerDied):
        world.resume()
    assert standing() == [("ISSUING", "")]
    world.module = FakeSecurityModule(KENS)
    world.later(6)
    assert world.resume().rows == 1
    assert standing() == [("ISSUED", "")]


def test_new_money_goes_before_the_next_batch_of_sales_that_wait(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    other = add_meter(world.site, "3700020046", "Otieno", STRANGER, sgc=load_key(sgc="201458").sgc)
    stop(world)
    for _ in range(51):
        world.confirm()
    world.look_ahead_minutes = 600
    while world.fulfil().rows:
        pass
    world.later(3)
    rows: list[tuple[str, int]] = []

    def fulfil_and_tell(*, payment_ids: None, tools: Tools) -> Progress:
        progress = fulfil(payment_ids=payment_ids, tools=tools)
        rows.append(("new", progress.rows))
        return progress

    def resume_and_be_paid(*, tools: Tools) -> Progress:
        progress = resume(tools=tools)
        rows.append(("held", progress.rows))
        if progress.rows == 50:
            world.confirm(account=other.drn)
        return progress

    monkeypatch.setattr(tasks, "fulfil", fulfil_and_tell)
    monkeypatch.setattr(tasks, "resume", resume_and_be_paid)
    monkeypatch.setattr(tasks, "_tools", world.tools)
    monkeypatch.setattr(tasks, "wake", lambda task_name, row_ids: None)
    tasks.sweep_fulfilment()
    assert rows == [("new", 0), ("held", 50), ("new", 1), ("new", 0), ("held", 1), ("new", 0), ("held", 0)]
    assert Vend.objects.get(meter=other).state == VendState.ISSUED


def test_sale_that_is_due_longest_is_claimed_first(world: World) -> None:
    stop(world)
    world.sell()
    world.sell(account=world.other_meter.drn)
    older, newer = Vend.objects.order_by("pk")
    Vend.objects.filter(pk=newer.pk).update(next_try_at=NOW)
    world.later(60)
    assert claim_vends(now=world.now, limit=1) == [newer.pk]
    assert claim_vends(now=world.now, limit=1) == [older.pk]


def test_payment_that_fails_as_before_leaves_no_second_trace(world: World) -> None:
    payment_id = world.confirm().payment_id or 0
    for reason in ("TariffMissing", "TariffMissing", "KeyError", "TariffMissing"):
        postpone_payment(payment_id=payment_id, reason=reason, now=world.now)
    acts = AuditEntry.objects.filter(act="payment.postponed").order_by("pk")
    assert [act.details["reason"] for act in acts] == ["TariffMissing", "KeyError", "TariffMissing"]


@pytest.mark.parametrize("call", ["credit", "verify"])
def test_fault_of_a_module_holds_its_sales_and_tells_nothing(
    world: World, caplog: pytest.LogCaptureFixture, call: str
) -> None:
    class Faulty(FakeSecurityModule):
        def credit(self, requests: Sequence[CreditRequest]) -> list[Made | DomainError]:
            if call == "credit":
                raise ValueError("0123456789abcdef")
            return super().credit(requests)

        def verify(self, requests: Sequence[VerifyRequest]) -> list[DecodedToken | DomainError]:
            raise ValueError("0123456789abcdef")

    world.module = Faulty(KENS)
    world.sell()
    assert standing() == [("HELD", "security_module_unavailable")]
    assert "security module: a fault, ValueError" in caplog.text
    assert "0123456789abcdef" not in caplog.text
    world.module = FakeSecurityModule(KENS)
    world.later(3)
    world.resume()
    assert standing() == [("ISSUED", "")]


def test_refusal_that_a_module_raises_is_the_reason_of_the_whole_batch(world: World) -> None:
    class WithoutKey(FakeSecurityModule):
        def credit(self, requests: Sequence[CreditRequest]) -> list[Made | DomainError]:
            raise KeyEncryptionKeyMissing("none")

    world.module = WithoutKey(KENS)
    world.confirm()
    world.confirm()
    world.fulfil()
    assert standing() == [("HELD", "key_encryption_key_missing")] * 2


def test_module_that_says_no_tid_took_the_one_it_was_asked_for(world: World) -> None:
    class Silent(SoftwareSecurityModule):
        """Keeps its own TIDs; while it works, another token of the meter takes the one that was reserved."""

        keeps_own_tids = True

        def credit(self, requests: Sequence[CreditRequest]) -> list[Made | DomainError]:
            answers = super().credit(requests)
            asked.extend(request.tid for request in requests)
            Token.objects.update(tid=F("tid") + 1)
            return answers

    asked: list[int] = []
    world.module = Silent(open_vending_key=open_vending_key)
    world.sell()
    assert standing() == [("ISSUED", "")]
    assert [Token.objects.get().tid] == asked


@pytest.mark.django_db(transaction=True)
def test_key_that_fails_while_two_persons_start_it_is_stopped_again(committed_world: World) -> None:
    key_id = stop(committed_world)
    is_started = threading.Event()

    def start() -> bool:
        with transaction.atomic():
            is_new = start_vending_key(vending_key_id=key_id, actors=TWO, now=NOW)
            is_started.set()
            time.sleep(0.3)
        return is_new

    def fail() -> bool:
        is_started.wait(10)
        return stop_vending_key(vending_key_id=key_id, reason="verify_failed", actor=ACTOR, now=NOW + timedelta(1))

    assert at_once([start, fail]) == [True, True]
    assert VendingKey.objects.get().stopped_reason == "verify_failed"
