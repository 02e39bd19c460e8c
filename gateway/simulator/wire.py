"""The line to the product, and a record of everything that went over it in either direction, with secrets masked."""

import json
import re
import threading
from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any
from urllib.parse import parse_qsl

import requests

MASK = "****"
_KEPT_MESSAGES = 5000
_SECRET_FIELDS = re.compile(r'("(?:Password|access_token|SecurityCredential)"\s*:\s*")[^"]*')
CONNECT_SECONDS = 10  # as Africa's Talking waits for a USSD application


@dataclass(frozen=True)
class WireMessage:
    """One request and its answer; `status` is 0 when there was none."""

    number: int
    sender: str
    receiver: str
    method: str
    path: str
    body: str
    status: int
    answer: str


@dataclass(frozen=True)
class Answer:
    """What came back from the product. `status` is 0 when nothing did."""

    status: int
    text: str

    @property
    def is_taken(self) -> bool:
        return self.status == 200

    def json(self) -> dict[str, Any]:
        """The object in the answer; empty when there is none."""
        try:
            value = json.loads(self.text)
        except ValueError:
            return {}
        return value if isinstance(value, dict) else {}


class WireLog:
    """The last messages in both directions, in the order in which they were answered."""

    def __init__(self, secrets: Iterable[str]) -> None:
        self._secrets = [secret for secret in secrets if secret]
        self._messages: deque[WireMessage] = deque(maxlen=_KEPT_MESSAGES)
        self._lock = threading.Lock()
        self._number = 0

    def mask(self, text: str) -> str:
        for secret in self._secrets:
            text = text.replace(secret, MASK)
        return _SECRET_FIELDS.sub(rf"\g<1>{MASK}", text)

    def add(self, sender: str, receiver: str, method: str, path: str, body: str, status: int, answer: str) -> None:
        texts = (self.mask(text) for text in (path, body, answer))
        with self._lock:
            self._number += 1
            shown_path, shown_body, shown_answer = texts
            self._messages.append(
                WireMessage(self._number, sender, receiver, method, shown_path, shown_body, status, shown_answer)
            )

    def since(self, number: int) -> list[dict[str, Any]]:
        """Messages after the one of this number, oldest first."""
        with self._lock:
            return [asdict(message) for message in self._messages if message.number > number]


def readable_form(encoded: str) -> str:
    """A form's fields as a person reads them: decoded, one after the other."""
    return "&".join(f"{name}={value}" for name, value in parse_qsl(encoded, keep_blank_values=True))


class ProductLine:
    """Posts to the product's hooks as vendors do. Never raises: no answer is status 0."""

    def __init__(self, base_url: str, hook_secret: str, wire: WireLog) -> None:
        self.base_url = base_url.rstrip("/")
        self._hook_secret = hook_secret
        self._wire = wire

    def hook_url(self, kind: str, vendor: str, door: str = "") -> str:
        """The address of one of the product's hooks, with its secret in it."""
        return f"{self.base_url}/hooks/{kind}/{vendor}/{self._hook_secret}/{door + '/' if door else ''}"

    def post_form(self, sender: str, url: str, fields: Mapping[str, str], *, timeout_seconds: float = 15) -> Answer:
        request = requests.Request("POST", url, data=dict(fields))
        return self._send(sender, request, timeout_seconds, is_form=True)

    def post_json(self, sender: str, url: str, value: Mapping[str, Any], *, timeout_seconds: float = 15) -> Answer:
        request = requests.Request("POST", url, json=dict(value))
        return self._send(sender, request, timeout_seconds, is_form=False)

    def _send(self, sender: str, request: requests.Request, timeout_seconds: float, *, is_form: bool) -> Answer:
        # A connection each, as vendors' gateways do: a kept one may be closed under our feet and lose a callback.
        with requests.Session() as session:
            session.trust_env = False  # a proxy of the developer's has no business on the loopback
            session.headers["Connection"] = "close"
            try:
                prepared = session.prepare_request(request)
            except (requests.RequestException, ValueError):
                return Answer(0, "no such address")
            try:
                response = session.send(prepared, timeout=(CONNECT_SECONDS, timeout_seconds), allow_redirects=False)
                answer = Answer(response.status_code, response.content.decode("utf-8", "replace"))
            except requests.RequestException as error:
                answer = Answer(0, type(error).__name__)
        body = prepared.body or ""
        text = body.decode() if isinstance(body, bytes) else str(body)
        shown = readable_form(text) if is_form else text
        self._wire.add(sender, "product", "POST", str(prepared.path_url), shown, answer.status, answer.text)
        return answer
