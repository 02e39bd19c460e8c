"""The read API: to whom it speaks, how often, and what it says of what is not there."""

from datetime import timedelta
from http import HTTPStatus

import pytest
from django.test import Client
from pytest_django import Settings

from gateway.api.models import ApiKey
from gateway.api.services import make_api_key, revoke_api_key
from gateway.api.throttling import KeyThrottle
from tests.support.api import SALE, ask, code_of, new_api_key
from tests.support.world import ACTOR, NOW, World

NOT_FOUND = {"error": {"code": "not_found", "message": "There is no such thing here."}}


@pytest.fixture
def api_key(world: World, monkeypatch: pytest.MonkeyPatch) -> str:
    return new_api_key(world, monkeypatch)


# To whom


@pytest.mark.parametrize("path", [SALE, "/api/v1/vends/1", "/api/v1/nothing", "/api/"])
def test_without_a_key_refused_alike_everywhere(client: Client, api_key: str, world: World, path: str) -> None:
    world.sell(20_000)
    response = ask(client, path)
    assert (response.status_code, code_of(response)) == (HTTPStatus.UNAUTHORIZED, "api_key_required")
    assert response.headers["WWW-Authenticate"] == "Api-Key"
    assert response.headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize("header", ["Basic QTpC", "Bearer x", "Api-Keyx", "Token 1", "\xe9"])
def test_another_scheme_is_no_key(client: Client, api_key: str, header: str) -> None:
    response = ask(client, SALE, Authorization=header)
    assert (response.status_code, code_of(response)) == (HTTPStatus.UNAUTHORIZED, "api_key_required")


def test_wrong_unknown_and_revoked_keys_refused_in_the_same_words(client: Client, api_key: str) -> None:
    prefix, _, secret = api_key.partition(".")
    wrong = [f"{prefix}.{'a' * 64}", f"{'f' * 12}.{secret}", prefix, secret, "x", api_key + "x", "\xe9" * 9, "a" * 9000]
    answers = {ask(client, SALE, key).content for key in wrong} | {ask(client, SALE, Authorization="Api-Key").content}
    assert revoke_api_key(name="partner", actor=ACTOR, now=NOW)
    revoked = ask(client, SALE, api_key)
    assert revoked.status_code == HTTPStatus.UNAUTHORIZED
    assert answers == {revoked.content}
    assert code_of(revoked) == "api_key_refused"


def test_key_scheme_in_any_letters(client: Client, api_key: str, world: World) -> None:
    world.confirm(20_000)
    assert ask(client, SALE, Authorization=f"api-key  {api_key} ").status_code == HTTPStatus.OK


def test_key_use_noted_once_a_minute(client: Client, api_key: str, world: World) -> None:
    def used() -> object:
        return ApiKey.objects.get().last_used_at

    assert used() is None
    ask(client, SALE, api_key)
    assert used() == NOW
    world.later(59)
    ask(client, SALE, api_key)
    assert used() == NOW
    world.later(1)
    ask(client, SALE, api_key)
    assert used() == NOW + timedelta(minutes=1)


def test_reads_over_the_rate_refused_for_this_key_only(
    client: Client, api_key: str, monkeypatch: pytest.MonkeyPatch, world: World
) -> None:
    monkeypatch.setattr(KeyThrottle, "rate", "2/min")
    world.confirm(20_000)
    other = make_api_key(name="other", random_octets=lambda count: b"\x09" * count, actor=ACTOR, now=NOW)
    answers = [ask(client, SALE, api_key) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [200, 200, 429]
    assert code_of(answers[2]) == "too_many_requests"
    assert 0 < int(answers[2].headers["Retry-After"]) <= 60
    assert ask(client, SALE, other).status_code == HTTPStatus.OK


def test_cache_that_is_down_stops_no_reader(
    client: Client, api_key: str, world: World, settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    world.confirm(20_000)
    settings.CACHES = {
        "default": {
            "BACKEND": "django.core.cache.backends.redis.RedisCache",
            "LOCATION": "redis://127.0.0.1:9",
            "OPTIONS": {"socket_timeout": 0.2, "socket_connect_timeout": 0.2},
        }
    }
    assert ask(client, SALE, api_key).status_code == HTTPStatus.OK
    assert "reads of the API are not counted" in caplog.text


# What is not there


@pytest.mark.parametrize(
    "path",
    [
        "payments/daraja/NOBODY",
        "payments/other/RCPT000001",
        "payments/daraja/",
        "payments/daraja",
        "payments/daraja/RCPT000001/more",
        "payments/daraja/RCPT000001//",
        "payments/DARAJA/RCPT000001",
        "payments/daraja/RCPT%00000001",
        "payments/da%00raja/RCPT000001",
        "payments/daraja/%E2%80%AE%F0%9F%92%A1",
        "payments/daraja/%FF%FE",
        "payments/daraja/RCPT000001%0A",
        "payments/daraja/" + "A" * 5000,
        "payments/daraja/..%2F..%2Fvends%2F1",
        "payments/daraja/' OR 1=1 --",
        "payments/daraja/%C5%BFCPT000001",
        "vends/0",
        "vends/-1",
        "vends/1.0",
        "vends/999999999999999999",
        "vends/" + "9" * 400,
        "vends/%D9%A1",
        "vends/%00",
        "vends/1%0A",
        "vends/x",
        "vends/",
        "",
        "nothing",
    ],
)
def test_what_is_not_there_is_one_404(client: Client, api_key: str, world: World, path: str) -> None:
    world.sell(20_000)
    response = ask(client, f"/api/v1/{path}", api_key)
    assert (response.status_code, response.json()) == (HTTPStatus.NOT_FOUND, NOT_FOUND)
    assert response.headers["Content-Type"] == "application/json"


def test_purchase_without_a_receipt_is_no_payment_yet(client: Client, api_key: str, world: World) -> None:
    world.purchase()
    for receipt in ("None", "null", "TREFERENCE"):
        assert ask(client, f"/api/v1/payments/daraja/{receipt}", api_key).status_code == HTTPStatus.NOT_FOUND


@pytest.mark.parametrize("method", ["post", "put", "patch", "delete", "options"])
def test_anything_but_reading_refused(client: Client, api_key: str, world: World, method: str) -> None:
    world.sell(20_000)
    response = getattr(client, method)(SALE, headers={"Authorization": f"Api-Key {api_key}"})
    assert (response.status_code, code_of(response)) == (HTTPStatus.METHOD_NOT_ALLOWED, "method_not_allowed")


def test_head_is_a_get_without_its_body(client: Client, api_key: str, world: World) -> None:
    world.confirm(20_000)
    response = client.head(SALE, headers={"Authorization": f"Api-Key {api_key}"})
    assert (response.status_code, response.content) == (HTTPStatus.OK, b"")


@pytest.mark.parametrize("accept", ["text/html", "application/xml", "x", ""])
def test_json_whatever_is_asked_for(client: Client, api_key: str, world: World, accept: str) -> None:
    world.confirm(20_000)
    response = ask(client, f"{SALE}?format=xml", api_key, Accept=accept)
    assert (response.status_code, response.headers["Content-Type"]) == (HTTPStatus.OK, "application/json")


def test_fault_of_ours_is_not_hidden(client: Client, api_key: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(provider: str, receipt: str) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("gateway.api.v1.payments.find_payment_of", broken)
    client.raise_request_exception = False
    assert ask(client, SALE, api_key).status_code == HTTPStatus.INTERNAL_SERVER_ERROR
