"""Posts to the product's hooks as vendors do. The clock is the world's; what workers were woken for is kept."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

import pytest
from django.db import connection
from django.test import Client
from pytest_django import Settings

from gateway.webhooks import views
from tests.support.world import World

if TYPE_CHECKING:
    from django.test.client import _MonkeyPatchedWSGIResponse as Answer

FORM, JSON = "application/x-www-form-urlencoded", "application/json"


@dataclass
class Hooks:
    """`address` is the path without the secret: `payments/daraja/stk`, `ussd/africastalking`."""

    secret: str
    client: Client = field(default_factory=Client)
    woken: list[tuple[str, tuple[int, ...]]] = field(default_factory=list)

    def url(self, address: str, *, secret: str = "", end: str = "/") -> str:
        slice_name, provider, *door = address.split("/")
        return "/" + "/".join(["hooks", slice_name, provider, secret or self.secret, *door]) + end

    def post(self, address: str, body: bytes | Mapping[str, Any], *, secret: str = "", end: str = "/") -> "Answer":
        """A form to the SMS and USSD hooks, JSON to the payment hooks; octets go as they are."""
        is_json = address.startswith("payments/")
        if not isinstance(body, bytes):
            body = json.dumps(body).encode() if is_json else urlencode(body).encode()
        url = self.url(address, secret=secret, end=end)
        return self.client.post(url, data=body, content_type=JSON if is_json else FORM)


def make_hooks(world: World, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Hooks:
    """Hooks of the settings' first secret. A wake inside of a transaction fails the test."""
    hooks = Hooks(settings.HOOK_SECRETS[0])
    outside = list(connection.savepoint_ids)

    def wake(task_name: str, row_ids: Iterable[int]) -> None:
        assert connection.savepoint_ids == outside, "workers are woken after the commit"
        if ids := tuple(row_ids):
            hooks.woken.append((task_name, ids))

    monkeypatch.setattr(views, "wake", wake)
    monkeypatch.setattr(views, "now", lambda: world.now)
    return hooks
