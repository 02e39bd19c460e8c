"""Paid sales that wait: held before a TID is spent, told to a person once, and gone on by themselves."""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

import pytest
from pytest_django import Settings

from fleet.cases.models import Case
from fleet.cases.services import close_case
from fleet.meters.models import Meter
from gateway.dashboard import words
from gateway.fulfilment.services import fulfil
from gateway.http.redaction import redact
from gateway.sms.models import Message
from tests.support.committed import at_once, committed, committed_world
from tests.support.fake_security_module import FakeSecurityModule
from tests.support.world import ACTOR, NOW, STRANGER, World, add_meter, block, load_key
from vending.kernel.errors import DomainError
from vending.keys.models import VendingKey
from vending.keys.queries import list_vending_keys
from vending.keys.stopping import start_vending_key, stop_vending_key
from vending.security.ports import SecurityModuleUnavailable
from vending.tokens.errors import VerifyFailed
from vending.tokens.models import MeterTid, Token
from vending.vends import holding
from vending.vends.errors import MeterBlocked
from vending.vends.lifecycle import VendState
from vending.vends.models import Vend
from vending.vends.queries import get_quote, list_refusals
from vending.vends.selling import can_sell, key_name_of
from vending.vends.services import settle_vends

__all__ = ["committed", "committed_world"]
pytestmark = [pytest.mark.django_db, pytest.mark.money_path]
ACT = NOW + timedelta(minutes=1)
Act = Callable[[World, Settings], None]


@dataclass(frozen=True)
class Cause:
    """What keeps a meter from being sold to, how it comes and goes, and what its case is about."""

    code: str
    about: str
    come: Act
    go: Act


def set_key(**values: object) -> Act:
    def act(world: World, settings: Settings) -> None:
        VendingKey.objects.update(**values)

    return act


def set_meter(**values: object) -> Act:
    def act(world: World, settings: Settings) -> None:
        Meter.objects.filter(pk=world.meter.pk).update(**values)
        world.meter.refresh_from_db()

    return act


def stop(world: World, settings: Settings) -> None:
    stop_vending_key(vending_key_id=VendingKey.objects.get().pk, reason="lost card", actor=ACTOR, now=NOW)


def start(world: World, settings: Settings) -> None:
    start_vending_key(vending_key_id=VendingKey.objects.get().pk, actors=("operator:1", "operator:2"), now=NOW)


def hold_a_later_key(world: World, settings: Settings) -> None:
    load_key(krn=3, active_from_at=ACT)
    set_meter(krn=3)(world, settings)


def wait_for_act(world: World, settings: Settings) -> None:
    world.now = ACT


def go_to_production(world: World, settings: Settings) -> None:
    set_meter(ea=7)(world, settings)
    settings.IS_PRODUCTION = True


def name_a_bad_file(world: World, settings: Settings) -> None:
    set_meter(ea=7)(world, settings)
    settings.STS_EA07_TABLES = __file__


def name_no_file(world: World, settings: Settings) -> None:
    settings.STS_EA07_TABLES = ""


CAUSES = (
    Cause("vending_key_stopped", "vending_key", stop, start),
    Cause("vending_key_not_active", "vending_key", hold_a_later_key, wait_for_act),
    Cause("vending_key_issue_ended", "vending_key", set_key(issue_until_at=NOW), set_key(issue_until_at=None)),
    Cause("key_expired", "vending_key", set_key(ken=102), set_key(ken=255)),
    Cause("tid_exhausted", "vending_key", set_key(base_date="93"), set_key(base_date="14")),
    Cause("moment_out_of_range", "installation", set_key(base_date="35"), set_key(base_date="14")),
    Cause("unverified_algorithm", "vending_key", set_key(dkga=3), set_key(dkga=4)),
    Cause("unsupported_algorithm", "meter", set_key(dkga=2), set_key(dkga=4)),
    Cause("vending_key_missing", "supply_group", set_meter(sgc="999999"), set_meter(sgc="201457")),
    Cause("key_type_not_allowed", "meter", set_meter(kt=1), set_meter(kt=2)),
    Cause("ea07_tables_missing", "installation", go_to_production, set_meter(ea=11)),
    Cause("ea07_tables_refused", "installation", name_a_bad_file, name_no_file),
)
every_cause = pytest.mark.parametrize("cause", CAUSES, ids=lambda cause: cause.code)


def subject_of(cause: Cause, world: World) -> str:
    names = {
        "vending_key": f"vending_key:{VendingKey.objects.order_by('-krn')[0].pk}",
        "supply_group": "supply_group:999999/1/2",
        "meter": f"meter:{world.meter.pk}",
        "installation": "installation",
    }
    return names[cause.about]


def confirmed(world: World) -> Vend:
    """A sale after one second: some causes begin at `NOW` itself."""
    world.now = NOW + timedelta(seconds=1)
    if not world.confirm(account=world.meter.drn).payment_id:
        raise AssertionError
    world.fulfil()
    return Vend.objects.order_by("-pk")[0]


def try_again(world: World, settings: Settings | None = None) -> None:
    """At the moment at which the last try is due."""
    due = Vend.objects.exclude(next_try_at=None).values_list("next_try_at", flat=True)
    world.now = max(world.now, *(moment for moment in due if moment))
    if settings:
        settings.IS_PRODUCTION = False
    world.resume()


@every_cause
def test_sale_that_cannot_be_issued_is_held_before_a_tid_is_spent(
    world: World, settings: Settings, cause: Cause, caplog: pytest.LogCaptureFixture
) -> None:
    cause.come(world, settings)
    vend = confirmed(world)
    assert (vend.state, vend.held_reason) == (VendState.HELD, cause.code)
    assert vend.next_try_at == world.now + timedelta(seconds=2)
    assert not Token.objects.exists()
    assert not MeterTid.objects.exists()
    assert not Message.objects.exists()
    case = Case.objects.get()
    assert (case.reason, case.subject, case.closed_at) == (cause.code, subject_of(cause, world), None)
    assert case.details["vend_id"] == vend.pk
    (line,) = [record for record in caplog.records if record.name == holding.__name__]
    assert (line.levelno, cause.code in redact(line.getMessage())) == (logging.WARNING, True)
    assert "***" not in redact(line.getMessage())


@every_cause
def test_sale_goes_on_by_itself_when_the_cause_is_gone(world: World, settings: Settings, cause: Cause) -> None:
    cause.come(world, settings)
    vend = confirmed(world)
    cause.go(world, settings)
    try_again(world, settings)
    vend.refresh_from_db()
    assert (vend.state, vend.held_reason) == (VendState.ISSUED, "")
    assert Message.objects.count() == 1
    case = Case.objects.get()
    outcomes = {"vending_key_stopped": "started again by two persons"}
    assert case.outcome == outcomes.get(cause.code, "closed by itself: no sale waits for it any more")
    assert case.closed_at


@every_cause
def test_quote_refuses_before_any_money_has_moved(world: World, settings: Settings, cause: Cause) -> None:
    assert get_quote(meter=world.meter, paid_minor=20_000, now=NOW).refusal == ""
    cause.come(world, settings)
    now = NOW + timedelta(seconds=1)
    for paid in (1, 20_000, 10**9):
        quote = get_quote(meter=world.meter, paid_minor=paid, now=now)
        assert (quote.refusal, quote.refusal_code) == ("cannot_sell", cause.code)
    cause.go(world, settings)
    settings.IS_PRODUCTION = False
    quote = get_quote(meter=world.meter, paid_minor=20_000, now=ACT)
    assert (quote.refusal, quote.refusal_code) == ("", "")


def test_blocked_meter_is_refused_with_its_own_code(world: World) -> None:
    block(world.meter)
    world.meter.refresh_from_db()
    quote = get_quote(meter=world.meter, paid_minor=20_000, now=NOW)
    assert (quote.refusal, quote.refusal_code) == ("blocked", "meter_blocked")
    meters = (world.meter, world.other_meter)
    refusals = list_refusals(meters, NOW)
    assert [type(refusals[meter.pk]) for meter in meters] == [MeterBlocked, type(None)]
    keys = list_vending_keys({key_name_of(meter) for meter in meters})
    assert [can_sell(meter=meter, keys=keys, now=NOW) for meter in meters] == [False, True]


def test_sales_that_wait_for_one_thing_are_one_case_that_ends_with_the_last(
    world: World, settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    set_key(ken=102)(world, settings)
    world.sell()
    world.later(60)
    world.sell(account=world.other_meter.drn)
    case = Case.objects.get()
    assert (case.reason, case.details["meter"]) == ("key_expired", world.meter.drn)
    assert len([record for record in caplog.records if record.name == holding.__name__]) == 1
    set_key(ken=255)(world, settings)
    world.resume()
    case.refresh_from_db()
    assert (Vend.objects.filter(state=VendState.HELD).count(), case.closed_at) == (1, None)
    world.later(3)
    world.resume()
    case.refresh_from_db()
    assert (Vend.objects.filter(state=VendState.HELD).count(), case.closed_at) == (0, world.now)


@pytest.mark.django_db(transaction=True)
def test_sales_of_two_meters_held_by_eight_workers_at_once_are_one_case(
    committed_world: World, settings: Settings
) -> None:
    world = committed_world
    stop(world, settings)
    for number in range(16):
        world.confirm(account=(world.meter, world.other_meter)[number % 2].drn)

    def work() -> int:
        return fulfil(payment_ids=None, tools=world.tools(), limit=2).rows

    assert at_once([work] * 8) == [2] * 8
    assert set(Vend.objects.values_list("held_reason", flat=True)) == {"vending_key_stopped"}
    assert Case.objects.count() == 1
    start(world, settings)
    world.later(3)
    assert sum(int(str(rows)) for rows in at_once([lambda: world.resume().rows] * 8)) == 16
    assert set(Vend.objects.values_list("state", flat=True)) == {VendState.ISSUED}
    assert not Case.objects.filter(closed_at=None).exists()


def test_case_of_one_thing_ends_while_sales_wait_for_another(world: World, settings: Settings) -> None:
    other_key = load_key(sgc="201458")
    other = add_meter(world.site, "3700020046", "Otieno Odhiambo", STRANGER, sgc=other_key.sgc)
    set_key(issue_until_at=NOW)(world, settings)
    world.later(1)
    world.sell()
    world.sell(account=other.drn)
    assert Case.objects.count() == 2
    VendingKey.objects.filter(pk=other_key.pk).update(issue_until_at=None)
    world.later(3)
    world.resume()
    waiting = Case.objects.get(closed_at=None)
    assert waiting.subject == f"vending_key:{VendingKey.objects.exclude(pk=other_key.pk).get().pk}"


def test_sale_whose_reason_changes_leaves_the_first_case_and_opens_another(world: World, settings: Settings) -> None:
    set_key(dkga=3)(world, settings)
    world.sell()
    set_key(dkga=4, ken=102)(world, settings)
    world.later(3)
    world.resume()
    first, second = Case.objects.order_by("pk")
    assert (first.reason, first.closed_at) == ("unverified_algorithm", world.now)
    assert (second.reason, second.closed_at) == ("key_expired", None)


def test_case_closed_by_hand_too_early_is_opened_again_by_the_next_try(world: World, settings: Settings) -> None:
    stop(world, settings)
    world.sell()
    close_case(case_id=Case.objects.get().pk, outcome="looks fine", actor=ACTOR, now=NOW)
    world.later(3)
    world.resume()
    assert Case.objects.filter(closed_at=None).count() == 1


def test_paid_sale_goes_on_though_its_meter_was_blocked_since(world: World, settings: Settings) -> None:
    stop(world, settings)
    world.sell()
    block(world.meter)
    start(world, settings)
    world.later(3)
    world.resume()
    assert Vend.objects.get().state == VendState.ISSUED


def test_meter_at_the_limit_holds_the_sale_and_lets_it_go_on_with_the_clock(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    world.look_ahead_minutes = 1
    for _ in range(4):
        world.confirm()
    world.fulfil()
    held = Vend.objects.filter(state=VendState.HELD)
    assert list(held.values_list("held_reason", flat=True)) == ["look_ahead_limit"] * 2
    assert set(held.values_list("next_try_at", flat=True)) == {world.now + timedelta(minutes=1)}
    case = Case.objects.get()
    assert (case.reason, case.subject) == ("look_ahead_limit", f"meter:{world.meter.pk}")
    assert len([record for record in caplog.records if record.name == holding.__name__]) == 1
    assert get_quote(meter=world.meter, paid_minor=20_000, now=world.now).refusal == ""
    world.later(60)
    world.resume()
    case.refresh_from_db()
    assert (held.count(), case.closed_at) == (1, None)
    world.later(60)
    world.resume()
    case.refresh_from_db()
    assert (held.count(), case.closed_at) == (0, world.now)
    tids = list(Token.objects.order_by("pk").values_list("tid", flat=True))
    assert tids == list(range(tids[0], tids[0] + 4))


def test_module_that_is_away_becomes_a_case_only_when_it_stays_away(world: World) -> None:
    world.module = FakeSecurityModule({("201457", 1, 2): 255}, is_unavailable=True)
    world.sell()
    for _ in range(4):
        assert not Case.objects.exists()
        try_again(world)
    try_again(world)
    case = Case.objects.get()
    assert (case.reason, case.subject) == (SecurityModuleUnavailable.code, "installation")


def test_reason_that_nobody_foresaw_becomes_a_case_about_the_meter(world: World) -> None:
    class Unforeseen(DomainError):
        code = "unforeseen"

    world.sell()
    vend = Vend.objects.get()
    Vend.objects.update(state=VendState.ISSUING, attempts=5, issued_at=None)
    settle_vends(outcomes={vend.pk: Unforeseen()}, actor=ACTOR, now=NOW)
    assert (Case.objects.get().reason, Case.objects.get().subject) == ("unforeseen", f"meter:{world.meter.pk}")


def issuing(world: World, count: int) -> list[Vend]:
    """Sales whose digits are stored, as the moment before they are settled."""
    for _ in range(count):
        world.sell()
    Message.objects.all().delete()
    Vend.objects.update(state=VendState.ISSUING, issued_at=None, next_try_at=world.now)
    return list(Vend.objects.order_by("pk"))


def test_token_that_is_not_what_was_sold_stops_its_key_and_calls_a_person(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    wrong, right = issuing(world, 2)
    key = VendingKey.objects.get()
    outcomes = {wrong.pk: VerifyFailed("tid", field="tid"), right.pk: None}
    assert settle_vends(outcomes=outcomes, actor=ACTOR, now=world.now) == []
    for vend in (wrong, right):
        vend.refresh_from_db()
    key.refresh_from_db()
    assert (wrong.state, wrong.held_reason, wrong.next_try_at) == (VendState.HELD, "verify_failed", None)
    assert (right.state, right.held_reason) == (VendState.HELD, "vending_key_stopped")
    assert (key.stopped_at, key.stopped_reason) == (world.now, "verify_failed")
    cases = dict(Case.objects.values_list("reason", "subject"))
    assert cases.pop("sale_needs_decision") == f"vend:{wrong.pk}"
    assert cases == dict.fromkeys(("verify_failed", "vending_key_stopped"), f"vending_key:{key.pk}")
    assert Case.objects.get(reason="verify_failed").details["vend_id"] == wrong.pk
    assert [record.levelname for record in caplog.records if "verify_failed" in record.getMessage()] == ["ERROR"]


def test_token_that_failed_is_moved_by_no_later_answer(world: World) -> None:
    (vend,) = issuing(world, 1)
    settle_vends(outcomes={vend.pk: VerifyFailed()}, actor=ACTOR, now=world.now)
    start_vending_key(vending_key_id=VendingKey.objects.get().pk, actors=("operator:1", "operator:2"), now=NOW)
    assert settle_vends(outcomes={vend.pk: None}, actor=ACTOR, now=world.now) == []
    world.later(3600)
    assert world.resume().rows == 0
    vend.refresh_from_db()
    assert (vend.state, vend.held_reason) == (VendState.HELD, "verify_failed")


def test_other_sales_of_a_stopped_key_go_on_when_two_persons_start_it(world: World) -> None:
    wrong, right = issuing(world, 2)
    settle_vends(outcomes={wrong.pk: VerifyFailed(), right.pk: None}, actor=ACTOR, now=world.now)
    world.later(3)
    world.resume()
    right.refresh_from_db()
    assert (right.state, right.held_reason) == (VendState.HELD, "vending_key_stopped")
    start_vending_key(vending_key_id=VendingKey.objects.get().pk, actors=("operator:1", "operator:2"), now=NOW)
    try_again(world)
    right.refresh_from_db()
    wrong.refresh_from_db()
    assert (right.state, wrong.state) == (VendState.ISSUED, VendState.HELD)
    waiting = Case.objects.get(closed_at=None)
    assert (waiting.reason, waiting.subject) == ("sale_needs_decision", f"vend:{wrong.pk}")


def test_every_reason_with_a_rule_is_an_error_code_and_has_words() -> None:
    def leaves(error: type[DomainError]) -> set[str]:
        return {error.code}.union(*(leaves(leaf) for leaf in error.__subclasses__()))

    assert set(holding._NEEDS) - leaves(DomainError) == set()
    assert [code for code in holding._NEEDS if words.reason(code) == code] == []
