"""Carrying a body to Daraja with the one shared access token, and what the answer says of it whatever was asked.

Each new token ends the one before, so workers share one and only one of them fetches at a time. Daraja says when a
token is bad; it is fetched anew once, and only while a second try still ends within a worker's lease.
"""

import base64
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from gateway.http.bodies import as_word, read_json_object
from gateway.http.errors import MaybeSent, NotSent, OutboundFailure
from gateway.http.inbound import UnreadableCallback
from gateway.http.outbound import MAX_ANSWER_OCTETS, Answer, OutboundSession, exchange
from gateway.payments.ports import PushOutcome
from gateway.payments.providers.daraja.codes import BAD_TOKEN, TRY_LATER
from gateway.payments.providers.daraja.fields import CODE, SHORT_CODE
from gateway.payments.providers.daraja.orders import TOKEN_PATH

# One call: a wait, a token, the question. Twice that, and this much before the second, stay under a lease of 30 s.
_AGAIN_WITHIN_SECONDS = 6.0
_PAUSES, _PAUSE_SECONDS = 15, 0.1
_LIFETIME_SECONDS = 3599
_EARLY_SECONDS = 240
_REDIRECTS = frozenset({301, 302, 307, 308})
_UNAUTHORISED = 401
_REQUEST_TIMEOUT = 408


class TokenCache(Protocol):
    """Where workers share the one access token. Never raises: without it each call asks for a token of its own."""

    def get(self) -> str | None: ...

    def put(self, token: str, lifetime_seconds: int) -> None: ...

    def try_lock(self) -> bool:
        """Whether it is ours to fetch a token. The lock ends by itself soon after any fetch would have."""
        ...

    def unlock(self) -> None: ...


@dataclass(frozen=True)
class Told:
    """ACCEPTED: Daraja answered without an error, and `body` has what. Else `code` says what went wrong."""

    outcome: PushOutcome
    code: str = ""
    body: bytes = b""
    document: Mapping[str, object] = field(default_factory=dict)


class DarajaWire:
    """One account at one address."""

    def __init__(
        self,
        *,
        base_url: str,
        consumer_key: str,
        consumer_secret: str,
        token_cache: TokenCache,
        session: OutboundSession,
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        self._base_url = base_url.rstrip("/")
        self._basic = base64.b64encode(f"{consumer_key}:{consumer_secret}".encode()).decode("ascii")
        self._token_cache = token_cache
        self._session = session
        self._pause = pause

    def post(
        self, path: str, document: Mapping[str, object], *, longest_answer_octets: int = MAX_ANSWER_OCTETS
    ) -> Told:
        """Never raises. UNAVAILABLE means that nothing can have been done; AMBIGUOUS that something may have been."""
        started = time.monotonic()
        told, token = self._post_once(path, document, longest_answer_octets, stale_token="")
        if token and told.code in BAD_TOKEN and time.monotonic() - started < _AGAIN_WITHIN_SECONDS:
            told, _ = self._post_once(path, document, longest_answer_octets, stale_token=token)
        return told

    def fetch_token(self) -> str:
        """A new token, shared from now on. Raises `OutboundFailure`."""
        headers = {"Authorization": f"Basic {self._basic}"}
        answer = exchange(self._session, "GET", self._base_url + TOKEN_PATH, headers=headers)
        document = _json_of(answer)
        token = document.get("access_token")
        is_token = isinstance(token, str) and 0 < len(token) <= 2048 and token.isascii() and token.isprintable()
        if answer.status != 200 or not isinstance(token, str) or not is_token or " " in token:
            raise NotSent(_error_code(answer, document))  # the order, not this question
        self._token_cache.put(token, _lifetime_seconds(document.get("expires_in")))
        return token

    def _post_once(
        self, path: str, document: Mapping[str, object], longest_answer_octets: int, *, stale_token: str
    ) -> tuple[Told, str]:
        """One try and the access token it was made with, empty when there was none to be had."""
        try:
            token = self._access_token(stale_token)
        except OutboundFailure as failure:
            return Told(PushOutcome.UNAVAILABLE, f"oauth_{failure.reason}"), ""
        headers = {"Authorization": f"Bearer {token}"}
        try:
            answer = exchange(
                self._session,
                "POST",
                self._base_url + path,
                headers=headers,
                document=document,
                longest_answer_octets=longest_answer_octets,
            )
        except NotSent as failure:
            return Told(PushOutcome.UNAVAILABLE, failure.reason), token
        except MaybeSent as failure:
            return Told(PushOutcome.AMBIGUOUS, failure.reason), token
        return _told(answer), token

    def _access_token(self, stale_token: str) -> str:
        """A token other than `stale_token`. If another worker has got one since, theirs is used: a new one ends it."""
        if token := self._shared_token(stale_token):
            return token
        is_ours = self._token_cache.try_lock()
        if not is_ours and (token := self._await_token(stale_token)):
            return token
        try:
            # Between the look and the lock another worker may have come and gone.
            return self._shared_token(stale_token) or self.fetch_token()
        finally:
            if is_ours:
                self._token_cache.unlock()

    def _await_token(self, stale_token: str) -> str:
        """The token that another worker is fetching, or nothing when that takes too long."""
        for _ in range(_PAUSES):
            self._pause(_PAUSE_SECONDS)
            if token := self._shared_token(stale_token):
                return token
        return ""

    def _shared_token(self, stale_token: str) -> str:
        token = self._token_cache.get()
        return token if token and token != stale_token else ""


def _told(answer: Answer) -> Told:
    document = _json_of(answer)
    # A long list is no callback, and is read by whoever asked for it.
    if 200 <= answer.status < 300 and "errorCode" not in document:
        return Told(PushOutcome.ACCEPTED, "", answer.body, document)
    code = _error_code(answer, document)
    if code in TRY_LATER or f"http_{answer.status}" in TRY_LATER or answer.status in _REDIRECTS:
        return Told(PushOutcome.UNAVAILABLE, code)
    # Daraja's gateways give more than one number to a bad token (401.002.01, 401.003.01).
    if code in BAD_TOKEN or answer.status == _UNAUTHORISED or code.startswith("401."):
        return Told(PushOutcome.UNAVAILABLE, code if code in BAD_TOKEN else "401")
    if code.startswith("4") or (400 <= answer.status < 500 and answer.status != _REQUEST_TIMEOUT):
        return Told(PushOutcome.REFUSED, code)
    # A gateway's 5xx says that it got no good answer from behind, not that nothing behind it acted.
    return Told(PushOutcome.AMBIGUOUS, code)


def _json_of(answer: Answer) -> dict[str, object]:
    try:
        return read_json_object(answer.body)
    except UnreadableCallback:
        return {}


def _error_code(answer: Answer, document: Mapping[str, object]) -> str:
    try:
        return as_word(document.get("errorCode"), CODE)
    except UnreadableCallback:
        return f"http_{answer.status}"


def _lifetime_seconds(value: object) -> int:
    """Seconds for which a token may be shared: a little less than Daraja says, so that none expires on its way."""
    try:
        stated = int(as_word(value, SHORT_CODE))
    except UnreadableCallback:
        stated = _LIFETIME_SECONDS
    return max(1, min(stated, _LIFETIME_SECONDS) - _EARLY_SECONDS)
