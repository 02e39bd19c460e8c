"""Texts from customers: the last code by keyword, to phones that may see it, and a word of help to the rest."""

import pytest
from pytest_django import Settings

from fleet.audit.models import AuditEntry
from fleet.customers.models import Phone
from fleet.meters.models import Meter, MeterPhone
from fleet.meters.services import link_phone
from gateway.inbox.services import answer_text
from gateway.payments.models import Payment
from gateway.sms.models import Message
from gateway.sms.ports import InboundSms
from gateway.sms.texts import check_only_one_code, group_digits
from gateway.webhooks.models import Callback
from tests.support.hooks import make_hooks
from tests.support.rows import Rows, rows_of
from tests.support.world import ACTOR, AMINA, JUMA, NOW, STRANGER, World
from vending.tokens.models import Token
from vending.vends.models import Vend

pytestmark = [pytest.mark.django_db, pytest.mark.money_path]

DAY = 24 * 3600


def text(world: World, words: str, sender: str = AMINA, text_id: str = "") -> list[Message]:
    """What a text is answered with."""
    sms = InboundSms(text_id or f"id-{Message.objects.count()}-{world.now:%H%M%S}", sender, "21512", words)
    message_ids = answer_text(provider="africastalking", sms=sms, actor="customer:sms", now=world.now)
    return list(Message.objects.filter(pk__in=message_ids).order_by("pk"))


def code_of(payment: Payment) -> str:
    return group_digits(Token.objects.get(authority__reference=str(payment.pk)).digits)


def written() -> Rows:
    return rows_of(Message, AuditEntry, Token, Vend, Payment)


def link(meter: Meter, phone_e164: str) -> None:
    link_phone(meter_id=meter.pk, phone_id=Phone.objects.get(e164=phone_e164).pk, actor=ACTOR, now=NOW)


@pytest.mark.parametrize("words", ["CODE", "code", "Token", " KODI!", "codigo", "C\u00f3digo, por favor"])
def test_code_word_sends_the_last_code_again(world: World, words: str) -> None:
    world.sell(10_000)
    last = world.sell(20_000)
    before = rows_of(Token, Vend, Payment)
    (message,) = text(world, words)
    assert (message.to_e164, message.kind, message.state) == (AMINA, "resend", "QUEUED")
    assert message.body == (
        f"{code_of(last)}\n8.7 units, meter 37000123457, bought 20 Nov. If the meter says USED it is already loaded.\n"
        "More: *384*96# 3"
    )
    check_only_one_code(message.body)
    assert message.vend_id == Vend.objects.get(authority__reference=str(last.pk)).pk
    assert rows_of(Token, Vend, Payment) == before
    assert AuditEntry.objects.filter(act="message.queued", actor="customer:sms").count() == 1


def test_code_word_and_a_meter_number_choose_among_several(world: World) -> None:
    link(world.other_meter, AMINA)
    mine = world.sell(20_000)
    world.later(60)
    other = world.sell(20_000, account=world.other_meter.drn)
    assert code_of(other) in text(world, "CODE")[0].body
    for words in ("CODE 37000123457", "kodi 3700-0123-457", f"TOKEN {world.meter.meter_pan}"):
        world.later(1)
        assert code_of(mine) in text(world, words)[0].body


@pytest.mark.parametrize("drn", ["37000123475", "37000999997", "3601000000424", "1"])
def test_code_word_and_a_meter_that_is_not_the_phones_finds_nothing(world: World, drn: str) -> None:
    world.sell(20_000)
    world.sell(20_000, account=world.other_meter.drn, payer=JUMA)
    (message,) = text(world, f"CODE {drn}")
    assert message.kind == "no_code_found"


def test_stranger_sees_no_code(world: World) -> None:
    codes = [code_of(world.sell(20_000)), code_of(world.sell(20_000, account=world.other_meter.drn, payer=JUMA))]
    for words in ("CODE", "CODE 37000123457", "CODE 3601000000424"):
        world.later(1)
        (message,) = text(world, words, STRANGER)
        assert (message.kind, message.to_e164, message.vend_id) == ("no_code_found", STRANGER, None)
        assert not any(code in message.body for code in codes)
    assert message.body.startswith("Tokeni: no code for this phone in 90 days.")


def test_payer_known_by_hash_alone_sees_what_it_paid_and_no_more(world: World) -> None:
    world.sell(20_000)
    paid = world.sell(30_000, payer=STRANGER)
    world.later(60)
    world.sell(20_000)
    assert paid.payer_e164 == ""
    (message,) = text(world, "CODE", STRANGER)
    assert code_of(paid) in message.body
    assert message.to_e164 == STRANGER


def test_phone_that_is_no_longer_linked_sees_only_what_it_paid(world: World) -> None:
    paid = world.sell(20_000, payer=AMINA)
    world.later(60)
    world.sell(20_000, payer=JUMA)
    MeterPhone.objects.filter(phone__e164=AMINA).delete()
    assert code_of(paid) in text(world, "CODE")[0].body


def test_code_older_than_ninety_days_is_not_sent(world: World) -> None:
    world.sell(20_000)
    world.later(90 * DAY)
    assert text(world, "CODE")[0].kind == "resend"
    world.later(1)
    assert text(world, "CODE")[0].kind == "no_code_found"


def test_sale_without_its_code_yet_sends_the_one_before(world: World) -> None:
    first = world.sell(20_000)
    world.sell(20_000)
    Vend.objects.filter(pk=Vend.objects.order_by("-pk")[0].pk).update(state="HELD")
    assert code_of(first) in text(world, "CODE")[0].body


@pytest.mark.parametrize("words", ["", "hello", "BUY 200", "METER 37000123457", "\x00", "\U0001f600" * 300])
def test_unknown_words_are_answered_with_help_once_an_hour(world: World, words: str) -> None:
    (message,) = text(world, words, STRANGER)
    assert (message.kind, message.to_e164) == ("help_words", STRANGER)
    assert message.body.startswith("Tokeni: send CODE to get your last code again.")
    before = written()
    world.later(59 * 60)
    assert text(world, words, STRANGER) == []
    assert written() == before
    assert len(text(world, words, AMINA)) == 1
    world.later(60)
    assert [message.kind for message in text(world, words, STRANGER)] == ["help_words"]


def test_text_repeated_by_the_provider_is_answered_once(world: World) -> None:
    world.sell(20_000)
    assert [message.kind for message in text(world, "CODE", text_id="same")] == ["resend"]
    assert [message.kind for message in text(world, "CODE", STRANGER, text_id="lost")] == ["no_code_found"]
    before = written()
    world.later(2 * DAY)
    assert text(world, "CODE", text_id="same") == []
    assert text(world, "CODE", STRANGER, text_id="lost") == []
    world.sell(20_000)
    before = written()
    assert text(world, "CODE", text_id="same") == []
    assert written() == before
    assert len(text(world, "CODE", text_id="same:2")) == 1


def test_sixth_request_of_a_day_is_told_once_and_the_next_day_is_free(world: World) -> None:
    world.sell(20_000)
    for number in range(5):
        assert [message.kind for message in text(world, "CODE", text_id=f"text-{number}")] == ["resend"]
        world.later(60)
    before = written()
    assert text(world, "CODE", text_id="text-4") == [], "a repeat is no request"
    assert written() == before
    (message,) = text(world, "CODE", text_id="text-5")
    assert message.body == (
        "Tokeni: you asked 5 times today. Dial *384*96# and choose 3 to see your codes free, or call 0800 123 456"
    )
    assert text(world, "CODE", text_id="text-6") == []
    world.later(DAY)
    assert [message.kind for message in text(world, "CODE", text_id="text-7")] == ["resend"]


def test_text_over_http_is_journalled_answered_and_wakes_the_sender(
    world: World, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    hooks = make_hooks(world, settings, monkeypatch)
    payment = world.sell(20_000)
    fields = {"id": "abc-1", "from": AMINA, "to": "21512", "text": "kodi", "date": "2026-11-20 09:00:00"}
    for _ in range(2):
        answer = hooks.post("sms/africastalking/inbound", fields)
        assert (answer.status_code, answer.content) == (200, b"")
    rows = Callback.objects.filter(door="inbound").order_by("pk")
    assert [(row.subject, row.outcome) for row in rows] == [("abc-1", "accepted"), ("abc-1", "repeated")]
    message = Message.objects.get(kind="resend")
    assert code_of(payment) in message.body
    assert hooks.woken == [("gateway.sms.tasks.send_messages", (message.pk,))]


@pytest.mark.parametrize(
    "words", ["%00", "%ED%A0%80", "%FF", "%F0%9F%98%80", "x" * 5000, "CODE%00", "CODE+" + "9" * 5000]
)
def test_hostile_text_over_http_is_answered(
    world: World, settings: Settings, monkeypatch: pytest.MonkeyPatch, words: str
) -> None:
    hooks = make_hooks(world, settings, monkeypatch)
    body = f"id=abc-1&from=%2B254722999888&to=21512&text={words}".encode()
    assert hooks.post("sms/africastalking/inbound", body).status_code == 200
    assert bytes(Callback.objects.get().body) == body
    assert Message.objects.get().kind in ("help_words", "no_code_found")


def test_fourth_search_without_a_code_in_an_hour_is_not_answered(world: World) -> None:
    for number in range(3):
        assert len(text(world, "CODE", STRANGER, text_id=f"text-{number}")) == 1
    before = written()
    assert text(world, "CODE", STRANGER, text_id="text-3") == []
    assert written() == before
    world.later(3601)
    assert len(text(world, "CODE", STRANGER, text_id="text-4")) == 1
