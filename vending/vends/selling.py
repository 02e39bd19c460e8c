"""Whether a meter can be sold to now: asked before money moves, and again before a TID is spent.

No key is opened: rows, and the file of EA 07 tables, say all of it. How far a meter's TIDs are ahead of the clock is no
reason here: that is over in minutes, and the sale waits for it.
"""

from collections.abc import Mapping
from datetime import datetime

from fleet.meters.models import Meter
from fleet.meters.services import can_vend
from vending.kernel.errors import DomainError
from vending.keys.attributes import name_of
from vending.keys.errors import VendingKeyMissing
from vending.keys.models import VendingKey
from vending.keys.queries import KeyName, check_may_issue
from vending.sta_tables.queries import check_may_sell_under_ea07
from vending.sts.base_dates import BaseDate
from vending.sts.credit import check_may_vend_credit
from vending.sts.decoder_keys import check_pair
from vending.sts.tid import check_key_not_expired, tid_at
from vending.sts.verified import check_verified
from vending.vends.errors import MeterBlocked

_EA07 = 7


def key_name_of(meter: Meter) -> KeyName:
    """The vending key that the meter holds now: SGC, KRN, KT."""
    return (meter.sgc, meter.krn, meter.kt)


def check_can_sell(*, meter: Meter, keys: Mapping[KeyName, VendingKey], now: datetime) -> None:
    """Refuse to take money for this meter: `MeterBlocked`, else what `get_usable_key` raises."""
    if not can_vend(meter):
        raise MeterBlocked(f"meter {meter.drn} is not active")
    get_usable_key(meter=meter, keys=keys, now=now)


def can_sell(*, meter: Meter, keys: Mapping[KeyName, VendingKey], now: datetime) -> bool:
    return find_refusal(meter=meter, keys=keys, now=now) is None


def find_refusal(*, meter: Meter, keys: Mapping[KeyName, VendingKey], now: datetime) -> DomainError | None:
    """What `check_can_sell` raises, as a value."""
    try:
        check_can_sell(meter=meter, keys=keys, now=now)
    except DomainError as refusal:
        return refusal
    return None


def get_usable_key(*, meter: Meter, keys: Mapping[KeyName, VendingKey], now: datetime) -> VendingKey:
    """The one of these keys under which a credit token may be made for the meter now. What stands in the way:

    `KeyTypeNotAllowed`, `VendingKeyMissing`, `UnverifiedAlgorithm`, `UnsupportedAlgorithm` (a DKGA without keys for
    this EA), `Ea07TablesMissing` and `Ea07TablesRefused`, `VendingKeyStopped`, `VendingKeyNotActive` (before ACT),
    `VendingKeyIssueEnded` (after IUT), `VendingKeyExpired` (KEN), `TidExhausted`, `MomentOutOfRange`.
    """
    check_may_vend_credit(meter.kt)
    vending_key = keys.get(key_name_of(meter))
    if vending_key is None:
        raise VendingKeyMissing(f"no vending key for {name_of(meter.sgc, meter.krn, meter.kt)}")
    check_verified(dkga=vending_key.dkga, ea=meter.ea, kt=meter.kt)
    check_pair(vending_key.dkga, meter.ea)
    if meter.ea == _EA07:
        check_may_sell_under_ea07()
    check_may_issue(vending_key, now)
    check_key_not_expired(tid_at(now, BaseDate.of(vending_key.base_date)), vending_key.ken)
    return vending_key
