"""Installing the operator's licensed EA 07 tables: checked, copied into the data folder, written down."""

import json
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path

from django.db import transaction

from fleet.audit.services import Act, record
from vending.sta_tables.errors import Ea07TablesRefused
from vending.sta_tables.queries import get_tables_path
from vending.sta_tables.reading import check_operational, read_octets, tables_in
from vending.sts.sta_tables import StaTables


def install_tables(*, path: Path, actor: str, now: datetime) -> StaTables:
    """Copy the tables in this file into the data folder, readable by its owner only. Again, it puts the same there.

    `Ea07TablesRefused` unless it is a plain file, no link, with the operational tables (by their SHA-256), and the
    folder can be written; then nothing is installed. What was there before is replaced whole or not at all, in the
    transaction that writes the audit entry.
    """
    tables = tables_in(read_octets(path, follow_links=False))
    check_operational(tables)
    target = get_tables_path()
    act = Act("sta_tables.installed", "sta_tables:ea07", {"sha256": tables.sha256})
    try:
        with _draft(tables, target.parent) as draft, transaction.atomic():
            record(actor=actor, acts=[act], now=now)
            os.replace(draft, target)
    except OSError:
        raise Ea07TablesRefused("the tables cannot be written into the data folder") from None
    return tables


@contextmanager
def _draft(tables: StaTables, folder: Path) -> Iterator[Path]:
    """A complete file on disk beside the place where it belongs; gone again unless it was moved there."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    lists = {"sub1": tables.first, "sub2": tables.second, "perm": tables.permutation}
    descriptor, name = tempfile.mkstemp(dir=folder)  # mode 0600
    try:
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            json.dump(lists, file)
            file.flush()
            os.fsync(descriptor)
        yield Path(name)
    finally:
        with suppress(FileNotFoundError):
            os.unlink(name)
