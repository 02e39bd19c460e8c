"""A meter's life.

It comes into STOCK, is INSTALLED on a pole or wall, becomes ACTIVE when somebody may buy for it. SUSPENDED is a block
with a reason (tamper, dispute, moved): nothing is sold, money that still arrives is kept in the wallet. RETIRED is
the end.
"""

from enum import StrEnum

from vending.kernel.lifecycle import Lifecycle, table


class MeterState(StrEnum):
    STOCK = "STOCK"
    INSTALLED = "INSTALLED"
    ACTIVE = "ACTIVE"
    SUSPENDED = "SUSPENDED"
    RETIRED = "RETIRED"


LABELS = {
    MeterState.STOCK: "in stock",
    MeterState.INSTALLED: "installed",
    MeterState.ACTIVE: "active",
    MeterState.SUSPENDED: "blocked",
    MeterState.RETIRED: "retired",
}

METER = Lifecycle(
    "meter",
    table(
        MeterState,
        {
            MeterState.STOCK: {MeterState.INSTALLED},
            MeterState.INSTALLED: {MeterState.ACTIVE},
            MeterState.ACTIVE: {MeterState.SUSPENDED, MeterState.RETIRED},
            MeterState.SUSPENDED: {MeterState.ACTIVE, MeterState.RETIRED},
            MeterState.RETIRED: set(),
        },
    ),
)
