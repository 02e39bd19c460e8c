"""Making tokens possible: an authority for each, a TID that no other token of the meter has, and the digits once.

TIDs of a meter rise under one base date, whatever the clock does, and stay within a limit ahead of it. Both hold
because they are given under the meter's lock.
"""

import hashlib
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction

from fleet.meters.locks import lock_meters
from fleet.meters.models import Meter
from vending.kernel.errors import DomainError
from vending.keys.models import VendingKey
from vending.keys.queries import check_may_issue
from vending.sts.base_dates import BaseDate
from vending.sts.tid import (
    GREATEST_TID,
    check_key_not_expired,
    check_within_look_ahead,
    moment_of,
    next_tid,
    tid_at,
)
from vending.tokens import sql
from vending.tokens.errors import TidRefused
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
    *, orders: Sequence[TokenOrder], random_nibble: Callable[[], int], look_ahead_minutes: int, now: datetime
) -> list[Token | DomainError]:
    """Reserve a TID and a random field for each order and store them, before any module is asked.

    The caller holds the locks of all meters concerned. TIDs of a meter rise with every token, also when several are
    made in one minute or the clock steps back (IEC 62055-41, token identifier), and are never more than
    `look_ahead_minutes` ahead of the clock. An order gets its error in its place and no row when that limit is reached
    (`look_ahead_limit`: later it goes on), its base date has no TID left, or its vending key may not issue at that TID
    (KEN, ACT, IUT, stopped).
    """
    last_tids = _last_tids({order.meter.pk for order in orders})
    results: list[Token | DomainError] = []
    for order in orders:
        scope = (order.meter.pk, order.vending_key.base_date)
        try:
            tid = _take_tid(order.vending_key, last_tids.get(scope), look_ahead_minutes, now)
        except DomainError as error:
            results.append(error)
            continue
        last_tids[scope] = tid
        results.append(_new_token(order, tid, random_nibble()))
    _store_last_tids(last_tids)
    Token.objects.bulk_create(token for token in results if isinstance(token, Token))
    return results


def _take_tid(vending_key: VendingKey, last_tid: int | None, look_ahead_minutes: int, now: datetime) -> int:
    base = BaseDate.of(vending_key.base_date)
    clock_tid = tid_at(now, base)
    tid = next_tid(clock_tid, last_tid)
    check_key_not_expired(tid, vending_key.ken)
    check_within_look_ahead(tid, clock_tid, look_ahead_minutes)
    check_may_issue(vending_key, moment_of(tid, base))
    return tid


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


def store_digits(*, made: Mapping[int, tuple[str, int | None]]) -> dict[int, DomainError]:
    """Write the digits of each token (by id), once: a token that has its digits keeps them.

    The TID beside the digits is None where the module took the reserved one. A module that keeps its own TIDs says
    which it took: it replaces the reserved one in the same statement, and the meter's last TID is raised to it. Returns
    the refusal of each token that got nothing (`tid_refused`: another token of the meter has that TID); the rest of the
    batch is stored.
    """
    as_reserved = {token_id: digits for token_id, (digits, tid) in made.items() if tid is None}
    if as_reserved:
        sql.store_digits(as_reserved)
    own = {token_id: (digits, tid) for token_id, (digits, tid) in made.items() if tid is not None}
    return _store_with_own_tids(own) if own else {}


@transaction.atomic
def _store_with_own_tids(made: Mapping[int, tuple[str, int]]) -> dict[int, DomainError]:
    """Under the meters' locks, so that no TID is given or changed meanwhile."""
    lock_meters(set(Token.objects.filter(pk__in=made).values_list("meter_id", flat=True)))
    tokens = list(Token.objects.filter(pk__in=made, digits="").order_by("pk"))
    last_tids = _last_tids({token.meter_id for token in tokens})
    refused: dict[int, DomainError] = {}
    for token in tokens:
        scope, (digits, tid) = (token.meter_id, token.base_date), made[token.pk]
        try:
            last_tids[scope] = _make_room(token, tid, last_tids.get(scope, 0))
        except DomainError as error:
            refused[token.pk] = error
        else:
            Token.objects.filter(pk=token.pk, digits="").update(digits=digits, tid=tid)
    _store_last_tids(last_tids)
    return refused


def _make_room(token: Token, tid: int, last_tid: int) -> int:
    """See that no other token of the meter has this TID; returns the last TID of the meter with it.

    A token without digits gives way and takes the next one: what is reserved for it is only what the module is asked
    for. One with digits does not.
    """
    if not 0 <= tid <= GREATEST_TID:
        raise TidRefused(f"token {token.pk}: the module took a TID of more than 24 bits", field="tid")
    last_tid = max(last_tid, tid)
    others = Token.objects.filter(meter_id=token.meter_id, base_date=token.base_date, tid=tid).exclude(pk=token.pk)
    if others.exclude(digits="").exists():
        raise TidRefused(f"token {token.pk}: the module took a TID that another token has", field="tid")
    if others.exists():
        last_tid = next_tid(0, last_tid)
        others.update(tid=last_tid)
    return last_tid


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
