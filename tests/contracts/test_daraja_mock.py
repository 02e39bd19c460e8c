"""The Daraja adapter against `daraja-mock`, somebody else's idea of Daraja's answers.

It answers access tokens, prompts, queries of prompts with a result code that can be set, and takes status questions. It
does not know C2B, registering addresses, Pull Transactions and reversals (404), and posts no callbacks; it keeps no
prompt open, so that "being processed" never comes, and checks neither token nor password nor fields. Those are held to
the published payloads in `tests/unit/payments` and to the port in `tests/contracts/test_payment_provider.py`.
"""

import threading
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from Crypto.PublicKey import RSA
from daraja_mock import DarajaMock
from werkzeug.serving import make_server

from gateway.payments.ports import (
    Outcome,
    PromptStatus,
    PullPage,
    PushOutcome,
    PushRequest,
    Registered,
    ResultAddresses,
    ReversalRequest,
)
from gateway.payments.providers.daraja import DarajaProvider, Initiator
from tests.support.daraja import Shelf

NOW = datetime(2026, 11, 3, 12, 0, tzinfo=UTC)
ADDRESSES = ResultAddresses("http://127.0.0.1/result/", "http://127.0.0.1/timeout/")
PROMPT = PushRequest("+254708374149", 20000, "KES", "37000123457", "http://127.0.0.1/hooks/payments/x/y/stk/")


@dataclass(frozen=True)
class MockedDaraja:
    mock: DarajaMock
    provider: DarajaProvider
    shelf: Shelf


@pytest.fixture
def daraja(tmp_path: Path) -> Iterator[MockedDaraja]:
    certificate_file = tmp_path / "daraja.pem"
    certificate_file.write_bytes(RSA.generate(2048).public_key().export_key())
    mock, shelf = DarajaMock(), Shelf()
    server = make_server("127.0.0.1", 0, mock.app)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    provider = DarajaProvider(
        base_url=f"http://127.0.0.1:{server.server_port}",
        consumer_key="test_key",
        consumer_secret="test_secret",
        short_code="174379",
        passkey="pass",
        initiator=Initiator("testapi", "word", str(certificate_file)),
        nominated_number="0722000000",
        token_cache=shelf,
    )
    try:
        yield MockedDaraja(mock, provider, shelf)
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)


def paths(daraja: MockedDaraja) -> list[str]:
    return [entry["path"] for entry in daraja.mock.request_log()]


def test_mock_credentials_taken(daraja: MockedDaraja) -> None:
    assert daraja.provider.check() == Registered(is_done=True, code="0")
    assert (daraja.shelf.token or "").startswith("mock_token_")


def test_mock_prompt_accepted_with_one_token(daraja: MockedDaraja) -> None:
    results = [daraja.provider.push(PROMPT, now=NOW) for _ in range(2)]
    assert [(result.outcome, result.code) for result in results] == [(PushOutcome.ACCEPTED, "0")] * 2
    assert len({result.checkout_id for result in results}) == 2
    assert paths(daraja) == ["/oauth/v1/generate", *["/mpesa/stkpush/v1/processrequest"] * 2]
    assert daraja.mock.request_log()[1]["body"]["AccountReference"] == "37000123457"


@pytest.mark.parametrize(
    ("result_code", "outcome"),
    [
        (0, Outcome.PAID),
        (1, Outcome.NOT_PAID),
        (1001, Outcome.UNKNOWN),
        (1032, Outcome.NOT_PAID),
        (1037, Outcome.NOT_PAID),
        (2001, Outcome.NOT_PAID),
        (77, Outcome.UNKNOWN),
    ],
)
def test_mock_prompt_queried_has_its_outcome(daraja: MockedDaraja, result_code: int, outcome: Outcome) -> None:
    daraja.mock.set_stk_result(result_code)
    checkout_id = daraja.provider.push(PROMPT, now=NOW).checkout_id
    assert daraja.provider.query_prompt(checkout_id, now=NOW) == PromptStatus(outcome, str(result_code))
    assert daraja.mock.request_log()[-1]["body"]["CheckoutRequestID"] == checkout_id


def test_mock_status_question_taken(daraja: MockedDaraja) -> None:
    asked = daraja.provider.ask_status("RKL51ZDR4F", ADDRESSES, now=NOW)
    assert (asked.outcome, asked.code) == (PushOutcome.ACCEPTED, "0")
    assert asked.conversation_id.startswith("AG_")
    assert asked.originator_id.startswith("16740")


def test_mock_what_it_does_not_know_is_no_success(daraja: MockedDaraja) -> None:
    reversal = ReversalRequest("RKL51ZDR4F", 20000, "KES", "why", ADDRESSES)
    refused = Registered(is_done=False, code="http_404")
    assert daraja.provider.ask_reversal(reversal, now=NOW).outcome is PushOutcome.REFUSED
    assert daraja.provider.register_hooks(base_url="https://tokeni.example/a", now=NOW) == refused
    assert daraja.provider.register_pull(base_url="https://tokeni.example/a", now=NOW) == refused
    page = daraja.provider.pull(NOW - timedelta(hours=1), NOW, 0, now=NOW)
    assert page == PullPage((), None, is_complete=False, code="http_404")
