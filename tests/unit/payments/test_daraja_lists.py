"""Payments that Daraja lists: pages that were pulled, and lists that were posted."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from gateway.http.inbound import UnreadableCallback
from gateway.payments.ports import Door, Outcome, Payer, PaymentClaim, PullPage
from gateway.payments.providers.daraja.orders import PULL_PATH
from tests.support.daraja import NOW, Shelf, provider, request
from tests.support.payloads import json_payload, payload
from tests.support.vendor_stub import Act, Hang, Say, VendorStub

PUBLISHED = "daraja/pull_query_response.json"
STARTS_AT, ENDS_AT = datetime(2020, 8, 4, 5, 36, tzinfo=UTC), datetime(2020, 8, 6, 7, 10, tzinfo=UTC)
CLAIM = PaymentClaim(
    provider="daraja",
    door=Door.PULL,
    outcome=Outcome.PAID,
    receipt="YZLYRESRG1",
    amount_minor=16800,
    currency="KES",
    short_code="600966",
    account_text="37207636392",
    payer=Payer(),
    paid_at=datetime(2020, 8, 5, 7, 13, tzinfo=UTC),
)


@pytest.fixture
def stub() -> Iterator[VendorStub]:
    with VendorStub() as vendor:
        yield vendor


def row(**changes: object) -> dict[str, object]:
    published: dict[str, Any] = json_payload(PUBLISHED)
    return {**published["Response"][0][0], **changes}


def page(*rows: object, **changes: object) -> dict[str, object]:
    return {**json_payload(PUBLISHED), "Response": [list(rows)], **changes}


def pull(stub: VendorStub, answer: object, offset: int = 0) -> PullPage:
    stub.next(PULL_PATH, answer if isinstance(answer, Act) else Say(json.dumps(answer)))
    return provider(stub.url, Shelf("token")).pull(STARTS_AT, ENDS_AT, offset, now=NOW)


def listed(document: object) -> tuple[PaymentClaim, ...]:
    return provider().read_list(request(document))


def test_pull_asks_as_published(stub: VendorStub) -> None:
    pull(stub, page(), offset=40)
    (asked,) = stub.received
    assert asked.method == "POST"
    assert json.loads(asked.body) == json_payload("daraja/pull_query_request.json") | {
        "ShortCode": "600966",
        "OffSetValue": "40",
    }


def test_pull_published_page_is_a_payment_and_asks_for_more(stub: VendorStub) -> None:
    found = pull(stub, Say(payload(PUBLISHED)))
    assert found == PullPage((CLAIM,), 1, is_complete=True, code="1000")


@pytest.mark.parametrize(
    "answer",
    [
        {"ResponseCode": "1001", "Response": "[[]]"},
        {"ResponseCode": 1001},
        page(),
        {"ResponseCode": "1000", "Response": "[[]]"},
        {"ResponseCode": "1000", "Response": []},
        {"ResponseCode": 1000, "Response": None},
    ],
)
def test_pull_nothing_more_is_the_last_page(stub: VendorStub, answer: dict[str, object]) -> None:
    assert pull(stub, answer, offset=7) == PullPage((), None, is_complete=True, code=str(answer["ResponseCode"]))


def test_pull_rows_in_every_nesting_counted(stub: VendorStub) -> None:
    rows = [row(transactionId=f"R{number}") for number in range(5)]
    found = pull(stub, page() | {"Response": [rows[:2], rows[2], rows[3:]]}, offset=10)
    assert [claim.receipt for claim in found.claims] == ["R0", "R1", "R2", "R3", "R4"]
    assert found.next_offset == 15


def test_pull_list_written_as_text_read(stub: VendorStub) -> None:
    found = pull(stub, page() | {"Response": json.dumps([[row(msisdn=None)]])})
    assert (found.claims, found.next_offset) == ((CLAIM,), 1)


def test_pull_page_longer_than_any_callback_read(stub: VendorStub) -> None:
    found = pull(stub, page(*(row(transactionId=f"R{number}") for number in range(3000))))
    assert (len(found.claims), found.next_offset, found.is_complete) == (3000, 3000, True)


@pytest.mark.parametrize(("msisdn", "e164"), [(72200000, ""), ("0722", ""), (722000000, "+254722000000")])
def test_pull_number_that_was_cut_off_is_nobody(stub: VendorStub, msisdn: object, e164: str) -> None:
    (claim,) = pull(stub, page(row(msisdn=msisdn))).claims
    assert claim.payer == Payer(e164=e164)


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"amount": "-168.00"}, "row_unreadable"),
        ({"amount": None}, "row_unreadable"),
        ({"transactionId": ""}, "row_unreadable"),
        ({"transactiontype": "c2b-pay-bill-reversal"}, "row_of_other_kind"),
        ({"transactiontype": "Pay Bill Charge"}, "row_of_other_kind"),
        ({"transactiontype": "b2c"}, "row_of_other_kind"),
        ({"transactiontype": None}, "row_of_other_kind"),
    ],
)
def test_pull_row_that_is_no_payment_left_out_and_told(
    stub: VendorStub, changes: dict[str, object], code: str, caplog: pytest.LogCaptureFixture
) -> None:
    found = pull(stub, page(row(**changes), row(transactionId="GOOD")))
    assert [claim.receipt for claim in found.claims] == ["GOOD"]
    assert (found.next_offset, found.is_complete, found.code) == (2, True, code)
    assert code in caplog.text


@pytest.mark.parametrize("kind", ["c2b-pay-bill-debit", "c2b-buy-goods-debit", "Pay Bill", "Buy Goods", "paybill"])
def test_pull_each_kind_of_payment_taken(stub: VendorStub, kind: str) -> None:
    assert len(pull(stub, page(row(transactiontype=kind))).claims) == 1


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (Say("", 503), "http_503"),
        (Say(json.dumps({"errorCode": "500.003.02"}), 500), "500.003.02"),
        (Say("<html>"), "answer_unreadable"),
        (Say("[]"), "answer_unreadable"),
        (Say("{}"), "answer_unreadable"),
        (Say(json.dumps({"ResponseCode": "1002"})), "1002"),
        (Say(json.dumps({"ResponseCode": "1000"})), "1000"),
        (Say(json.dumps({"ResponseCode": "1000", "Response": 5})), "1000"),
        (Say(json.dumps({"ResponseCode": "1000", "Response": ""})), "1000"),
        (Say('{"ResponseCode": "1000", "Response": [[{"amount": NaN}]]}'), "answer_unreadable"),
        (Say("[" * 60000), "answer_unreadable"),
        (Say(" " * (8 * 1024 * 1024 + 1)), "answer_too_long"),
        (Hang(), "read_timeout"),
    ],
)
def test_pull_without_a_list_concludes_nothing(stub: VendorStub, answer: Act, code: str) -> None:
    assert pull(stub, answer) == PullPage((), None, is_complete=False, code=code)


@pytest.mark.parametrize(
    ("text", "paid_at"),
    [
        ("2020-08-05T10:13:00Z", datetime(2020, 8, 5, 7, 13, tzinfo=UTC)),
        ("2020-08-05 10:13:00", datetime(2020, 8, 5, 7, 13, tzinfo=UTC)),
        ("2020-08-05T10:13:00.123Z", datetime(2020, 8, 5, 7, 13, tzinfo=UTC)),
        # Only as UTC does it stand inside the asked period; outside of it both ways Nairobi's clock stands.
        ("2020-08-04T06:00:00Z", datetime(2020, 8, 4, 6, 0, tzinfo=UTC)),
        ("2020-08-01T06:00:00Z", datetime(2020, 8, 1, 3, 0, tzinfo=UTC)),
        ("2020-13-05T10:13:00Z", None),
        ("0001-01-01T00:00:00Z", None),
        ("soon", None),
        (20200805101300, None),
        (None, None),
    ],
)
def test_pull_time_read_on_the_clock_that_fits(stub: VendorStub, text: object, paid_at: datetime | None) -> None:
    assert pull(stub, page(row(trxDate=text))).claims[0].paid_at == paid_at


def test_pull_time_just_after_the_period_still_fits(stub: VendorStub) -> None:
    written = (ENDS_AT + timedelta(hours=3, minutes=4)).strftime("%Y-%m-%dT%H:%M:%SZ")
    assert pull(stub, page(row(trxDate=written))).claims[0].paid_at == ENDS_AT + timedelta(minutes=4)


def test_read_list_published_page_posted() -> None:
    assert [claim.receipt for claim in listed(payload(PUBLISHED))] == ["YZLYRESRG1"]


def test_read_list_without_a_code_read() -> None:
    document = page(row(msisdn=None))
    del document["ResponseCode"]
    assert listed(document) == (CLAIM,)


def test_read_list_of_nothing_empty() -> None:
    assert listed({"ResponseCode": "1001", "Response": "[[]]"}) == ()


def test_read_list_leaves_out_what_is_no_payment() -> None:
    assert [claim.receipt for claim in listed(page(row(amount="x"), row(transactionId="GOOD"), 5))] == ["GOOD"]


@pytest.mark.parametrize(
    "document",
    [
        b"",
        b"\xff",
        b"[]",
        {},
        {"Response": 5},
        {"Response": "x"},
        page(5),
        page(row(amount="x")),
        {"ResponseCode": "9"},
    ],
)
def test_read_list_other_shape_refused(document: object) -> None:
    with pytest.raises(UnreadableCallback):
        listed(document)
