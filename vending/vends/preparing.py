"""From money to a reserved TID: a funded sale becomes ISSUING, or HELD with what stands in the way.

Nothing is spent on a sale that is HELD here. The next try comes by itself, and finds the sale as it was.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime

from fleet.meters.models import Meter
from vending.kernel.errors import DomainError
from vending.keys.queries import list_vending_keys
from vending.sts.amounts import amount_for
from vending.tokens.services import TokenOrder, prepare_tokens
from vending.vends.holding import hold, move
from vending.vends.lifecycle import VendState
from vending.vends.models import Vend
from vending.vends.selling import get_usable_key, key_name_of


def prepare(
    vends: Sequence[Vend],
    meters: Mapping[int, Meter],
    *,
    random_nibble: Callable[[], int],
    look_ahead_minutes: int,
    now: datetime,
) -> None:
    """Reserve a TID for each sale, or hold it. The rows of the sales are the caller's to store, the tokens are stored.

    The caller holds the meters' locks. A sale whose meter was blocked since it was paid goes on: the money is spent.
    """
    keys = list_vending_keys({key_name_of(meters[vend.meter_id]) for vend in vends})
    ready = []
    for vend in vends:
        meter = meters[vend.meter_id]
        try:
            vending_key = get_usable_key(meter=meter, keys=keys, now=now)
        except DomainError as refusal:
            hold(vend, refusal, now)
        else:
            ready.append((vend, TokenOrder(vend.authority, meter, vending_key, amount_for(vend.energy_kwh_tenths))))
    results = prepare_tokens(
        orders=[order for _, order in ready],
        random_nibble=random_nibble,
        look_ahead_minutes=look_ahead_minutes,
        now=now,
    )
    for (vend, _), result in zip(ready, results, strict=True):
        if isinstance(result, DomainError):
            hold(vend, result, now)
        else:
            move(vend, VendState.ISSUING)
            vend.held_reason = ""
