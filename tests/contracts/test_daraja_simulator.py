"""The Daraja adapter against our own simulator of Daraja: every call of the port, and what comes later."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from gateway.http.inbound import InboundRequest
from gateway.payments.ports import (
    Door,
    Outcome,
    Payer,
    PaymentClaim,
    ProviderAnswer,
    PushOutcome,
    PushRequest,
    Registered,
    ResultAddresses,
    ReversalRequest,
)
from gateway.payments.providers.daraja import DarajaProvider, Initiator
from tests.support.daraja import Shelf
from tests.support.running_simulator import Running, simulating, wait_for
from tests.support.stub_product import ENVIRONMENT, StubProduct, demo_facts, serving

PHONE, DRN = "+254712000001", "37000000010"
NAME, PASSWORD = "stub-initiator", "stub-initiator-password"


@dataclass(frozen=True)
class Daraja:
    running: Running
    certificate_file: Path
    shelf: Shelf

    def provider(self, password: str = PASSWORD) -> DarajaProvider:
        return DarajaProvider(
            base_url=self.running.url,
            consumer_key=ENVIRONMENT["MPESA_CONSUMER_KEY"],
            consumer_secret=ENVIRONMENT["MPESA_CONSUMER_SECRET"],
            short_code="400200",
            passkey=ENVIRONMENT["MPESA_PASSKEY"],
            initiator=Initiator(NAME, password, str(self.certificate_file)),
            nominated_number="0722000000",
            token_cache=self.shelf,
        )

    @property
    def base_url(self) -> str:
        return self.running.stub.stk_url.removesuffix("/stk/")

    @property
    def addresses(self) -> ResultAddresses:
        return ResultAddresses(f"{self.base_url}/result/", f"{self.base_url}/timeout/")

    def paid(self, amount: str = "100") -> str:
        outcome = self.running.desk.act("phone/pay_bill", phone=PHONE, account=DRN, amount=amount, pin="1234")
        return str(outcome["receipt"])

    def answer_to(self, conversation_id: str, door: Door = Door.RESULT) -> ProviderAnswer:
        """What was posted to our door about this conversation, as the adapter reads it."""
        bodies = wait_for(lambda: [body for body in self.running.stub.bodies(door) if conversation_id in body])
        return self.provider().read_answer(door, InboundRequest("POST", "application/json", bodies[0].encode()))


@pytest.fixture
def daraja(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Daraja]:
    monkeypatch.setitem(ENVIRONMENT, "MPESA_INITIATOR_NAME", NAME)
    monkeypatch.setitem(ENVIRONMENT, "MPESA_INITIATOR_PASSWORD", PASSWORD)
    with serving(StubProduct(demo_facts())) as stub, simulating(stub) as running:
        file = tmp_path / "daraja.pem"
        file.write_text(running.desk.download("portal/certificate.pem"))
        yield Daraja(running, file, Shelf())


def now() -> datetime:
    return datetime.now(UTC)


def test_simulator_credentials_taken(daraja: Daraja) -> None:
    assert daraja.provider().check() == Registered(is_done=True, code="0")


def test_simulator_prompt_asked_and_queried(daraja: Daraja) -> None:
    request = PushRequest(PHONE, 10_000, "KES", DRN, daraja.running.stub.stk_url)
    result = daraja.provider().push(request, now=now())
    assert result.outcome is PushOutcome.ACCEPTED
    status = daraja.provider().query_prompt(result.checkout_id, now=now())
    assert (status.outcome, status.code) == (Outcome.UNKNOWN, "500.001.1001")


def test_simulator_status_of_a_payment_comes_by_the_result_door(daraja: Daraja) -> None:
    receipt = daraja.paid("150")
    asked = daraja.provider().ask_status(receipt, daraja.addresses, now=now())
    assert (asked.outcome, asked.code) == (PushOutcome.ACCEPTED, "0")
    answer = daraja.answer_to(asked.conversation_id)
    assert (answer.outcome, answer.receipt, answer.amount_minor) == (Outcome.PAID, receipt, 15_000)
    assert (answer.originator_id, answer.payer) == (asked.originator_id, Payer(e164=PHONE))
    assert answer.paid_at is not None
    assert abs(answer.paid_at - now()) < timedelta(minutes=1)


def test_simulator_status_of_no_payment_or_with_a_wrong_password_says_nothing_of_money(daraja: Daraja) -> None:
    for provider, receipt in ((daraja.provider(), "NOBODYS"), (daraja.provider("wrong"), daraja.paid())):
        asked = provider.ask_status(receipt, daraja.addresses, now=now())
        assert daraja.answer_to(asked.conversation_id).outcome is Outcome.UNKNOWN


def test_simulator_reversal_gives_back_once_and_says_so_twice(daraja: Daraja) -> None:
    receipt = daraja.paid("150")
    request = ReversalRequest(receipt, 15_000, "KES", "refund 1", daraja.addresses)
    first = daraja.answer_to(daraja.provider().ask_reversal(request, now=now()).conversation_id)
    assert (first.outcome, first.original_receipt, first.amount_minor) == (Outcome.PAID, receipt, 15_000)
    assert first.receipt not in ("", receipt)
    again = daraja.answer_to(daraja.provider().ask_reversal(request, now=now()).conversation_id)
    assert (again.outcome, again.result_code, again.original_receipt) == (Outcome.PAID, "R000001", "")


def test_simulator_reversal_of_no_payment_refused(daraja: Daraja) -> None:
    request = ReversalRequest("NOBODYS", 15_000, "KES", "refund 1", daraja.addresses)
    answer = daraja.answer_to(daraja.provider().ask_reversal(request, now=now()).conversation_id)
    assert (answer.outcome, answer.result_code) == (Outcome.NOT_PAID, "R000002")


def test_simulator_list_pulled_page_by_page(daraja: Daraja) -> None:
    provider = daraja.provider()
    assert provider.register_pull(base_url=daraja.base_url, now=now()) == Registered(is_done=True, code="1000")
    assert provider.register_pull(base_url=daraja.base_url, now=now()) == Registered(is_done=True, code="1001")
    receipts = [daraja.paid(str(amount)) for amount in (100, 110, 120)]
    daraja.running.world.faults.change({"pull_page_rows": 2})
    offset: int | None = 0
    claims: list[PaymentClaim] = []
    while offset is not None:
        page = provider.pull(now() - timedelta(hours=2), now() + timedelta(minutes=1), offset, now=now())
        assert page.is_complete
        claims += page.claims
        offset = page.next_offset
    assert [(claim.receipt, claim.amount_minor, claim.account_text) for claim in claims] == [
        (receipts[0], 10_000, DRN),
        (receipts[1], 11_000, DRN),
        (receipts[2], 12_000, DRN),
    ]
    assert {claim.payer for claim in claims} == {Payer(e164=PHONE)}
    assert all(claim.paid_at and abs(claim.paid_at - now()) < timedelta(minutes=1) for claim in claims)


def test_simulator_hooks_registered_once(daraja: Daraja) -> None:
    provider = daraja.provider()
    assert provider.register_hooks(base_url=daraja.base_url, now=now()).is_done
    assert provider.register_hooks(base_url=daraja.base_url, now=now()).is_done
