"""What every test may use. The servers and the settings come from `tests/support/plugin.py`."""

from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def django_db_modify_db_settings(django_db_modify_db_settings_parallel_suffix: None) -> None:
    """On SQLite the tests use a file: a database in memory cannot be shared by threads, nor show how writers wait."""
    from django.conf import settings
    from django.db import connections

    database = connections["default"].settings_dict
    if database["ENGINE"] == "django.db.backends.sqlite3":
        database["TEST"]["NAME"] = str(Path(settings.TOKENI_DATA_DIR) / "tests.sqlite3")
