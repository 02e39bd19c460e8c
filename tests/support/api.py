"""The read API as its readers call it: a key, a request, and what comes back."""

from http import HTTPStatus
from typing import TYPE_CHECKING, Any

import pytest
from django.core.cache import cache
from django.test import Client

from gateway.api import authentication
from gateway.api.services import make_api_key
from tests.support.world import ACTOR, NOW, World

if TYPE_CHECKING:
    from django.test.client import _MonkeyPatchedWSGIResponse as Response

SALE = "/api/v1/payments/daraja/RCPT000001"


def new_api_key(world: World, monkeypatch: pytest.MonkeyPatch) -> str:
    """A key whose use is noted at `world.now`."""
    cache.clear()
    monkeypatch.setattr(authentication, "now", lambda: world.now)
    octets = iter([b"\x01" * 6, b"\x02" * 32])
    return make_api_key(name="partner", random_octets=lambda count: next(octets), actor=ACTOR, now=NOW)


def ask(client: Client, path: str, api_key: str = "", **headers: str) -> "Response":
    if api_key:
        headers["Authorization"] = f"Api-Key {api_key}"
    return client.get(path, headers=headers)


def told(client: Client, path: str, api_key: str) -> dict[str, Any]:
    response = ask(client, path, api_key)
    assert (response.status_code, response.headers["Content-Type"]) == (HTTPStatus.OK, "application/json")
    document: dict[str, Any] = response.json()
    return document


def code_of(response: "Response") -> str:
    error: dict[str, str] = response.json()["error"]
    assert set(error) == {"code", "message"}
    assert error["message"]
    return error["code"]
