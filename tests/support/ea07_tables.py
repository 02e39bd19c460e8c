"""The operational EA07 tables as `vending.sts` holds them, for the tests that need them."""

import json
from functools import cache

from tests.support.licensed import needs_operational_tables, operational_tables_file
from vending.sts.sta_tables import StaTables

__all__ = ["needs_operational_tables", "operational_tables"]


@cache
def operational_tables() -> StaTables | None:
    """The tables, or None where there is no file. A file that holds anything else is an error, not a reason to skip."""
    path = operational_tables_file()
    if path is None:
        return None
    tables = StaTables.from_lists(json.loads(path.read_text(encoding="utf-8")))
    assert tables.is_operational, f"{path} does not hold the operational EA07 tables"
    return tables
