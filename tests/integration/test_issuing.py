"""Step 3 of the flow with modules of every kind: second tries, own TIDs, refusals, and what our own record forbids."""

import re
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

import pytest

from fleet.meters.models import Meter
from gateway.fulfilment.issuing import issue
from gateway.simulator.meter import MeterFacts, VirtualMeter
from gateway.sms.models import Message
from tests.support.fake_security_module import FakeSecurityModule
from tests.support.tampering import drop_triggers
from tests.support.world import NOW, VENDING_KEY, World
from vending.kernel.errors import DomainError
from vending.keys.models import VendingKey
from vending.keys.services import open_vending_key
from vending.security.ports import (
    CreditRequest,
    DecodedToken,
    KeyDescription,
    Made,
    SecurityModuleLimitReached,
    SecurityModuleUnavailable,
    TidOutsideWindow,
    VerifyRequest,
)
from vending.security.software import SoftwareSecurityModule
from vending.sts.base_dates import BaseDate
from vending.sts.tid import tid_at
from vending.tokens.errors import VerifyFailed
from vending.tokens.models import MeterTid, Token
from vending.tokens.verifying import key_facts_of
from vending.vends.models import Vend

pytestmark = [pytest.mark.django_db, pytest.mark.money_path]

KENS: dict[tuple[str, int, int], int | KeyDescription] = {("201457", 1, 2): 255}
CLOCK_TID = tid_at(NOW, BaseDate.Y2014)
# What Prism takes as a message id.
REQUEST_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.,-]{0,39}")


class OwnTids(SoftwareSecurityModule):
    """Real tokens with TIDs of its own, seven minutes ahead of what is asked for, as Prism's TokenApi would."""

    keeps_own_tids = True

    def __init__(self, ahead: int = 7) -> None:
        super().__init__(open_vending_key=open_vending_key)
        self.ahead = ahead
        self.made: dict[str, Made] = {}
        self.loses_the_next = False

    def credit(self, requests: Sequence[CreditRequest]) -> list[Made | DomainError]:
        own = [replace(asked, tid=asked.tid + self.ahead) for asked in requests]
        answers: list[Made | DomainError] = []
        for asked, answer in zip(own, super().credit(own), strict=True):
            assert isinstance(answer, Made)
            assert asked.request_id not in self.made, "asked for twice"
            self.made[asked.request_id] = replace(answer, tid=asked.tid)
            answers.append(self.made[asked.request_id])
        if self.loses_the_next:
            self.loses_the_next = False
            raise SecurityModuleUnavailable("the line broke")
        return answers

    def replay(self, request_ids: Sequence[str]) -> list[Made | None]:
        return [self.made.get(request_id) for request_id in request_ids]


class Refusing(FakeSecurityModule):
    """Refuses every credit for one reason."""

    reason: DomainError

    def credit(self, requests: Sequence[CreditRequest]) -> list[Made | DomainError]:
        self.asked += requests
        return [self.reason] * len(requests)


def standing() -> list[tuple[str, str]]:
    return [(vend.state, vend.held_reason) for vend in Vend.objects.order_by("pk")]


def credits_asked(module: FakeSecurityModule) -> list[CreditRequest]:
    return [request for request in module.asked if isinstance(request, CreditRequest)]


def virtual_meter(meter: Meter) -> VirtualMeter:
    facts: dict[str, object] = {"drn": meter.drn, "meter_pan": meter.meter_pan, "ea": 11, "dkga": 4, "base": "14"}
    facts |= {"sgc": meter.sgc, "krn": meter.krn, "kt": meter.kt, "ti": meter.ti}
    return VirtualMeter(MeterFacts.read(facts), VENDING_KEY)


def test_first_try_asks_for_a_token_and_for_no_replay(world: World) -> None:
    world.module = module = FakeSecurityModule(KENS)
    world.sell()

    assert len(credits_asked(module)) == 1
    assert module.replayed == []


def test_second_try_fetches_what_was_made_before_it_asks_again(world: World) -> None:
    class Losing(FakeSecurityModule):
        is_lost = False

        def credit(self, requests: Sequence[CreditRequest]) -> list[Made | DomainError]:
            answers = super().credit(requests)
            if not self.is_lost:
                self.is_lost = True
                raise SecurityModuleUnavailable("the line broke")
            return answers

    world.module = module = Losing(KENS)
    world.sell()
    assert standing() == [("HELD", "security_module_unavailable")]
    world.later(10)
    world.resume()

    assert standing() == [("ISSUED", "")]
    (asked,) = credits_asked(module)
    assert module.replayed == [asked.request_id]


def test_second_try_that_finds_nothing_to_fetch_asks_again_by_the_same_name(world: World) -> None:
    world.module = module = Refusing(KENS)
    module.reason = SecurityModuleLimitReached("top up")
    world.sell()
    assert standing() == [("HELD", "security_module_limit_reached")]
    world.later(10)
    world.resume()

    first, second = credits_asked(module)
    assert first == second
    assert module.replayed == [first.request_id]


def test_request_ids_are_names_that_a_module_takes_and_never_come_again(world: World) -> None:
    world.module = module = FakeSecurityModule(KENS)
    world.sell()
    world.sell(account=world.other_meter.drn)
    first, second = [request.request_id for request in credits_asked(module)]
    assert REQUEST_ID.fullmatch(first)
    assert first != second

    # As after a restore from a backup: the same number, another sale.
    drop_triggers("vending_token", "vending_authority")
    token = Token.objects.order_by("pk")[0]
    for changes in ({"rnd": 6}, {"amount_field": 82}, {"meter": world.other_meter}):
        Token.objects.filter(pk=token.pk).update(digits="", tid=1, **changes)
        issue([token.authority.vend.pk], module)
        (again,) = {request.request_id for request in credits_asked(module)} - {first, second}
        assert again.startswith(f"token-{token.pk}-")
        module.asked.clear()


def test_own_tids_of_the_module_are_stored_with_the_digits_and_taken_by_the_meter(world: World) -> None:
    world.module = OwnTids()
    world.sell()

    token = Token.objects.get()
    assert standing() == [("ISSUED", "")]
    assert token.tid == CLOCK_TID + 7
    assert MeterTid.objects.get().last_tid == CLOCK_TID + 7
    assert Message.objects.get().body.splitlines()[0].replace(" ", "") == token.digits
    meter = virtual_meter(world.meter)
    assert str(meter.type_digits(token.digits).word) == "ACCEPT"
    assert str(meter.type_digits(token.digits).word) == "USED"


def test_own_tids_of_a_batch_never_fall_and_never_meet(world: World) -> None:
    world.module = OwnTids()
    for _ in range(4):
        world.confirm()
    world.fulfil()
    world.sell()

    tids = list(Token.objects.order_by("pk").values_list("tid", flat=True))
    assert standing() == [("ISSUED", "")] * 5
    assert tids == sorted(set(tids))
    assert MeterTid.objects.get().last_tid == tids[-1]
    meter = virtual_meter(world.meter)
    digits = Token.objects.order_by("-pk").values_list("digits", flat=True)
    assert [str(meter.type_digits(one).word) for one in digits] == ["ACCEPT"] * 5


def test_own_tid_whose_answer_was_lost_is_fetched_and_no_second_one_is_spent(world: World) -> None:
    world.module = module = OwnTids()
    module.loses_the_next = True
    world.sell()
    assert (standing(), Token.objects.get().digits) == ([("HELD", "security_module_unavailable")], "")
    world.later(10)
    world.resume()

    assert standing() == [("ISSUED", "")]
    assert [made.tid for made in module.made.values()] == [CLOCK_TID + 7]
    assert Token.objects.get().tid == CLOCK_TID + 7


def test_own_tid_of_the_day_before_yesterday_stops_the_vending_key(world: World) -> None:
    world.module = OwnTids(ahead=-2 * 24 * 60)
    world.sell()

    assert standing() == [("HELD", "verify_failed")]
    assert Token.objects.get().digits == ""
    assert VendingKey.objects.get().stopped_reason == "verify_failed"
    assert not Message.objects.exists()


def test_own_tid_that_another_token_of_the_meter_has_is_refused(world: World) -> None:
    world.module = OwnTids(ahead=1)
    world.sell()
    world.module = OwnTids(ahead=-1)  # the wish is one above the last
    world.sell()

    assert standing()[1] == ("HELD", "tid_refused")
    assert Token.objects.order_by("pk").last().digits == ""  # type: ignore[union-attr]
    assert Message.objects.count() == 1


@pytest.mark.parametrize("reason", [SecurityModuleLimitReached("top up"), TidOutsideWindow("far")])
def test_refusal_of_the_module_holds_the_vend_and_leaves_the_vending_key_alone(
    world: World, reason: DomainError
) -> None:
    world.module = module = Refusing(KENS)
    module.reason = reason
    world.sell()

    assert standing() == [("HELD", reason.code)]
    assert VendingKey.objects.get().stopped_at is None
    assert Vend.objects.get().next_try_at is not None


def test_module_that_wants_a_key_change_first_holds_the_vend(world: World) -> None:
    world.module = FakeSecurityModule(KENS, needs_key_change=True)
    world.sell()

    assert standing() == [("HELD", "key_change_needed")]
    assert Token.objects.get().digits == ""
    assert not Message.objects.exists()


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"stopped_at": NOW, "stopped_reason": "lost laptop"}, "vending_key_stopped"),
        ({"active_from_at": NOW + timedelta(days=1)}, "vending_key_not_active"),
        ({"issue_until_at": NOW - timedelta(days=1)}, "vending_key_issue_ended"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_key_that_we_know_may_not_issue_is_not_asked_for_whatever_the_module_thinks(
    world: World, fields: dict[str, object], code: str
) -> None:
    world.module = module = FakeSecurityModule(KENS, is_unavailable=True)
    world.sell()
    module.is_unavailable = False
    VendingKey.objects.update(**fields)

    (outcome,) = issue([Vend.objects.get().pk], module).values()

    assert isinstance(outcome, DomainError)
    assert outcome.code == code
    assert module.asked == []
    assert module.replayed == []


def test_lie_stays_a_lie_when_the_module_goes_away_before_the_rest_is_verified(world: World) -> None:
    class Garbling(FakeSecurityModule):
        def credit(self, requests: Sequence[CreditRequest]) -> list[Made | DomainError]:
            first, *rest = super().credit(requests)
            assert isinstance(first, Made)
            return [replace(first, check_value="000000"), *rest]

        def verify(self, requests: Sequence[VerifyRequest]) -> list[DecodedToken | DomainError]:
            raise SecurityModuleUnavailable("gone")

    world.module = Garbling(KENS)
    world.confirm()
    world.confirm(account=world.other_meter.drn)
    world.fulfil()

    assert standing() == [("HELD", "verify_failed"), ("HELD", "security_module_unavailable")]


@pytest.mark.parametrize(
    ("change", "named"), [("energy_kwh_tenths", "energy_kwh_tenths"), ("meter", "meter")], ids=lambda value: value
)
def test_token_that_is_not_what_the_vend_sold_is_a_lie(world: World, change: str, named: str) -> None:
    world.sell()
    vend = Vend.objects.get()
    new = {"energy_kwh_tenths": vend.energy_kwh_tenths + 1, "meter": world.other_meter}[change]
    Vend.objects.update(**{change: new})

    (outcome,) = issue([vend.pk], world.module).values()

    assert isinstance(outcome, VerifyFailed)
    assert (str(outcome), outcome.field) == (f"vend {vend.pk}: {named}", named)


def test_credit_in_money_is_no_energy(world: World) -> None:
    module = FakeSecurityModule(KENS)
    world.sell()
    drop_triggers("vending_token")
    token = Token.objects.get()
    request = CreditRequest("sale-1", key_facts_of(token, world.meter), 4, token.tid, rnd=0, amount_field=0x10051)
    (made,) = module.credit([request])
    assert isinstance(made, Made)
    Token.objects.update(subclass=4, amount_field=0x10051, digits=made.digits[0])

    (outcome,) = issue([Vend.objects.get().pk], module).values()

    assert isinstance(outcome, VerifyFailed)
    assert outcome.field == "energy_kwh_tenths"


def test_vends_without_a_token_are_nothing_to_issue(world: World) -> None:
    assert issue([], world.module) == {}
    assert issue([4711], FakeSecurityModule({}, is_unavailable=True)) == {}
