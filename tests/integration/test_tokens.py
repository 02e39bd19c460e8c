"""Authorities and TIDs: one token for an authority, and TIDs of a meter that are distinct and rise whatever happens."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial

import pytest
from django.db import IntegrityError, transaction

from fleet.meters.locks import lock_meters
from fleet.meters.models import Meter
from gateway.fulfilment.services import Progress
from tests.support.committed import at_once, committed, committed_world
from tests.support.world import NOW, World, load_key
from vending.keys.errors import VendingKeyIssueEnded, VendingKeyNotActive
from vending.keys.models import VendingKey
from vending.sts.errors import MomentOutOfRange, TidExhausted, TidTooFarAhead, VendingKeyExpired
from vending.sts.tid import GREATEST_TID
from vending.tokens.errors import TidRefused
from vending.tokens.models import Authority, MeterTid, Token
from vending.tokens.services import TokenOrder, fingerprint_of, grant_authorities, prepare_tokens, store_digits
from vending.vends.lifecycle import VendState
from vending.vends.models import Vend

__all__ = ["committed", "committed_world"]
pytestmark = [pytest.mark.django_db, pytest.mark.money_path]
# 20 November 2026, 09:00 UTC, in minutes since 1 January 2014.
NOW_TID = 6_777_180
TOP_BITS = NOW_TID >> 16


def give_key(meter: Meter, **changes: object) -> VendingKey:
    """Make the meter hold a vending key of its own with these attributes."""
    key = load_key(krn=3, **changes)
    Meter.objects.filter(pk=meter.pk).update(krn=3)
    return key


@transaction.atomic
def prepare(
    *orders: TokenOrder, now: datetime = NOW, nibble: Callable[[], int] = lambda: 5, limit: int = 30
) -> list[object]:
    lock_meters({order.meter.pk for order in orders})
    return list(prepare_tokens(orders=orders, random_nibble=nibble, look_ahead_minutes=limit, now=now))


def orders_for(meter: Meter, key: VendingKey, count: int, kind: str = "test") -> list[TokenOrder]:
    references = [f"{meter.pk}-{Authority.objects.count()}-{number}" for number in range(count)]
    return [
        TokenOrder(authority, meter, key, 81)
        for authority in grant_authorities(kind=kind, references=references, now=NOW)
    ]


def tids_of(meter: Meter) -> list[int]:
    return list(Token.objects.filter(meter=meter).order_by("pk").values_list("tid", flat=True))


def test_authority_is_granted_once() -> None:
    first, second = grant_authorities(kind="payment", references=["1", "2"], now=NOW)
    assert (first.kind, first.reference, second.reference, first.granted_at) == ("payment", "1", "2", NOW)
    with pytest.raises(IntegrityError), transaction.atomic():
        grant_authorities(kind="payment", references=["3", "1"], now=NOW)
    grant_authorities(kind="approval", references=["1"], now=NOW)
    assert Authority.objects.count() == 3


def test_authority_is_spent_by_one_token(world: World) -> None:
    (order,) = orders_for(world.meter, VendingKey.objects.get(), 1)
    prepare(order)
    with pytest.raises(IntegrityError), transaction.atomic():
        prepare(order)
    assert tids_of(world.meter) == [NOW_TID]
    assert MeterTid.objects.get().last_tid == NOW_TID


def test_token_is_stored_with_the_facts_of_the_key_and_no_digits(world: World) -> None:
    key = VendingKey.objects.get()
    (order,) = orders_for(world.meter, key, 1)
    (token,) = prepare(order, nibble=lambda: 11)
    stored = Token.objects.get()
    assert token == stored
    assert (stored.authority_id, stored.meter_id, stored.vending_key_id) == (order.authority.pk, world.meter.pk, key.pk)
    assert (stored.base_date, stored.ti, stored.subclass) == ("14", 1, 0)
    assert (stored.tid, stored.rnd, stored.amount_field, stored.digits) == (NOW_TID, 11, 81, "")


def test_tids_of_one_minute_and_of_a_clock_that_steps_back_rise(world: World) -> None:
    key = VendingKey.objects.get()
    prepare(*orders_for(world.meter, key, 3))
    prepare(*orders_for(world.meter, key, 2), now=NOW - timedelta(minutes=20))
    prepare(*orders_for(world.meter, key, 1), now=NOW + timedelta(minutes=30))
    assert tids_of(world.meter) == [*range(NOW_TID, NOW_TID + 5), NOW_TID + 30]


def test_tids_of_two_meters_do_not_push_each_other(world: World) -> None:
    key = VendingKey.objects.get()
    prepare(*orders_for(world.meter, key, 2), *orders_for(world.other_meter, key, 1))
    assert (tids_of(world.meter), tids_of(world.other_meter)) == ([NOW_TID, NOW_TID + 1], [NOW_TID])


def test_tids_skip_the_reserved_minute(world: World) -> None:
    midnight = datetime(2026, 11, 20, tzinfo=UTC)
    prepare(*orders_for(world.meter, VendingKey.objects.get(), 3), now=midnight)
    first = NOW_TID - 9 * 60
    assert tids_of(world.meter) == [first, first + 2, first + 3]


def test_tids_of_another_base_date_are_counted_apart(world: World) -> None:
    old, new = VendingKey.objects.get(), load_key(krn=3, base_date="35")
    later = datetime(2035, 1, 1, 10, tzinfo=UTC)
    prepare(*orders_for(world.meter, old, 1), now=later)
    prepare(*orders_for(world.meter, new, 2), now=later)
    kept = dict(MeterTid.objects.filter(meter=world.meter).values_list("base_date", "last_tid"))
    assert kept["35"] == 601
    assert kept["14"] > 11_000_000


def test_tid_cannot_be_stored_twice_for_a_meter_and_base_date(world: World) -> None:
    prepare(*orders_for(world.meter, VendingKey.objects.get(), 1))
    MeterTid.objects.update(last_tid=0)
    with pytest.raises(IntegrityError), transaction.atomic():
        prepare(*orders_for(world.meter, VendingKey.objects.get(), 1))
    assert tids_of(world.meter) == [NOW_TID]


def test_order_that_cannot_be_has_its_error_in_its_place_and_no_row(world: World) -> None:
    good, expired = VendingKey.objects.get(), load_key(krn=3, ken=TOP_BITS - 1)
    exhausted, not_yet = load_key(krn=4, base_date="93"), load_key(krn=5, base_date="35")
    orders = [
        order
        for meter, key in (
            (world.meter, good),
            (world.meter, expired),
            (world.other_meter, exhausted),
            (world.other_meter, not_yet),
            (world.other_meter, good),
        )
        for order in orders_for(meter, key, 1)
    ]
    first, *errors, last = prepare(*orders)
    assert [type(error) for error in errors] == [VendingKeyExpired, TidExhausted, MomentOutOfRange]
    assert [token.pk for token in Token.objects.order_by("pk")] == [first.pk, last.pk]  # type: ignore[attr-defined]
    assert MeterTid.objects.count() == 2


def test_key_in_the_last_steps_of_its_ken_still_makes_tokens(world: World) -> None:
    key = load_key(krn=3, ken=TOP_BITS)
    (token,) = prepare(*orders_for(world.meter, key, 1))
    assert isinstance(token, Token)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [({"ken": TOP_BITS - 1}, "key_expired"), ({"base_date": "93"}, "tid_exhausted")],
    ids=["ken-expired", "base-date-exhausted"],
)
def test_sale_without_a_usable_tid_is_held_with_the_reason(
    world: World, changes: dict[str, object], reason: str
) -> None:
    give_key(world.meter, **changes)
    world.sell()
    vend = Vend.objects.get()
    assert (vend.state, vend.held_reason, vend.next_try_at) == (VendState.HELD, reason, NOW + timedelta(seconds=2))
    assert not Token.objects.exists()
    world.later(3)
    world.resume()
    vend.refresh_from_db()
    assert (vend.state, vend.held_reason) == (VendState.HELD, reason)


def test_sale_held_for_an_exhausted_tid_is_issued_once_the_key_is_changed(world: World) -> None:
    give_key(world.meter)
    MeterTid.objects.create(meter=world.meter, base_date="14", last_tid=GREATEST_TID)
    world.sell()
    assert Vend.objects.get().held_reason == "tid_exhausted"
    MeterTid.objects.update(last_tid=NOW_TID)
    world.later(3)
    world.resume()
    assert Vend.objects.get().state == VendState.ISSUED
    assert tids_of(world.meter) == [NOW_TID + 1]


def test_digits_are_stored_for_each_token_once(world: World) -> None:
    tokens = prepare(*orders_for(world.meter, VendingKey.objects.get(), 2))
    first, second = (token.pk for token in tokens if isinstance(token, Token))
    assert store_digits(made={first: ("1" * 20, None), second: ("2" * 20, None)}) == {}
    assert store_digits(made={first: ("3" * 20, None)}) == {}
    assert dict(Token.objects.values_list("pk", "digits")) == {first: "1" * 20, second: "2" * 20}


def test_tids_stay_within_the_limit_ahead_of_the_clock(world: World) -> None:
    key = VendingKey.objects.get()
    results = prepare(*orders_for(world.meter, key, 40), *orders_for(world.other_meter, key, 1))
    assert [type(result) for result in results] == [Token] * 31 + [TidTooFarAhead] * 9 + [Token]
    assert tids_of(world.meter) == list(range(NOW_TID, NOW_TID + 31))
    assert MeterTid.objects.get(meter=world.meter).last_tid == NOW_TID + 30
    later = prepare(*orders_for(world.meter, key, 9), now=NOW + timedelta(minutes=5))
    assert [type(result) for result in later] == [Token] * 5 + [TidTooFarAhead] * 4
    assert tids_of(world.meter)[-1] == NOW_TID + 35


def test_tids_outside_of_the_keys_own_time_are_not_taken(world: World) -> None:
    """ACT and IUT count at the token's minute: a meter that is ahead of the clock meets them earlier."""
    VendingKey.objects.update(issue_until_at=NOW + timedelta(minutes=1), active_from_at=NOW)
    results = prepare(*orders_for(world.meter, VendingKey.objects.get(), 3))
    assert [type(result) for result in results] == [Token, Token, VendingKeyIssueEnded]
    VendingKey.objects.update(active_from_at=NOW + timedelta(seconds=1))
    (early,) = prepare(*orders_for(world.other_meter, VendingKey.objects.get(), 1), now=NOW + timedelta(seconds=2))
    assert isinstance(early, VendingKeyNotActive)
    assert tids_of(world.meter) == [NOW_TID, NOW_TID + 1]
    assert not MeterTid.objects.filter(meter=world.other_meter).exists()


def test_limit_of_nothing_gives_one_token_a_minute(world: World) -> None:
    key = VendingKey.objects.get()
    results = prepare(*orders_for(world.meter, key, 2), limit=0)
    assert [type(result) for result in results] == [Token, TidTooFarAhead]


def test_clock_that_steps_back_further_than_the_limit_gives_no_tid(world: World) -> None:
    key = VendingKey.objects.get()
    prepare(*orders_for(world.meter, key, 1))
    (refused,) = prepare(*orders_for(world.meter, key, 1), now=NOW - timedelta(minutes=30))
    assert isinstance(refused, TidTooFarAhead)
    (token,) = prepare(*orders_for(world.meter, key, 1), now=NOW - timedelta(minutes=29))
    assert isinstance(token, Token)
    assert tids_of(world.meter) == [NOW_TID, NOW_TID + 1]


def own_tids(world: World, *taken: int) -> list[int]:
    """Tokens that were prepared one after the other, and then stored with the TIDs that a module took."""
    tokens = prepare(*orders_for(world.meter, VendingKey.objects.get(), len(taken)))
    ids = [token.pk for token in tokens if isinstance(token, Token)]
    made: dict[int, tuple[str, int | None]] = {
        token_id: (f"{token_id:020d}", tid) for token_id, tid in zip(ids, taken, strict=True)
    }
    assert store_digits(made=made) == {}
    stored = dict(Token.objects.values_list("pk", "digits"))
    assert stored == {token_id: f"{token_id:020d}" for token_id in ids}
    return tids_of(world.meter)


@pytest.mark.parametrize(
    "taken",
    [(5, 6, 7), (1, 2, 3), (1, 0, 2), (2, 1, 0), (0, 1, 2), (-9, -8, -7), (900, 901, 902)],
    ids=["later", "one-on", "two-swapped", "reversed", "as-reserved", "behind", "far-ahead"],
)
def test_tids_that_a_module_took_replace_the_reserved_ones(world: World, taken: tuple[int, ...]) -> None:
    tids = [NOW_TID + tid for tid in taken]
    assert own_tids(world, *tids) == tids
    last = MeterTid.objects.get().last_tid
    assert last >= max(*tids, NOW_TID + 2)
    (token,) = prepare(*orders_for(world.meter, VendingKey.objects.get(), 1), limit=1000)
    assert isinstance(token, Token)
    assert token.tid == last + 1


def test_tid_that_another_token_has_is_refused_for_that_one_alone(world: World) -> None:
    world.sell()
    sold = Token.objects.get()
    tokens = prepare(*orders_for(world.meter, VendingKey.objects.get(), 3))
    first, second, third = (token.pk for token in tokens if isinstance(token, Token))
    refused = store_digits(
        made={first: ("1" * 20, sold.tid), second: ("2" * 20, NOW_TID + 9), third: ("3" * 20, GREATEST_TID + 1)}
    )
    assert {token_id: type(error) for token_id, error in refused.items()} == {first: TidRefused, third: TidRefused}
    assert dict(Token.objects.exclude(pk=sold.pk).values_list("pk", "digits")) == {
        first: "",
        second: "2" * 20,
        third: "",
    }
    assert MeterTid.objects.get().last_tid == NOW_TID + 9
    assert store_digits(made={first: ("1" * 20, NOW_TID + 10)}) == {}
    assert store_digits(made={first: ("1" * 20, NOW_TID + 11)}) == {}
    assert Token.objects.get(pk=first).tid == NOW_TID + 10


def test_token_without_digits_makes_room_for_a_tid_that_was_taken(world: World) -> None:
    tokens = prepare(*orders_for(world.meter, VendingKey.objects.get(), 2))
    first, second = (token for token in tokens if isinstance(token, Token))
    assert store_digits(made={first.pk: ("1" * 20, second.tid)}) == {}
    second.refresh_from_db()
    assert (second.tid, second.digits) == (NOW_TID + 2, "")
    assert MeterTid.objects.get().last_tid == NOW_TID + 2


def test_fingerprint_changes_with_every_fact_of_a_token(world: World) -> None:
    facts = ("meter_id", "vending_key_id", "base_date", "ti", "subclass", "tid", "rnd", "amount_field", "digits")
    world.sell()
    seen = {fingerprint_of(Token.objects.get())}
    for name in facts:
        token = Token.objects.get()
        setattr(token, name, 9)
        seen.add(fingerprint_of(token))
    assert len(seen) == len(facts) + 1
    assert {len(fingerprint) for fingerprint in seen} == {64}


@pytest.mark.django_db(transaction=True)
def test_tids_of_one_meter_are_distinct_and_rise_under_eight_sellers_at_once(committed_world: World) -> None:
    """Each on a connection of its own, the order of commits unknown: the meter's lock makes them take turns."""
    world = committed_world
    payment_ids = [world.confirm().payment_id or 0 for _ in range(24)]
    sellers = [replace(world) for _ in range(8)]
    shares = [payment_ids[place::8] for place in range(8)]
    done = at_once([partial(seller.fulfil, share) for seller, share in zip(sellers, shares, strict=True)])
    assert [progress.rows for progress in done if isinstance(progress, Progress)] == [3] * 8
    tids = tids_of(world.meter)
    assert tids == list(range(NOW_TID, NOW_TID + 24))
    assert MeterTid.objects.get().last_tid == tids[-1]
    assert set(Vend.objects.values_list("state", flat=True)) == {VendState.ISSUED}


@pytest.mark.django_db(transaction=True)
def test_one_payment_taken_by_eight_workers_at_once_is_one_token(committed_world: World) -> None:
    world = committed_world
    payment_id = world.confirm().payment_id or 0
    results = at_once([lambda: world.fulfil([payment_id]).rows for _ in range(8)])
    assert sorted(map(str, results)) == ["0"] * 7 + ["1"]
    assert (Token.objects.count(), Authority.objects.count(), Vend.objects.count()) == (1, 1, 1)
