"""The operator's pages: who may see them, what they show, and what they never show."""

import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from http import HTTPStatus

import pytest
from django.http import HttpResponse
from django.test import Client, RequestFactory

from fleet.audit.services import Act, record
from fleet.operators.models import Operator
from fleet.operators.services import set_operator
from gateway.dashboard import errors, layout, session
from gateway.payments.services import postpone_payment
from gateway.sms.locks import claim_message
from gateway.sms.models import Message
from gateway.sms.ports import DeliveryReport, ReportStatus, SendOutcome, SendResult
from gateway.sms.services import apply_report, store_result
from tests.support.fake_security_module import FakeSecurityModule
from tests.support.world import ACTOR, AMINA, JUMA, NOW, World
from vending.tokens.models import Token
from vending.vends.models import Vend

PAGES = ("", "stuck/", "payments/", "sales/", "messages/")
PASSWORD = "right-password-1"
HOSTILE = "<script>alert(1)</script>"


@pytest.fixture
def operator(world: World) -> Operator:
    return set_operator(username="neema", password=PASSWORD, actor=ACTOR, now=NOW)


@pytest.fixture
def desk(client: Client, operator: Operator, world: World, monkeypatch: pytest.MonkeyPatch) -> Client:
    """A browser with a login, whose pages are as of `world.now`."""
    monkeypatch.setattr(layout, "now", lambda: world.now)
    client.force_login(operator)
    return client


@pytest.fixture(autouse=True)
def forgotten_failures() -> Iterator[None]:
    yield
    session._failures.clear()


def page_of(desk: Client, path: str) -> str:
    response = desk.get(f"/dashboard/{path}")
    assert response.status_code == HTTPStatus.OK
    return response.content.decode()


def words_of(html: str) -> str:
    """The text of a page as a reader sees it, entities and all."""
    return " ".join(re.sub(r"<[^>]*>", " ", html).split())


def section_of(html: str, anchor: str) -> str:
    return html.split(f'<section aria-labelledby="{anchor}">')[1].split("</section>", maxsplit=1)[0]


def ages_of(html: str) -> list[int]:
    return [int(seconds) for seconds in re.findall(r'data-age-seconds="(\d+)"', html)]


def send(message: Message, world: World, outcome: SendOutcome, *, delivered: bool = False) -> None:
    """Play the provider: the request is answered, and reported if `delivered`."""
    assert claim_message(message_id=message.pk, now=world.now)
    result = SendResult(outcome, provider_message_id=f"ATX{message.pk}", code=f"code {outcome}")
    store_result(message_id=message.pk, provider="africastalking", result=result, actor=ACTOR, now=world.now)
    if delivered:
        report = DeliveryReport(f"ATX{message.pk}", ReportStatus.DELIVERED, phone_e164=message.to_e164)
        apply_report(provider="africastalking", report=report, actor=ACTOR, now=world.now)


@pytest.mark.parametrize("path", [*PAGES, "payments/1/", "sales/1/", "sales/1/resend/"])
def test_page_without_login_leads_to_the_login_page(client: Client, db: None, path: str) -> None:
    for response in (client.get(f"/dashboard/{path}"), client.post(f"/dashboard/{path}")):
        assert response.status_code == HTTPStatus.FOUND
        assert response.headers["Location"] == f"/dashboard/login/?next=/dashboard/{path}"


def test_login_with_the_right_password_leads_to_the_page_asked_for(client: Client, operator: Operator) -> None:
    form = {"username": "neema", "password": PASSWORD, "next": "/dashboard/stuck/"}
    response = client.post("/dashboard/login/", form)
    assert (response.status_code, response.headers["Location"]) == (HTTPStatus.FOUND, "/dashboard/stuck/")
    assert "neema" in page_of(client, "stuck/")


def test_login_leads_to_no_other_site(client: Client, operator: Operator) -> None:
    form = {"username": "neema", "password": PASSWORD, "next": "https://example.com/"}
    assert client.post("/dashboard/login/", form).headers["Location"] == "/dashboard/"


def test_login_after_five_wrong_passwords_refuses_the_right_one_too(client: Client, operator: Operator) -> None:
    for _ in range(session.FAILURES_ALLOWED):
        response = client.post("/dashboard/login/", {"username": "neema", "password": "wrong"})
        assert response.status_code == HTTPStatus.OK
        assert "User name and password do not fit." in response.content.decode()
    response = client.post("/dashboard/login/", {"username": "Neema ", "password": PASSWORD})
    assert response.status_code == HTTPStatus.TOO_MANY_REQUESTS
    assert "Wait 5 minutes" in response.content.decode()
    assert client.get("/dashboard/").status_code == HTTPStatus.FOUND


def test_logout_needs_a_form_and_ends_the_session(desk: Client) -> None:
    assert desk.get("/dashboard/logout/").status_code == HTTPStatus.METHOD_NOT_ALLOWED
    assert desk.post("/dashboard/logout/").headers["Location"] == "/dashboard/login/"
    assert desk.get("/dashboard/").status_code == HTTPStatus.FOUND


def test_pages_leave_with_a_strict_policy_and_stay_in_no_cache(desk: Client, world: World) -> None:
    world.sell()
    sale = f"sales/{Vend.objects.get().pk}/"
    for path in (*PAGES, sale, "login/"):
        response = desk.get(f"/dashboard/{path}")
        policy = response.headers["Content-Security-Policy"]
        assert policy.startswith("default-src 'none'; style-src 'self';")
        assert "no-store" in response.headers["Cache-Control"]
        assert not re.search(r"<script|<style|\sstyle=|\son\w+=|https?://", response.content.decode())


def test_today_shows_the_day_in_words(desk: Client, world: World) -> None:
    world.sell(20_000)
    words = words_of(page_of(desk, ""))
    assert "12:00:00 RCPT000001 KES 200 37000123457 hidden number sale" in words
    assert "37000123457 KES 200 8.1 kWh RCPT000001 code made" in words
    assert "12:00:00 code ..101 37000123457 0" in words
    assert "waiting to be sent" in words
    assert "Oldest paid, no code none every paid sale has its code" in words
    assert "Messages waiting 1 oldest 0 s" in words
    assert "Times are in EAT (Africa/Nairobi)" in words


def test_today_leaves_out_yesterday_by_the_clock_of_the_site(desk: Client, world: World) -> None:
    world.sell()
    world.later(11 * 3600)
    assert "RCPT000001" in page_of(desk, "")
    world.later(3600 + 1)
    assert "No payment yet today." in page_of(desk, "")
    assert "20 Nov 12:00:00" in page_of(desk, "payments/")


def test_today_counts_what_waits_and_how_long(desk: Client, world: World) -> None:
    world.confirm()
    world.purchase()
    world.later(95)
    world.confirm(account="unknown")
    words = words_of(page_of(desk, ""))
    assert "Oldest paid, no code 1 min 35 s 2 waiting" in words
    assert "Purchases waiting 1 oldest 1 min 35 s" in words


def test_stuck_without_a_worker_shows_the_payment_at_once_and_its_age_rises(desk: Client, world: World) -> None:
    world.confirm(20_000)
    html = page_of(desk, "stuck/")
    assert (ages_of(html), "nobody takes it" in html) == ([0], False)
    world.later(42)
    html = page_of(desk, "stuck/")
    assert (ages_of(html), "nobody takes it" in html) == ([42], True)
    world.later(100)
    words = words_of(section_of(page_of(desk, "stuck/"), "no-code"))
    assert "2 min 22 s Payment" in words
    assert "KES 200 RCPT000001 37000123457 hidden number paid, not yet allocated" in words
    assert words.endswith("due for 2 min 22 s, waits for a worker")


def test_stuck_forgets_a_payment_that_became_a_code(desk: Client, world: World) -> None:
    world.sell()
    send(Message.objects.get(), world, SendOutcome.ACCEPTED, delivered=True)
    assert ages_of(page_of(desk, "stuck/")) == []


def test_stuck_shows_the_oldest_first_with_reason_and_next_try(desk: Client, world: World) -> None:
    world.confirm()
    world.module = FakeSecurityModule({}, is_unavailable=True)
    world.fulfil()
    world.later(-60)
    payment_id = world.confirm().payment_id
    assert payment_id is not None
    postpone_payment(payment_id=payment_id, reason="TariffMissing", now=world.now)
    world.later(61)
    section = section_of(page_of(desk, "stuck/"), "no-code")
    first, second = (words_of(row) for row in section.split("<tr>")[2:])
    assert ages_of(section) == [61, 1]
    assert "TariffMissing due for 59 s" in first
    assert "held the security module does not answer (security_module_unavailable)" in second
    assert "in 1 s" in second


def test_stuck_shows_money_without_a_meter(desk: Client, world: World) -> None:
    world.sell(account="no such meter")
    words = words_of(section_of(page_of(desk, "stuck/"), "no-meter"))
    assert "no such meter" in words
    assert "paid, no meter no meter for this account none: a person must act" in words


def test_stuck_shows_a_purchase_only_once_the_customer_is_slow(desk: Client, world: World) -> None:
    world.purchase()
    assert ages_of(page_of(desk, "stuck/")) == []
    world.later(11)
    assert ages_of(section_of(page_of(desk, "stuck/"), "purchases")) == [11]


def test_stuck_shows_messages_until_one_reaches_the_phone(desk: Client, world: World) -> None:
    world.sell()
    failed = Message.objects.get()
    send(failed, world, SendOutcome.PERMANENT)
    words = words_of(section_of(page_of(desk, "stuck/"), "messages"))
    assert f"SMS {failed.pk}: code 37000123457 ..101 failed code permanent none: send it again" in words
    later = Message.objects.create(
        cause="again", kind="resend", to_e164=AMINA, body="", vend=failed.vend, queued_at=NOW, next_try_at=NOW
    )
    send(later, world, SendOutcome.ACCEPTED)
    assert ages_of(page_of(desk, "stuck/")) == [0]
    world.later(601)
    section = section_of(page_of(desk, "stuck/"), "messages")
    assert (ages_of(section), "sent, no report yet" in section) == ([601, 601], True)
    report = DeliveryReport(f"ATX{later.pk}", ReportStatus.DELIVERED, phone_e164=AMINA)
    apply_report(provider="africastalking", report=report, actor=ACTOR, now=world.now)
    assert ages_of(page_of(desk, "stuck/")) == []


def test_stuck_reloads_by_itself_only_when_asked(desk: Client) -> None:
    assert "http-equiv" not in page_of(desk, "stuck/")
    assert '<meta http-equiv="refresh" content="10">' in page_of(desk, "stuck/?reload")


def test_lists_go_on_below_the_last_row(desk: Client, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gateway.dashboard.listing.ROWS", 2)
    ids = [world.confirm().payment_id for _ in range(5)]
    seen = []
    path = "payments/"
    while path:
        html = page_of(desk, path)
        seen += re.findall(r"/dashboard/payments/(\d+)/", html)
        older = re.search(r'href="(\?before=\d+)"', html)
        path = f"payments/{older[1]}" if older else ""
    assert seen == [str(payment_id) for payment_id in reversed(ids)]
    assert "RCPT000005" in page_of(desk, "payments/?before=x")


def test_sale_shows_code_money_and_time_line(desk: Client, world: World) -> None:
    world.confirm(20_000)
    world.later(3)
    world.fulfil()
    digits = Token.objects.get().digits
    html = page_of(desk, f"sales/{Vend.objects.get().pk}/")
    words = words_of(html)
    assert " ".join(digits[i : i + 4] for i in range(0, 20, 4)) in words
    assert digits not in html
    money = "Paid KES 200 From the wallet KES 0 Together KES 200"
    parts = "Energy, net KES 162 VAT KES 25.92 Fixed fee KES 10 Kept in the wallet KES 2.08 Together KES 200"
    assert f"{money} {parts}" in words
    events = words_of(section_of(html, "events"))
    assert events == (
        "What happened 12:00:00 Money arrived KES 200 system: tests 12:00:03 Sale made 8.1 kWh system: fulfilment "
        "12:00:03 Money booked system: fulfilment 12:00:03 Code made and checked system: fulfilment "
        "12:00:03 SMS queued to ..101 code system: fulfilment"
    )


def test_time_line_tells_the_providers_clock_a_contradiction_and_a_refusal(desk: Client, world: World) -> None:
    claim = replace(world.claim(20_000, world.meter.drn), paid_at=NOW - timedelta(seconds=9))
    world.take(claim)
    world.fulfil()
    world.later(5)
    world.take(replace(claim, amount_minor=90_000))
    send(Message.objects.get(), world, SendOutcome.PERMANENT)
    words = words_of(section_of(page_of(desk, f"sales/{Vend.objects.get().pk}/"), "events"))
    assert "11:59:51 Paid, by the provider's clock provider: daraja" in words.replace("&#x27;", "'")
    assert "12:00:05 Reported again with another amount KES 900 " in words
    assert "12:00:05 SMS failed to ..101 refused for good system: tests" in words


def test_sale_held_shows_how_long_the_customer_waits_and_no_button(desk: Client, world: World) -> None:
    world.confirm()
    world.later(60)
    world.module = FakeSecurityModule({}, is_unavailable=True)
    world.fulfil()
    html = page_of(desk, f"sales/{Vend.objects.get().pk}/")
    assert "The customer has waited for 1 min 00 s" in html
    assert "Send the SMS again" not in html


def test_payment_without_a_sale_has_its_time_line(desk: Client, world: World) -> None:
    payment = world.sell(500)
    words = words_of(page_of(desk, f"payments/{payment.pk}/"))
    assert "Money booked system: fulfilment" in words
    assert "SMS queued to ..101 notice: money kept system: fulfilment" in words


def test_time_line_names_the_operator_and_hides_digests(desk: Client, world: World, operator: Operator) -> None:
    payment = world.sell()
    act = Act("payment.reviewed", f"payment:{payment.pk}", {"reason": "called the payer", "digits_sha256": "ab" * 8})
    record(actor=f"operator:{operator.pk}", acts=[act], now=world.now + timedelta(seconds=1))
    words = words_of(page_of(desk, f"sales/{Vend.objects.get().pk}/"))
    assert "12:00:01 payment.reviewed called the payer neema" in words
    assert "abab" not in words


@pytest.mark.parametrize("path", ["sales/999/", "payments/999/", f"sales/{10**25}/", f"payments/{10**25}/"])
def test_unknown_row_is_not_found(desk: Client, path: str) -> None:
    assert desk.get(f"/dashboard/{path}").status_code == HTTPStatus.NOT_FOUND


@pytest.mark.parametrize("account", ["0711000101", "254711000101", "+254 711 000 101", "my no 0711000101 thanks"])
def test_no_page_shows_a_whole_phone_number(desk: Client, world: World, account: str) -> None:
    world.sell(payer=JUMA)
    world.purchase()
    world.later(60)
    lost = world.sell(account=account)
    sale = Vend.objects.get()
    for path in (*PAGES, f"sales/{sale.pk}/", f"payments/{lost.pk}/"):
        squeezed = re.sub(r"[ +]", "", words_of(page_of(desk, path)))
        assert "711000101" not in squeezed
        assert "711000102" not in squeezed
    assert "phone ..101" in words_of(page_of(desk, f"payments/{lost.pk}/"))


def test_hostile_account_text_is_escaped_everywhere(desk: Client, world: World) -> None:
    lost = world.sell(account=HOSTILE)
    for path in ("", "stuck/", "payments/", f"payments/{lost.pk}/"):
        html = page_of(desk, path)
        assert HOSTILE not in html
        assert "&lt;script&gt;alert(1)&lt;/script&gt;" in html


def test_error_pages_say_what_to_do_and_never_where() -> None:
    request = RequestFactory().get("/hooks/payments/daraja/0123456789abcdef/")
    refusals: list[HttpResponse] = [
        errors.bad_request(request, ValueError("x")),
        errors.forbidden(request, ValueError("x")),
        errors.csrf_failure(request, reason="no cookie"),
        errors.not_found(request, ValueError("x")),
        errors.server_error(request),
    ]
    assert [response.status_code for response in refusals] == [400, 403, 403, 404, 500]
    for response in refusals:
        assert response.headers["Content-Security-Policy"] == layout.CONTENT_SECURITY_POLICY
        assert "To the start page" in response.content.decode()
        assert "0123456789abcdef" not in response.content.decode()
