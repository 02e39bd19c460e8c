"""Values that no public function of `vending.sts` may take, by the kind of its argument."""

import math
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

from vending.sts.key_change import Section2

Hostile = tuple[Any, ...]

NO_WHOLE_NUMBER: Hostile = (
    None,
    True,
    False,
    1.0,
    math.nan,
    math.inf,
    "1",
    "",
    "x",
    b"1",
    (),
    [1],
    {},
    1j,
    Decimal(1),
    object(),
)
OUT_OF_BITS = (-1, -(1 << 64), 1 << 70, 10**5000)
HUGE = "9" * 1_000_000
NO_TEXT: Hostile = (None, True, 0, 1.0, b"", b"12345678901", ["1"], {}, object())
NO_DIGITS = (
    "",
    "x",
    " ",
    "-1",
    "+1",
    "1_0",
    "1e3",
    "0x1",
    "\0",
    "\u00b2",
    "\u0661" * 20,
    "\uff11" * 11,
    "\ud800",
    HUGE,
)

WHOLE = NO_WHOLE_NUMBER + OUT_OF_BITS
BLOCK = tuple(value for value in WHOLE if not isinstance(value, bool))  # ciphers see what `frame` has made
SIGNED = (*NO_WHOLE_NUMBER, -(10**400), 10**5000)
CAPPED = (*NO_WHOLE_NUMBER, -(10**400))  # more than the greatest is the greatest
OPTIONAL = tuple(value for value in WHOLE if value is not None)
DIGITS = NO_TEXT + NO_DIGITS
OCTETS: Hostile = (
    None,
    True,
    16,
    1.0,
    "",
    "k" * 8,
    "k" * 16,
    [],
    {},
    object(),
    b"",
    bytes(7),
    bytes(9),
    bytes(21),
    bytes(100_000),
)
ANY_OCTETS = tuple(value for value in OCTETS if not isinstance(value, bytes))
FLAG: Hostile = (None, 0, 1, 1.0, "", "no", [], object())
CIPHER: Hostile = (None, True, 11, 1.0, "MISTY1", b"", [], {}, object())
TABLES: Hostile = (None, True, 7, "sample", b"", [], {}, object())
TABLE = (*TABLES, (), (0,) * 16, (0,) * 64, tuple(range(17)), tuple(map(float, range(16))), tuple("0123456789abcdef"))
LISTS = (*TABLES, {"sub1": None}, {"sub1": [[]] * 16, "sub2": "0" * 16, "perm": {}})
MOMENT = (
    None,
    True,
    0,
    1.0,
    "",
    "2026-07-11T00:00:00+00:00",
    datetime(2026, 7, 11, tzinfo=UTC).date(),
    datetime(2026, 7, 11, tzinfo=UTC).replace(tzinfo=None),
    datetime.min.replace(tzinfo=timezone(timedelta(hours=14))),
    datetime.max.replace(tzinfo=timezone(timedelta(hours=-12))),
)
NEW_KEY: Hostile = (None, True, 0, "key", b"", {}, object(), Section2(0, 0, 0))
SECTION: Hostile = (None, True, 0, "section", b"", {}, object(), Section2(0, 0, 1 << 32), Section2(0, 100, 0))
