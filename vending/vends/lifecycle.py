"""A sale's states are its recovery points.

FUNDED: money is booked and the authority exists. ISSUING: TID and random field are stored, the security module is or
will be asked; asked again it gives the same digits. ISSUED: the stored digits were decoded and agree with the facts;
a message waits. HELD: not now (module down, key expired, verify failed), with a reason and the time of the next
automatic try, if any; without one (verify failed, payment frozen, given up) only a person moves it. CANCELLED: a person
sent the whole money back to the wallet; a token that was made stays as it is and is never sent.
"""

from enum import StrEnum

from vending.kernel.lifecycle import Lifecycle, table


class VendState(StrEnum):
    FUNDED = "FUNDED"
    ISSUING = "ISSUING"
    HELD = "HELD"
    ISSUED = "ISSUED"
    CANCELLED = "CANCELLED"


LABELS = {
    VendState.FUNDED: "paid, code not begun",
    VendState.ISSUING: "code being made",
    VendState.HELD: "held",
    VendState.ISSUED: "code made",
    VendState.CANCELLED: "cancelled, money in the wallet",
}

VEND = Lifecycle(
    "vend",
    table(
        VendState,
        {
            VendState.FUNDED: {VendState.ISSUING, VendState.HELD},
            VendState.ISSUING: {VendState.ISSUED, VendState.ISSUING, VendState.HELD},
            VendState.HELD: {VendState.ISSUING, VendState.CANCELLED},
            VendState.ISSUED: set(),
            VendState.CANCELLED: set(),
        },
    ),
)
