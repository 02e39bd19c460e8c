"""A mobile money operator in memory: keeps what it was asked for, answers what it was told to.

Its callbacks are JSON in the port's own words. Held to the port by `tests/contracts`.
"""

import json
import re
from collections import deque
from collections.abc import Mapping
from datetime import UTC, datetime

from gateway.http.bodies import as_object, as_text, as_word, read_json_object
from gateway.http.inbound import InboundRequest, Reply, UnreadableCallback
from gateway.payments.ports import (
    Asked,
    Door,
    Outcome,
    Payer,
    PaymentClaim,
    PromptStatus,
    ProviderAnswer,
    PullPage,
    PushOutcome,
    PushRequest,
    PushResult,
    Registered,
    ResultAddresses,
    ReversalRequest,
    Verdict,
)
from vending.kernel.money import MoneyError, parse_minor

SHORT_CODE = "400200"
_WORD = re.compile(r"[A-Za-z0-9_]{1,40}")
_NOTHING = re.compile(r"[A-Za-z0-9_]{0,40}")
_PARSED = frozenset({Door.VALIDATION, Door.CONFIRMATION, Door.STK})


class FakePaymentProvider:
    """Takes every prompt and every question unless `answer_next` or `ask_next` said otherwise.

    `pushes`, `queries`, `status_asks`, `reversal_asks`, `pulls` and `registered` hold what it was asked. Questions get
    the conversations `<name>_conversation_1`, `_2` and so on. A prompt is open until `prompts` says what became of it.
    It lists `listed`, `page_size` at a time; with a `pull_failure` it lists nothing and says that word.
    """

    doors = frozenset(Door)
    currency = "KES"

    def __init__(self, name: str = "fake_money") -> None:
        self.name = name
        self.pushes: list[PushRequest] = []
        self.queries: list[str] = []
        self.prompts: dict[str, PromptStatus] = {}
        self.status_asks: list[tuple[str, ResultAddresses]] = []
        self.reversal_asks: list[ReversalRequest] = []
        self.pulls: list[tuple[datetime, datetime, int]] = []
        self.listed: list[PaymentClaim] = []
        self.page_size = 2
        self.pull_failure = ""
        self.registered: list[str] = []
        self.register_failure = ""
        self._outcomes: deque[PushOutcome] = deque()
        self._ask_outcomes: deque[PushOutcome] = deque()

    def answer_next(self, *outcomes: PushOutcome) -> None:
        """What becomes of the next prompts, one each."""
        self._outcomes.extend(outcomes)

    def ask_next(self, *outcomes: PushOutcome) -> None:
        """What becomes of the next questions (status, reversal), one each."""
        self._ask_outcomes.extend(outcomes)

    def parse(self, door: Door, request: InboundRequest) -> PaymentClaim:
        if door not in _PARSED:
            raise UnreadableCallback("no payment comes by this door")
        return self._claim(door, read_json_object(request.body))

    def answer(self, door: Door, verdict: Verdict) -> Reply:
        return Reply(json.dumps({"verdict": verdict if door is Door.VALIDATION else Verdict.ACCEPT}))

    def is_own_short_code(self, short_code: str) -> bool:
        return short_code == SHORT_CODE

    def push(self, request: PushRequest, *, now: datetime) -> PushResult:
        self.pushes.append(request)
        outcome = self._outcomes.popleft() if self._outcomes else PushOutcome.ACCEPTED
        if outcome is PushOutcome.ACCEPTED:
            return PushResult(outcome, f"{self.name}_{len(self.pushes)}", "0")
        return PushResult(outcome, code=f"told_{outcome}")

    def query_prompt(self, checkout_id: str, *, now: datetime) -> PromptStatus:
        self.queries.append(checkout_id)
        return self.prompts.get(checkout_id, PromptStatus(Outcome.UNKNOWN, "pending"))

    def ask_status(self, receipt: str, addresses: ResultAddresses, *, now: datetime) -> Asked:
        self.status_asks.append((receipt, addresses))
        return self._asked()

    def ask_reversal(self, request: ReversalRequest, *, now: datetime) -> Asked:
        self.reversal_asks.append(request)
        return self._asked()

    def read_answer(self, door: Door, request: InboundRequest) -> ProviderAnswer:
        document = read_json_object(request.body)
        outcome, amount_minor = self._outcome_and_amount(document)
        return ProviderAnswer(
            provider=self.name,
            conversation_id=as_word(document.get("conversation_id"), _WORD),
            originator_id=as_word(document.get("originator_id", ""), _NOTHING),
            outcome=Outcome.UNKNOWN if door is Door.TIMEOUT else outcome,
            result_code=as_word(document.get("result_code"), _WORD),
            receipt=as_word(document.get("receipt", ""), _NOTHING),
            original_receipt=as_word(document.get("original_receipt", ""), _NOTHING),
            amount_minor=amount_minor,
            currency=self.currency,
            payer=Payer(e164=as_text(document.get("payer", ""))),
        )

    def read_list(self, request: InboundRequest) -> tuple[PaymentClaim, ...]:
        rows = read_json_object(request.body).get("payments")
        if not isinstance(rows, list):
            raise UnreadableCallback("not a list")
        return tuple(self._claim(Door.PULL, as_object(row)) for row in rows)

    def pull(self, starts_at: datetime, ends_at: datetime, offset: int, *, now: datetime) -> PullPage:
        self.pulls.append((starts_at, ends_at, offset))
        if self.pull_failure:
            return PullPage((), None, is_complete=False, code=self.pull_failure)
        inside = [claim for claim in self.listed if claim.paid_at is None or starts_at <= claim.paid_at <= ends_at]
        ends_before = offset + self.page_size
        page = tuple(inside[offset:ends_before])
        return PullPage(page, ends_before if ends_before < len(inside) else None, is_complete=True, code="ok")

    def register_hooks(self, *, base_url: str, now: datetime) -> Registered:
        return self._register(base_url)

    def register_pull(self, *, base_url: str, now: datetime) -> Registered:
        return self._register(base_url)

    def _register(self, base_url: str) -> Registered:
        if self.register_failure:
            return Registered(is_done=False, code=self.register_failure)
        self.registered.append(base_url)
        return Registered(is_done=True, code="0")

    def _asked(self) -> Asked:
        number = len(self.status_asks) + len(self.reversal_asks)
        outcome = self._ask_outcomes.popleft() if self._ask_outcomes else PushOutcome.ACCEPTED
        if outcome is PushOutcome.ACCEPTED:
            return Asked(outcome, f"{self.name}_conversation_{number}", f"{self.name}_originator_{number}", "0")
        return Asked(outcome, code=f"told_{outcome}")

    def _claim(self, door: Door, document: Mapping[str, object]) -> PaymentClaim:
        outcome, amount_minor = self._outcome_and_amount(document)
        if outcome is Outcome.PAID and amount_minor <= 0:
            raise UnreadableCallback("not a payment")
        return PaymentClaim(
            provider=self.name,
            door=door,
            outcome=outcome,
            receipt=as_word(document.get("receipt"), _WORD) if outcome is Outcome.PAID else "",
            checkout_id=as_word(document.get("checkout_id"), _WORD) if door is Door.STK else "",
            result_code=str(outcome) if door is Door.STK else "",
            amount_minor=amount_minor,
            currency=self.currency,
            short_code="" if door is Door.STK else as_text(document.get("short_code")),
            account_text=as_text(document.get("account", "")),
            payer=Payer(e164=as_text(document.get("payer", ""))),
        )

    def _outcome_and_amount(self, document: Mapping[str, object]) -> tuple[Outcome, int]:
        try:
            return Outcome(as_text(document.get("outcome"))), parse_minor(document.get("amount", 0), self.currency)
        except (ValueError, MoneyError):
            raise UnreadableCallback("no outcome or no amount") from None


def c2b_request(
    door: Door, *, receipt: str, amount: str, account: str, payer: str, short_code: str = SHORT_CODE
) -> InboundRequest:
    """A customer's own payment, before (validation) or after (confirmation) it moved."""
    outcome = Outcome.PAID if door is Door.CONFIRMATION else Outcome.UNKNOWN
    return _json(
        {
            "outcome": outcome,
            "receipt": receipt,
            "amount": amount,
            "account": account,
            "payer": payer,
            "short_code": short_code,
        }
    )


def stk_request(
    checkout_id: str, outcome: Outcome, *, receipt: str = "", amount: str = "0", payer: str = ""
) -> InboundRequest:
    """What became of a prompt."""
    return _json({"outcome": outcome, "checkout_id": checkout_id, "receipt": receipt, "amount": amount, "payer": payer})


def answer_request(
    conversation_id: str,
    outcome: Outcome,
    *,
    receipt: str = "",
    original_receipt: str = "",
    amount: str = "0",
    payer: str = "",
) -> InboundRequest:
    """The answer to a question; with an `original_receipt` the question was a reversal."""
    return _json(
        {
            "conversation_id": conversation_id,
            "outcome": outcome,
            "result_code": str(outcome),
            "receipt": receipt,
            "original_receipt": original_receipt,
            "amount": amount,
            "payer": payer,
        }
    )


def list_request(*rows: Mapping[str, str]) -> InboundRequest:
    """Payments as the pull door gets them; a row has `receipt`, `amount`, `account` and `payer`."""
    return _json({"payments": [{"outcome": Outcome.PAID, "short_code": SHORT_CODE, **row} for row in rows]})


def listed_payment(
    receipt: str,
    amount_minor: int,
    account: str,
    *,
    paid_at: datetime | None,
    payer: str = "",
    name: str = "fake_money",
) -> PaymentClaim:
    """A line of the provider's own list, for `FakePaymentProvider.listed`."""
    return PaymentClaim(
        provider=name,
        door=Door.PULL,
        outcome=Outcome.PAID,
        receipt=receipt,
        amount_minor=amount_minor,
        currency="KES",
        short_code=SHORT_CODE,
        account_text=account,
        payer=Payer(e164=payer),
        paid_at=paid_at.astimezone(UTC) if paid_at else None,
    )


def _json(document: Mapping[str, object]) -> InboundRequest:
    return InboundRequest("POST", "application/json", json.dumps(document).encode())
