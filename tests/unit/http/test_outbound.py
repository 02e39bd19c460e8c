import socket
import ssl
from collections.abc import Iterator
from typing import Any

import pytest
import requests
import urllib3
from requests.adapters import HTTPAdapter

from gateway.http.errors import MaybeSent, NotSent, OutboundFailure
from gateway.http.outbound import MAX_ANSWER_OCTETS, Answer, Deadlines, OutboundSession, exchange
from tests.support.vendor_stub import Drip, Hang, Reset, Say, VendorStub, closed_address, deaf_address

SHORT = Deadlines(connect_seconds=0.3, read_seconds=0.2, total_seconds=0.5)


@pytest.fixture
def stub() -> Iterator[VendorStub]:
    with VendorStub() as vendor:
        yield vendor


@pytest.fixture
def session() -> Iterator[OutboundSession]:
    with OutboundSession(SHORT) as made:
        yield made


def _failure(session: OutboundSession, url: str, **more: Any) -> OutboundFailure:
    with pytest.raises(OutboundFailure) as failure:
        exchange(session, "POST", url, headers={"apiKey": "k"}, form={"a": "1"}, **more)
    return failure.value


def test_exchange_form_and_answer_whole(stub: VendorStub, session: OutboundSession) -> None:
    stub.next("/x", Say("hello", 201, "text/plain; charset=utf-8"))
    answer = exchange(session, "POST", stub.url + "/x?q=1", headers={"apiKey": "k"}, form={"to": "+254", "n": 1})
    assert answer == Answer(201, "text/plain; charset=utf-8", b"hello")
    (received,) = stub.received
    assert (received.method, received.path, received.query) == ("POST", "/x", "q=1")
    assert received.form == {"to": "+254", "n": "1"}
    assert received.headers["apiKey"] == "k"


def test_exchange_document_posted_as_json(stub: VendorStub, session: OutboundSession) -> None:
    stub.next("/x", Say("{}"))
    exchange(session, "POST", stub.url + "/x", headers={}, document={"a": "1"})
    assert stub.received[0].headers["Content-Type"] == "application/json"
    assert stub.received[0].body == b'{"a": "1"}'


def test_exchange_connection_kept_open(stub: VendorStub, session: OutboundSession) -> None:
    stub.always("/x", Say("ok"))
    for _ in range(3):
        exchange(session, "GET", stub.url + "/x", headers={})
    assert (len(stub.received), stub.connections) == (3, 1)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_exchange_redirect_is_an_answer_and_not_followed(
    stub: VendorStub, session: OutboundSession, status: int
) -> None:
    stub.next("/x", Say("", status, headers={"Location": stub.url + "/elsewhere"}))
    assert exchange(session, "POST", stub.url + "/x", headers={"apiKey": "k"}).status == status
    assert [request.path for request in stub.received] == ["/x"]


def test_exchange_error_status_asked_once(stub: VendorStub, session: OutboundSession) -> None:
    stub.always("/x", Say("", 503, headers={"Retry-After": "0"}))
    assert exchange(session, "POST", stub.url + "/x", headers={}).status == 503
    assert len(stub.received) == 1


def test_exchange_cookies_not_kept(stub: VendorStub, session: OutboundSession) -> None:
    stub.always("/x", Say("", headers={"Set-Cookie": "a=1"}))
    for _ in range(2):
        exchange(session, "GET", stub.url + "/x", headers={})
    assert "Cookie" not in stub.received[1].headers


def test_exchange_environment_proxy_and_netrc_not_used(
    stub: VendorStub, session: OutboundSession, monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    (tmp_path / ".netrc").write_text("machine 127.0.0.1 login somebody password else")
    monkeypatch.setenv("NETRC", str(tmp_path / ".netrc"))
    monkeypatch.setenv("HTTP_PROXY", closed_address())
    stub.next("/x", Say("ok"))
    exchange(session, "GET", stub.url + "/x", headers={"Authorization": "Bearer ours"})
    assert stub.received[0].headers["Authorization"] == "Bearer ours"


def test_exchange_nobody_listens_not_sent(session: OutboundSession) -> None:
    failure = _failure(session, closed_address() + "/x")
    assert isinstance(failure, NotSent)
    assert (failure.reason, failure.code, failure.retryable) == ("connect_failed", "outbound_not_sent", True)


def test_exchange_connect_deadline_not_sent(session: OutboundSession) -> None:
    with deaf_address() as address:
        failure = _failure(session, address + "/x")
    assert isinstance(failure, NotSent)
    assert failure.reason == "connect_timeout"


def test_exchange_unknown_host_not_sent(session: OutboundSession, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_such_host(*arguments: object, **more: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "no such host")

    monkeypatch.setattr(socket, "getaddrinfo", no_such_host)
    failure = _failure(session, "http://vendor.invalid/x")
    assert isinstance(failure, NotSent)
    assert failure.reason == "connect_failed"


@pytest.mark.parametrize(
    "url", ["", "no-scheme/x", "gopher://127.0.0.1/x", "http://", "http://[::1/x", "http://a" * 40]
)
def test_exchange_bad_address_not_sent(session: OutboundSession, url: str) -> None:
    failure = _failure(session, url)
    assert isinstance(failure, NotSent)
    assert failure.reason in ("request_invalid", "connect_failed")


def test_exchange_header_with_newline_not_sent(stub: VendorStub, session: OutboundSession) -> None:
    with pytest.raises(NotSent) as failure:
        exchange(session, "GET", stub.url + "/x", headers={"apiKey": "a\r\nb: c"})
    assert failure.value.reason == "request_invalid"
    assert stub.received == []


def test_exchange_plain_http_under_https_maybe_sent_is_the_safe_word(
    stub: VendorStub, session: OutboundSession
) -> None:
    failure = _failure(session, stub.url.replace("http://", "https://") + "/x")
    assert isinstance(failure, MaybeSent)
    assert stub.received == []


class UntrustedTransport(HTTPAdapter):
    """Fails as urllib3 does at a certificate that nobody vouches for (seen with a self-signed one)."""

    def send(self, *arguments: Any, **more: Any) -> requests.Response:
        refusal = urllib3.exceptions.SSLError(ssl.SSLCertVerificationError("self-signed certificate"))
        pool = urllib3.HTTPSConnectionPool("127.0.0.1")
        raise requests.exceptions.SSLError(urllib3.exceptions.MaxRetryError(pool, "/x", refusal))


def test_exchange_untrusted_certificate_not_sent(session: OutboundSession) -> None:
    session.mount("https://", UntrustedTransport())
    failure = _failure(session, "https://127.0.0.1/x")
    assert isinstance(failure, NotSent)
    assert failure.reason == "certificate_refused"


def test_exchange_read_deadline_maybe_sent(stub: VendorStub, session: OutboundSession) -> None:
    stub.next("/x", Hang())
    failure = _failure(session, stub.url + "/x")
    assert isinstance(failure, MaybeSent)
    assert (failure.reason, failure.code, failure.retryable) == ("read_timeout", "outbound_maybe_sent", False)


def test_exchange_reset_after_request_maybe_sent(stub: VendorStub, session: OutboundSession) -> None:
    stub.next("/x", Reset())
    failure = _failure(session, stub.url + "/x")
    assert isinstance(failure, MaybeSent)
    assert failure.reason == "connection_lost"
    assert len(stub.received) == 1


def test_exchange_answer_cut_short_maybe_sent(stub: VendorStub, session: OutboundSession) -> None:
    stub.next("/x", Say("half", promised_octets=100))
    failure = _failure(session, stub.url + "/x")
    assert isinstance(failure, MaybeSent)
    assert failure.reason == "connection_lost"


def test_exchange_body_stalls_maybe_sent(stub: VendorStub, session: OutboundSession) -> None:
    stub.next("/x", Drip(octets=10, pause_seconds=5))
    failure = _failure(session, stub.url + "/x")
    assert isinstance(failure, MaybeSent)
    assert failure.reason == "read_timeout"


def test_exchange_dripping_body_ends_at_total_deadline(stub: VendorStub, session: OutboundSession) -> None:
    stub.next("/x", Drip(octets=10_000, pause_seconds=0.05))
    failure = _failure(session, stub.url + "/x")
    assert isinstance(failure, MaybeSent)
    assert failure.reason == "answer_too_slow"


def test_exchange_huge_answer_maybe_sent(stub: VendorStub, session: OutboundSession) -> None:
    stub.next("/x", Say(b"x" * (MAX_ANSWER_OCTETS + 1)))
    failure = _failure(session, stub.url + "/x")
    assert isinstance(failure, MaybeSent)
    assert failure.reason == "answer_too_long"


def test_exchange_failure_text_holds_no_address_or_key(session: OutboundSession) -> None:
    failure = _failure(session, closed_address() + "/x?secret=abc")
    assert str(failure) == "connect_failed"
    assert failure.__cause__ is None
    assert failure.__suppress_context__


def test_session_other_timeouts_and_redirects_overruled(stub: VendorStub, session: OutboundSession) -> None:
    stub.next("/x", Say("", 302, headers={"Location": stub.url + "/y"}))
    assert session.get(stub.url + "/x", timeout=None, allow_redirects=True).status_code == 302
    assert len(stub.received) == 1
