"""What `manage.py vending_keys list` shows of each vending key: every attribute, no octet."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from vending.keys.queries import KeyDescription, WaitingComponent
from vending.sts.base_dates import BaseDate
from vending.sts.identifiers import KeyType

# As the key management centre calls vending keys.
KIND_OF_KT: Mapping[int, str] = {0: "initialisation", 1: "VDDK, default", 2: "VUDK, unique", 3: "VCDK, common"}
_NEVER_EXPIRES = 255
_PUBLISHED = "published test key, refused in production"


def states_of(key: KeyDescription, at: datetime) -> list[str]:
    """Everything that keeps the key from selling at this moment, in plain words; empty when nothing does."""
    begins_at = BaseDate.of(key.base_date).starts_at
    hindrances = {
        f"stopped since {_moment(key.stopped_at)}: {key.stopped_reason}": key.stopped_at is not None,
        f"not active before {_moment(key.active_from_at)}": key.active_from_at is not None and at < key.active_from_at,
        f"issue ended {_moment(key.issue_until_at)}": key.issue_until_at is not None and at > key.issue_until_at,
        f"its base date begins {_moment(begins_at)}": at < begins_at,
        f"expired {_moment(key.last_tid_at)}": at > key.last_tid_at,
        "unverified, sells nothing": not key.is_verified,
        "a default key sells nothing": key.kt == KeyType.DDTK,
        "an initialisation key sells nothing": key.kt == KeyType.DITK,
    }
    return [words for words, holds in hindrances.items() if holds]


def as_json(keys: Sequence[KeyDescription], waiting: Sequence[WaitingComponent], at: datetime) -> str:
    """One object: `vending_keys` and the components that wait. Moments are ISO 8601 in UTC, or null."""
    rows = [
        asdict(key)
        | {
            "kind": KIND_OF_KT[key.kt],
            "last_tid_at": key.last_tid_at,
            "days_left": _days_left(key, at),
            "hindrances": states_of(key, at),
        }
        for key in keys
    ]
    return json.dumps({"vending_keys": rows, "waiting": [asdict(row) for row in waiting]}, default=_json_moment)


def as_text(
    keys: Sequence[KeyDescription], waiting: Sequence[WaitingComponent], names: Mapping[str, str], at: datetime
) -> Iterator[str]:
    """A block of lines for each key, then a line for each component. `names` gives each custodian a user name."""
    for key in keys:
        yield from _block(key, at)
    for row in waiting:
        custodian = names.get(row.custodian, row.custodian)
        until = _moment(row.waits_until_at)
        yield f"SGC {row.sgc}  KRN {row.krn}  KT {row.kt}: the component of {custodian} waits until {until}"
    if not keys and not waiting:
        yield "no vending key is loaded"


def _block(key: KeyDescription, at: datetime) -> Iterator[str]:
    kind, states = KIND_OF_KT[key.kt], states_of(key, at) + ([_PUBLISHED] if key.is_published else [])
    began = BaseDate.of(key.base_date).starts_at.year
    end = "KEN 255 never expires, base date ends" if key.ken == _NEVER_EXPIRES else f"KEN {key.ken} expires"
    yield f"SGC {key.sgc}  KRN {key.krn}  KT {key.kt} ({kind})"
    yield f"  check value  {key.check_value}, DKGA {key.dkga:02d}, sealed by {key.sealed_by or 'an earlier version'}"
    yield f"  base date    {began}; {end} {_moment(key.last_tid_at)}, {_days_left(key, at)} days left"
    yield f"  issues       from {_moment(key.active_from_at)} until {_moment(key.issue_until_at)}"
    yield f"  state        {'; '.join(states or ['may sell'])}"


def _days_left(key: KeyDescription, at: datetime) -> int:
    return max((key.last_tid_at - at).days, 0)


def _moment(moment: datetime | None) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%d %H:%M UTC") if moment else "any time"


def _json_moment(value: Any) -> str:
    return str(value.astimezone(UTC).isoformat())
