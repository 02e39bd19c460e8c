"""Which security module this installation uses: the only place that knows the modules by name."""

from collections.abc import Callable, Mapping
from functools import cache

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

from vending.keys.queries import describe_keys
from vending.keys.services import open_vending_key, open_vending_key_for_reading
from vending.security.ports import SecurityModule
from vending.security.software import SoftwareSecurityModule
from vending.sta_tables.queries import check_may_sell_under_ea07, get_tables


def _software() -> SecurityModule:
    return SoftwareSecurityModule(
        open_vending_key=open_vending_key,
        open_for_reading=open_vending_key_for_reading,
        describe_keys=describe_keys,
        sta_tables=get_tables,
        check_may_sell=check_may_sell_under_ea07,
    )


_FACTORIES: Mapping[str, Callable[[], SecurityModule]] = {"software": _software}


def get_security_module() -> SecurityModule:
    """The module that the setting SECURITY_MODULE names, one for this process. `ImproperlyConfigured` if unknown."""
    return _module_named(settings.SECURITY_MODULE)


@cache
def _module_named(name: str) -> SecurityModule:
    if name not in _FACTORIES:
        raise ImproperlyConfigured(f"SECURITY_MODULE is {name!r}; known are {', '.join(sorted(_FACTORIES))}")
    return _FACTORIES[name]()
