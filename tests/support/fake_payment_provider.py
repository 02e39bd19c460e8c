"""A mobile money operator in memory: keeps the prompts it was asked for, answers what it was told to.

Its callbacks are JSON in the port's own words. Held to the port by `tests/contracts`.
"""

import json
import re
from collections import deque
from datetime import datetime

from gateway.http.bodies import as_text, as_word, read_json_object
from gateway.http.inbound import InboundRequest, Reply, UnreadableCallback
from gateway.payments.ports import Door, Outcome, Payer, PaymentClaim, PushOutcome, PushRequest, PushResult, Verdict
from vending.kernel.money import MoneyError, parse_minor

SHORT_CODE = "400200"
_WORD = re.compile(r"[A-Za-z0-9_]{1,40}")


class FakePaymentProvider:
    """Accepts every prompt with a new checkout id unless `answer_next` said otherwise; `pushes` has them all."""

    doors = frozenset(Door)
    currency = "KES"

    def __init__(self, name: str = "fake_money") -> None:
        self.name = name
        self.pushes: list[PushRequest] = []
        self._outcomes: deque[PushOutcome] = deque()

    def answer_next(self, *outcomes: PushOutcome) -> None:
        """What becomes of the next prompts, one each."""
        self._outcomes.extend(outcomes)

    def parse(self, door: Door, request: InboundRequest) -> PaymentClaim:
        document = read_json_object(request.body)
        try:
            outcome = Outcome(as_text(document.get("outcome")))
            amount_minor = parse_minor(document.get("amount", 0), self.currency)
        except (ValueError, MoneyError):
            raise UnreadableCallback("no outcome or no amount") from None
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


def _json(document: dict[str, str]) -> InboundRequest:
    return InboundRequest("POST", "application/json", json.dumps(document).encode())
