"""The vending keys, as far as anybody may see them: what each is for, how long it lasts, and whether it sells.

No octet of a key is near: a check value tells which key it is to people who hold the components.
"""

from dataclasses import dataclass

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_safe

from gateway.dashboard import words
from gateway.dashboard.layout import operators_only, read_clock, show
from gateway.dashboard.words import BAD, BUSY, GOOD, QUIET, PageClock, State
from vending.kernel.errors import DomainError
from vending.keys.queries import KeyDescription, describe_keys
from vending.sta_tables.queries import get_tables, get_tables_source
from vending.sts.identifiers import KeyType

WARNED_DAYS = 60
_NO_EXPIRY = 255


@dataclass(frozen=True)
class KeyRow:
    """`marks` say whether the key sells, and what is special. `ends_on` is the nearest end of the key."""

    anchor: str
    sgc: str
    krn: int
    kt: int
    base_date: str
    dkga: str
    ken: str
    active_from: str
    issue_until: str
    check_value: str
    ends_on: str
    left: State
    marks: list[State]


@operators_only
@require_safe
def keys(request: HttpRequest) -> HttpResponse:
    clock = read_clock()
    context = {"rows": list_key_rows(clock), "tables": get_tables_state(), "source": get_tables_source()}
    return show(request, "keys", context, clock=clock)


def list_key_rows(clock: PageClock) -> list[KeyRow]:
    return [_row(clock, key) for key in describe_keys()]


def _row(clock: PageClock, key: KeyDescription) -> KeyRow:
    return KeyRow(
        anchor=f"{key.sgc}-{key.krn}-{key.kt}",
        sgc=key.sgc,
        krn=key.krn,
        kt=key.kt,
        base_date=words.base_date(key.base_date),
        dkga=f"{key.dkga:02d}",
        ken="255: none" if key.ken == _NO_EXPIRY else str(key.ken),
        active_from=words.day(key.active_from_at) if key.active_from_at else "always",
        issue_until=words.day(key.issue_until_at) if key.issue_until_at else "no end",
        check_value=key.check_value,
        ends_on=words.day(key.ends_at),
        left=_left(clock, key),
        marks=_marks(clock, key),
    )


def _left(clock: PageClock, key: KeyDescription) -> State:
    end = key.ends_at
    days = (end - clock.now).days
    if end < clock.now:
        return State("over", BAD)
    return State(f"{days} days left", BUSY if days < WARNED_DAYS else GOOD)


def _marks(clock: PageClock, key: KeyDescription) -> list[State]:
    """What keeps the key from selling, or that it sells; and whether anybody could know it."""
    marks = []
    if key.stopped_at:
        reason = words.reason(key.stopped_reason)
        marks.append(State(f"stopped {clock.moment(key.stopped_at).words}: {reason}", BAD))
    if not key.is_verified:
        marks.append(State("unverified: sells nothing", BAD))
    elif key.kt != KeyType.DUTK:
        marks.append(State("sells no power: only a key of KT 2 does", QUIET))
    if key.active_from_at and clock.now < key.active_from_at:
        marks.append(State("not active yet", BUSY))
    if key.ends_at < clock.now:
        marks.append(State("ended", BAD))
    marks = marks or [State("sells", GOOD)]
    if key.is_published:
        marks.append(State("published test key", BAD if settings.IS_PRODUCTION else BUSY))
    return marks


def get_tables_state() -> State:
    """The tables of EA 07 in force, in words."""
    try:
        is_operational = get_tables().is_operational
    except DomainError as refusal:
        return State(f"the file is refused ({refusal.code}): nothing is sold to meters with EA 07", BAD)
    if is_operational:
        return State("operational", GOOD)
    if settings.IS_PRODUCTION:
        return State("sample: nothing is sold to meters with EA 07", BAD)
    return State("sample: no real meter takes their tokens", BUSY)


def list_key_warnings(clock: PageClock) -> list[str]:
    """A line for each key that is stopped, or makes its last token within 60 days."""
    return [line for key in describe_keys() if (line := _warning(clock, key))]


def _warning(clock: PageClock, key: KeyDescription) -> str:
    if key.stopped_at:
        return f"Vending key {key.name} is stopped: paid sales wait for it."
    days = (key.ends_at - clock.now).days
    if days >= WARNED_DAYS:
        return ""
    return f"Vending key {key.name} makes " + (f"its last token in {days} days." if days >= 0 else "no more tokens.")
