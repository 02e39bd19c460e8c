"""Live and ready, as load balancers and `manage.py up` ask."""

from pathlib import Path
from typing import Any

import pytest
from django.db.utils import ConnectionHandler
from django.test import Client
from pytest_django import Settings

from gateway.health import views

pytestmark = pytest.mark.django_db


def sqlite_at(path: Path) -> Any:
    return ConnectionHandler({"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": str(path)}})["default"]


@pytest.mark.parametrize("end", ["", "/"])
def test_live_and_ready(client: Client, end: str) -> None:
    for word in ("live", "ready"):
        answer = client.get(f"/health/{word}{end}")
        assert (answer.status_code, answer.json()) == (200, {"status": word})


def test_ready_does_not_need_the_broker(client: Client, settings: Settings) -> None:
    settings.BROKER_URL = settings.REDIS_URL = "redis://127.0.0.1:9/0"
    assert client.get("/health/ready/").status_code == 200


def test_ready_without_a_database_is_503_and_live_still_200(
    client: Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(views, "connection", sqlite_at(tmp_path / "no" / "such" / "folder"))
    answer = client.get("/health/ready/")
    assert (answer.status_code, answer.json()) == (503, {"status": "not ready", "database": "unavailable"})
    assert client.get("/health/live/").status_code == 200


def test_ready_before_the_tables_are_made_is_503(
    client: Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    empty = sqlite_at(tmp_path / "empty.sqlite3")
    monkeypatch.setattr(views, "connection", empty)
    try:
        assert client.get("/health/ready/").status_code == 503
    finally:
        empty.close()


def test_ready_with_a_server_that_does_not_answer_is_503(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    server = {"ENGINE": "django.db.backends.postgresql", "NAME": "x", "HOST": "127.0.0.1", "PORT": "9", "USER": "x"}
    monkeypatch.setattr(views, "connection", ConnectionHandler({"default": server})["default"])
    assert client.get("/health/ready/").status_code == 503
