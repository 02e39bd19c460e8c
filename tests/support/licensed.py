"""Where the operational EA07 tables are, for the tests that need them. They are licensed, and never in this checkout.

`STS_EA07_TABLES` names the file, else one beside the checkout is taken. The tests themselves run without that setting,
as a new installation does, so the plugin keeps the name under another one before it takes all settings away.
"""

import os
from pathlib import Path

import pytest

_KEPT_AS = "TESTS_EA07_TABLES"
_SETTING = "STS_EA07_TABLES"
_BESIDE_THE_CHECKOUT = Path(__file__).parents[3] / "shared" / "sts" / "ea07_operational_tables.json"


def keep_tables_file() -> None:
    if named := os.environ.get(_SETTING):
        os.environ[_KEPT_AS] = named


def operational_tables_file() -> Path | None:
    """None where there is no such file."""
    path = Path(os.environ.get(_KEPT_AS) or os.environ.get(_SETTING) or _BESIDE_THE_CHECKOUT)
    return path if path.is_file() else None


needs_operational_tables = pytest.mark.skipif(
    operational_tables_file() is None,
    reason="the operational EA07 tables are licensed and not here; name their file in STS_EA07_TABLES",
)
