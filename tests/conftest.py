"""What every test may use. The servers and the settings come from `tests/support/plugin.py`."""

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.world import World


@pytest.fixture(scope="session")
def django_db_modify_db_settings(django_db_modify_db_settings_parallel_suffix: None) -> None:
    """On SQLite the tests use a file: a database in memory cannot be shared by threads, nor show how writers wait."""
    from django.conf import settings
    from django.db import connections

    database = connections["default"].settings_dict
    if database["ENGINE"] == "django.db.backends.sqlite3":
        database["TEST"]["NAME"] = str(Path(settings.TOKENI_DATA_DIR) / "tests.sqlite3")


@pytest.fixture(scope="session", autouse=True)
def quick_passwords(request: pytest.FixtureRequest) -> "Iterator[None]":
    """A password is hashed in no time: Django's own hash is slow by intent, and a quarter of the run. Processes that
    tests start hash as they always do.
    """
    if request.config.pluginmanager.is_blocked("django"):
        yield
        return
    from django.test import override_settings

    with override_settings(PASSWORD_HASHERS=["django.contrib.auth.hashers.MD5PasswordHasher"]):
        yield


@pytest.fixture
def world(db: None) -> "World":
    """One site with its key and prices, two active meters with a phone each."""
    from tests.support.world import make_world

    return make_world()
