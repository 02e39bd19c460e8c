"""What Daraja posts to us, read strictly where money hangs on it and leniently elsewhere."""

import json
from datetime import UTC, datetime

import pytest

from gateway.http.inbound import UnreadableCallback
from gateway.payments.ports import Door, Outcome, Payer, PaymentClaim, Verdict
from tests.support.daraja import HASH, c2b, parse, provider, stk
from tests.support.payloads import json_payload, payload

# Callbacks in: the published samples


def test_parse_published_confirmation_claims_money() -> None:
    assert parse(Door.CONFIRMATION, payload("daraja/c2b_confirmation.json")) == PaymentClaim(
        provider="daraja",
        door=Door.CONFIRMATION,
        outcome=Outcome.PAID,
        receipt="RKL51ZDR4F",
        amount_minor=500,
        currency="KES",
        short_code="600966",
        account_text="Sample Transaction",
        payer=Payer(masked="2547 ***** 126"),
        paid_at=datetime(2023, 11, 21, 9, 13, 25, tzinfo=UTC),
    )


def test_parse_published_confirmation_with_hashed_payer_keeps_hash() -> None:
    claim = parse(Door.CONFIRMATION, payload("daraja/c2b_confirmation_hashed_msisdn.json"))
    assert claim.payer == Payer(sha256=HASH)


def test_parse_older_confirmation_keeps_masked_payer_and_whole_amount() -> None:
    claim = parse(Door.CONFIRMATION, payload("daraja/c2b_confirmation_older_doc.json"))
    assert (claim.receipt, claim.amount_minor, claim.payer) == ("RKTQDM7W6S", 1000, Payer(masked="25470****149"))


def test_parse_published_validation_claims_nothing_moved() -> None:
    claim = parse(Door.VALIDATION, payload("daraja/c2b_validation.json"))
    assert (claim.outcome, claim.receipt, claim.amount_minor) == (Outcome.UNKNOWN, "", 500)
    assert (claim.short_code, claim.account_text) == ("600966", "Sample Transaction")


def test_parse_published_stk_success_claims_money() -> None:
    assert parse(Door.STK, payload("daraja/stk_callback_success.json")) == PaymentClaim(
        provider="daraja",
        door=Door.STK,
        outcome=Outcome.PAID,
        receipt="NLJ7RT61SV",
        checkout_id="ws_CO_191220191020363925",
        result_code="0",
        amount_minor=100,
        currency="KES",
        payer=Payer(e164="+254708374149"),
        paid_at=datetime(2019, 12, 19, 7, 21, 15, tzinfo=UTC),
    )


def test_parse_published_stk_cancellation_claims_no_money() -> None:
    claim = parse(Door.STK, payload("daraja/stk_callback_cancelled.json"))
    assert (claim.outcome, claim.result_code, claim.checkout_id) == (
        Outcome.NOT_PAID,
        "1032",
        "ws_CO_21072024125243250722943992",
    )
    assert (claim.receipt, claim.amount_minor, claim.payer) == ("", 0, Payer())


# Callbacks in: what varies


@pytest.mark.parametrize(
    ("value", "amount_minor"),
    [("5.00", 500), ("5", 500), (5, 500), (" 200.00 ", 20000), ("0.01", 1), ("250000", 25_000_000), ("5.0000", 500)],
)
def test_parse_amount_as_text_or_number_exact(value: object, amount_minor: int) -> None:
    assert parse(Door.CONFIRMATION, c2b(TransAmount=value)).amount_minor == amount_minor


def test_parse_amount_with_point_as_json_number_exact() -> None:
    body = json.dumps(c2b(TransAmount="@")).replace('"@"', "0.29").encode()
    assert parse(Door.CONFIRMATION, body).amount_minor == 29


@pytest.mark.parametrize(
    "literal",
    [
        "null",
        "true",
        "[]",
        "{}",
        '""',
        '" "',
        '"-5.00"',
        "-5",
        "0",
        '"0"',
        '"0.00"',
        '"5.001"',
        "5.001",
        '"1e3"',
        '"+5"',
        '"1_000"',
        '"1,000.00"',
        '"NaN"',
        '"Infinity"',
        "1e30",
        "1e-30",
        "5.00000000000000000000000000000000001",
        "1" * 40,
        '"' + "1" * 40 + '"',
        '"\\u0665"',
        '"\\uff15"',
        '"5\\u0000"',
        "12345678901234567",
    ],
)
def test_parse_amount_that_is_none_refused(literal: str) -> None:
    body = json.dumps(c2b(TransAmount="@")).replace('"@"', literal).encode()
    for door in (Door.CONFIRMATION, Door.VALIDATION):
        with pytest.raises(UnreadableCallback):
            parse(door, body)


@pytest.mark.parametrize(
    ("value", "receipt"), [(" rkl51zdr4f ", "RKL51ZDR4F"), (123456, "123456"), ("A" * 32, "A" * 32)]
)
def test_parse_receipt_normalised(value: object, receipt: str) -> None:
    assert parse(Door.CONFIRMATION, c2b(TransID=value)).receipt == receipt


# The last three become ASCII letters under upper(), and so somebody else's receipt.
@pytest.mark.parametrize(
    "value", [None, "", "  ", "A" * 33, "RKL 51", "RKL-51", True, [], "RKL\u017f", "\u0131", "\ufb01"]
)
def test_parse_receipt_that_is_none_refused(value: object) -> None:
    with pytest.raises(UnreadableCallback):
        parse(Door.CONFIRMATION, c2b(TransID=value))
    with pytest.raises(UnreadableCallback):
        parse(Door.STK, stk(MpesaReceiptNumber=value))


@pytest.mark.parametrize("value", [600966, "600966", " 600966 ", 600966.0])
def test_parse_short_code_as_text_or_number_is_own(value: object) -> None:
    claim = parse(Door.CONFIRMATION, c2b(BusinessShortCode=value))
    assert provider().is_own_short_code(claim.short_code)


@pytest.mark.parametrize("value", [None, "", "60 0966", "abc", True, {}, "\u0666\u0660\u0660", 600966.5, "9" * 21])
def test_parse_short_code_that_is_none_refused(value: object) -> None:
    with pytest.raises(UnreadableCallback):
        parse(Door.CONFIRMATION, c2b(BusinessShortCode=value))


def test_is_own_short_code_another_or_none_false() -> None:
    assert not any(provider().is_own_short_code(code) for code in ("600967", "0600966", ""))


@pytest.mark.parametrize(
    ("value", "account_text"),
    [
        ("  Meter 37000-123457 ", "  Meter 37000-123457 "),
        (37000123457, "37000123457"),
        (None, ""),
        ("x" * 101, "x" * 100),
        ("a\0b\ud800", "a\ufffdb\ufffd"),
    ],
)
def test_parse_account_text_kept_as_typed(value: object, account_text: str) -> None:
    assert parse(Door.CONFIRMATION, c2b(BillRefNumber=value)).account_text == account_text


def test_parse_account_text_missing_empty() -> None:
    document = c2b()
    del document["BillRefNumber"]
    assert parse(Door.CONFIRMATION, document).account_text == ""


@pytest.mark.parametrize(
    ("value", "payer"),
    [
        ("254708374149", Payer(e164="+254708374149")),
        (254708374149, Payer(e164="+254708374149")),
        ("+254708374149", Payer(e164="+254708374149")),
        ("0708374149", Payer(e164="+254708374149")),
        (HASH.upper(), Payer(sha256=HASH)),
        ("2547 ***** 126", Payer(masked="2547 ***** 126")),
        ("", Payer()),
        (None, Payer()),
        ("600000", Payer()),
        ([], Payer()),
        ({"a": 1}, Payer()),
        (True, Payer()),
        ("*" * 40, Payer()),
    ],
)
def test_parse_payer_in_each_form_or_nobody(value: object, payer: Payer) -> None:
    assert parse(Door.CONFIRMATION, c2b(MSISDN=value)).payer == payer


@pytest.mark.parametrize(
    "value", [None, "", "2023", "20231321121325", "00000101000000", "2023112112132x", True, 1.5, []]
)
def test_parse_unreadable_time_is_left_out_and_money_stays(value: object) -> None:
    claim = parse(Door.CONFIRMATION, c2b(TransTime=value))
    assert (claim.outcome, claim.amount_minor, claim.paid_at) == (Outcome.PAID, 500, None)


def test_parse_first_hour_of_history_no_error() -> None:
    assert parse(Door.CONFIRMATION, c2b(TransTime="00010101000000")).paid_at is None


def test_parse_order_and_unknown_fields_not_minded() -> None:
    document = dict(reversed(c2b(Extra={"deep": [1]}).items()))
    assert parse(Door.CONFIRMATION, document) == parse(Door.CONFIRMATION, c2b())


@pytest.mark.parametrize("code", [0, "0", 0.0, " 0 "])
def test_parse_stk_zero_in_each_form_paid(code: object) -> None:
    assert parse(Door.STK, stk(code)).outcome is Outcome.PAID


@pytest.mark.parametrize(
    "code",
    [1, 2, 3, 4, 8, 17, 1019, 1025, 1032, 1037, 2001, 2028, 8006, "SFC_IC0003", "1", "2001"],
)
def test_parse_stk_known_failure_not_paid(code: object) -> None:
    document = stk(code)
    del document["Body"]["stkCallback"]["CallbackMetadata"]
    claim = parse(Door.STK, document)
    assert (claim.outcome, claim.result_code) == (Outcome.NOT_PAID, str(code))


@pytest.mark.parametrize("code", [5, 9999, "4999", "00", "-1", "500.001.1001"])
def test_parse_stk_other_code_unknown_even_with_metadata(code: object) -> None:
    claim = parse(Door.STK, stk(code))
    assert (claim.outcome, claim.receipt, claim.amount_minor) == (Outcome.UNKNOWN, "", 0)


@pytest.mark.parametrize("code", [None, "", True, False, [], {}, "a b", "x" * 33, "\u0660"])
def test_parse_stk_unreadable_code_refused(code: object) -> None:
    with pytest.raises(UnreadableCallback):
        parse(Door.STK, stk(code))


@pytest.mark.parametrize("name", ["Amount", "MpesaReceiptNumber"])
def test_parse_stk_success_without_what_matters_refused(name: str) -> None:
    for value in (..., None, "", True):
        with pytest.raises(UnreadableCallback):
            parse(Door.STK, stk(**{name: value}))


def test_parse_stk_success_with_only_what_matters_paid() -> None:
    claim = parse(Door.STK, stk(TransactionDate=..., PhoneNumber=..., Balance=None))
    assert (claim.outcome, claim.payer, claim.paid_at) == (Outcome.PAID, Payer(), None)


@pytest.mark.parametrize(
    "metadata", [None, [], {}, {"Item": None}, {"Item": [1]}, {"Item": [{"Value": 1}]}, {"Item": []}]
)
def test_parse_stk_success_with_odd_metadata_refused(metadata: object) -> None:
    document = stk()
    document["Body"]["stkCallback"]["CallbackMetadata"] = metadata
    with pytest.raises(UnreadableCallback):
        parse(Door.STK, document)


def test_parse_stk_metadata_name_twice_refused() -> None:
    document = stk()
    document["Body"]["stkCallback"]["CallbackMetadata"]["Item"].append({"Name": "Amount", "Value": 9000})
    with pytest.raises(UnreadableCallback):
        parse(Door.STK, document)


@pytest.mark.parametrize("checkout_id", [None, "", "a b", "x" * 101, [], True, "ws_\u0660"])
def test_parse_stk_without_checkout_id_refused(checkout_id: object) -> None:
    document = stk()
    document["Body"]["stkCallback"]["CheckoutRequestID"] = checkout_id
    with pytest.raises(UnreadableCallback):
        parse(Door.STK, document)


@pytest.mark.parametrize("document", [{}, {"Body": None}, {"Body": []}, {"Body": {"stkCallback": "x"}}])
def test_parse_stk_other_shape_refused(document: object) -> None:
    with pytest.raises(UnreadableCallback):
        parse(Door.STK, document)


def test_parse_confirmation_with_name_twice_refused() -> None:
    body = payload("daraja/c2b_confirmation.json").replace(b"{", b'{"TransAmount": "9000.00",', 1)
    with pytest.raises(UnreadableCallback):
        parse(Door.CONFIRMATION, body)


# Answers


def test_answer_validation_accepted_as_published() -> None:
    published = json_payload("daraja/c2b_validation_reply_accept.json")
    del published["ThirdPartyTransID"]
    reply = provider().answer(Door.VALIDATION, Verdict.ACCEPT)
    assert json.loads(reply.body) == published
    assert (reply.status, reply.content_type) == (200, "application/json")


@pytest.mark.parametrize(
    ("verdict", "code"),
    [
        (Verdict.BAD_ACCOUNT, "C2B00012"),
        (Verdict.BAD_AMOUNT, "C2B00013"),
        (Verdict.BAD_SHORT_CODE, "C2B00015"),
        (Verdict.OTHER, "C2B00016"),
    ],
)
def test_answer_validation_rejected_with_its_code(verdict: Verdict, code: str) -> None:
    reply = provider().answer(Door.VALIDATION, verdict)
    assert json.loads(reply.body) == json_payload("daraja/c2b_validation_reply_reject.json") | {"ResultCode": code}
    assert reply.status == 200


@pytest.mark.parametrize("door", [Door.CONFIRMATION, Door.STK])
@pytest.mark.parametrize("verdict", list(Verdict))
def test_answer_moved_money_never_refused(door: Door, verdict: Verdict) -> None:
    reply = provider().answer(door, verdict)
    assert json.loads(reply.body) == json_payload("daraja/c2b_confirmation_reply.json")
