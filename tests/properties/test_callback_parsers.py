"""Whatever arrives at a hook, a parser gives a sound value or `UnreadableCallback`, and never another exception."""

import copy
import json
from collections.abc import Callable
from contextlib import suppress
from typing import Any
from urllib.parse import parse_qsl, urlencode

from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.http.inbound import InboundRequest, UnreadableCallback
from gateway.payments.ports import Door, Outcome, PaymentClaim, ProviderAnswer
from gateway.payments.providers.daraja import DarajaProvider
from gateway.sms.ports import DeliveryReport, InboundSms
from gateway.sms.providers.africastalking import LONGEST_INBOUND_TEXT, AfricasTalkingProvider
from gateway.ussd.ports import Hop, SessionEnded
from gateway.ussd.providers.africastalking import LONGEST_TEXT, AfricasTalkingUssd
from tests.support.payloads import json_payload, payload


class NoCache:
    """A token cache that keeps nothing."""

    def get(self) -> str | None:
        return None

    def put(self, token: str, lifetime_seconds: int) -> None:
        """Keeps nothing."""

    def try_lock(self) -> bool:
        return True

    def unlock(self) -> None:
        """There is no lock."""


DARAJA = DarajaProvider(
    base_url="", consumer_key="", consumer_secret="", short_code="600966", passkey="", token_cache=NoCache()
)
SMS = AfricasTalkingProvider(base_url="", username="jua", api_key="")
USSD = AfricasTalkingUssd()

C2B = json_payload("daraja/c2b_confirmation.json")
STK = json_payload("daraja/stk_callback_success.json")
LIST = json_payload("daraja/pull_query_response.json")
ANSWERS = [
    json_payload(f"daraja/{name}.json")
    for name in ("transaction_status_result", "reversal_result_success", "reversal_result_failure")
]
FORMS = {
    name: dict(parse_qsl(payload(f"africastalking/{name}").decode().strip(), keep_blank_values=True))
    for name in ("delivery_report_failed.form", "inbound_sms.form", "ussd_step3.form", "ussd_notification.form")
}

awkward = st.sampled_from(
    ["", " ", "0", "-1", "1e9", "NaN", "5.00", "\0", "\ud800", "\u0660\u0661", "2547 ***** 126", "0" * 64, "9" * 400]
)
scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text() | awkward
any_json = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4), max_leaves=12
)


def _request(body: bytes) -> InboundRequest:
    return InboundRequest("POST", "", body)


def _is_storable(text: str, longest: int) -> bool:
    return len(text) <= longest and not any(
        character == "\0" or "\ud800" <= character <= "\udfff" for character in text
    )


def _check_claim(claim: PaymentClaim) -> None:
    if claim.outcome is Outcome.PAID:
        assert 1 <= len(claim.receipt) <= 32
        assert claim.receipt.isascii()
        assert claim.receipt.isalnum()
        assert 0 < claim.amount_minor <= 10**15
    else:
        assert claim.receipt == ""
    assert claim.currency == "KES"
    assert _is_storable(claim.account_text, 100)
    assert sum(map(bool, (claim.payer.e164, claim.payer.sha256, claim.payer.masked))) <= 1
    assert claim.paid_at is None or claim.paid_at.utcoffset() is not None
    assert claim.door is not Door.STK or claim.checkout_id != ""


def _check_answer(answer: ProviderAnswer) -> None:
    assert answer.conversation_id or answer.originator_id
    for word in (answer.conversation_id, answer.originator_id, answer.result_code):
        assert len(word) <= 64
        assert word.isascii()
    for receipt in (answer.receipt, answer.original_receipt):
        assert receipt == "" or (len(receipt) <= 32 and receipt.isascii() and receipt.isalnum())
    assert 0 <= answer.amount_minor <= 10**15
    assert not answer.original_receipt or answer.outcome is Outcome.PAID
    assert answer.paid_at is None or answer.paid_at.utcoffset() is not None


def _check_report(report: DeliveryReport) -> None:
    assert 1 <= len(report.provider_message_id) <= 100
    assert _is_storable(report.raw_status, 64)
    assert _is_storable(report.failure_reason, 64)


def _check_sms(sms: InboundSms) -> None:
    assert 1 <= len(sms.provider_id) <= 100
    assert sms.from_e164.startswith("+")
    assert _is_storable(sms.text, LONGEST_INBOUND_TEXT)
    assert _is_storable(sms.to, 64)


def _check_hop(hop: Hop) -> None:
    assert 1 <= len(hop.session_id) <= 128
    assert hop.phone_e164.startswith("+")
    assert _is_storable(hop.text, LONGEST_TEXT)
    assert _is_storable(hop.service_code + hop.network_code, 80)


def _check_ended(ended: SessionEnded) -> None:
    assert 1 <= len(ended.session_id) <= 128


FORM_PARSERS: list[tuple[str, Callable[[InboundRequest], Any], Callable[[Any], None]]] = [
    ("delivery_report_failed.form", SMS.parse_report, _check_report),
    ("inbound_sms.form", SMS.parse_inbound, _check_sms),
    ("ussd_step3.form", USSD.parse_hop, _check_hop),
    ("ussd_notification.form", USSD.parse_event, _check_ended),
]


def _parse_everywhere(body: bytes) -> None:
    for door in Door:
        with suppress(UnreadableCallback):
            _check_claim(DARAJA.parse(door, _request(body)))
    for door in (Door.RESULT, Door.TIMEOUT):
        with suppress(UnreadableCallback):
            _check_answer(DARAJA.read_answer(door, _request(body)))
    with suppress(UnreadableCallback):
        for claim in DARAJA.read_list(_request(body)):
            _check_claim(claim)
    for _, parse, check in FORM_PARSERS:
        with suppress(UnreadableCallback):
            check(parse(_request(body)))


@given(st.binary(max_size=600))
def test_any_octets_value_or_unreadable(body: bytes) -> None:
    _parse_everywhere(body)


@given(any_json)
def test_any_json_value_or_unreadable(document: object) -> None:
    _parse_everywhere(json.dumps(document).encode())


@given(st.data())
@settings(max_examples=300)
def test_confirmation_with_mutated_fields_value_or_unreadable(data: st.DataObject) -> None:
    names = data.draw(st.lists(st.sampled_from(sorted(C2B)), max_size=3, unique=True))
    document = C2B | {name: data.draw(any_json) for name in names}
    _parse_everywhere(json.dumps(document).encode())


@given(st.data())
@settings(max_examples=300)
def test_stk_callback_with_mutated_fields_value_or_unreadable(data: st.DataObject) -> None:
    document = copy.deepcopy(STK)
    callback = document["Body"]["stkCallback"]
    items = callback["CallbackMetadata"]["Item"]
    if data.draw(st.booleans()):
        data.draw(st.sampled_from(items))["Value"] = data.draw(any_json)
    if data.draw(st.booleans()):
        callback[data.draw(st.sampled_from(sorted(callback)))] = data.draw(any_json)
    _parse_everywhere(json.dumps(document).encode())


@given(st.data())
@settings(max_examples=300)
def test_answer_with_mutated_fields_value_or_unreadable(data: st.DataObject) -> None:
    document = copy.deepcopy(data.draw(st.sampled_from(ANSWERS)))
    result = document["Result"]
    items = result.get("ResultParameters", {}).get("ResultParameter", [])
    if items and data.draw(st.booleans()):
        data.draw(st.sampled_from(items))[data.draw(st.sampled_from(["Key", "Value"]))] = data.draw(any_json)
    if items and data.draw(st.booleans()):
        items.append(data.draw(st.sampled_from(items)) | {"Value": data.draw(any_json)})
    if data.draw(st.booleans()):
        result[data.draw(st.sampled_from(sorted(result)))] = data.draw(any_json)
    _parse_everywhere(json.dumps(document).encode())


@given(st.data())
@settings(max_examples=300)
def test_list_with_mutated_fields_value_or_unreadable(data: st.DataObject) -> None:
    document = copy.deepcopy(LIST)
    row = document["Response"][0][0]
    if data.draw(st.booleans()):
        row[data.draw(st.sampled_from(sorted(row)))] = data.draw(any_json)
    if data.draw(st.booleans()):
        document[data.draw(st.sampled_from(sorted(document)))] = data.draw(any_json | st.just("[[]]"))
    _parse_everywhere(json.dumps(document).encode())


@given(st.data())
@settings(max_examples=300)
def test_forms_with_mutated_fields_value_or_unreadable(data: st.DataObject) -> None:
    name, _, _ = data.draw(st.sampled_from(FORM_PARSERS))
    fields = dict(FORMS[name])
    fields[data.draw(st.sampled_from(sorted(fields)))] = data.draw(st.text() | awkward)
    _parse_everywhere(urlencode(fields, errors="surrogatepass").encode())


@given(st.data())
@settings(max_examples=300)
def test_recorded_body_with_one_octet_changed_value_or_unreadable(data: st.DataObject) -> None:
    bodies = [json.dumps(document).encode() for document in (C2B, STK, LIST, *ANSWERS)]
    bodies += [urlencode(fields).encode() for fields in FORMS.values()]
    body = bytearray(data.draw(st.sampled_from(bodies)))
    body[data.draw(st.integers(0, len(body) - 1))] = data.draw(st.integers(0, 255))
    _parse_everywhere(bytes(body))


@given(st.integers(1, 10**15), st.booleans())
def test_confirmation_amount_read_exactly(amount_minor: int, is_text: bool) -> None:
    literal = f"{amount_minor // 100}.{amount_minor % 100:02}"
    body = json.dumps(C2B | {"TransAmount": "@"}).replace('"@"', f'"{literal}"' if is_text else literal)
    assert DARAJA.parse(Door.CONFIRMATION, _request(body.encode())).amount_minor == amount_minor
