"""What never buys, and at which prices the rest does: money on hold, in doubt, taken back, promised a price, without a
meter, over a limit.
"""

from collections.abc import Collection, Mapping
from datetime import datetime, timedelta

import pytest

from fleet.cases.models import Case
from fleet.meters.locks import lock_meters
from fleet.meters.models import Meter
from gateway.fulfilment import letters, services
from gateway.fulfilment.services import AUTHORITY_KINDS, allocate
from gateway.fulfilment.stuck import open_stuck_cases
from gateway.payments.lifecycle import PaymentState
from gateway.payments.models import Payment
from gateway.reversals.services import note_reversal
from gateway.sms.errors import TextTooLong
from gateway.sms.models import Message
from gateway.sms.texts import render_sms
from tests.support.tampering import drop_triggers
from tests.support.world import ACTOR, AMINA, PRICES, STRANGER, World
from vending.ledger.models import LedgerEntry, LedgerLine
from vending.ledger.queries import get_wallet
from vending.tariffs.engine import Block, Prices
from vending.tariffs.models import Tariff
from vending.tariffs.services import publish_tariff
from vending.tokens.models import Token
from vending.vends.lifecycle import VendState
from vending.vends.models import Vend

pytestmark = [pytest.mark.django_db, pytest.mark.money_path]


def publish(
    world: World,
    starts_at: datetime,
    *,
    price: int = 4000,
    most: int = 10_000_000,
    day_limit: int = 0,
    blocks: tuple[Block, ...] = (),
) -> Tariff:
    prices = Prices(**(vars(PRICES) | {"price_per_kwh_minor": price, "blocks": blocks}))
    return publish_tariff(
        site_id=world.site.pk,
        currency="KES",
        prices=prices,
        least_payment_minor=1000,
        most_payment_minor=most,
        day_limit_minor=day_limit,
        starts_at=starts_at,
        actor=ACTOR,
        now=world.now,
    )


def take_back(world: World, payment: Payment) -> None:
    note_reversal(
        provider=payment.provider,
        payment_receipt=payment.receipt or "",
        receipt="BACK000001",
        amount_minor=payment.amount_minor,
        currency=payment.currency,
        door="result",
        actor=ACTOR,
        now=world.now,
    )


def confirmed(world: World, **changes: object) -> Payment:
    payment = Payment.objects.get(pk=world.confirm().payment_id or 0)
    Payment.objects.filter(pk=payment.pk).update(**changes)
    return payment


def lines_of(cause: str) -> dict[str, int]:
    return dict(LedgerLine.objects.filter(entry__cause=cause).values_list("account", "amount_minor"))


def test_authority_kinds_are_both_of_a_payment() -> None:
    assert AUTHORITY_KINDS == ("payment", "moved")


@pytest.mark.parametrize("changes", [{"must_verify": True}, {"frozen_reason": "amount_differs"}])
@pytest.mark.parametrize("state", [PaymentState.CONFIRMED, PaymentState.SUSPENSE])
def test_money_in_doubt_or_on_hold_is_not_claimed(world: World, state: str, changes: dict[str, object]) -> None:
    payment = confirmed(world, state=state, meter=world.meter, **changes)
    assert world.fulfil([payment.pk]).rows == 0
    assert world.fulfil().rows == 0
    payment.refresh_from_db()
    assert (payment.state, payment.attempts, payment.leased_until) == (state, 0, None)
    assert not LedgerEntry.objects.exists()


def test_money_let_go_again_is_sold(world: World) -> None:
    payment = confirmed(world, frozen_reason="amount_differs")
    Payment.objects.update(frozen_reason="")
    world.fulfil()
    payment.refresh_from_db()
    assert payment.state == PaymentState.ALLOCATED
    assert Vend.objects.count() == 1


@pytest.mark.parametrize("changes", [{"must_verify": True}, {"frozen_reason": "amount_differs"}])
def test_money_stopped_behind_the_claim_is_left_alone_under_the_lock(world: World, changes: dict[str, object]) -> None:
    stopped, other = confirmed(world, **changes), confirmed(world)
    allocated = allocate(payment_ids=[stopped.pk, other.pk], tools=world.tools())
    assert [vend.authority.reference for vend in Vend.objects.all()] == [str(other.pk)]
    assert allocated.vend_ids == [Vend.objects.get().pk]
    stopped.refresh_from_db()
    assert (stopped.state, stopped.meter_id) == (PaymentState.CONFIRMED, None)
    assert not lines_of(f"payment:{stopped.pk}:allocated")


@pytest.mark.parametrize("account", ["37000123457", "37000999997"])
def test_money_given_a_meter_behind_the_claim_keeps_it(
    world: World, monkeypatch: pytest.MonkeyPatch, account: str
) -> None:
    """By its prompt's result, or by staff: while the account was read, and before the locks."""
    payment = Payment.objects.get(pk=world.confirm(account=account).payment_id or 0)

    def given_meanwhile(meter_ids: Collection[int]) -> dict[int, Meter]:
        monkeypatch.setattr(services, "lock_meters", lock_meters)
        Payment.objects.filter(pk=payment.pk).update(meter=world.other_meter, next_try_at=world.now)
        return lock_meters(meter_ids)

    monkeypatch.setattr(services, "lock_meters", given_meanwhile)
    world.fulfil([payment.pk])
    payment.refresh_from_db()
    assert (payment.state, payment.meter_id) == (PaymentState.CONFIRMED, world.other_meter.pk)
    assert not Vend.objects.exists()
    assert not Message.objects.exists()
    world.later(6)
    world.fulfil()
    assert Vend.objects.get().meter_id == world.other_meter.pk


def test_text_that_cannot_be_written_does_not_wear_out_the_sales_beside_it(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    payment_ids = [world.confirm(account=account).payment_id for account in ("37000123457", world.other_meter.drn)]

    def refuse(name: str, values: Mapping[str, object]) -> str:
        if values["drn"] == "37000123457":
            raise TextTooLong("too long", field="text")
        return render_sms(name, values)

    monkeypatch.setattr(letters, "render_sms", refuse)
    assert len(world.fulfil().message_ids) == 2
    states = dict(Vend.objects.values_list("authority__reference", "state"))
    assert states == {str(payment_ids[0]): VendState.ISSUING, str(payment_ids[1]): VendState.ISSUED}
    monkeypatch.undo()
    world.later(60)
    world.resume()
    assert Vend.objects.filter(state=VendState.ISSUED).count() == Token.objects.count() == 2


def test_batch_of_nothing_but_stopped_money_changes_nothing(world: World) -> None:
    stopped = confirmed(world, must_verify=True)
    assert allocate(payment_ids=[stopped.pk], tools=world.tools()) == ([], [])
    assert not LedgerEntry.objects.exists()


def test_money_taken_back_before_it_was_sold_waits_in_suspense(world: World) -> None:
    payment, other = confirmed(world), confirmed(world)
    take_back(world, payment)
    assert world.fulfil().rows == 2
    payment.refresh_from_db()
    assert (payment.state, payment.meter_id, payment.next_try_at) == (PaymentState.SUSPENSE, None, None)
    assert payment.reason == "taken back by the provider"
    assert lines_of(f"payment:{payment.pk}:suspense") == {"float:daraja": 20_000, "suspense": -20_000}
    assert [vend.authority.reference for vend in Vend.objects.all()] == [str(other.pk)]
    assert not Case.objects.exists()
    assert Message.objects.filter(kind="lost").count() == 0
    world.later(60)
    assert world.fulfil().rows == 0


def test_suspense_taken_back_is_not_sold_when_it_gets_a_meter(world: World) -> None:
    payment = world.sell(account="37000999997")
    take_back(world, payment)
    Payment.objects.update(meter=world.meter, next_try_at=world.now)
    world.fulfil()
    payment.refresh_from_db()
    assert (payment.state, payment.next_try_at) == (PaymentState.SUSPENSE, None)
    assert list(LedgerEntry.objects.values_list("cause", flat=True)) == [f"payment:{payment.pk}:suspense"]
    assert not Vend.objects.exists()


def test_receipt_of_another_provider_that_was_taken_back_stops_nothing(world: World) -> None:
    payment = confirmed(world)
    payment.provider = "mtn_momo"
    take_back(world, payment)
    world.fulfil()
    assert Vend.objects.count() == 1


def test_unknown_account_opens_a_case_that_its_meter_closes(world: World) -> None:
    payment = world.sell(account="37000999997")
    case = Case.objects.get()
    assert (case.reason, case.subject) == ("payment_without_meter", f"payment:{payment.pk}")
    assert case.details == {"amount_minor": 20_000, "currency": "KES"}
    assert case.due_at == world.now + timedelta(hours=24)
    Payment.objects.update(meter=world.meter, next_try_at=world.now)
    world.fulfil()
    case.refresh_from_db()
    assert case.closed_at == world.now
    assert case.outcome == "closed by itself: the payment has its meter"


def test_money_that_cannot_be_allocated_becomes_a_case_until_it_is(world: World) -> None:
    payment = confirmed(world)
    drop_triggers("vending_tariff")
    Tariff.objects.update(starts_at=world.now + timedelta(days=1))
    for _ in range(4):
        world.fulfil()
        world.later(300)
    assert open_stuck_cases(now=world.now) == 0
    world.fulfil()
    assert open_stuck_cases(now=world.now) == 1
    assert open_stuck_cases(now=world.now) == 0
    case = Case.objects.get()
    assert (case.reason, case.subject) == ("payment_not_allocated", f"payment:{payment.pk}")
    assert (case.details, case.due_at) == ({"reason": "tariff_missing"}, world.now + timedelta(hours=4))
    Tariff.objects.update(starts_at=world.now)
    world.later(300)
    world.fulfil()
    case.refresh_from_db()
    assert case.outcome == "closed by itself: the payment is allocated"
    assert Vend.objects.count() == 1


@pytest.mark.parametrize("changes", [{"must_verify": True}, {"frozen_reason": "amount_differs"}])
def test_money_on_hold_is_not_called_stuck(world: World, changes: dict[str, object]) -> None:
    confirmed(world, attempts=30, **changes)
    assert open_stuck_cases(now=world.now) == 0


def test_money_that_ends_its_worker_becomes_a_case(world: World) -> None:
    confirmed(world, attempts=30)
    assert world.fulfil().rows == 0
    assert open_stuck_cases(now=world.now) == 1


def buy_after(world: World, seconds: float) -> Vend:
    """A purchase of now, whose money is confirmed that much later; a dearer version starts in between."""
    payment = world.purchase()
    publish(world, world.now + timedelta(minutes=5))
    world.later(seconds)
    world.take(world.prompt_paid("ws_CO_1", "RCPT900001"))
    world.fulfil()
    payment.refresh_from_db()
    assert payment.state == PaymentState.ALLOCATED
    return Vend.objects.get(authority__reference=str(payment.pk))


@pytest.mark.parametrize("seconds", [301, 1799, 1800])
def test_purchase_paid_within_half_an_hour_keeps_the_prices_of_its_quote(world: World, seconds: int) -> None:
    started_at = world.now
    vend = buy_after(world, seconds)
    assert (vend.tariff.price_per_kwh_minor, vend.priced_at, vend.energy_kwh_tenths) == (2000, started_at, 81)
    assert list(Message.objects.values_list("kind", flat=True)) == ["token"]


def test_purchase_paid_later_has_the_prices_of_now_and_its_customer_is_told(world: World) -> None:
    vend = buy_after(world, 1801)
    assert (vend.tariff.price_per_kwh_minor, vend.priced_at, vend.energy_kwh_tenths) == (4000, world.now, 40)
    told = Message.objects.get(kind="price_changed")
    assert told.to_e164 == AMINA
    assert told.body == (
        "Tokeni: prices changed after you asked. KES200 (RCPT900001) bought 4.0 units for meter 37000123457"
        " at the prices of 20 Nov."
    )
    assert told.cause == f"payment:{vend.authority.reference}:price_changed"


def test_purchase_paid_late_under_the_same_version_is_told_nothing(world: World) -> None:
    Payment.objects.filter(pk=world.purchase().pk).update(checkout_id="ws_CO_1")
    world.later(7200)
    world.take(world.prompt_paid("ws_CO_1", "RCPT900001"))
    world.fulfil()
    assert list(Message.objects.values_list("kind", flat=True)) == ["token"]
    assert Vend.objects.get().priced_at == world.now


def test_purchase_from_before_the_first_prices_is_told_of_no_change(world: World) -> None:
    payment = Payment.objects.get(pk=world.purchase().pk)
    Payment.objects.filter(pk=payment.pk).update(started_at=world.now - timedelta(days=31), checkout_id="ws_CO_1")
    world.take(world.prompt_paid("ws_CO_1", "RCPT900001"))
    world.fulfil()
    assert list(Message.objects.values_list("kind", flat=True)) == ["token"]


def test_money_that_nobody_announced_has_the_prices_of_now_and_no_quote(world: World) -> None:
    publish(world, world.now + timedelta(minutes=5))
    world.later(301)
    world.sell()
    assert Vend.objects.get().tariff.price_per_kwh_minor == 4000
    assert list(Message.objects.values_list("kind", flat=True)) == ["token"]


def test_sale_over_the_limit_of_a_day_says_what_is_kept(world: World) -> None:
    publish(world, world.now, price=2000, day_limit=500_000)
    world.sell(900_000)
    vend = Vend.objects.get()
    lines = Message.objects.get().body.split("\n")
    assert 398_000 < vend.kept_minor < 402_400
    kept = f"{vend.kept_minor / 100:,.2f}".removesuffix(".00")
    assert lines[2] == f"You paid KES9,000, limit today 5,000. KES{kept} is kept. Want it back? *384*96# 5"
    assert get_wallet(world.meter.pk) == vend.kept_minor


def test_sale_over_the_limit_of_a_purchase_tells_the_owner_who_paid(world: World) -> None:
    publish(world, world.now, price=2000, most=500_000, day_limit=900_000)
    Payment.objects.filter(pk=world.confirm(700_000, payer="").payment_id or 0).update(payer_e164=STRANGER)
    world.fulfil()
    lines = dict(Message.objects.values_list("to_e164", "body"))
    assert lines[STRANGER].split("\n")[2].startswith("You paid KES7,000, limit 5,000. KES2,")
    assert lines[AMINA].split("\n")[2].startswith("..888 paid KES7,000, limit 5,000. KES2,")


def test_rest_that_buys_nothing_in_a_dearer_block_is_no_limit(world: World) -> None:
    """One tenth more would cost a hundred times what those before it did."""
    blocks = (Block(20, 100), Block(None, 10_000))
    publish(world, world.now, price=100, day_limit=500_000, blocks=blocks)
    world.sell(2000)
    vend = Vend.objects.get()
    assert (vend.energy_kwh_tenths, vend.kept_minor) == (20, 768)
    assert "\nKES20: fee 10, VAT 0.32, kept 7.68\n" in Message.objects.get().body


def test_sale_within_its_limits_reads_as_ever(world: World) -> None:
    publish(world, world.now, price=2000, most=500_000, day_limit=500_000)
    world.sell(20_000)
    assert "\nKES200: fee 10, VAT 25.92, kept 2.08\n" in Message.objects.get().body


def test_day_whose_limit_is_used_up_keeps_the_money_and_asks_for_no_more(world: World) -> None:
    publish(world, world.now, price=2000, day_limit=20_000)
    world.sell(20_000)
    payment = world.sell(20_000)
    assert Vend.objects.count() == 1
    assert Message.objects.get(kind="kept").body == (
        f"Tokeni: KES200 ({payment.receipt}) kept for meter 37000123457: today's limit of 200 is used up."
        " Pay again tomorrow to use it. Want it back? *384*96# 5"
    )
