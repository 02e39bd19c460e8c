"""The start page: what waits and for how long, and the newest payments, sales and messages of the day."""

from dataclasses import dataclass
from datetime import datetime

from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_safe

from gateway.dashboard import words
from gateway.dashboard.keys import list_key_warnings
from gateway.dashboard.layout import operators_only, read_clock, show
from gateway.dashboard.queries import NO_MONEY, list_message_rows, list_money_facts, list_payment_rows, list_sale_rows
from gateway.dashboard.words import BAD, BUSY, QUIET, PageClock
from gateway.payments.lifecycle import PaymentState
from gateway.payments.queries import list_payments_in
from gateway.sms.queries import list_unsent_messages
from vending.vends.queries import list_unfinished_vends

ROWS = 12
COUNTED = 100
_SLOW_SECONDS = 30


@dataclass(frozen=True)
class Counter:
    """One number of the top row. `anchor` is the part of the stuck page that lists what it counts."""

    label: str
    value: str
    note: str
    tone: str
    anchor: str


@operators_only
@require_safe
def today(request: HttpRequest) -> HttpResponse:
    clock = read_clock()
    midnight = clock.midnight()
    return show(
        request,
        "today",
        {
            "counters": list_counters(clock),
            "key_warnings": list_key_warnings(clock),
            "date": f"{midnight:%A %d %B %Y}",
            "payments": [row for row in list_payment_rows(clock, before_id=None, limit=ROWS) if row.at.at >= midnight],
            "sales": [row for row in list_sale_rows(clock, before_id=None, limit=ROWS) if row.at.at >= midnight],
            "messages_today": [
                row for row in list_message_rows(clock, before_id=None, limit=ROWS) if row.at.at >= midnight
            ],
            "most_rows": ROWS,
        },
        clock=clock,
    )


def list_counters(clock: PageClock) -> list[Counter]:
    """Counts stop at a hundred: no table is counted as a whole."""
    confirmed = [p.confirmed_at or p.started_at for p in list_payments_in([PaymentState.CONFIRMED], limit=COUNTED)]
    vends = list_unfinished_vends(COUNTED)
    paid = list_money_facts([(vend.authority.kind, vend.authority.reference) for vend in vends])
    unfinished = [
        paid.get((vend.authority.kind, vend.authority.reference), NO_MONEY).at or vend.funded_at for vend in vends
    ]
    no_meter = [p.confirmed_at or p.started_at for p in list_payments_in([PaymentState.SUSPENSE], limit=COUNTED)]
    unsent = [message.queued_at for message in list_unsent_messages(COUNTED)]
    open_states = [PaymentState.EXPECTED, PaymentState.UNKNOWN]
    purchases = [payment.started_at for payment in list_payments_in(open_states, limit=COUNTED)]
    no_code = confirmed + unfinished
    return [
        Counter(
            "Oldest paid, no code",
            clock.age(min(no_code)) if no_code else "none",
            f"{_count(no_code)} waiting" if no_code else "every paid sale has its code",
            _tone(clock, no_code),
            "no-code",
        ),
        Counter("Paid, no meter", _count(no_meter), _oldest(clock, no_meter), BAD if no_meter else QUIET, "no-meter"),
        Counter("Messages waiting", _count(unsent), _oldest(clock, unsent), _tone(clock, unsent), "messages"),
        Counter("Purchases waiting", _count(purchases), _oldest(clock, purchases), QUIET, "purchases"),
    ]


def _count(moments: list[datetime]) -> str:
    return f"{COUNTED}+" if len(moments) >= COUNTED else str(len(moments))


def _oldest(clock: PageClock, moments: list[datetime]) -> str:
    return f"oldest {clock.age(min(moments))}" if moments else "nothing waits"


def _tone(clock: PageClock, moments: list[datetime]) -> str:
    if not moments:
        return words.GOOD
    return BAD if clock.age_seconds(min(moments)) > _SLOW_SECONDS else BUSY
