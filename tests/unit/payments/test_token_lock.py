"""The lock on the shared access token: one worker at a time fetches, and a cache that is down stops nobody."""

import pytest
from django.core.cache import cache
from pytest_django import Settings

from gateway.payments.token_cache import SharedTokenCache


def test_try_lock_one_at_a_time_and_by_account() -> None:
    cache.clear()
    first, second = SharedTokenCache("daraja", "one"), SharedTokenCache("daraja", "one")
    assert first.try_lock()
    assert not second.try_lock()
    assert SharedTokenCache("daraja", "two").try_lock()
    first.unlock()
    assert second.try_lock()


def test_try_lock_without_a_cache_everybody_may(settings: Settings, caplog: pytest.LogCaptureFixture) -> None:
    settings.CACHES = {
        "default": {
            "BACKEND": "django.core.cache.backends.redis.RedisCache",
            "LOCATION": "redis://127.0.0.1:9",
            "OPTIONS": {"socket_timeout": 0.2, "socket_connect_timeout": 0.2},
        }
    }
    shared = SharedTokenCache("daraja", "account")
    assert shared.try_lock()
    assert shared.try_lock()
    shared.unlock()
    assert "lock on the access token not taken" in caplog.text
    assert "lock on the access token not given back" in caplog.text
