"""From a file to checked EA 07 tables. The file is somebody else's: it may be anything, and it is read once.

Its form is one JSON object with the lists `sub1` and `sub2` (16 numbers each) and `perm` (64).
"""

import json
import os
import stat
from pathlib import Path

from vending.sta_tables.errors import Ea07TablesRefused
from vending.sts.errors import StaTablesInvalid
from vending.sts.sta_tables import StaTables

GREATEST_OCTETS = 64 * 1024


def read_octets(path: Path, *, follow_links: bool) -> bytes:
    """What the file holds. `Ea07TablesRefused` for no plain file, a link unless followed, and more than 64 KiB."""
    # Not blocking: a pipe with no writer must not hold us. O_NOFOLLOW refuses a link in the last part of the path.
    flags = os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | (0 if follow_links else os.O_NOFOLLOW)
    try:
        descriptor = os.open(path, flags)
    except (OSError, ValueError):  # ValueError: a name with a zero octet
        raise Ea07TablesRefused("the file of EA 07 tables cannot be opened, or is a link") from None
    try:
        with open(descriptor, "rb") as file:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                raise Ea07TablesRefused("EA 07 tables are read from a plain file")
            octets = file.read(GREATEST_OCTETS + 1)
    except OSError:
        raise Ea07TablesRefused("the file of EA 07 tables cannot be read") from None
    if len(octets) > GREATEST_OCTETS:
        raise Ea07TablesRefused("the file is too large for EA 07 tables")
    return octets


def tables_in(octets: bytes) -> StaTables:
    """The tables that these octets hold. `Ea07TablesRefused` for anything but the JSON of complete tables."""
    try:
        return StaTables.from_lists(json.loads(octets.decode()))
    except StaTablesInvalid as refusal:
        raise Ea07TablesRefused(str(refusal), field=refusal.field) from None
    except (ValueError, RecursionError):  # no UTF-8, no JSON, or nested without end
        raise Ea07TablesRefused("the file of EA 07 tables holds no JSON") from None


def check_operational(tables: StaTables) -> None:
    """Refuse tables whose SHA-256 is not that of the tables of real meters (`Ea07TablesRefused`)."""
    if not tables.is_operational:
        raise Ea07TablesRefused("the fingerprint is not that of the operational EA 07 tables", field="sha256")
