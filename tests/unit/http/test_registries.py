import pytest
from django.core.cache import cache
from pytest_django import Settings

from gateway.http.errors import UnknownProvider
from gateway.payments import registry as payments
from gateway.payments.token_cache import SharedTokenCache
from gateway.sms import registry as sms
from gateway.ussd import registry as ussd


def test_get_provider_known_name_made_from_the_settings(settings: Settings) -> None:
    settings.MPESA_SHORT_CODE = "400200"
    assert payments.get_provider("daraja").name == "daraja"
    assert payments.get_provider("daraja").is_own_short_code("400200")
    assert sms.get_provider("africastalking").name == "africastalking"
    assert ussd.get_provider("africastalking").name == "africastalking"


def test_get_provider_same_settings_same_adapter_changed_settings_another(settings: Settings) -> None:
    settings.MPESA_SHORT_CODE = "400200"
    before = payments.get_provider("daraja")
    assert payments.get_provider("daraja") is before
    settings.MPESA_SHORT_CODE = "400201"
    assert payments.get_provider("daraja").is_own_short_code("400201")
    assert not payments.get_provider("daraja").is_own_short_code("400200")


@pytest.mark.parametrize("name", ["", "Daraja", "mpesa", "kannel", "africastalking ", "../daraja"])
def test_get_provider_unknown_name_refused(name: str) -> None:
    for registry in (payments, sms, ussd):
        with pytest.raises(UnknownProvider) as refusal:
            registry.get_provider(name)
        assert refusal.value.code == "provider_unknown"


def test_list_routes_in_the_order_of_the_settings(settings: Settings) -> None:
    settings.SMS_ROUTES = ["africastalking"]
    assert [provider.name for provider in sms.list_routes()] == ["africastalking"]
    settings.SMS_ROUTES = ["africastalking", "pigeon"]
    with pytest.raises(UnknownProvider):
        sms.list_routes()


def test_token_cache_shared_by_account_and_by_nobody_else(settings: Settings) -> None:
    settings.CACHES = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}}
    cache.clear()
    SharedTokenCache("daraja", "one").put("token", 60)
    assert SharedTokenCache("daraja", "one").get() == "token"
    assert SharedTokenCache("daraja", "two").get() is None
    assert SharedTokenCache("other", "one").get() is None


def test_token_cache_that_is_down_is_gone_without(settings: Settings, caplog: pytest.LogCaptureFixture) -> None:
    settings.CACHES = {
        "default": {
            "BACKEND": "django.core.cache.backends.redis.RedisCache",
            "LOCATION": "redis://127.0.0.1:1/0",
            "OPTIONS": {"socket_connect_timeout": 0.2},
        }
    }
    shared = SharedTokenCache("daraja", "one")
    shared.put("token", 60)
    assert shared.get() is None
    assert [record.levelname for record in caplog.records] == ["WARNING", "WARNING"]
    assert "token not read" in caplog.text
