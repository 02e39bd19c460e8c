"""What else we ask of Daraja: what became of a prompt, statuses, reversals, and that it posts to our addresses."""

import base64
import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from Crypto.Cipher import PKCS1_v1_5
from Crypto.IO import PEM
from Crypto.PublicKey import RSA
from Crypto.Util.asn1 import DerBitString, DerInteger, DerSequence

from gateway.payments.ports import (
    Asked,
    Outcome,
    PromptStatus,
    PushOutcome,
    Registered,
    ResultAddresses,
    ReversalRequest,
)
from gateway.payments.providers.daraja import DarajaProvider, Initiator
from gateway.payments.providers.daraja.orders import (
    PULL_REGISTER_PATH,
    QUERY_PATH,
    REGISTER_PATH,
    REVERSAL_PATH,
    STATUS_PATH,
)
from tests.support.daraja import NOW, OAUTH_PATH, Shelf, provider
from tests.support.payloads import json_payload, payload
from tests.support.vendor_stub import Act, Hang, Reset, Say, VendorStub, closed_address

CHECKOUT = "ws_CO_13012021093521236557"
ADDRESSES = ResultAddresses("https://tokeni.example/result/", "https://tokeni.example/timeout/")
REVERSAL = ReversalRequest("PDU91HIVIT", 20000, "KES", "Payment reversal", ADDRESSES)
BASE = "https://tokeni.example/hooks/payments/daraja/0123456789abcdef0123456789abcdef"
PASSWORD = "the initiator's word"
TAKEN = {"OriginatorConversationID": "7071-4170", "ConversationID": "AG_2026_1", "ResponseCode": "0"}
PRIVATE_RSA = RSA.generate(2048)


@pytest.fixture
def stub() -> Iterator[VendorStub]:
    with VendorStub() as vendor:
        yield vendor


def x509_certificate() -> bytes:
    """No more of a certificate than its reader looks at: the frame, and the public key in its place."""
    nothing = DerSequence().encode()
    version = DerInteger(2, explicit=0).encode()
    spki = PRIVATE_RSA.public_key().export_key("DER")
    to_be_signed = DerSequence([version, 1, nothing, nothing, nothing, nothing, spki])
    return DerSequence([to_be_signed, nothing, DerBitString(b"").encode()]).encode()


@pytest.fixture
def initiator(tmp_path: Path) -> Initiator:
    file = tmp_path / "daraja.cer"
    file.write_text(PEM.encode(x509_certificate(), "CERTIFICATE"))
    return Initiator("apiop37", PASSWORD, str(file))


def error(code: str, status: int = 500) -> Say:
    return Say(json.dumps(json_payload("daraja/api_error.json") | {"errorCode": code}), status)


def query(stub: VendorStub, answer: Act) -> PromptStatus:
    stub.next(QUERY_PATH, answer)
    return provider(stub.url, Shelf("token")).query_prompt(CHECKOUT, now=NOW)


def sent(stub: VendorStub) -> dict[str, object]:
    (request,) = stub.received
    assert request.headers["Authorization"] == "Bearer token"
    document: dict[str, object] = json.loads(request.body)
    return document


# Prompts


def test_query_prompt_published_answer_paid(stub: VendorStub) -> None:
    assert query(stub, Say(payload("daraja/stk_query_response.json"))) == PromptStatus(Outcome.PAID, "0")
    assert sent(stub) == {
        "BusinessShortCode": "600966",
        "Password": base64.b64encode(b"600966pass20261104003005").decode(),
        "Timestamp": "20261104003005",
        "CheckoutRequestID": CHECKOUT,
    }


@pytest.mark.parametrize(
    "code", [1, 2, 3, 4, 8, 17, 1019, 1025, 1032, 1037, 2001, 2028, 8006, "SFC_IC0003", "1", "1032"]
)
def test_query_prompt_known_failure_not_paid(stub: VendorStub, code: object) -> None:
    answer = json_payload("daraja/stk_query_response.json") | {"ResultCode": code}
    assert query(stub, Say(json.dumps(answer))) == PromptStatus(Outcome.NOT_PAID, str(code))


@pytest.mark.parametrize("code", [1001, "4999", 5, "00"])
def test_query_prompt_other_code_unknown(stub: VendorStub, code: object) -> None:
    answer = json_payload("daraja/stk_query_response.json") | {"ResultCode": code}
    assert query(stub, Say(json.dumps(answer))) == PromptStatus(Outcome.UNKNOWN, str(code))


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (error("500.001.1001"), "500.001.1001"),
        (error("500.003.02"), "500.003.02"),
        (error("400.002.02", 400), "400.002.02"),
        (error("404.001.01", 404), "404.001.01"),
        (Say("", 503), "http_503"),
        (Say("<html>"), "answer_unreadable"),
        (Say("{}"), "answer_unreadable"),
        (Say(json.dumps({"ResponseCode": "0"})), "answer_unreadable"),
        (Say(json.dumps({"ResponseCode": "1", "ResultCode": "0"})), "1"),
        (Say(json.dumps({"ResponseCode": "0", "ResultCode": True})), "answer_unreadable"),
        (Hang(), "read_timeout"),
        (Reset(), "connection_lost"),
    ],
)
def test_query_prompt_open_or_unanswered_unknown(stub: VendorStub, answer: Act, code: str) -> None:
    assert query(stub, answer) == PromptStatus(Outcome.UNKNOWN, code)


@pytest.mark.parametrize("checkout_id", ["", "a b", "x" * 65, "\u0660"])
def test_query_prompt_of_no_checkout_unknown_unasked(stub: VendorStub, checkout_id: str) -> None:
    found = provider(stub.url, Shelf("token")).query_prompt(checkout_id, now=NOW)
    assert found == PromptStatus(Outcome.UNKNOWN, "checkout_id")
    assert stub.received == []


# Statuses and reversals


def ask(vendor: DarajaProvider, path: str) -> Asked:
    if path == STATUS_PATH:
        return vendor.ask_status("NEF61H8J60", ADDRESSES, now=NOW)
    return vendor.ask_reversal(REVERSAL, now=NOW)


def test_ask_status_as_published(stub: VendorStub, initiator: Initiator) -> None:
    stub.next(STATUS_PATH, Say(json.dumps(TAKEN)))
    asked = provider(stub.url, Shelf("token"), initiator=initiator).ask_status("NEF61H8J60", ADDRESSES, now=NOW)
    assert asked == Asked(PushOutcome.ACCEPTED, "AG_2026_1", "7071-4170", "0")
    document = sent(stub)
    assert document | {"SecurityCredential": ""} == {
        "Initiator": "apiop37",
        "SecurityCredential": "",
        "CommandID": "TransactionStatusQuery",
        "TransactionID": "NEF61H8J60",
        "PartyA": "600966",
        "IdentifierType": "4",
        "ResultURL": ADDRESSES.result_url,
        "QueueTimeOutURL": ADDRESSES.timeout_url,
        "Remarks": "Status",
        "Occasion": "Status",
    }
    assert set(document) <= set(json_payload("daraja/transaction_status_request.json"))


def test_ask_reversal_as_published(stub: VendorStub, initiator: Initiator) -> None:
    stub.next(REVERSAL_PATH, Say(json.dumps(TAKEN)))
    asked = provider(stub.url, Shelf("token"), initiator=initiator).ask_reversal(REVERSAL, now=NOW)
    assert asked == Asked(PushOutcome.ACCEPTED, "AG_2026_1", "7071-4170", "0")
    published = json_payload("daraja/reversal_request.json")
    document = sent(stub)
    sealed = base64.b64decode(str(document["SecurityCredential"]), validate=True)
    assert PKCS1_v1_5.new(PRIVATE_RSA).decrypt(sealed, None) == PASSWORD.encode()
    assert document == published | {
        "SecurityCredential": document["SecurityCredential"],
        "ReceiverParty": "600966",
        "ResultURL": ADDRESSES.result_url,
        "QueueTimeOutURL": ADDRESSES.timeout_url,
    }


@pytest.mark.parametrize("path", [STATUS_PATH, REVERSAL_PATH])
@pytest.mark.parametrize(
    ("answer", "outcome", "code"),
    [
        (Say(json.dumps(TAKEN | {"ResponseCode": "1"})), PushOutcome.REFUSED, "1"),
        (error("400.002.02", 400), PushOutcome.REFUSED, "400.002.02"),
        (error("500.003.02"), PushOutcome.UNAVAILABLE, "500.003.02"),
        (error("404.001.03", 404), PushOutcome.UNAVAILABLE, "oauth_http_404"),
        (error("500.002.1001"), PushOutcome.AMBIGUOUS, "500.002.1001"),
        (Say("", 502), PushOutcome.AMBIGUOUS, "http_502"),
        (Say("{}"), PushOutcome.AMBIGUOUS, "answer_unreadable"),
        (Say(json.dumps(TAKEN | {"ConversationID": ""})), PushOutcome.AMBIGUOUS, "answer_unreadable"),
        (Hang(), PushOutcome.AMBIGUOUS, "read_timeout"),
    ],
)
def test_ask_each_answer_has_its_outcome(
    stub: VendorStub, initiator: Initiator, path: str, answer: Act, outcome: PushOutcome, code: str
) -> None:
    stub.next(path, answer)
    assert ask(provider(stub.url, Shelf("token"), initiator=initiator), path) == Asked(outcome, code=code)
    assert len(stub.received_at(path)) == 1


def test_ask_nobody_there_unavailable(initiator: Initiator) -> None:
    asked = ask(provider(closed_address(), Shelf("token"), initiator=initiator), REVERSAL_PATH)
    assert asked == Asked(PushOutcome.UNAVAILABLE, code="connect_failed")


@pytest.mark.parametrize("path", [STATUS_PATH, REVERSAL_PATH])
@pytest.mark.parametrize(
    ("name", "password", "code"),
    [("", "word", "initiator_missing"), ("api", "", "initiator_missing"), ("api", "word", "certificate_missing")],
)
def test_ask_without_initiator_or_certificate_refused_unasked(
    stub: VendorStub, path: str, name: str, password: str, code: str
) -> None:
    vendor = provider(stub.url, Shelf("token"), initiator=Initiator(name, password, ""))
    assert ask(vendor, path) == Asked(PushOutcome.REFUSED, code=code)
    assert stub.received == []


def _directory(path: Path) -> None:
    path.mkdir()


def _no_certificate(path: Path) -> None:
    path.write_bytes(b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")


def _empty(path: Path) -> None:
    path.touch()


def _octets(path: Path) -> None:
    path.write_bytes(bytes(range(256)) * 300)


def _nothing(path: Path) -> None:
    assert not path.exists()


def _private(path: Path) -> None:
    path.write_bytes(PRIVATE_RSA.export_key())


@pytest.mark.parametrize("make", [_directory, _no_certificate, _empty, _octets, _nothing, _private])
def test_ask_with_a_file_that_is_no_certificate_refused(
    stub: VendorStub, tmp_path: Path, make: Callable[[Path], None], caplog: pytest.LogCaptureFixture
) -> None:
    make(tmp_path / "file")
    vendor = provider(stub.url, Shelf("token"), initiator=Initiator("api", PASSWORD, str(tmp_path / "file")))
    assert ask(vendor, STATUS_PATH) == Asked(PushOutcome.REFUSED, code="certificate_missing")
    assert stub.received == []
    assert PASSWORD not in caplog.text
    assert PASSWORD not in repr(Initiator("api", PASSWORD))


@pytest.mark.parametrize("before", ["", "\ufeff", "\n", "Certificate:\n    Data: 00:ab\n"])
@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_ask_certificate_as_tools_write_it_used(
    stub: VendorStub, tmp_path: Path, before: str, newline: str, initiator: Initiator
) -> None:
    pem = Path(initiator.certificate_file).read_text()
    file = tmp_path / "written"
    file.write_bytes(f"{before}{pem}\n{pem}\n".replace("\n", newline).encode())
    stub.next(STATUS_PATH, Say(json.dumps(TAKEN)))
    vendor = provider(stub.url, Shelf("token"), initiator=Initiator("api", PASSWORD, str(file)))
    assert ask(vendor, STATUS_PATH).outcome is PushOutcome.ACCEPTED
    sealed = base64.b64decode(str(sent(stub)["SecurityCredential"]))
    assert PKCS1_v1_5.new(PRIVATE_RSA).decrypt(sealed, None) == PASSWORD.encode()


def test_ask_certificate_in_der_used(stub: VendorStub, tmp_path: Path) -> None:
    (tmp_path / "der").write_bytes(x509_certificate())
    stub.next(STATUS_PATH, Say(json.dumps(TAKEN)))
    vendor = provider(stub.url, Shelf("token"), initiator=Initiator("api", PASSWORD, str(tmp_path / "der")))
    assert ask(vendor, STATUS_PATH).outcome is PushOutcome.ACCEPTED


def test_ask_with_a_password_longer_than_the_rsa_key_refused(stub: VendorStub, initiator: Initiator) -> None:
    vendor = provider(stub.url, Shelf("token"), initiator=Initiator("api", "x" * 300, initiator.certificate_file))
    assert ask(vendor, STATUS_PATH) == Asked(PushOutcome.REFUSED, code="certificate_missing")


@pytest.mark.parametrize("receipt", ["", "a", "A B", "A" * 33, "\u0130"])
def test_ask_about_no_receipt_refused_unasked(stub: VendorStub, initiator: Initiator, receipt: str) -> None:
    vendor = provider(stub.url, Shelf("token"), initiator=initiator)
    request = ReversalRequest(receipt, 20000, "KES", "", ADDRESSES)
    assert vendor.ask_status(receipt, ADDRESSES, now=NOW) == Asked(PushOutcome.REFUSED, code="receipt")
    assert vendor.ask_reversal(request, now=NOW) == Asked(PushOutcome.REFUSED, code="receipt")
    assert stub.received == []


@pytest.mark.parametrize(
    ("amount_minor", "currency", "code"),
    [(20000, "UGX", "currency"), (20050, "KES", "amount"), (0, "KES", "amount"), (-100, "KES", "amount")],
)
def test_ask_reversal_of_no_whole_amount_refused_unasked(
    stub: VendorStub, initiator: Initiator, amount_minor: int, currency: str, code: str
) -> None:
    request = ReversalRequest("PDU91HIVIT", amount_minor, currency, "", ADDRESSES)
    asked = provider(stub.url, Shelf("token"), initiator=initiator).ask_reversal(request, now=NOW)
    assert asked == Asked(PushOutcome.REFUSED, code=code)
    assert stub.received == []


def test_ask_reversal_remarks_never_empty_nor_too_long(stub: VendorStub, initiator: Initiator) -> None:
    stub.always(REVERSAL_PATH, Say(json.dumps(TAKEN)))
    vendor = provider(stub.url, Shelf("token"), initiator=initiator)
    for remarks in ("", "x" * 300):
        vendor.ask_reversal(ReversalRequest("PDU91HIVIT", 100, "KES", remarks, ADDRESSES), now=NOW)
    written = [json.loads(request.body)["Remarks"] for request in stub.received]
    assert written == ["Reversal", "x" * 100]


# Our addresses


def register(stub: VendorStub, path: str, answer: Act, base_url: str = BASE) -> Registered:
    stub.next(path, answer)
    vendor = provider(stub.url, Shelf("token"))
    method = vendor.register_hooks if path == REGISTER_PATH else vendor.register_pull
    return method(base_url=base_url, now=NOW)


def test_register_hooks_as_published(stub: VendorStub) -> None:
    answer = Say(payload("daraja/c2b_register_response.json"))
    assert register(stub, REGISTER_PATH, answer) == Registered(is_done=True, code="0")
    assert sent(stub) == json_payload("daraja/c2b_register_request.json") | {
        "ShortCode": "600966",
        "ConfirmationURL": BASE + "/confirmation/",
        "ValidationURL": BASE + "/validation/",
    }


def test_register_pull_as_published(stub: VendorStub) -> None:
    answer = Say(payload("daraja/pull_register_response.json"))
    assert register(stub, PULL_REGISTER_PATH, answer) == Registered(is_done=True, code="1000")
    published = json_payload("daraja/pull_register_request.json")
    assert sent(stub) == published | {"ShortCode": "600966", "CallBackURL": BASE + "/pull/"}


@pytest.mark.parametrize(
    ("path", "answer", "registered"),
    [
        (REGISTER_PATH, error("500.003.1001"), Registered(is_done=True, code="500.003.1001")),
        (REGISTER_PATH, Say(json.dumps({"ResponseCode": 1})), Registered(is_done=False, code="1")),
        (REGISTER_PATH, Say("{}"), Registered(is_done=False, code="answer_unreadable")),
        (REGISTER_PATH, error("400.002.02", 400), Registered(is_done=False, code="400.002.02")),
        (PULL_REGISTER_PATH, Say(json.dumps({"ResponseStatus": 1001})), Registered(is_done=True, code="1001")),
        (PULL_REGISTER_PATH, Say(json.dumps({"ResponseCode": "9"})), Registered(is_done=False, code="9")),
        (PULL_REGISTER_PATH, Hang(), Registered(is_done=False, code="read_timeout")),
        (PULL_REGISTER_PATH, error("500.003.1001"), Registered(is_done=False, code="500.003.1001")),
    ],
)
def test_register_each_answer(stub: VendorStub, path: str, answer: Act, registered: Registered) -> None:
    assert register(stub, path, answer) == registered


@pytest.mark.parametrize("host", ["pay-MPESA.example", "safaricom.example", "sql.example", "cmd.example", "x.exe"])
@pytest.mark.parametrize("path", [REGISTER_PATH, PULL_REGISTER_PATH])
def test_register_address_that_daraja_refuses_unasked(stub: VendorStub, path: str, host: str) -> None:
    registered = register(stub, path, Say("{}"), f"https://{host}/hooks/payments/daraja/aa")
    assert registered == Registered(is_done=False, code="address_word")
    assert stub.received == []


def test_register_pull_without_nominated_number_unasked(stub: VendorStub) -> None:
    vendor = provider(stub.url, Shelf("token"), nominated_number="")
    assert vendor.register_pull(base_url=BASE, now=NOW) == Registered(is_done=False, code="nominated_number_missing")
    assert stub.received == []


def test_check_fetches_a_new_token_and_shares_it(stub: VendorStub) -> None:
    stub.next(OAUTH_PATH, Say(payload("daraja/oauth_response.json")))
    shelf = Shelf("old")
    assert provider(stub.url, shelf).check() == Registered(is_done=True, code="0")
    assert shelf.token == "c9SQxWWhmdVRlyh0zh8gZDTkubVF"


def test_check_wrong_credentials_says_so(stub: VendorStub) -> None:
    stub.next(OAUTH_PATH, error("400.008.01", 400))
    assert provider(stub.url).check() == Registered(is_done=False, code="oauth_400.008.01")
