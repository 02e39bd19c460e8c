"""The setting SECURITY_MODULE names the security module."""

import pytest
from django.core.exceptions import ImproperlyConfigured
from pytest_django import Settings

from vending.security.registry import get_security_module


def test_registry_by_default_gives_the_software_module_once() -> None:
    module = get_security_module()

    assert module.name == "software"
    assert get_security_module() is module


def test_registry_with_an_unknown_name_says_which_are_known(settings: Settings) -> None:
    settings.SECURITY_MODULE = "prism"

    with pytest.raises(ImproperlyConfigured, match="SECURITY_MODULE is 'prism'; known are software"):
        get_security_module()
