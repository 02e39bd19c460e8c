"""Two of the same word at the same moment: one of them counts."""

import pytest

from gateway.claims.models import ClaimTry
from gateway.claims.outcomes import ClaimOutcome, ClaimWord
from gateway.claims.services import answer_claim, claim_by_receipt, claim_wrong_meter, propose_meter
from gateway.payments.models import Payment
from tests.support.committed import at_once, committed, committed_world
from tests.support.fake_security_module import FakeSecurityModule
from tests.support.world import ACTOR, AMINA, World
from vending.tokens.models import Token
from vending.vends.lifecycle import VendState
from vending.vends.models import Vend

__all__ = ["committed", "committed_world"]

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.money_path]


def word_of(outcome: object) -> ClaimWord:
    assert isinstance(outcome, ClaimOutcome), outcome
    return outcome.word


def test_yes_twice_at_once_places_the_money_once(committed_world: World) -> None:
    world = committed_world
    world.sell(account="37000999997")
    propose_meter(phone_e164=AMINA, drn="37000123457", actor=ACTOR, now=world.now)

    def say_yes() -> object:
        return answer_claim(phone_e164=AMINA, is_yes=True, actor=ACTOR, now=world.now)

    words = {word_of(outcome) for outcome in at_once([say_yes, say_yes])}
    assert ClaimWord.ACCEPTED in words
    assert words <= {ClaimWord.ACCEPTED, ClaimWord.SETTLED, ClaimWord.NOTHING_ASKED}
    world.fulfil()
    assert Vend.objects.count() == Token.objects.count() == 1


def test_tries_at_once_are_counted_one_after_the_other(committed_world: World) -> None:
    world = committed_world

    def guess() -> object:
        return claim_by_receipt(receipt="AAAA000001", phone_e164=AMINA, drn=None, actor=ACTOR, now=world.now)

    words = [word_of(outcome) for outcome in at_once([guess] * 5)]
    assert sorted(words) == [ClaimWord.NOT_FOUND] * 3 + [ClaimWord.TOO_MANY] * 2
    assert ClaimTry.objects.count() == 3


def test_code_stopped_while_it_is_made_is_sent_or_stopped_and_never_both(committed_world: World) -> None:
    world = committed_world
    world.module = FakeSecurityModule({("201457", 1, 2): 255}, is_unavailable=True)
    payment = world.sell(account=world.other_meter.drn)
    world.module = FakeSecurityModule({("201457", 1, 2): 255})
    world.later(10)

    def stop() -> object:
        receipt = payment.receipt or ""
        return claim_wrong_meter(receipt=receipt, phone_e164=AMINA, right_drn="37000123457", actor=ACTOR, now=world.now)

    outcome, _ = at_once([stop, world.resume])
    vend = Vend.objects.get()
    assert (word_of(outcome), vend.state) in (
        (ClaimWord.STOPPED, VendState.HELD),
        (ClaimWord.ALREADY_SENT, VendState.ISSUED),
    )
    assert vend.messages.filter(kind="token").exists() == (vend.state == VendState.ISSUED)
    assert Payment.objects.get().state == "ALLOCATED"
