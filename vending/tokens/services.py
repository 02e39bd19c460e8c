"""Making tokens possible: an authority for each, a TID that no other token of the meter has, and the digits once."""

import hashlib
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from fleet.meters.models import Meter
from vending.kernel.errors import DomainError
from vending.keys.models import VendingKey
from vending.sts.base_dates import BaseDate
from vending.sts.tid import check_key_not_expired, next_tid, tid_at
from vending.tokens import sql
from vending.tokens.models import Authority, MeterTid, Token


@dataclass(frozen=True)
class TokenOrder:
    """One credit token to prepare. `amount_field` is the 16 bits of the token; the meter is locked by the caller."""

    authority: Authority
    meter: Meter
    vending_key: VendingKey
    amount_field: int


def grant_authorities(*, kind: str, references: Sequence[str], now: datetime) -> list[Authority]:
    """Authority rows, in order. A reference that has one already is an `IntegrityError`: a token is authorised once."""
    return Authority.objects.bulk_create(
        Authority(kind=kind, reference=reference, granted_at=now) for reference in references
    )


def prepare_tokens(
    *, orders: Sequence[TokenOrder], random_nibble: Callable[[], int], now: datetime
) -> list[Token | DomainError]:
    """Reserve a TID and a random field for each order and store them, before any module is asked.

    The caller holds the locks of all meters concerned. TIDs of a meter rise with every token, also when several are
    made in one minute or the clock steps back (IEC 62055-41, token identifier). An order whose base date has no TID
    left, or whose vending key has expired, gets the error in its place and no row.
    """
    last_tids = _last_tids({order.meter.pk for order in orders})
    results: list[Token | DomainError] = []
    for order in orders:
        scope = (order.meter.pk, order.vending_key.base_date)
        try:
            tid = next_tid(tid_at(now, BaseDate.of(order.vending_key.base_date)), last_tids.get(scope))
            check_key_not_expired(tid, order.vending_key.ken)
        except DomainError as error:
            results.append(error)
            continue
        last_tids[scope] = tid
        results.append(_new_token(order, tid, random_nibble()))
    _store_last_tids(last_tids)
    Token.objects.bulk_create(token for token in results if isinstance(token, Token))
    return results


def _new_token(order: TokenOrder, tid: int, rnd: int) -> Token:
    return Token(
        authority=order.authority,
        meter=order.meter,
        vending_key=order.vending_key,
        base_date=order.vending_key.base_date,
        ti=order.meter.ti,
        tid=tid,
        rnd=rnd,
        amount_field=order.amount_field,
    )


def store_digits(*, digits_of: Mapping[int, str]) -> None:
    """Write the digits of each token, once: a token that has its digits keeps them (a trigger refuses a change)."""
    if digits_of:
        sql.store_digits(digits_of)


def fingerprint_of(token: Token) -> str:
    """What the audit trail keeps of a token, so that a later change of the row shows without any key."""
    facts = (token.meter_id, token.vending_key_id, token.base_date, token.ti, token.subclass, token.tid, token.rnd)
    return hashlib.sha256(f"token {facts} {token.amount_field} {token.digits}".encode()).hexdigest()


def _last_tids(meter_ids: Collection[int]) -> dict[tuple[int, str], int]:
    rows = MeterTid.objects.filter(meter_id__in=meter_ids).values_list("meter_id", "base_date", "last_tid")
    return {(meter_id, base_date): last_tid for meter_id, base_date, last_tid in rows}


def _store_last_tids(last_tids: dict[tuple[int, str], int]) -> None:
    MeterTid.objects.bulk_create(
        (MeterTid(meter_id=meter, base_date=base, last_tid=tid) for (meter, base), tid in last_tids.items()),
        update_conflicts=True,
        unique_fields=["meter", "base_date"],
        update_fields=["last_tid"],
    )
