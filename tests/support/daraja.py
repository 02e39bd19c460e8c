"""A Daraja adapter for tests, and documents to hand to it."""

import json
import threading
from datetime import UTC, datetime
from typing import Any

from gateway.http.inbound import InboundRequest
from gateway.http.outbound import Deadlines
from gateway.payments.ports import Door, PaymentClaim, PushRequest
from gateway.payments.providers.daraja import DarajaProvider, Initiator
from tests.support.payloads import json_payload, payload
from tests.support.vendor_stub import Say

NOW = datetime(2026, 11, 3, 21, 30, 5, tzinfo=UTC)
OAUTH_PATH = "/oauth/v1/generate"
HASH = "bbff37cea44ac0b2d964ee0dfb8d2df8513dc7ba1b36129a929fc3fbd6dd4af4"
PROMPT = PushRequest(
    phone_e164="+254708374149",
    amount_minor=20000,
    currency="KES",
    account_reference="37000123457",
    callback_url="https://tokeni.example/hooks/payments/daraja/s/stk/",
)
ACCEPTED = Say(payload("daraja/stk_response.json"))


class Shelf:
    """A token cache in memory that remembers what it was given."""

    def __init__(self, token: str | None = None) -> None:
        self.token = token
        self.puts: list[tuple[str, int]] = []
        self.lock = threading.Lock()

    def get(self) -> str | None:
        return self.token

    def put(self, token: str, lifetime_seconds: int) -> None:
        self.token = token
        self.puts.append((token, lifetime_seconds))

    def try_lock(self) -> bool:
        return self.lock.acquire(blocking=False)

    def unlock(self) -> None:
        self.lock.release()


def provider(
    base_url: str = "http://127.0.0.1:9",
    shelf: Shelf | None = None,
    *,
    initiator: Initiator | None = None,
    nominated_number: str = "0722000000",
) -> DarajaProvider:
    return DarajaProvider(
        base_url=base_url,
        consumer_key="consumer",
        consumer_secret="hush",
        short_code="600966",
        passkey="pass",
        token_cache=shelf or Shelf(),
        initiator=initiator,
        nominated_number=nominated_number,
        deadlines=Deadlines(connect_seconds=0.3, read_seconds=0.2, total_seconds=0.6),
    )


def request(document: object) -> InboundRequest:
    body = document if isinstance(document, bytes) else json.dumps(document).encode()
    return InboundRequest("POST", "application/json", body)


def parse(door: Door, document: object) -> PaymentClaim:
    return provider().parse(door, request(document))


def c2b(**changes: object) -> dict[str, object]:
    return {**json_payload("daraja/c2b_confirmation.json"), **changes}


def stk(result_code: object = 0, **changes: object) -> dict[str, Any]:
    """The published success with other values; a value of `...` takes its item away."""
    document: dict[str, Any] = json_payload("daraja/stk_callback_success.json")
    callback = document["Body"]["stkCallback"]
    callback["ResultCode"] = result_code
    values = {item["Name"]: item["Value"] for item in callback["CallbackMetadata"]["Item"]} | changes
    items = [{"Name": name, "Value": value} for name, value in values.items() if value is not ...]
    callback["CallbackMetadata"]["Item"] = items
    return document
