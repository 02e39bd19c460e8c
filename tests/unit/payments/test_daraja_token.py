"""One access token for all workers: fetched by one of them, used by all, replaced once when Daraja calls it bad."""

import json
import threading
from collections.abc import Iterator

import pytest

from gateway.http.outbound import Deadlines, OutboundSession
from gateway.payments.ports import PushOutcome
from gateway.payments.providers.daraja.wire import DarajaWire, TokenCache, Told
from tests.support.daraja import OAUTH_PATH, Shelf
from tests.support.payloads import payload
from tests.support.vendor_stub import Act, Received, Say, VendorStub

PATH = "/anything"
FRESH = "c9SQxWWhmdVRlyh0zh8gZDTkubVF"
BAD = Say(json.dumps({"errorCode": "404.001.03"}), 404)


@pytest.fixture
def stub() -> Iterator[VendorStub]:
    with VendorStub() as vendor:
        vendor.always(OAUTH_PATH, Say(payload("daraja/oauth_response.json")))
        vendor.always(PATH, Say("{}"))
        yield vendor


def wire(stub: VendorStub, shelf: TokenCache, pauses: list[float] | None = None) -> DarajaWire:
    return DarajaWire(
        base_url=stub.url,
        consumer_key="consumer",
        consumer_secret="hush",
        token_cache=shelf,
        session=OutboundSession(Deadlines(1, 1, 2)),
        pause=(pauses if pauses is not None else []).append,
    )


def test_post_many_workers_at_once_fetch_one_token(stub: VendorStub) -> None:
    workers = 6
    start, told = threading.Barrier(workers), list[Told]()
    shelf = Shelf()

    def work() -> None:
        own = DarajaWire(
            base_url=stub.url,
            consumer_key="consumer",
            consumer_secret="hush",
            token_cache=shelf,
            session=OutboundSession(Deadlines(2, 2, 4)),
        )
        start.wait(5)
        told.append(own.post(PATH, {}))

    threads = [threading.Thread(target=work) for _ in range(workers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert [one.outcome for one in told] == [PushOutcome.ACCEPTED] * workers
    assert len(stub.received_at(OAUTH_PATH)) == 1
    assert {request.headers["Authorization"] for request in stub.received_at(PATH)} == {f"Bearer {FRESH}"}


def test_post_lock_of_a_dead_worker_waited_for_briefly_then_gone_without(stub: VendorStub) -> None:
    shelf = Shelf()
    shelf.lock.acquire()
    pauses: list[float] = []
    assert wire(stub, shelf, pauses).post(PATH, {}).outcome is PushOutcome.ACCEPTED
    assert sum(pauses) == pytest.approx(1.5)
    assert shelf.lock.locked()  # not ours to give back


def test_post_token_that_came_while_waiting_used(stub: VendorStub) -> None:
    shelf = Shelf()
    shelf.lock.acquire()

    class Arrives(list[float]):
        def append(self, seconds: float) -> None:
            shelf.token = "theirs"

    assert wire(stub, shelf, Arrives()).post(PATH, {}).outcome is PushOutcome.ACCEPTED
    assert stub.received_at(OAUTH_PATH) == []
    assert stub.received_at(PATH)[0].headers["Authorization"] == "Bearer theirs"


def test_post_lock_given_back_when_no_token_was_to_be_had(stub: VendorStub) -> None:
    stub.next(OAUTH_PATH, Say("", 503))
    shelf = Shelf()
    assert wire(stub, shelf).post(PATH, {}) == Told(PushOutcome.UNAVAILABLE, "oauth_http_503")
    assert not shelf.lock.locked()


def test_post_token_of_another_found_after_the_lock_used(stub: VendorStub) -> None:
    class Overtaken(Shelf):
        def try_lock(self) -> bool:
            self.token = "theirs"
            return super().try_lock()

    assert wire(stub, Overtaken()).post(PATH, {}).outcome is PushOutcome.ACCEPTED
    assert stub.received_at(OAUTH_PATH) == []


def test_post_bad_token_replaced_once(stub: VendorStub) -> None:
    stub.next(PATH, BAD)
    shelf = Shelf("old")
    assert wire(stub, shelf).post(PATH, {}).outcome is PushOutcome.ACCEPTED
    assert [request.headers["Authorization"] for request in stub.received_at(PATH)] == ["Bearer old", f"Bearer {FRESH}"]


@pytest.mark.parametrize(
    ("code", "status"), [("401.002.01", 400), ("401.003.01", 500), ("400.003.01", 400), ("x", 401)]
)
def test_post_token_called_bad_in_other_words_replaced(stub: VendorStub, code: str, status: int) -> None:
    stub.next(PATH, Say(json.dumps({"errorCode": code}), status))
    assert wire(stub, Shelf("old")).post(PATH, {}).outcome is PushOutcome.ACCEPTED
    assert len(stub.received_at(PATH)) == 2


def test_post_no_second_try_when_it_would_outlast_a_lease(stub: VendorStub, monkeypatch: pytest.MonkeyPatch) -> None:
    def slow(request: Received) -> Act:
        monkeypatch.setattr("gateway.payments.providers.daraja.wire._AGAIN_WITHIN_SECONDS", 0.0)
        return BAD

    stub.next(PATH, slow)
    assert wire(stub, Shelf("old")).post(PATH, {}) == Told(PushOutcome.UNAVAILABLE, "404.001.03")
    assert len(stub.received_at(PATH)) == 1
    assert stub.received_at(OAUTH_PATH) == []
