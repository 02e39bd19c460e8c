"""The flow as workers call it, and a security module that refuses one token or reads another from the digits."""

from collections.abc import Iterable, Sequence

import pytest

from fleet.audit.models import AuditEntry, AuditSeal
from gateway.fulfilment import tasks
from gateway.payments.lifecycle import PaymentState
from gateway.payments.models import Payment
from gateway.sms.models import Message
from gateway.ussd import tasks as ussd_tasks
from gateway.ussd.models import UssdSession
from tests.support.dialler import dial
from tests.support.fake_security_module import FakeSecurityModule
from tests.support.world import World
from vending.kernel.errors import DomainError
from vending.security.ports import DecodedToken, SecurityModuleUnavailable, VerifyRequest
from vending.tokens.models import Token
from vending.vends.lifecycle import VendState
from vending.vends.models import Vend

pytestmark = [pytest.mark.django_db, pytest.mark.money_path]

FAKE_KENS = {("201457", 1, 2): 255}


@pytest.fixture
def woken(world: World, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The messages that senders were woken for; the tasks read the world's clock."""
    message_ids: list[int] = []

    def wake(task_name: str, row_ids: Iterable[int]) -> None:
        assert task_name == "gateway.sms.tasks.send_messages"
        message_ids.extend(row_ids)

    monkeypatch.setattr(tasks, "wake", wake)
    monkeypatch.setattr(tasks, "now", lambda: world.now)
    return message_ids


def test_task_fulfils_the_named_payments_and_wakes_the_sender(world: World, woken: list[int]) -> None:
    named = world.confirm().payment_id
    tasks.fulfil_payments([named, named, 0])
    tasks.fulfil_payments([named])
    assert Payment.objects.get().state == PaymentState.ALLOCATED
    assert woken == [Message.objects.get().pk]
    token = Token.objects.get()
    assert len(token.digits) == 20
    assert token.rnd in range(16)


def test_task_brings_along_what_nobody_has_tried_and_nothing_else(world: World, woken: list[int]) -> None:
    named, fresh, tried = (world.confirm().payment_id or 0 for _ in range(3))
    Payment.objects.filter(pk=tried).update(attempts=1)
    tasks.fulfil_payments([named])
    assert dict(Payment.objects.values_list("pk", "state")) == {
        named: PaymentState.ALLOCATED,
        fresh: PaymentState.ALLOCATED,
        tried: PaymentState.CONFIRMED,
    }
    assert len(woken) == 2


def test_task_whose_payment_is_taken_brings_nothing_along(world: World, woken: list[int]) -> None:
    taken = world.sell().pk
    world.confirm()
    tasks.fulfil_payments([taken])
    assert woken == []


def test_sweep_takes_whatever_waits(world: World, woken: list[int]) -> None:
    world.module = FakeSecurityModule(FAKE_KENS, is_unavailable=True)
    world.sell()
    world.confirm()
    world.later(3)
    tasks.sweep_fulfilment()
    assert set(Vend.objects.values_list("state", flat=True)) == {VendState.ISSUED}
    assert sorted(woken) == list(Message.objects.order_by("pk").values_list("pk", flat=True))
    assert len(woken) == 2
    tasks.sweep_fulfilment()
    assert len(woken) == 2


def test_seal_task_seals_every_entry(world: World, woken: list[int]) -> None:
    world.sell()
    tasks.seal_audit()
    assert AuditSeal.objects.count() == 1
    assert not AuditEntry.objects.filter(seal=None).exists()


def test_session_task_closes_silent_sessions(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ussd_tasks, "now", lambda: world.now)
    dial(world, "1")
    ussd_tasks.sweep_sessions()
    assert UssdSession.objects.get().state == "OPEN"
    world.later(301)
    ussd_tasks.sweep_sessions()
    assert UssdSession.objects.get().state == "TIMED_OUT"


def test_module_that_refuses_a_token_holds_its_vend(world: World) -> None:
    world.module = FakeSecurityModule({})
    world.sell()
    vend = Vend.objects.get()
    assert (vend.state, vend.held_reason) == (VendState.HELD, "vending_key_missing")
    assert Token.objects.get().digits == ""
    assert not Message.objects.exists()


def test_stored_digits_that_the_module_cannot_read_are_never_sent(world: World) -> None:
    """As after a crash behind the storing of digits: what is read back decides, not what was asked for."""
    world.sell()
    Message.objects.all().delete()
    Vend.objects.update(state=VendState.ISSUING, issued_at=None, next_try_at=world.now)
    world.module = FakeSecurityModule(FAKE_KENS)
    assert world.resume().message_ids == []
    vend = Vend.objects.get()
    assert (vend.state, vend.held_reason, vend.next_try_at) == (VendState.HELD, "verify_failed", None)
    assert not Message.objects.exists()


def test_module_that_goes_away_before_it_has_verified_is_asked_again(world: World) -> None:
    class GoesAway(FakeSecurityModule):
        def verify(self, requests: Sequence[VerifyRequest]) -> list[DecodedToken | DomainError]:
            raise SecurityModuleUnavailable("gone")

    world.module = GoesAway(FAKE_KENS)
    world.sell()
    digits = Token.objects.get().digits
    vend = Vend.objects.get()
    assert (vend.state, vend.held_reason, len(digits)) == (VendState.HELD, SecurityModuleUnavailable.code, 20)
    world.module = FakeSecurityModule(FAKE_KENS)
    world.later(3)
    assert len(world.resume().message_ids) == 1
    assert Token.objects.get().digits == digits
