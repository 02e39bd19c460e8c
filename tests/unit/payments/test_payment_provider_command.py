"""`manage.py payment_provider`, against a loopback Daraja."""

import io
import json
from collections.abc import Iterator

import pytest
from django.core.cache import cache
from django.core.management import CommandError, call_command
from pytest_django import Settings

from gateway.payments.providers.daraja.orders import PULL_REGISTER_PATH, REGISTER_PATH
from tests.support.daraja import OAUTH_PATH
from tests.support.payloads import json_payload, payload
from tests.support.vendor_stub import Say, VendorStub

SECRET = "0123456789abcdef0123456789abcdef"


@pytest.fixture
def stub(settings: Settings) -> Iterator[VendorStub]:
    cache.clear()
    with VendorStub() as vendor:
        vendor.always(OAUTH_PATH, Say(payload("daraja/oauth_response.json")))
        settings.MPESA_BASE_URL = vendor.url
        settings.MPESA_SHORT_CODE = "400200"
        settings.MPESA_NOMINATED_NUMBER = "0722000000"
        settings.MPESA_C2B_RESPONSE_TYPE = "Completed"
        settings.PUBLIC_BASE_URL = "https://tokeni.example"
        settings.HOOK_SECRETS = [SECRET, "f" * 32]
        yield vendor


def run(act: str, provider: str = "daraja") -> str:
    out = io.StringIO()
    call_command("payment_provider", act, provider, stdout=out)
    return out.getvalue()


def refusal(act: str, provider: str = "daraja") -> str:
    with pytest.raises(CommandError) as refused:
        run(act, provider)
    return str(refused.value)


def test_register_hooks_tells_the_addresses_and_prints_no_secret(stub: VendorStub) -> None:
    stub.next(REGISTER_PATH, Say(payload("daraja/c2b_register_response.json")))
    shown = "https://tokeni.example/hooks/payments/daraja/***"
    assert run("register-hooks") == f"daraja took the addresses under {shown}: 0\n"
    assert json.loads(stub.received_at(REGISTER_PATH)[0].body) == {
        "ShortCode": "400200",
        "ResponseType": "Completed",
        "ConfirmationURL": f"https://tokeni.example/hooks/payments/daraja/{SECRET}/confirmation/",
        "ValidationURL": f"https://tokeni.example/hooks/payments/daraja/{SECRET}/validation/",
    }


def test_register_hooks_again_is_done(stub: VendorStub) -> None:
    error = json_payload("daraja/api_error.json") | {"errorCode": "500.003.1001"}
    stub.next(REGISTER_PATH, Say(json.dumps(error), 500))
    assert run("register-hooks").endswith(": 500.003.1001\n")


def test_register_pull_tells_the_address(stub: VendorStub) -> None:
    stub.next(PULL_REGISTER_PATH, Say(payload("daraja/pull_register_response.json")))
    assert run("register-pull").endswith("/daraja/***: 1000\n")
    body = json.loads(stub.received_at(PULL_REGISTER_PATH)[0].body)
    assert body["CallBackURL"] == f"https://tokeni.example/hooks/payments/daraja/{SECRET}/pull/"


def test_check_asks_for_a_token(stub: VendorStub) -> None:
    assert run("check") == "daraja took the credentials: 0\n"
    stub.next(OAUTH_PATH, Say(json.dumps({"errorCode": "400.008.01"}), 400))
    assert refusal("check") == "provider_refused: daraja did not take the credentials: oauth_400.008.01"


def test_register_refused_in_one_line_without_the_secret(stub: VendorStub) -> None:
    stub.next(REGISTER_PATH, Say(json.dumps({"errorCode": "400.002.02"}), 400))
    shown = "https://tokeni.example/hooks/payments/daraja/***"
    assert refusal("register-hooks") == f"provider_refused: daraja did not take the addresses under {shown}: 400.002.02"


@pytest.mark.parametrize("act", ["register-hooks", "register-pull"])
@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"IS_PRODUCTION": True, "PUBLIC_BASE_URL": "http://tokeni.example"}, "address_not_https"),
        ({"HOOK_SECRETS": []}, "hook_secret_missing"),
        ({"PUBLIC_BASE_URL": "https://mpesa.example"}, "provider_refused"),
    ],
)
def test_register_what_cannot_be_told_refused_unasked(
    stub: VendorStub, settings: Settings, act: str, changes: dict[str, object], code: str
) -> None:
    for name, value in changes.items():
        setattr(settings, name, value)
    assert refusal(act).startswith(f"{code}: ")
    assert stub.received == []


def test_unknown_provider_refused(stub: VendorStub) -> None:
    assert refusal("check", "nobody") == "provider_unknown: no such payment provider"
