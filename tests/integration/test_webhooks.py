"""The hooks over HTTP: who may come in, what is kept of it, and what the vendor is answered."""

import json
from datetime import timedelta
from io import BytesIO
from typing import Any

import pytest
from pytest_django import Settings

from fleet.audit.models import AuditEntry
from fleet.sites.services import add_site
from gateway.http.inbound import MAX_BODY_OCTETS
from gateway.payments.lifecycle import PaymentState
from gateway.payments.models import Payment
from gateway.payments.ports import Door, PushOutcome, PushResult
from gateway.payments.services import store_push
from gateway.sms.models import DeliveryReport, Message
from gateway.ussd.models import UssdSession
from gateway.webhooks.models import Callback
from tests.support.hooks import Hooks, make_hooks
from tests.support.payloads import json_payload, payload
from tests.support.rows import Rows, rows_of
from tests.support.world import ACTOR, AMINA, JUMA, NOW, World, add_meter, block

pytestmark = [pytest.mark.django_db, pytest.mark.money_path]

FULFIL = "gateway.fulfilment.tasks.fulfil_payments"
PUSH = "gateway.payments.tasks.push_payments"
SEND = "gateway.sms.tasks.send_messages"
PAYMENT_DOORS = [f"payments/daraja/{door}" for door in Door]
VALIDATION, CONFIRMATION, STK, RESULT, TIMEOUT, PULL = PAYMENT_DOORS
EVERY_DOOR = [
    *PAYMENT_DOORS,
    "sms/africastalking/report",
    "sms/africastalking/inbound",
    "ussd/africastalking",
    "ussd/africastalking/events",
]
TAKEN = {"ResultCode": 0, "ResultDesc": "Success"}


@pytest.fixture
def hooks(world: World, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Hooks:
    return make_hooks(world, settings, monkeypatch)


def written() -> Rows:
    return rows_of(Payment, Message, DeliveryReport, UssdSession, AuditEntry, Callback)


def c2b(account: str, amount: str = "200.00", short_code: str = "600000", **changes: Any) -> dict[str, Any]:
    """The published confirmation with another account, amount and short code."""
    document: dict[str, Any] = json_payload("daraja/c2b_confirmation.json")
    return document | {"BillRefNumber": account, "TransAmount": amount, "BusinessShortCode": short_code} | changes


def stk(checkout_id: str, **metadata: Any) -> dict[str, Any]:
    """The published result of a prompt, of this checkout."""
    document: dict[str, Any] = json_payload("daraja/stk_callback_success.json")
    callback = document["Body"]["stkCallback"]
    callback["CheckoutRequestID"] = checkout_id
    for item in callback["CallbackMetadata"]["Item"]:
        item["Value"] = metadata.get(item["Name"], item["Value"])
    return document


@pytest.mark.parametrize("address", EVERY_DOOR)
@pytest.mark.parametrize("secret", ["0" * 32, "a", "%00"])
def test_hook_wrong_secret_is_not_found_and_nothing_is_kept(hooks: Hooks, address: str, secret: str) -> None:
    before = written()
    for answer in (hooks.post(address, b"{}", secret=secret), hooks.client.get(hooks.url(address, secret=secret))):
        assert (answer.status_code, answer.content) == (404, b"")
    assert written() == before
    assert hooks.woken == []


def test_hook_wrong_secret_is_counted_without_the_secret(hooks: Hooks, caplog: pytest.LogCaptureFixture) -> None:
    hooks.post(STK, b"{}", secret="feedfacefeedface")
    assert "wrong secret" in caplog.text
    assert "feedface" not in caplog.text


@pytest.mark.parametrize("address", EVERY_DOOR)
def test_hook_unreadable_body_is_journalled_and_refused(hooks: Hooks, address: str) -> None:
    before = written()
    answer = hooks.post(address, b"\xff\x00not ours")
    assert (answer.status_code, answer.json()) == (400, {"error": "callback_unreadable"})
    after = written()
    row = after["Callback"].pop()
    assert after == before
    assert (row["provider"], row["outcome"], row["subject"]) == (address.split("/")[1], "unreadable", "")
    assert (bytes(row["body"]), row["received_at"]) == (b"\xff\x00not ours", NOW)
    assert hooks.woken == []
    assert row["source"] == ("127.0.0.1" if address in PAYMENT_DOORS else "")


@pytest.mark.parametrize("address", EVERY_DOOR)
def test_hook_every_accepted_secret_with_and_without_slash_is_never_a_redirect(
    hooks: Hooks, settings: Settings, address: str
) -> None:
    assert len(settings.HOOK_SECRETS) == 2
    for secret in settings.HOOK_SECRETS:
        assert [hooks.post(address, b"", secret=secret, end=end).status_code for end in ("/", "")] == [400, 400]


@pytest.mark.parametrize("address", EVERY_DOOR)
def test_hook_huge_body_is_refused_unread(hooks: Hooks, address: str) -> None:
    before = written()
    assert hooks.post(address, b"x" * (MAX_BODY_OCTETS + 1)).status_code == 413
    assert written() == before
    assert hooks.post(address, b"x" * MAX_BODY_OCTETS).status_code == 400
    assert len(bytes(Callback.objects.get().body)) == MAX_BODY_OCTETS


def test_hook_limit_is_ours_whatever_the_frameworks_is(hooks: Hooks, settings: Settings) -> None:
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = None
    assert hooks.post(STK, b"x" * (MAX_BODY_OCTETS + 1)).status_code == 413
    assert not Callback.objects.exists()


def test_hook_body_cut_off_on_its_way_is_refused_and_not_kept(hooks: Hooks) -> None:
    class Cut(BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            raise ConnectionResetError

    extra: dict[str, Any] = {"wsgi.input": Cut()}
    answer = hooks.client.post(hooks.url(STK), b"{}", content_type="application/json", **extra)
    assert (answer.status_code, answer.content) == (400, b"")
    assert not Callback.objects.exists()


@pytest.mark.parametrize("address", EVERY_DOOR)
@pytest.mark.parametrize("method", ["get", "put", "delete", "patch", "head", "options"])
def test_hook_other_method_is_refused(hooks: Hooks, address: str, method: str) -> None:
    before = written()
    answer = getattr(hooks.client, method)(hooks.url(address))
    assert (answer.status_code, answer.headers["Allow"]) == (405, "POST")
    assert written() == before


@pytest.mark.parametrize(
    "address",
    ["payments/mpesa/stk", "sms/daraja/report", "ussd/kannel", "payments/daraja/refund", "payments/daraja/stk//"],
)
def test_hook_unknown_provider_or_door_is_not_found(hooks: Hooks, address: str) -> None:
    before = written()
    assert hooks.post(address, b"{}").status_code == 404
    assert written() == before


def test_hook_query_and_content_type_that_no_database_can_keep_are_kept_readable(hooks: Hooks) -> None:
    url = hooks.url(CONFIRMATION) + "?a=%00&b=%ed%a0%80&b=2"
    assert hooks.client.post(url, data=b"{}", content_type="application/json\x00").status_code == 400
    assert hooks.client.post(url, data=json.dumps(c2b("x")), content_type="a" * 99).status_code == 200
    rows = Callback.objects.order_by("pk")
    assert [row.query for row in rows] == ["a=\ufffd&b=2"] * 2
    assert [row.content_type for row in rows] == ["application/json\ufffd", "a" * 80]


@pytest.mark.parametrize(
    ("account", "amount", "short_code", "code", "outcome"),
    [
        ("37000123457", "200.00", "600000", "0", "accept"),
        (" 3700 0123 457", "13", "600000", "0", "accept"),
        ("3601000000424", "100000.00", "600000", "0", "accept"),
        ("37000999997", "200.00", "600000", "C2B00012", "bad_account"),
        ("37000123475", "200.00", "600000", "C2B00012", "bad_account"),
        ("", "200.00", "600000", "C2B00012", "bad_account"),
        ("37000123457", "12.00", "600000", "C2B00013", "bad_amount"),
        ("37000123457", "100001.00", "600000", "C2B00013", "bad_amount"),
        ("37000123457", "200.00", "600001", "C2B00015", "bad_short_code"),
        ("nobody", "1.00", "600001", "C2B00015", "bad_short_code"),
    ],
)
def test_validation_verdict(
    world: World, hooks: Hooks, account: str, amount: str, short_code: str, code: str, outcome: str
) -> None:
    assert (world.meter.drn, world.other_meter.drn) == ("37000123457", "3601000000424")
    before = written()
    answer = hooks.post(VALIDATION, c2b(account, amount, short_code, OrgAccountBalance=""))
    assert (answer.status_code, answer.headers["Content-Type"]) == (200, "application/json")
    assert answer.json() == {"ResultCode": code, "ResultDesc": "Accepted" if code == "0" else "Rejected"}
    after = written()
    row = after["Callback"].pop()
    assert (row["door"], row["outcome"], row["subject"]) == ("validation", outcome, "")
    assert after == before
    assert hooks.woken == []


def test_validation_blocked_meter_is_refused_also_by_its_open_purchase(world: World, hooks: Hooks) -> None:
    world.purchase(payer=JUMA, meter=world.other_meter)
    assert hooks.post(VALIDATION, c2b("TREFERENCE")).json()["ResultCode"] == "0"
    block(world.meter)
    block(world.other_meter)
    for account in (world.meter.drn, world.other_meter.drn, "TREFERENCE"):
        assert hooks.post(VALIDATION, c2b(account)).json() == {"ResultCode": "C2B00012", "ResultDesc": "Rejected"}


def test_validation_reference_of_a_purchase_that_has_ended_is_unknown(world: World, hooks: Hooks) -> None:
    world.purchase(payer=JUMA, meter=world.other_meter)
    world.confirm(account="TREFERENCE", payer=JUMA)
    assert hooks.post(VALIDATION, c2b("TREFERENCE")).json()["ResultCode"] == "C2B00012"


def test_validation_that_cannot_be_decided_is_accepted(world: World, hooks: Hooks) -> None:
    site = add_site(code="new", name="New site", currency="KES", timezone="Africa/Nairobi", actor=ACTOR, now=NOW)
    meter = add_meter(site, "3700030047", "Wanjiru", "+254711000103")
    assert hooks.post(VALIDATION, c2b(meter.drn)).json()["ResultCode"] == "0"


def test_confirmation_is_kept_as_it_came_and_wakes_a_worker_after_the_commit(world: World, hooks: Hooks) -> None:
    body = b"\xef\xbb\xbf" + json.dumps(c2b(world.meter.drn), indent=3).encode() + b"\r\n"
    answer = hooks.post(CONFIRMATION, body)
    assert (answer.status_code, answer.json()) == (200, TAKEN)
    row = Callback.objects.get()
    assert bytes(row.body) == body
    assert (row.provider, row.door, row.subject, row.outcome) == ("daraja", "confirmation", "RKL51ZDR4F", "accepted")
    assert (row.content_type, row.received_at) == ("application/json", NOW)
    payment = Payment.objects.get()
    assert (payment.state, payment.receipt, payment.amount_minor) == (PaymentState.CONFIRMED, "RKL51ZDR4F", 20_000)
    assert payment.payer_masked == "2547 ***** 126"
    assert hooks.woken == [(FULFIL, (payment.pk,))]


def test_confirmation_repeated_is_journalled_and_answered_alike(
    world: World, hooks: Hooks, caplog: pytest.LogCaptureFixture
) -> None:
    for amount in ("200.00", "200", "900.00"):
        answer = hooks.post(CONFIRMATION, c2b(world.meter.drn, amount))
        assert (answer.status_code, answer.json()) == (200, TAKEN)
    outcomes = list(Callback.objects.order_by("pk").values_list("outcome", flat=True))
    assert outcomes == ["accepted", "repeated", "conflict"]
    assert Payment.objects.get().amount_minor == 20_000
    assert len(hooks.woken) == 1
    assert "came again with another amount" in caplog.text


def test_confirmation_with_a_foreign_short_code_makes_no_payment(world: World, hooks: Hooks) -> None:
    before = written()
    answer = hooks.post(CONFIRMATION, c2b(world.meter.drn, short_code="600001"))
    assert (answer.status_code, answer.json()) == (200, TAKEN)
    after = written()
    row = after["Callback"].pop()
    assert (row["outcome"], row["subject"]) == ("foreign", "RKL51ZDR4F")
    assert after == before
    assert hooks.woken == []


@pytest.mark.parametrize("account", ["37000999997", "37000123475", "\u0661" * 11, "x" * 300, "<b>\u0000\U0001f600", ""])
def test_confirmation_of_no_meter_waits_in_suspense(world: World, hooks: Hooks, account: str) -> None:
    assert hooks.post(CONFIRMATION, c2b(account)).json() == TAKEN
    world.fulfil()
    assert Payment.objects.get().state == PaymentState.SUSPENSE


@pytest.mark.parametrize(
    "changes",
    [
        {"TransAmount": "0"},
        {"TransAmount": "-5"},
        {"TransAmount": "5.005"},
        {"TransAmount": "1e5"},
        {"TransAmount": "\u0665"},
        {"TransAmount": 1e300},
        {"TransAmount": "9" * 30},
        {"TransID": ""},
        {"TransID": None},
        {"BusinessShortCode": "x"},
    ],
)
def test_confirmation_without_an_amount_or_a_receipt_is_refused(hooks: Hooks, changes: dict[str, Any]) -> None:
    assert hooks.post(CONFIRMATION, c2b("37000123457", **changes)).status_code == 400
    assert Callback.objects.get().outcome == "unreadable"
    assert not Payment.objects.exists()


@pytest.mark.parametrize(
    ("name", "short_code", "receipt", "amount_minor", "payer_sha256", "payer_masked"),
    [
        ("c2b_confirmation", "600966", "RKL51ZDR4F", 500, "", "2547 ***** 126"),
        (
            "c2b_confirmation_hashed_msisdn",
            "600966",
            "RKL51ZDR4F",
            500,
            "bbff37cea44ac0b2d964ee0dfb8d2df8513dc7ba1b36129a929fc3fbd6dd4af4",
            "",
        ),
        ("c2b_confirmation_older_doc", "600638", "RKTQDM7W6S", 1000, "", "25470****149"),
    ],
)
def test_recorded_confirmations(
    hooks: Hooks,
    settings: Settings,
    name: str,
    short_code: str,
    receipt: str,
    amount_minor: int,
    payer_sha256: str,
    payer_masked: str,
) -> None:
    settings.MPESA_SHORT_CODE = short_code
    body = payload(f"daraja/{name}.json")
    assert hooks.post(CONFIRMATION, body).json() == json_payload("daraja/c2b_confirmation_reply.json")
    payment = Payment.objects.get()
    assert (payment.receipt, payment.amount_minor, payment.currency) == (receipt, amount_minor, "KES")
    assert (payment.payer_sha256, payment.payer_masked, payment.payer_e164) == (payer_sha256, payer_masked, "")
    assert bytes(Callback.objects.get().body) == body


def test_recorded_validation_is_refused_by_its_account(hooks: Hooks, settings: Settings) -> None:
    settings.MPESA_SHORT_CODE = "600966"
    answer = hooks.post(VALIDATION, payload("daraja/c2b_validation.json"))
    assert answer.json() == json_payload("daraja/c2b_validation_reply_reject.json")


def test_recorded_prompt_results(hooks: Hooks) -> None:
    assert hooks.post(STK, payload("daraja/stk_callback_cancelled.json")).json() == TAKEN
    assert (Callback.objects.get().outcome, Payment.objects.count()) == ("unknown_checkout", 0)
    assert hooks.post(STK, payload("daraja/stk_callback_success.json")).json() == TAKEN
    payment = Payment.objects.get()
    assert (payment.receipt, payment.amount_minor, payment.payer_e164) == ("NLJ7RT61SV", 100, "+254708374149")
    assert hooks.woken == [(FULFIL, (payment.pk,))]
    subjects = list(Callback.objects.order_by("pk").values_list("subject", flat=True))
    assert subjects == ["ws_CO_21072024125243250722943992", "NLJ7RT61SV"]


def test_prompt_paid_confirms_its_purchase(world: World, hooks: Hooks) -> None:
    purchase = world.purchase(20_000)
    result = PushResult(PushOutcome.ACCEPTED, "ws_CO_7")
    store_push(payment_id=purchase.pk, result=result, actor=ACTOR, now=world.now - timedelta(seconds=9))
    paid = stk("ws_CO_7", Amount=200.0, PhoneNumber=int(AMINA[1:]), MpesaReceiptNumber="NLJ7")
    assert [hooks.post(STK, paid).json() for _ in range(2)] == [TAKEN] * 2
    purchase.refresh_from_db()
    assert (purchase.state, purchase.receipt) == (PaymentState.CONFIRMED, "NLJ7")
    assert list(Callback.objects.order_by("pk").values_list("outcome", flat=True)) == ["accepted", "repeated"]


@pytest.mark.parametrize("length", [64, 65, 100])
def test_prompt_with_a_long_checkout_id_is_never_an_error_of_ours(hooks: Hooks, length: int) -> None:
    answer = hooks.post(STK, stk("x" * length, PhoneNumber=int(AMINA[1:])))
    assert answer.status_code == (200 if length <= 64 else 400)
    assert Payment.objects.count() == (1 if length <= 64 else 0)


def test_recorded_texts_and_reports(hooks: Hooks) -> None:
    for name in ("delivery_report", "delivery_report_failed", "delivery_report_minimal"):
        answer = hooks.post("sms/africastalking/report", payload(f"africastalking/{name}.form"))
        assert (answer.status_code, answer.content) == (200, b"")
    assert DeliveryReport.objects.count() == 3
    for outcome in ("accepted", "repeated"):
        answer = hooks.post("sms/africastalking/inbound", payload("africastalking/inbound_sms.form"))
        assert (answer.status_code, answer.content) == (200, b"")
        assert Callback.objects.order_by("pk").last().outcome == outcome  # type: ignore[union-attr]
    message = Message.objects.get()
    assert (message.to_e164, message.kind) == ("+254791541111", "help_words")
    assert hooks.woken == [(SEND, (message.pk,))]


def test_recorded_session_and_its_end(hooks: Hooks) -> None:
    for name in ("ussd", "ussd_step2", "ussd_step3", "ussd_step3"):
        answer = hooks.post("ussd/africastalking", payload(f"africastalking/{name}.form"))
        assert (answer.status_code, answer.headers["Content-Type"]) == (200, "text/plain; charset=utf-8")
        assert answer.content.startswith(b"CON ")
    answer = hooks.post("ussd/africastalking/events", payload("africastalking/ussd_notification.form"))
    assert (answer.status_code, answer.content) == (200, b"")
    session = UssdSession.objects.get()
    assert (session.state, session.phone_e164, session.hops) == ("ENDED", "+254720123123", 3)
    assert not Callback.objects.exists(), "readable hops are not journalled"


def test_purchase_by_ussd_wakes_the_worker_of_prompts(hooks: Hooks) -> None:
    fields = {"sessionId": "ATUid_1", "phoneNumber": AMINA, "serviceCode": "*384*96#", "text": "1*4*200*1"}
    assert hooks.post("ussd/africastalking", fields).content.startswith(b"END ")
    assert hooks.woken == [(PUSH, (Payment.objects.get().pk,))]


@pytest.mark.parametrize(("size", "status"), [(60, 400), (MAX_BODY_OCTETS, 400), (MAX_BODY_OCTETS + 1, 413)])
def test_hook_body_sent_in_chunks_is_read_to_its_end(world: World, hooks: Hooks, size: int, status: int) -> None:
    body = b"x" * size
    chunks: dict[str, Any] = {"HTTP_TRANSFER_ENCODING": "chunked", "wsgi.input_terminated": True}
    url = hooks.url("payments/daraja/confirmation")
    answer = hooks.client.generic("POST", url, **chunks, **{"wsgi.input": BytesIO(body)})  # type: ignore[arg-type]
    assert answer.status_code == status
    assert [bytes(row.body) for row in Callback.objects.all()] == ([body] if status == 400 else [])
