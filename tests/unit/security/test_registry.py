"""The setting SECURITY_MODULE names the security module; the registry gives it the product's own keys and tables."""

from dataclasses import replace
from pathlib import Path

import pytest
from django.core.exceptions import ImproperlyConfigured
from pytest_django import Settings

from tests.support.world import KEY, World
from vending.kernel.errors import DomainError
from vending.security.ports import CreditRequest, Made, MeterKeyFacts, VerifyRequest
from vending.security.registry import get_security_module
from vending.sts.credit import UnitCredit

METER = MeterKeyFacts(meter_pan="600727000000000009", ea=11, sgc=KEY.sgc, krn=KEY.krn, kt=KEY.kt, ti=1)
STA_METER = replace(METER, ea=7)
REQUEST = CreditRequest("registry-1", METER, subclass=0, tid=6_586_560, rnd=5, amount_field=256)
STA_REQUEST = CreditRequest("registry-2", STA_METER, subclass=0, tid=6_586_560, rnd=5, amount_field=256)


def codes(answers: list[Made | DomainError]) -> list[str]:
    return [answer.code if isinstance(answer, DomainError) else "" for answer in answers]


def test_registry_by_default_gives_the_software_module_once() -> None:
    module = get_security_module()

    assert module.name == "software"
    assert get_security_module() is module


def test_registry_with_an_unknown_name_says_which_are_known(settings: Settings) -> None:
    settings.SECURITY_MODULE = "prism"

    with pytest.raises(ImproperlyConfigured, match="SECURITY_MODULE is 'prism'; known are software"):
        get_security_module()


def test_registered_module_works_with_the_loaded_vending_keys(world: World) -> None:
    module = get_security_module()
    (made,) = module.credit([REQUEST])
    assert isinstance(made, Made)

    (key,) = module.describe_keys()
    assert (key.sgc, key.krn, key.kt, key.check_value) == (KEY.sgc, KEY.krn, KEY.kt, made.check_value)
    assert module.verify([VerifyRequest(METER, made.digits[0])]) == [UnitCredit(0, 6_586_560, 5, 256)]


def test_registered_module_sells_under_sample_tables_in_the_demo_and_never_in_production(
    world: World, settings: Settings
) -> None:
    module = get_security_module()
    assert codes(module.credit([STA_REQUEST])) == [""]

    settings.IS_PRODUCTION = True
    assert codes(module.credit([STA_REQUEST])) == ["ea07_tables_missing"]


def test_registered_module_refuses_ea07_alone_when_the_named_tables_are_bad(
    world: World, settings: Settings, tmp_path: Path
) -> None:
    settings.STS_EA07_TABLES = str(tmp_path / "tables.json")
    (tmp_path / "tables.json").write_text("{}")

    assert codes(get_security_module().credit([STA_REQUEST, REQUEST])) == ["ea07_tables_refused", ""]
