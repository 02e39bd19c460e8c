"""What comes by the result and the time-out door: statuses and reversals, in every form that Daraja gives them."""

from datetime import UTC, datetime
from typing import Any

import pytest

from gateway.http.inbound import UnreadableCallback
from gateway.payments.ports import Door, Outcome, Payer, ProviderAnswer
from tests.support.daraja import provider, request
from tests.support.payloads import json_payload, payload

STATUS = "daraja/transaction_status_result.json"
REVERSED = "daraja/reversal_result_success.json"
NOT_REVERSED = "daraja/reversal_result_failure.json"


def read(document: object, door: Door = Door.RESULT) -> ProviderAnswer:
    return provider().read_answer(door, request(document))


def result_of(name: str, **changes: object) -> dict[str, Any]:
    document: dict[str, Any] = json_payload(name)
    document["Result"] |= changes
    return document


def with_value(name: str, parameter: str, value: object) -> dict[str, Any]:
    """A published answer with another value of one parameter; `...` takes the value away."""
    document = result_of(name)
    for item in document["Result"]["ResultParameters"]["ResultParameter"]:
        if item["Key"] == parameter:
            item.pop("Value", None)
            if value is not ...:
                item["Value"] = value
    return document


def test_read_published_status_is_a_complete_payment() -> None:
    assert read(payload(STATUS)) == ProviderAnswer(
        provider="daraja",
        conversation_id="AG_20180223_0000493344ae97d86f75",
        originator_id="3213-416199-2",
        outcome=Outcome.PAID,
        result_code="0",
        receipt="MBN31H462N",
        amount_minor=30000,
        currency="KES",
        payer=Payer(e164="+254708374149"),
        paid_at=datetime(2018, 2, 23, 2, 41, 12, tzinfo=UTC),
    )


def test_read_published_reversal_is_money_gone_back() -> None:
    assert read(payload(REVERSED)) == ProviderAnswer(
        provider="daraja",
        conversation_id="AG_20211114_201018edbbf9f1582eaa",
        originator_id="dad6-4c34-8787-c8cb963a496d1268232",
        outcome=Outcome.PAID,
        result_code="0",
        receipt="SKE52PAWR9",
        original_receipt="SKC82PACB8",
        amount_minor=100,
        currency="KES",
        paid_at=datetime(2021, 11, 14, 10, 27, 11, tzinfo=UTC),
    )


def test_read_published_refusal_of_a_reversal_moved_nothing() -> None:
    assert read(payload(NOT_REVERSED)) == ProviderAnswer(
        provider="daraja",
        conversation_id="AG_20211114_2010573069aefb6b625a",
        originator_id="3124-481d-b706-10bdd6fbc8e21792398",
        outcome=Outcome.NOT_PAID,
        result_code="R000002",
    )


def test_read_already_reversed_counts_as_done() -> None:
    answer = read(result_of(NOT_REVERSED, ResultCode="R000001"))
    assert (answer.outcome, answer.receipt, answer.original_receipt) == (Outcome.PAID, "", "")


@pytest.mark.parametrize("code", ["1", "11", 21, 2001, "2006", 2028, "8006"])
def test_read_refusal_code_ends_a_reversal_and_says_nothing_of_a_payment(code: object) -> None:
    assert read(result_of(NOT_REVERSED, ResultCode=code)).outcome is Outcome.NOT_PAID
    assert read(result_of(STATUS, ResultCode=code)).outcome is Outcome.UNKNOWN
    assert read(result_of(NOT_REVERSED, ResultCode=code, ReferenceData=None)).outcome is Outcome.UNKNOWN


@pytest.mark.parametrize("code", ["R000003", 17, "26", "500.001.1001", "-1"])
def test_read_other_codes_unknown(code: object) -> None:
    assert read(result_of(NOT_REVERSED, ResultCode=code)).outcome is Outcome.UNKNOWN


@pytest.mark.parametrize(
    ("word", "outcome"),
    [
        ("Completed", Outcome.PAID),
        (" COMPLETED ", Outcome.PAID),
        ("Cancelled", Outcome.NOT_PAID),
        ("Declined", Outcome.NOT_PAID),
        ("Expired", Outcome.NOT_PAID),
        ("Initiated", Outcome.UNKNOWN),
        ("Authorized", Outcome.UNKNOWN),
        ("Pending", Outcome.UNKNOWN),
        ("Authorized/Pending", Outcome.UNKNOWN),
        ("Reversed", Outcome.UNKNOWN),
        ("", Outcome.UNKNOWN),
        (0, Outcome.UNKNOWN),
        (["Completed"], Outcome.UNKNOWN),
        (..., Outcome.UNKNOWN),
    ],
)
def test_read_status_word_has_its_outcome(word: object, outcome: Outcome) -> None:
    assert read(with_value(STATUS, "TransactionStatus", word)).outcome is outcome


@pytest.mark.parametrize("code", [0, "0", " 0 ", 0.0])
def test_read_success_as_number_or_text(code: object) -> None:
    assert read(result_of(STATUS, ResultCode=code)).outcome is Outcome.PAID


def test_read_one_parameter_without_its_list() -> None:
    parameters = {"ResultParameter": {"Key": "TransactionStatus", "Value": "Completed"}}
    answer = read(result_of(STATUS, ResultParameters=parameters))
    assert (answer.outcome, answer.receipt, answer.amount_minor) == (Outcome.PAID, "", 0)


@pytest.mark.parametrize("parameters", [None, {}, {"ResultParameter": None}, {"ResultParameter": []}])
def test_read_success_without_parameters_unknown(parameters: object) -> None:
    assert read(result_of(STATUS, ResultParameters=parameters)).outcome is Outcome.UNKNOWN


@pytest.mark.parametrize("parameters", ["x", [], {"ResultParameter": "x"}, {"ResultParameter": [{"Value": 1}]}])
def test_read_odd_parameters_refused(parameters: object) -> None:
    with pytest.raises(UnreadableCallback):
        read(result_of(STATUS, ResultParameters=parameters))


@pytest.mark.parametrize("name", ["TransactionStatus", "Amount", "ReceiptNo"])
def test_read_deciding_parameter_twice_with_two_meanings_refused(name: str) -> None:
    document = result_of(STATUS)
    items = document["Result"]["ResultParameters"]["ResultParameter"]
    items.append(next(dict(item) for item in items if item["Key"] == name))
    assert read(document).outcome is Outcome.PAID
    items[-1]["Value"] = "9000"
    with pytest.raises(UnreadableCallback):
        read(document)


@pytest.mark.parametrize(("value", "amount_minor"), [(300, 30000), ("300.00", 30000), (1.5, 150), (..., 0)])
def test_read_amount_as_number_or_text(value: object, amount_minor: int) -> None:
    assert read(with_value(STATUS, "Amount", value)).amount_minor == amount_minor


@pytest.mark.parametrize("value", ["", "x", -1, 0, True, "1e3", [], "5.001"])
def test_read_amount_that_is_none_refused(value: object) -> None:
    for name in (STATUS, REVERSED):
        with pytest.raises(UnreadableCallback):
            read(with_value(name, "Amount", value))


@pytest.mark.parametrize("value", ["", "a-b", "\u0660", True, {}])
def test_read_reversal_without_its_own_receipt_refused(value: object) -> None:
    with pytest.raises(UnreadableCallback):
        read(result_of(REVERSED, TransactionID=value))


@pytest.mark.parametrize(
    ("value", "payer"),
    [
        ("25470****149 - John Doe", Payer(masked="25470****149")),
        ("600310 - Safaricom333", Payer()),
        ("", Payer()),
        (254708374149, Payer()),
        (..., Payer()),
    ],
)
def test_read_payer_of_a_status_or_nobody(value: object, payer: Payer) -> None:
    assert read(with_value(STATUS, "DebitPartyName", value)).payer == payer


@pytest.mark.parametrize("value", [None, "", "a b", "x" * 65, True, []])
def test_read_result_without_its_conversation_refused(value: object) -> None:
    with pytest.raises(UnreadableCallback):
        read(result_of(STATUS, ConversationID=value))


def test_read_result_without_originator_kept() -> None:
    assert read(result_of(STATUS, OriginatorConversationID=None)).originator_id == ""


@pytest.mark.parametrize("document", [{}, {"Result": None}, {"Result": []}, {"Result": {}}, b"", b"[]", b"\xff"])
def test_read_other_shape_refused(document: object) -> None:
    for door in (Door.RESULT, Door.TIMEOUT):
        with pytest.raises(UnreadableCallback):
            read(document, door)


@pytest.mark.parametrize("name", [STATUS, REVERSED, NOT_REVERSED])
def test_read_timeout_never_says_more_than_unknown(name: str) -> None:
    framed, bare = read(payload(name), Door.TIMEOUT), read(json_payload(name)["Result"], Door.TIMEOUT)
    assert framed == bare
    assert framed.outcome is Outcome.UNKNOWN
    assert framed.conversation_id == json_payload(name)["Result"]["ConversationID"]
    assert (framed.receipt, framed.original_receipt, framed.amount_minor) == ("", "", 0)


def test_read_timeout_with_one_name_only_kept() -> None:
    answer = read({"OriginatorConversationID": "3213-416199-2"}, Door.TIMEOUT)
    assert answer == ProviderAnswer("daraja", "", "3213-416199-2", Outcome.UNKNOWN, "timeout")


@pytest.mark.parametrize("door", [Door.RESULT, Door.TIMEOUT, Door.PULL])
def test_parse_of_a_door_without_single_payments_refused(door: Door) -> None:
    with pytest.raises(UnreadableCallback):
        provider().parse(door, request(payload("daraja/c2b_confirmation.json")))
