"""A payment is a claim: what must be verified is kept and buys nothing, and only good reasons lift a doubt."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest
from pytest_django import Settings

from fleet.audit.models import AuditEntry
from fleet.cases.models import Case
from fleet.cases.services import open_case
from fleet.sites.services import add_site
from gateway.payments.errors import (
    PaymentCurrencyOther,
    PaymentMeterMissing,
    PaymentMissing,
    PaymentNotDeclinable,
    PaymentNotInSuspense,
)
from gateway.payments.lifecycle import PaymentState
from gateway.payments.models import Payment
from gateway.payments.ports import Authenticity, Outcome
from gateway.payments.services import (
    assign_meter,
    confirm_payment,
    decline_payment,
    freeze_payment,
    release_payment,
    report_unverified,
    settle_prompt,
    verify_payment,
)
from gateway.payments.trust import Trust
from gateway.webhooks.models import Callback
from tests.support.doubted import DOUBTED, acts_of, doubted, open_reasons, verify
from tests.support.hooks import Hooks, make_hooks
from tests.support.payloads import json_payload
from tests.support.rows import Rows, rows_of
from tests.support.world import ACTOR, NOW, World, add_meter
from vending.ledger.models import LedgerEntry
from vending.tokens.models import Token

pytestmark = [pytest.mark.django_db, pytest.mark.money_path]

CONFIRMATION, STK = "payments/daraja/confirmation", "payments/daraja/stk"
LISTED = "196.201.214.200"


def written() -> Rows:
    return rows_of(Payment, AuditEntry, Case, LedgerEntry, Token)


@pytest.fixture
def hooks(world: World, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Hooks:
    settings.PAYMENT_SOURCES = ["196.201.214.200", "196.201.213.0/24"]
    settings.PAYMENT_SOURCE_MODE = "enforce"
    return make_hooks(world, settings, monkeypatch)


def post_from(hooks: Hooks, world: World, source: str, amount: str = "200.00", receipt: str = "RKL51") -> int:
    document = json_payload("daraja/c2b_confirmation.json")
    changes = {"BillRefNumber": world.meter.drn, "TransAmount": amount, "BusinessShortCode": "600000"}
    hooks.client.defaults["REMOTE_ADDR"] = source
    return hooks.post(CONFIRMATION, document | changes | {"TransID": receipt}).status_code


def test_confirmation_from_elsewhere_is_kept_and_buys_nothing(
    world: World, hooks: Hooks, caplog: pytest.LogCaptureFixture
) -> None:
    assert post_from(hooks, world, "203.0.113.9") == 200
    payment = Payment.objects.get()
    assert (payment.state, payment.authenticity, payment.must_verify) == ("CONFIRMED", "secret", True)
    assert payment.next_query_at == world.now
    assert Callback.objects.get().source == "203.0.113.9"
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert "203.0.113" not in caplog.text
    before = written()
    assert world.fulfil().rows == world.fulfil([payment.pk]).rows == 0
    assert written() == before


def test_confirmation_from_a_listed_address_is_sold(
    world: World, hooks: Hooks, caplog: pytest.LogCaptureFixture
) -> None:
    assert post_from(hooks, world, "196.201.213.44") == 200
    payment = Payment.objects.get()
    assert (payment.authenticity, payment.must_verify, payment.next_query_at) == ("secret+ip", False, None)
    assert caplog.records == []
    world.fulfil()
    assert Token.objects.count() == 1


def test_confirmation_repeated_by_a_listed_address_is_sold_once(world: World, hooks: Hooks) -> None:
    for source in ("203.0.113.9", "203.0.113.9", LISTED, LISTED):
        assert post_from(hooks, world, source) == 200
        world.fulfil()
    assert Payment.objects.get().state == PaymentState.ALLOCATED
    assert Token.objects.count() == 1
    assert list(Callback.objects.order_by("pk").values_list("outcome", flat=True)) == ["accepted", *["repeated"] * 3]
    assert len(hooks.woken) == 2


def test_forwarded_address_counts_behind_our_own_proxy_only(world: World, hooks: Hooks, settings: Settings) -> None:
    hooks.client.defaults["HTTP_X_FORWARDED_FOR"] = f"{LISTED}, {LISTED}"
    post_from(hooks, world, "10.0.0.1", receipt="A1")
    settings.SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    post_from(hooks, world, "10.0.0.1", receipt="A2")
    hooks.client.defaults["HTTP_X_FORWARDED_FOR"] = f"{LISTED}, 203.0.113.9"
    post_from(hooks, world, "10.0.0.1", receipt="A3")
    assert dict(Payment.objects.values_list("receipt", "must_verify")) == {"A1": True, "A2": False, "A3": True}


def test_log_mode_takes_all_and_logs_the_rest(
    world: World, hooks: Hooks, settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    settings.PAYMENT_SOURCE_MODE = "log"
    post_from(hooks, world, "203.0.113.9")
    assert not Payment.objects.get().must_verify
    assert len(caplog.records) == 1
    settings.PAYMENT_SOURCES = []
    post_from(hooks, world, "203.0.113.9", receipt="A2")
    assert len(caplog.records) == 1, "without a list every address is elsewhere: nothing to tell"


def test_unreadable_list_of_addresses_trusts_nobody_and_loses_nothing(
    world: World, hooks: Hooks, settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    settings.PAYMENT_SOURCES = [LISTED, "not an address"]
    assert post_from(hooks, world, LISTED) == 200
    assert Payment.objects.get().must_verify
    assert "PAYMENT_SOURCES" in caplog.text


@pytest.mark.parametrize(("amount", "must_verify"), [("200.00", False), ("201.00", True)])
def test_large_amount_is_verified_whoever_says_it(
    world: World, hooks: Hooks, settings: Settings, amount: str, must_verify: bool
) -> None:
    settings.PAYMENT_VERIFY_ABOVE = 200
    post_from(hooks, world, LISTED, amount)
    post_from(hooks, world, LISTED, amount)
    payment = Payment.objects.get()
    assert (payment.must_verify, payment.authenticity) == (must_verify, "secret+ip")


def test_prompt_word_from_elsewhere_closes_nothing_and_is_asked_about(world: World) -> None:
    purchase = world.purchase()
    Payment.objects.filter(pk=purchase.pk).update(checkout_id="ws_CO_1", next_query_at=NOW + timedelta(hours=1))
    for outcome in (Outcome.NOT_PAID, Outcome.UNKNOWN):
        claim = world.prompt_failed("ws_CO_1", outcome)
        assert settle_prompt(claim=claim, trust=DOUBTED, actor=ACTOR, now=world.now).outcome == "unverified"
    purchase.refresh_from_db()
    assert (purchase.state, purchase.next_query_at) == (PaymentState.EXPECTED, NOW)
    paid = world.prompt_paid("ws_CO_1", "NLJ7")
    assert settle_prompt(claim=paid, trust=DOUBTED, actor=ACTOR, now=world.now).payment_id == purchase.pk
    assert world.fulfil().rows == 0
    assert verify(world, purchase, Outcome.PAID) == "verified"
    world.fulfil()
    assert Token.objects.count() == 1


def test_verified_payment_is_sold(world: World) -> None:
    payment = doubted(world)
    report_unverified(payment_id=payment.pk, details={}, next_at=None, actor=ACTOR, now=world.now)
    world.later(30)
    assert verify(world, payment, Outcome.PAID) == "verified"
    payment.refresh_from_db()
    assert (payment.must_verify, payment.authenticity, payment.next_query_at) == (False, "polled", None)
    assert payment.next_try_at == world.now
    assert open_reasons(payment) == []
    assert acts_of(payment) == ["payment.confirmed", "payment.believed"]
    before = written()
    for outcome in Outcome:
        assert verify(world, payment, outcome) == "late"
    assert written() == before
    world.fulfil()
    assert Token.objects.count() == 1


@pytest.mark.parametrize(("outcome", "amount_minor"), [(Outcome.UNKNOWN, 20_000), (Outcome.PAID, 0)])
def test_answer_that_says_nothing_changes_nothing(world: World, outcome: Outcome, amount_minor: int) -> None:
    payment = doubted(world)
    before = written()
    assert verify(world, payment, outcome, amount_minor) == "unknown"
    assert written() == before


def test_payment_that_the_provider_does_not_know_is_frozen(world: World) -> None:
    payment = doubted(world)
    assert verify(world, payment, Outcome.NOT_PAID) == "not_confirmed"
    payment.refresh_from_db()
    assert (payment.state, payment.frozen_reason, payment.next_query_at) == ("CONFIRMED", "not_confirmed", None)
    assert open_reasons(payment) == ["not_confirmed"]
    before = written()
    assert verify(world, payment, Outcome.NOT_PAID) == "not_confirmed"
    assert written() == before
    assert world.fulfil().rows == 0
    assert verify(world, payment, Outcome.PAID) == "verified", "a later answer may still be the right one"
    assert open_reasons(payment) == []
    world.fulfil()
    assert Token.objects.count() == 1


def test_payment_of_another_amount_is_frozen_with_both_amounts(world: World) -> None:
    payment = doubted(world)
    assert verify(world, payment, Outcome.PAID, 100) == "amount_differs"
    payment.refresh_from_db()
    assert (payment.frozen_reason, payment.amount_minor) == ("amount_differs", 20_000)
    assert Case.objects.get().details == {"amount_minor": 20_000, "claimed_minor": 100, "currency": "KES"}
    assert world.fulfil().rows == 0


def test_trusted_repeat_does_not_lift_what_the_provider_denied(world: World) -> None:
    payment = doubted(world)
    verify(world, payment, Outcome.NOT_PAID)
    before = written()
    claim = replace(world.claim(20_000, world.meter.drn), receipt=payment.receipt or "")
    trust = Trust(Authenticity.SOURCE, must_verify=False)
    confirm_payment(claim=claim, reference=world.meter.drn, trust=trust, actor=ACTOR, now=world.now)
    assert written() == before


def test_frozen_payment_waits_until_it_is_released(world: World) -> None:
    payment_id = world.confirm().payment_id or 0
    assert freeze_payment(payment_id=payment_id, reason="not_in_statement", actor=ACTOR, now=world.now)
    assert not freeze_payment(payment_id=payment_id, reason="other", actor=ACTOR, now=world.now)
    assert world.fulfil().rows == 0
    world.later(60)
    assert release_payment(payment_id=payment_id, actor=ACTOR, now=world.now)
    payment = Payment.objects.get()
    assert (payment.frozen_reason, payment.next_try_at) == ("", world.now)
    assert acts_of(payment) == ["payment.confirmed", "payment.frozen", "payment.released"]
    before = written()
    assert not release_payment(payment_id=payment_id, actor=ACTOR, now=world.now)
    assert written() == before
    world.fulfil()
    assert Token.objects.count() == 1


def test_released_by_a_person_needs_no_answer_any_more(world: World) -> None:
    payment = doubted(world)
    report_unverified(payment_id=payment.pk, details={"code": "x"}, next_at=None, actor=ACTOR, now=world.now)
    case = Case.objects.get()
    assert (case.reason, case.due_at) == ("payment_unverified", NOW + timedelta(hours=1))
    assert release_payment(payment_id=payment.pk, actor=ACTOR, now=world.now)
    payment.refresh_from_db()
    assert (payment.must_verify, payment.next_query_at) == (False, None)
    assert open_reasons(payment) == []
    assert not report_unverified(payment_id=payment.pk, details={}, next_at=None, actor=ACTOR, now=world.now)


def test_freeze_of_a_purchase_is_refused_and_of_a_sale_is_a_flag(world: World) -> None:
    purchase, sold = world.purchase(5_000), world.sell()
    assert not freeze_payment(payment_id=purchase.pk, reason="x", actor=ACTOR, now=world.now)
    assert freeze_payment(payment_id=sold.pk, reason="not_in_statement", actor=ACTOR, now=world.now)
    sold.refresh_from_db()
    assert (sold.state, sold.frozen_reason) == (PaymentState.ALLOCATED, "not_in_statement")
    assert release_payment(payment_id=sold.pk, actor=ACTOR, now=world.now)
    sold.refresh_from_db()
    assert sold.next_try_at is None


@pytest.mark.parametrize("is_frozen", [True, False])
def test_decline_ends_a_claim_in_doubt_and_its_cases(world: World, is_frozen: bool) -> None:
    payment = doubted(world)
    open_case(
        reason="late_sale", subject=f"payment:{payment.pk}", details={}, due_at=world.now, actor=ACTOR, now=world.now
    )
    if is_frozen:
        verify(world, payment, Outcome.NOT_PAID)
    assert decline_payment(payment_id=payment.pk, reason="forged", actor=ACTOR, now=world.now)
    payment.refresh_from_db()
    assert (payment.state, payment.reason, payment.frozen_reason) == (PaymentState.DECLINED, "forged", "")
    assert (payment.must_verify, payment.next_query_at, payment.next_try_at) == (False, None, None)
    assert open_reasons(payment) == []
    assert acts_of(payment)[-1] == "payment.declined"
    before = written()
    assert not decline_payment(payment_id=payment.pk, reason="again", actor=ACTOR, now=world.now)
    assert written() == before
    assert world.fulfil().rows == 0


def test_decline_of_good_money_is_refused(world: World) -> None:
    sold, confirmed, purchase = world.sell().pk, world.confirm().payment_id or 0, world.purchase(500).pk
    before = written()
    for payment_id in (sold, confirmed, purchase):
        with pytest.raises(PaymentNotDeclinable):
            decline_payment(payment_id=payment_id, reason="x", actor=ACTOR, now=world.now)
    assert written() == before


@pytest.mark.parametrize("is_allocated", [True, False])
def test_assigned_payment_is_sold_to_its_meter(world: World, is_allocated: bool) -> None:
    payment_id = world.confirm(account="MAMA SHOP").payment_id or 0
    if is_allocated:
        world.fulfil()
    assert assign_meter(payment_id=payment_id, meter_id=world.other_meter.pk, actor=ACTOR, now=world.now)
    assert not assign_meter(payment_id=payment_id, meter_id=world.other_meter.pk, actor=ACTOR, now=world.now)
    assert acts_of(Payment.objects.get())[-1] == "payment.assigned"
    world.fulfil()
    payment = Payment.objects.get()
    assert (payment.state, payment.meter_id) == (PaymentState.ALLOCATED, world.other_meter.pk)
    assert Token.objects.count() == 1
    with pytest.raises(PaymentNotInSuspense):
        assign_meter(payment_id=payment_id, meter_id=world.meter.pk, actor=ACTOR, now=world.now)


def test_assign_refusals_write_nothing(world: World) -> None:
    site = add_site(code="ug", name="Uganda", currency="UGX", timezone="Africa/Kampala", actor=ACTOR, now=NOW)
    abroad = add_meter(site, "3700030047", "Wanjiru", "+254711000103")
    payment_id = world.confirm(account="MAMA SHOP").payment_id or 0
    purchase = world.purchase(payer="+254711000102")
    before = written()
    refusals: list[tuple[type[Exception], int, int]] = [
        (PaymentCurrencyOther, payment_id, abroad.pk),
        (PaymentMeterMissing, payment_id, 0),
        (PaymentNotInSuspense, purchase.pk, world.other_meter.pk),
        (PaymentMissing, 0, world.meter.pk),
    ]
    for refusal, wanted, meter_id in refusals:
        with pytest.raises(refusal):
            assign_meter(payment_id=wanted, meter_id=meter_id, actor=ACTOR, now=world.now)
    assert written() == before


@pytest.mark.parametrize(
    "act",
    [
        lambda: freeze_payment(payment_id=0, reason="x", actor=ACTOR, now=NOW),
        lambda: release_payment(payment_id=0, actor=ACTOR, now=NOW),
        lambda: decline_payment(payment_id=0, reason="x", actor=ACTOR, now=NOW),
        lambda: verify_payment(payment_id=0, outcome=Outcome.PAID, amount_minor=1, actor=ACTOR, now=NOW),
    ],
)
def test_payment_that_is_not_there_is_missing(world: World, act: Callable[[], object]) -> None:
    with pytest.raises(PaymentMissing):
        act()
