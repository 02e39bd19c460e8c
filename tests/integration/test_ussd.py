"""USSD sessions over the tables: what a phone is shown, what it starts once, and what it never sees."""

import pytest

from fleet.audit.models import AuditEntry
from fleet.customers.models import Phone
from fleet.meters.models import Meter
from fleet.meters.services import link_phone
from fleet.sites.services import add_site
from gateway.payments.lifecycle import PaymentState
from gateway.payments.models import Payment
from gateway.sms.models import Message
from gateway.ussd.models import UssdSession
from gateway.ussd.ports import SessionEnded
from gateway.ussd.services import close_session
from tests.support.dialler import Dialler, dial
from tests.support.rows import Rows, rows_of
from tests.support.world import ACTOR, AMINA, NOW, STRANGER, World, add_meter, block
from vending.vends.models import Vend
from vending.vends.queries import get_quote

pytestmark = [pytest.mark.django_db, pytest.mark.money_path]

HOME = "CON Tokeni\n1 Buy power\n2 Buy for another meter\n3 My last codes\n4 My account\n5 Help"
AMOUNTS = "CON Meter 37000123457 Amina M\nHow much? (KES)\n1 50\n2 100\n3 200\n4 Other amount\n0 Back"
QUOTE = (
    "CON Pay KES 200, meter ..23457 Amina M\nMonthly fee 10\nVAT 25.92\nKept for next time 2.08\nYou get 8.1 units\n"
    "1 Pay\n2 Change amount\n0 Stop"
)
QUOTE_OF_50 = (
    "CON Pay KES 50, meter ..23457 Amina M\nMonthly fee 10\nVAT 5.44\nKept for next time 0.56\nYou get 1.7 units\n"
    "1 Pay\n2 Change amount\n0 Stop"
)
PAY = (
    "END Now a payment request comes to this phone. Enter your M-PESA PIN.\nNo request? Pay Bill 600000\n"
    "Account 37000123457\nKES 200\nYour code comes by SMS."
)
NO_METER = "END No meter is linked to this phone. To buy for any meter dial *384*96# and choose 2. Help: 0800 123 456"
CANNOT_BUY = "END Meter ..23457 cannot buy now. Please call 0800 123 456. You have not paid anything."


def written() -> Rows:
    return rows_of(UssdSession, Payment, Message, AuditEntry)


def test_first_screens_to_the_push_of_a_phone_with_one_meter(world: World) -> None:
    phone = Dialler(world)
    assert phone.screen("") == HOME
    assert phone.screen("1") == AMOUNTS
    assert phone.screen("1*4") == "CON Type the amount in KES\n0 Back"
    assert phone.screen("1*4*200") == QUOTE
    assert not Payment.objects.exists()
    answered = phone.hop("1*4*200*1")
    assert ("END " + answered.screen.text, answered.screen.is_end) == (PAY, True)
    payment = Payment.objects.get()
    assert (answered.payment_ids, answered.message_ids) == ((payment.pk,), ())
    assert (payment.state, payment.amount_minor, payment.meter_id) == (PaymentState.EXPECTED, 20_000, world.meter.pk)
    assert (payment.payer_e164, payment.reference) == (AMINA, "37000123457")
    assert (payment.started_at, payment.next_try_at, payment.checkout_id) == (NOW, NOW, None)
    session = UssdSession.objects.get()
    assert (session.state, session.phone_e164, session.hops) == ("ENDED", AMINA, 5)


def test_quote_is_what_the_sale_gives(world: World) -> None:
    quote = get_quote(meter=world.meter, paid_minor=20_000, now=world.now).split
    assert (quote.energy_kwh_tenths, quote.vat_minor, quote.fee_minor, quote.kept_minor) == (81, 2_592, 1_000, 208)
    assert dial(world, "1*3") == QUOTE
    world.sell(20_000)
    assert Vend.objects.get().energy_kwh_tenths == 81
    second = dial(world, "1*3", session_id="ATUid_2").splitlines()
    assert "Monthly fee 10" not in second
    assert "Kept money used 2.08" in second


@pytest.mark.parametrize(("choice", "amount_minor"), [("1", 5_000), ("2", 10_000), ("3", 20_000)])
def test_preset_amount_is_what_is_asked_for(world: World, choice: str, amount_minor: int) -> None:
    assert dial(world, f"1*{choice}*1").startswith("END Now a payment request")
    assert Payment.objects.get().amount_minor == amount_minor


def test_presets_are_the_customers_own_amounts_filled_up_with_the_usual_ones(world: World) -> None:
    world.sell(7_000)
    world.sell(7_050)
    assert dial(world, "1").splitlines()[2:6] == ["1 50", "2 70", "3 100", "4 Other amount"]
    for amount_minor in (3_000, 90_000, 7_000):
        world.sell(amount_minor)
    assert dial(world, "1", session_id="ATUid_2").splitlines()[2:6] == ["1 30", "2 70", "3 900", "4 Other amount"]


def link(meter: Meter, phone_e164: str) -> None:
    phone = Phone.objects.get(e164=phone_e164)
    link_phone(meter_id=meter.pk, phone_id=phone.pk, actor=ACTOR, now=NOW)


def test_phone_with_several_meters_is_asked_which(world: World) -> None:
    link(world.other_meter, AMINA)
    phone = Dialler(world)
    phone.screen("")
    assert phone.screen("1") == "CON Which meter?\n1 ..23457 Amina M\n2 ..00424 Juma K\n0 Back"
    assert phone.screen("1*2").startswith("CON Meter 3601000000424 Juma K\nHow much?")
    assert phone.screen("1*2*4") == "CON Type the amount in KES\n0 Back"
    assert "\nYou get 8.1 units\n" in phone.screen("1*2*4*200")
    assert phone.screen("1*2*4*200*1").splitlines()[2] == "Account 3601000000424"
    payment = Payment.objects.get()
    assert (payment.meter_id, payment.reference) == (world.other_meter.pk, "TREFERENCE")
    assert "1 ..23457 Amina M" in dial(world, "3", session_id="ATUid_2")


def test_hop_repeated_is_answered_alike_and_changes_nothing(world: World) -> None:
    phone = Dialler(world)
    for text in ("", "1", "1*4", "1*4*200", "1*4*200*1"):
        shown = phone.screen(text)
        before = written()
        world.later(1)
        again = [phone.hop(text) for _ in range(3)]
        assert [("END " if a.screen.is_end else "CON ") + a.screen.text for a in again] == [shown] * 3
        assert {(a.payment_ids, a.message_ids) for a in again} == {((), ())}
        assert written() == before
    assert Payment.objects.count() == 1


@pytest.mark.parametrize("older", ["", "1", "1*4"])
def test_older_hop_repeated_shows_where_the_session_is(world: World, older: str) -> None:
    phone = Dialler(world)
    phone.play("1*4*200")
    before = written()
    assert phone.screen(older) == QUOTE
    assert written() == before
    assert phone.screen("1*4*200*1") == PAY
    assert Payment.objects.count() == 1


@pytest.mark.parametrize("later", ["", "1", "1*4*200", "1*4*200*1*1", "1*4*200*1*1*4*200*1", "2", "1*4*300*1", "00"])
def test_session_that_has_ended_stays_ended(world: World, later: str) -> None:
    phone = Dialler(world)
    phone.play("1*4*200*1")
    before = written()
    assert phone.screen(later) == PAY
    assert written() == before


def test_whole_session_replayed_after_its_end_buys_nothing_more(world: World) -> None:
    phone = Dialler(world)
    for _ in range(3):
        assert phone.play("1*4*200*1") == PAY
    assert Payment.objects.count() == 1


def test_first_request_with_inputs_is_replayed_through_the_menu(world: World) -> None:
    phone = Dialler(world)
    assert phone.screen("1*4*200") == QUOTE
    assert phone.screen("1*4*200*1") == PAY
    assert dial(world, "1*4*200*1*1*1", session_id="ATUid_2") == PAY
    assert Dialler(world, session_id="ATUid_3").screen("5*1*4*200*1").startswith("END Code lost?")
    assert Payment.objects.count() == 2
    assert list(UssdSession.objects.order_by("pk").values_list("state", flat=True)) == ["ENDED"] * 3


def test_replay_ends_after_a_number_of_inputs(world: World) -> None:
    assert Dialler(world).screen("*".join(["1", "0"] * 15 + ["1", "4", "200", "1"])) == HOME
    assert not Payment.objects.exists()


def test_inputs_of_a_lost_hop_are_taken_with_the_next(world: World) -> None:
    phone = Dialler(world)
    phone.play("1")
    assert phone.screen("1*4*200") == QUOTE
    assert phone.screen("1*4") == QUOTE
    assert phone.screen("1*4*200*1") == PAY
    assert Payment.objects.count() == 1


@pytest.mark.parametrize("typed", ["*", "**", "1*", "*1", "#"])
def test_stars_that_a_customer_types_are_at_most_one_wrong_input(world: World, typed: str) -> None:
    phone = Dialler(world)
    phone.play("1")
    assert phone.screen(f"1*{typed}") in (
        AMOUNTS.replace("How much?", "Not on the list.\nHow much?"),
        QUOTE_OF_50,
    )
    assert phone.screen(f"1*{typed}*00") == HOME


def test_text_that_does_not_go_on_from_the_last_hop_starts_again(world: World) -> None:
    phone = Dialler(world)
    phone.play("1*4")
    assert phone.screen("2") == "CON Type the meter number (on the meter or on an old SMS)\n0 Back"
    assert phone.screen("2*0") == HOME


def test_phone_without_a_meter_buys_for_one_it_types(world: World) -> None:
    phone = Dialler(world, STRANGER)
    assert phone.screen("") == HOME
    assert phone.screen("1") == "CON Type the meter number (on the meter or on an old SMS)\n0 Back"
    assert phone.screen("1*37000123457") == (
        "CON Meter 37000123457\nOwner: A*** M.\nIs this right?\n1 Yes\n2 Type again\n0 Back"
    )
    assert phone.screen("1*37000123457*1").startswith("CON Meter 37000123457 A*** M.\nHow much? (KES)\n1 50\n")
    assert "\nYou get 8.1 units\n" in phone.screen("1*37000123457*1*4*200")
    assert phone.screen("1*37000123457*1*4*200*1").startswith("END Now a payment request")
    payment = Payment.objects.get()
    assert (payment.payer_e164, payment.meter_id) == (STRANGER, world.meter.pk)
    assert dial(world, "4", STRANGER, "ATUid_2") == NO_METER
    assert Dialler(world, STRANGER, "ATUid_3").screen("2*37000123457*1*4*200*1").startswith("END Now a payment request")
    assert Payment.objects.count() == 2


@pytest.mark.parametrize(
    ("typed", "told"),
    [
        ("37000123475", "CON 37000123475 is not a meter number. Two numbers may be swapped."),
        ("37000999997", "CON We do not know meter 37000999997 here."),
        ("3700012345", "CON You typed 10 numbers."),
    ],
)
def test_meter_typed_wrong_is_told_why(world: World, typed: str, told: str) -> None:
    assert dial(world, f"2*{typed}").startswith(told)


@pytest.mark.parametrize(("amount", "why"), [("12", "too little. The least is KES 13."), ("100001", "too much")])
def test_amount_out_of_range_is_told_and_asked_again(world: World, amount: str, why: str) -> None:
    shown = dial(world, f"1*4*{amount}")
    assert why in shown
    assert shown.startswith("CON ")
    assert not Payment.objects.exists()


def test_blocked_meter_buys_nothing_at_any_moment(world: World) -> None:
    phone = Dialler(world)
    phone.play("1*4*200")
    block(world.meter)
    assert phone.screen("1*4*200*1") == CANNOT_BUY
    assert dial(world, "1", session_id="ATUid_2") == CANNOT_BUY
    assert dial(world, "2*37000123457", STRANGER, "ATUid_3") == CANNOT_BUY
    assert not Payment.objects.exists()


def test_meter_of_a_site_without_prices_cannot_be_sold_to(world: World) -> None:
    site = add_site(code="new", name="New site", currency="KES", timezone="Africa/Nairobi", actor=ACTOR, now=NOW)
    add_meter(site, "3700030047", "Wanjiru", "+254711000103")
    assert "We cannot sell for meter" in dial(world, "1*4*200", "+254711000103")
    assert not Payment.objects.exists()


def test_owners_with_one_name_or_none_are_shown_as_they_are(world: World) -> None:
    meter = add_meter(world.site, "3700030047", "Wanjiru", "+254711000103")
    assert dial(world, "1", "+254711000103").startswith(f"CON Meter {meter.drn} Wanjiru\n")
    assert "Owner: W***\n" in dial(world, f"2*{meter.drn}", STRANGER, "ATUid_2")
    Meter.objects.filter(pk=meter.pk).update(customer=None)
    assert dial(world, "1", "+254711000103", "ATUid_3").startswith(f"CON Meter {meter.drn}\n")
    assert "Owner:\n" in dial(world, f"2*{meter.drn}", STRANGER, "ATUid_4")


@pytest.mark.parametrize(("is_complete", "state"), [(True, "ENDED"), (False, "TIMED_OUT")])
def test_vendors_notice_closes_the_session(world: World, is_complete: bool, state: str) -> None:
    ended = SessionEnded("ATUid_1", is_complete)
    assert close_session(provider="africastalking", ended=ended) == "unknown_session"
    assert not UssdSession.objects.exists()
    phone = Dialler(world)
    phone.play("1*4*200")
    assert close_session(provider="africastalking", ended=ended) == "accepted"
    assert UssdSession.objects.get().state == state
    before = written()
    assert close_session(provider="africastalking", ended=ended) == "no_change"
    assert close_session(provider="other", ended=ended) == "unknown_session"
    assert phone.screen("1*4*200*1") == "END " + QUOTE.removeprefix("CON ")
    assert written() == before


def test_vendors_notice_after_our_end_changes_nothing(world: World) -> None:
    dial(world, "1*4*200*1")
    before = written()
    for is_complete in (True, False):
        ended = SessionEnded("ATUid_1", is_complete)
        assert close_session(provider="africastalking", ended=ended) == "no_change"
    assert written() == before
