"""A module that makes other tokens than it was asked for: nothing is sent, its vending key stops, a person is called.

Each lies in `credit` and tells the truth in `verify`, as a module does whose encoder has gone wrong.
"""

import logging
from collections.abc import Callable, Sequence
from dataclasses import replace

import pytest
from django.db.models import QuerySet

from fleet.cases.models import Case
from fleet.meters.models import Meter
from gateway.payments.lifecycle import PaymentState
from gateway.payments.models import Payment
from gateway.sms.models import Message
from tests.support.world import STRANGER, VENDING_KEY, World, add_meter, load_key
from vending.kernel.errors import DomainError
from vending.keys.models import VendingKey
from vending.keys.services import open_vending_key
from vending.keys.stopping import start_vending_key
from vending.security.ports import CreditRequest, Made, SecurityModuleUnavailable
from vending.security.software import SoftwareSecurityModule
from vending.sts.base_dates import BaseDate
from vending.sts.tid import tid_at
from vending.tokens.models import Token
from vending.vends.lifecycle import VendState
from vending.vends.models import Vend

pytestmark = [pytest.mark.django_db, pytest.mark.money_path]

Lie = Callable[[CreditRequest], CreditRequest]
ANOTHER_PAN = "600727111111111153"
LIES: dict[str, Lie] = {
    "0.1 unit more": lambda asked: replace(asked, amount_field=asked.amount_field + 1),
    "KRN + 1": lambda asked: replace(asked, meter=replace(asked.meter, krn=asked.meter.krn + 1)),
    "another PAN": lambda asked: replace(asked, meter=replace(asked.meter, meter_pan=ANOTHER_PAN)),
    "a stale TID": lambda asked: replace(asked, tid=asked.tid - 60),
}


class LyingModule(SoftwareSecurityModule):
    """Makes another token than the one asked for, for one meter; for the others, and in `verify`, it is right."""

    def __init__(self, meter: Meter, lie: Lie) -> None:
        super().__init__(open_vending_key=open_vending_key)
        self._victim, self._lie = meter.meter_pan, lie

    def credit(self, requests: Sequence[CreditRequest]) -> list[Made | DomainError]:
        return super().credit(
            [self._lie(asked) if asked.meter.meter_pan == self._victim else asked for asked in requests]
        )


class GarblingModule(SoftwareSecurityModule):
    """Answers something else than what it made."""

    def __init__(self, garble: Callable[[list[Made | DomainError]], list[Made | DomainError]]) -> None:
        super().__init__(open_vending_key=open_vending_key)
        self._garble = garble

    def credit(self, requests: Sequence[CreditRequest]) -> list[Made | DomainError]:
        return self._garble(super().credit(requests))


def vends_of(meter: Meter) -> QuerySet[Vend]:
    return Vend.objects.filter(meter=meter).order_by("pk")


def standing(meter: Meter) -> list[tuple[str, str]]:
    return [(vend.state, vend.held_reason) for vend in vends_of(meter)]


def key_of(sgc: str) -> VendingKey:
    return VendingKey.objects.get(sgc=sgc, krn=1)


@pytest.mark.parametrize("lie", LIES.values(), ids=LIES)
def test_lie_is_never_sent_and_stops_its_vending_key(world: World, lie: Lie, caplog: pytest.LogCaptureFixture) -> None:
    load_key(krn=2)
    load_key(sgc="203557")
    elsewhere = add_meter(world.site, "3700020046", "Otieno Odhiambo", STRANGER, sgc="203557")
    world.module = LyingModule(world.meter, lie)
    for account in (world.other_meter.drn, world.meter.drn, elsewhere.drn):
        world.confirm(account=account)

    with caplog.at_level(logging.INFO):
        world.fulfil()

    assert standing(world.meter) == [("HELD", "verify_failed")]
    assert standing(world.other_meter) == [("HELD", "vending_key_stopped")]
    assert standing(elsewhere) == [("ISSUED", "")]
    assert vends_of(world.meter).get().next_try_at is None
    assert {message.vend_id for message in Message.objects.all()} == {vends_of(elsewhere).get().pk}
    stopped = key_of("201457")
    assert (stopped.stopped_at, stopped.stopped_reason) == (world.now, "verify_failed")
    assert key_of("203557").stopped_at is None
    case = Case.objects.get(reason="verify_failed")
    assert (case.subject, case.closed_at) == (f"vending_key:{stopped.pk}", None)
    assert [record.levelname for record in caplog.records].count("ERROR") == 1
    written = caplog.text + repr(case.details)
    assert not any(digits and digits in written for digits in Token.objects.values_list("digits", flat=True))
    assert VENDING_KEY.hex()[:16] not in written


@pytest.mark.parametrize("lie", LIES.values(), ids=LIES)
def test_what_a_lie_held_goes_on_after_two_persons_and_the_lie_itself_never(world: World, lie: Lie) -> None:
    load_key(krn=2)
    honest, world.module = world.module, LyingModule(world.meter, lie)
    for account in (world.meter.drn, world.other_meter.drn):
        world.confirm(account=account)
    world.fulfil()
    world.module = honest
    later = world.sell(account=world.other_meter.drn)
    assert later.state == PaymentState.ALLOCATED
    assert standing(world.other_meter) == [("HELD", "vending_key_stopped")] * 2
    assert not hasattr(vends_of(world.other_meter)[1].authority, "token"), "no TID is spent under a stopped key"

    world.later(600)
    world.resume()
    assert standing(world.other_meter) == [("HELD", "vending_key_stopped")] * 2
    assert not Message.objects.exists()

    start_vending_key(vending_key_id=key_of("201457").pk, actors=("amina", "juma"), now=world.now)
    world.later(600)
    world.resume()
    assert standing(world.other_meter) == [("ISSUED", "")] * 2
    sent = {message.vend_id for message in Message.objects.all()}
    assert sent == {vend.pk for vend in vends_of(world.other_meter)}
    world.later(86_400)
    assert world.resume().rows == 0
    assert standing(world.meter) == [("HELD", "verify_failed")]
    assert {message.vend_id for message in Message.objects.all()} == sent


class LosingModule(LyingModule):
    """Its first answer does not arrive."""

    is_lost = True

    def credit(self, requests: Sequence[CreditRequest]) -> list[Made | DomainError]:
        answers = super().credit(requests)
        if self.is_lost:
            self.is_lost = False
            raise SecurityModuleUnavailable("the line broke")
        return answers


def test_lie_that_is_replayed_is_found_like_any_other(world: World) -> None:
    world.module = LosingModule(world.meter, LIES["0.1 unit more"])
    world.sell()
    assert standing(world.meter) == [("HELD", "security_module_unavailable")]

    world.later(10)
    world.resume()

    assert standing(world.meter) == [("HELD", "verify_failed")]
    assert key_of("201457").stopped_at == world.now
    assert not Message.objects.exists()


Answers = list[Made | DomainError]


def changed(answer: Made | DomainError, **fields: object) -> Made:
    assert isinstance(answer, Made)
    return replace(answer, **fields)  # type: ignore[arg-type]


def garble_digits(new: Callable[[str], str]) -> Callable[[Answers], Answers]:
    return lambda answers: [
        changed(answer, digits=(new(answer.digits[0]),)) for answer in answers if isinstance(answer, Made)
    ]


GARBLED: dict[str, Callable[[Answers], Answers]] = {
    "19 digits": garble_digits(lambda digits: digits[1:]),
    "letters": garble_digits(lambda digits: "abcdefghij" + digits[10:]),
    "two tokens": lambda answers: [changed(answer, digits=("0" * 20,) * 2) for answer in answers],
    "no token": lambda answers: [changed(answer, digits=()) for answer in answers],
    "another check value": lambda answers: [changed(answer, check_value="000000") for answer in answers],
    "a TID of its own": lambda answers: [changed(answer, tid=1) for answer in answers],
}


@pytest.mark.parametrize("garble", GARBLED.values(), ids=GARBLED)
def test_answer_that_can_be_no_token_of_this_key_is_not_even_stored(
    world: World, garble: Callable[[Answers], Answers]
) -> None:
    world.module = GarblingModule(garble)
    world.sell()

    assert standing(world.meter) == [("HELD", "verify_failed")]
    token = Token.objects.get()
    assert (token.digits, token.tid) == ("", tid_at(world.now, BaseDate.Y2014))
    assert key_of("201457").stopped_reason == "verify_failed"
    assert Case.objects.get(reason="verify_failed").closed_at is None
    assert not Message.objects.exists()


def test_same_token_for_two_requests_is_sent_to_neither_meter(world: World) -> None:
    world.module = GarblingModule(lambda answers: [answers[0]] * len(answers))
    world.confirm()
    world.confirm(account=world.other_meter.drn)
    world.fulfil()

    assert standing(world.meter) == [("HELD", "vending_key_stopped")]
    assert standing(world.other_meter) == [("HELD", "verify_failed")]
    assert not Message.objects.exists()


@pytest.mark.parametrize("keep", [0, 1, 3])
def test_another_number_of_answers_is_no_answer_and_is_asked_for_again(world: World, keep: int) -> None:
    honest = world.module
    world.module = GarblingModule(lambda answers: (answers * 2)[:keep])
    world.confirm()
    world.confirm(account=world.other_meter.drn)
    world.fulfil()

    assert standing(world.meter) == standing(world.other_meter) == [("HELD", "security_module_unavailable")]
    assert set(Token.objects.values_list("digits", flat=True)) == {""}
    assert key_of("201457").stopped_at is None
    world.module = honest
    world.later(10)
    world.resume()
    assert standing(world.meter) == standing(world.other_meter) == [("ISSUED", "")]


def test_payment_behind_a_lie_is_booked_once_and_stays(world: World) -> None:
    world.module = LyingModule(world.meter, LIES["0.1 unit more"])
    payment = world.sell()
    world.later(86_400)
    world.resume()

    assert Payment.objects.get(pk=payment.pk).state == PaymentState.ALLOCATED
    assert Vend.objects.get().state == VendState.HELD
    assert Token.objects.count() == 1
