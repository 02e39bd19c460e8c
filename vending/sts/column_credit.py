"""Credit in units on columns: the fields of thousands of tokens into their blocks, and out of them.

The body is that of `credit`: subclass and random (one octet), TID (three), amount (two).
"""

import struct
from collections.abc import Sequence

from vending.sts.column_frame import BODY_OCTETS, crc_columns
from vending.sts.credit import TIME, UnitCredit
from vending.sts.frame import CREDIT_CLASS
from vending.sts.slices import Columns, columns_in, rows_in
from vending.sts.tid import GREATEST_TID

_HIGH_NIBBLE = bytes(octet >> 4 for octet in range(256))
_LOW_NIBBLE = bytes(octet & 0xF for octet in range(256))


def credit_blocks(unit_credits: Sequence[UnitCredit]) -> list[bytes] | None:
    """The blocks (8 columns, in clear) of these credits; None if `encode_credit` has to look at one more closely."""
    bodies = []
    for credit in unit_credits:
        subclass, tid, rnd, amount_field = credit.subclass, credit.tid, credit.rnd, credit.amount_field
        if not (
            type(subclass) is type(tid) is type(rnd) is type(amount_field) is int
            and 0 <= subclass <= TIME
            and 0 <= tid <= GREATEST_TID
            and 0 <= rnd <= 0xF
            and 0 <= amount_field <= 0xFFFF
        ):
            return None
        bodies.append(subclass << 44 | rnd << 40 | tid << 16 | amount_field)
    body = columns_in(struct.pack(f">{len(bodies)}Q", *bodies), 8)[-BODY_OCTETS:]
    return [*body, *crc_columns(bytes([CREDIT_CLASS]) * len(bodies), body)]


def credits_in(body: Columns) -> list[UnitCredit]:
    """What each body (6 columns) holds, taken as credit in units."""
    rows = len(body[0])
    tids = struct.unpack(f">{rows}I", rows_in([bytes(rows), *body[1:4]]))
    amount_fields = struct.unpack(f">{rows}H", rows_in(body[4:]))
    return list(map(UnitCredit, body[0].translate(_HIGH_NIBBLE), tids, body[0].translate(_LOW_NIBBLE), amount_fields))
