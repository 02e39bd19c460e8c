"""Which EA 07 tables are in force, and whether a meter may be sold to under them."""

import os
from functools import lru_cache
from pathlib import Path

from django.conf import settings

from vending.sta_tables.errors import Ea07TablesMissing, Ea07TablesRefused
from vending.sta_tables.reading import check_operational, read_octets, tables_in
from vending.sts.sta_tables import SAMPLE_TABLES, StaTables


def get_tables_path() -> Path:
    """Where `install_tables` keeps the operator's tables."""
    return Path(settings.TOKENI_DATA_DIR) / "ea07_tables.json"


def get_tables() -> StaTables:
    """The tables in force: those of the file that `STS_EA07_TABLES` names, else the installed ones, else the sample.

    A file is read again when it has changed. `Ea07TablesRefused` for one that cannot be read or holds neither the
    operational nor the sample tables: falling back to another set would make tokens that no meter takes.
    """
    if settings.STS_EA07_TABLES:
        return _tables_of(Path(settings.STS_EA07_TABLES), follow_links=True)  # secrets are often mounted as links
    path = get_tables_path()
    return _tables_of(path, follow_links=False) if os.path.lexists(path) else SAMPLE_TABLES


def get_tables_source() -> str:
    """Where the tables in force come from: "STS_EA07_TABLES", "installed" or "sample"."""
    if settings.STS_EA07_TABLES:
        return "STS_EA07_TABLES"
    return "installed" if os.path.lexists(get_tables_path()) else "sample"


def check_may_sell_under_ea07() -> None:
    """Refuse a sale to a meter with EA 07 in production while the sample tables are in force (`Ea07TablesMissing`).

    `Ea07TablesRefused` as in `get_tables`, in every mode.
    """
    if not get_tables().is_operational and settings.IS_PRODUCTION:
        raise Ea07TablesMissing("only the sample tables of EA 07 are here, and no real meter takes their tokens")


def _tables_of(path: Path, *, follow_links: bool) -> StaTables:
    try:
        found = os.stat(path, follow_symlinks=follow_links)
    except (OSError, ValueError):
        raise Ea07TablesRefused("the file of EA 07 tables is not there or may not be read") from None
    return _read(path, follow_links, (found.st_ino, found.st_mtime_ns, found.st_size))


@lru_cache(maxsize=2)
def _read(path: Path, follow_links: bool, _version: tuple[int, int, int]) -> StaTables:
    tables = tables_in(read_octets(path, follow_links=follow_links))
    if tables != SAMPLE_TABLES:
        check_operational(tables)
    return tables
