"""The last codes by USSD: whose they are, how far they have come, and sending them again."""

import pytest

from fleet.audit.models import AuditEntry
from gateway.payments.lifecycle import PaymentState
from gateway.payments.models import Payment
from gateway.sms.models import Message
from gateway.sms.texts import group_digits
from gateway.ussd.models import UssdSession
from gateway.ussd.queries import PhoneFacts
from tests.support.dialler import Dialler, dial
from tests.support.rows import rows_of
from tests.support.world import AMINA, JUMA, STRANGER, World
from vending.tokens.models import Token
from vending.vends.lifecycle import VendState
from vending.vends.models import Vend

pytestmark = [pytest.mark.django_db, pytest.mark.money_path]

NO_METER = "END No meter is linked to this phone. To buy for any meter dial *384*96# and choose 2. Help: 0800 123 456"


def test_last_codes_and_one_in_full(world: World) -> None:
    world.sell(20_000)
    phone = Dialler(world)
    phone.screen("")
    assert phone.screen("3") == "CON Last codes ..23457\n1 20Nov KES200 8.1u\n0 Back"
    code = group_digits(Token.objects.get().digits)
    assert phone.screen("3*1") == (
        f"CON 20Nov 12:00 8.1 units\n{code}\nType it on meter 37000123457, then Enter.\n1 Send by SMS\n0 Back"
    )


def test_resend_queues_the_same_digits_and_mints_nothing(world: World) -> None:
    world.sell(20_000)
    phone = Dialler(world)
    phone.play("3*1")
    answered = phone.hop("3*1*1")
    assert (answered.screen.text, answered.screen.is_end) == ("The code comes by SMS.", True)
    first, again = Message.objects.order_by("pk")
    assert (answered.message_ids, answered.payment_ids) == ((again.pk,), ())
    assert (again.kind, again.to_e164, again.state) == ("resend", AMINA, "QUEUED")
    assert again.body.splitlines()[0] == first.body.splitlines()[0] == group_digits(Token.objects.get().digits)
    assert phone.hop("3*1*1").message_ids == ()
    assert Token.objects.count() == Payment.objects.count() == 1
    assert Message.objects.count() == 2


def test_resend_of_all_shown_codes(world: World) -> None:
    sold = [world.sell(20_000).pk for _ in range(4)]
    phone = Dialler(world)
    assert phone.play("3").splitlines()[-2:] == ["4 SMS me all three", "0 Back"]
    answered = phone.hop("3*4")
    assert answered.screen.text == "The codes come by SMS."
    resent = Message.objects.filter(pk__in=answered.message_ids)
    newest = Vend.objects.filter(authority__reference__in=[str(payment_id) for payment_id in sold[1:]])
    assert {message.vend_id for message in resent} == {vend.pk for vend in newest}
    assert len(answered.message_ids) == 3


def test_purchases_on_their_way_stand_among_the_codes(world: World) -> None:
    old = world.purchase(1_500)
    Payment.objects.filter(pk=old.pk).update(state=PaymentState.DECLINED)
    world.later(24 * 3600)
    world.sell(20_000)
    world.later(60)
    paid = world.purchase(5_000)
    world.confirm(5_000)
    assert Payment.objects.get(pk=paid.pk).state == PaymentState.CONFIRMED
    world.later(60)
    world.purchase(10_000)
    phone = Dialler(world)
    assert phone.play("3").splitlines() == [
        "CON Last codes ..23457",
        "1 21Nov KES100 not paid",
        "2 21Nov KES50 being made",
        "3 21Nov KES200 8.1u",
        "0 Back",
    ]
    assert "No code was made" in phone.screen("3*1")
    assert "Do not pay again." in dial(world, "3*2", session_id="ATUid_2")


def test_sale_that_waits_for_its_code_is_being_made(world: World) -> None:
    world.sell(20_000)
    Vend.objects.update(state=VendState.HELD)
    assert "1 20Nov KES200 being made" in dial(world, "3")
    assert group_digits(Token.objects.get().digits) not in dial(world, "3*1", session_id="ATUid_2")


def test_codes_of_another_phone_are_never_shown(world: World) -> None:
    world.sell(20_000, payer=JUMA)
    code = group_digits(Token.objects.get().digits)
    assert code in dial(world, "3*1")
    for number, (phone_e164, text) in enumerate(
        [(JUMA, "3"), (JUMA, "3*1"), (STRANGER, "3"), (STRANGER, "2*37000123457*1*3"), (JUMA, "2*37000123457*1*0*3")]
    ):
        shown = dial(world, text, phone_e164, f"ATUid_other_{number}")
        assert code not in shown
        assert "8.1u" not in shown
    assert PhoneFacts(JUMA, world.now).list_codes(world.meter.pk) == ()
    assert dial(world, "3", STRANGER, "ATUid_9") == NO_METER


def test_session_of_another_phone_is_neither_shown_nor_changed(world: World) -> None:
    world.sell(20_000)
    assert group_digits(Token.objects.get().digits) in dial(world, "3*1")
    before = rows_of(UssdSession, Payment, Message, AuditEntry)
    for text in ("", "3*1", "3*1*1", "1*4*200*1"):
        assert Dialler(world, STRANGER).screen(text) == "END Stopped. You have not paid anything. To buy dial *384*96#"
    assert rows_of(UssdSession, Payment, Message, AuditEntry) == before


def test_account_shows_kept_money(world: World) -> None:
    world.sell(500)
    assert dial(world, "4") == "CON Meter 37000123457\nKept money KES 5\n0 Back"
