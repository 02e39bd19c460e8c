"""Asking a vendor over HTTP: always with deadlines, never redirected, never repeated behind our back.

A repeated POST is a second SMS or a second payment prompt, and a followed redirect carries an API key to somebody else.
So the caller decides, who knows what it asked for. The failures tell it the one thing it needs for that: whether the
vendor may have read the request.
"""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from http.cookiejar import DefaultCookiePolicy
from ssl import SSLCertVerificationError
from typing import Any

import requests
from requests.adapters import HTTPAdapter
from urllib3.exceptions import ConnectTimeoutError, HTTPError, NewConnectionError, ReadTimeoutError

from gateway.http.errors import MaybeSent, NotSent

MAX_ANSWER_OCTETS = 256 * 1024
_CHUNK_OCTETS = 16 * 1024
_WRONG_ADDRESS = (
    requests.exceptions.InvalidSchema,
    requests.exceptions.InvalidURL,
    requests.exceptions.MissingSchema,
    requests.exceptions.InvalidHeader,
)


@dataclass(frozen=True)
class Deadlines:
    """How long one request may take: to connect, between two octets of the answer, and for the whole answer."""

    connect_seconds: float = 3.05
    read_seconds: float = 9.0
    total_seconds: float = 15.0


@dataclass(frozen=True)
class Answer:
    """What came back, whole: `body` is decoded of its transfer and content encodings and no more."""

    status: int
    content_type: str
    body: bytes


class OutboundSession(requests.Session):
    """A session whose every request has the deadlines given here, whatever its caller asks for.

    It reads no proxy variables and no `.netrc` (a forgotten line there must not carry keys elsewhere, or replace them),
    keeps no cookies, and keeps connections open between requests. Make it after a process has forked.
    """

    def __init__(self, deadlines: Deadlines) -> None:
        super().__init__()
        self.deadlines = deadlines
        self.trust_env = False
        self.headers.update({"User-Agent": "tokeni", "Accept-Encoding": "identity"})
        self.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
        for scheme in ("https://", "http://"):
            self.mount(scheme, HTTPAdapter(max_retries=0))

    def send(self, request: requests.PreparedRequest, **kwargs: Any) -> requests.Response:
        kwargs["timeout"] = (self.deadlines.connect_seconds, self.deadlines.read_seconds)
        kwargs["allow_redirects"] = False
        return super().send(request, **kwargs)

    def get_redirect_target(self, resp: requests.Response) -> None:
        """No answer is a redirect: even unfollowed, requests would read its whole body and parse its address."""


def exchange(
    session: OutboundSession,
    method: str,
    url: str,
    *,
    headers: Mapping[str, str],
    form: Mapping[str, object] | None = None,
    document: Mapping[str, object] | None = None,
    longest_answer_octets: int = MAX_ANSWER_OCTETS,
) -> Answer:
    """One request and its whole answer, of whatever status. `form` is posted form-encoded, `document` as JSON.

    Raises `NotSent` when the vendor cannot have seen it, `MaybeSent` for every other failure, among them an answer that
    is over `longest_answer_octets` or takes longer than `total_seconds`. Nothing else is raised.
    """
    give_up_at = time.monotonic() + session.deadlines.total_seconds
    prepared = _prepare(session, requests.Request(method, url, headers=dict(headers), data=form, json=document))
    try:
        with session.send(prepared, stream=True) as response:
            body = _read(response, give_up_at, longest_answer_octets)
            return Answer(response.status_code, response.headers.get("Content-Type", ""), body)
    except (requests.RequestException, HTTPError, OSError, ValueError) as error:
        raise _failure(error) from None


def _prepare(session: OutboundSession, request: requests.Request) -> requests.PreparedRequest:
    try:
        return session.prepare_request(request)
    except (requests.RequestException, HTTPError, ValueError):
        raise NotSent("request_invalid") from None


def _read(response: requests.Response, give_up_at: float, longest_octets: int) -> bytes:
    # read1 hands over what has come; iter_content would wait for a full chunk, one read deadline after the other.
    body = bytearray()
    while chunk := response.raw.read1(_CHUNK_OCTETS, decode_content=True):
        body += chunk
        if len(body) > longest_octets:
            raise MaybeSent("answer_too_long")
        if time.monotonic() > give_up_at:
            raise MaybeSent("answer_too_slow")
    return bytes(body)


def _failure(error: Exception) -> NotSent | MaybeSent:
    if isinstance(error, _WRONG_ADDRESS):
        return NotSent("request_invalid")
    inner = error.args[0] if error.args else None
    reason = getattr(inner, "reason", inner)
    if isinstance(reason, NewConnectionError):
        return NotSent("connect_failed")
    if isinstance(reason, ConnectTimeoutError):
        return NotSent("connect_timeout")
    if isinstance(reason, HTTPError) and reason.args and isinstance(reason.args[0], SSLCertVerificationError):
        return NotSent("certificate_refused")
    if isinstance(error, requests.exceptions.Timeout | ReadTimeoutError):
        return MaybeSent("read_timeout")
    return MaybeSent("connection_lost")
