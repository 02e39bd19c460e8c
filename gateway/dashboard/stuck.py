"""What waits, the oldest first, with the reason and the next automatic act; paid money without a code comes first.

Money shows at once, however young: with no worker running its age rises here from the first second. Every list is of
one partial index and limited; no table is counted.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_safe

from gateway.dashboard.layout import operators_only, read_clock, show
from gateway.dashboard.stuck_decisions import (
    list_approval_rows,
    list_claim_rows,
    list_double_rows,
    list_refund_rows,
    list_spent_doubt_rows,
)
from gateway.dashboard.stuck_rows import (
    SHOWN,
    StuckRow,
    count_reasons,
    list_message_rows,
    list_money,
    list_unknown_rows,
    list_vend_rows,
)
from gateway.dashboard.words import PageClock

RELOAD_SECONDS = 10


@dataclass(frozen=True)
class Section:
    """One kind of trouble. `is_cut` says that only the oldest rows are shown; messages have no amount or receipt.
    `counts` says how many rows have which reason, where there are several.
    """

    anchor: str
    title: str
    meaning: str
    rows: list[StuckRow]
    is_cut: bool
    is_money: bool
    counts: list[str]


@operators_only
@require_safe
def stuck(request: HttpRequest) -> HttpResponse:
    clock = read_clock()
    sections = list_sections(clock)
    rows = [row for section in sections for row in section.rows]
    return show(
        request,
        "stuck",
        {
            "sections": sections,
            "is_unattended": _is_unattended(clock, rows),
            "reload_seconds": RELOAD_SECONDS if "reload" in request.GET else 0,
        },
        clock=clock,
    )


def list_sections(clock: PageClock) -> list[Section]:
    money, claims = list_money(clock), list_claim_rows(clock)
    claimed = {row.url for row in claims}
    doubted = [row for row in money.doubted if row.url not in claimed]
    return [
        _section(
            "no-code",
            "Paid, no code yet",
            "The money is here; the customer waits for the code.",
            [*money.due, *list_vend_rows(clock)],
        ),
        _section(
            "not-believed",
            "Paid, not yet believed",
            "The provider is to be asked, its word is against it, or a person stopped it. It buys nothing meanwhile.",
            [*doubted, *list_spent_doubt_rows(clock, money.doubted_ids)],
        ),
        _section(
            "no-meter",
            "Paid, no meter",
            "The payer's account text means no meter, or more than one.",
            money.no_meter,
        ),
        _section(
            "purchases",
            "Unknown result",
            "Begun by USSD, not paid as far as we know. Late money is still taken.",
            list_unknown_rows(clock),
        ),
        _section(
            "refunds",
            "Refunds on their way",
            "Approved by two persons; the money has not left yet.",
            list_refund_rows(clock),
        ),
        _section(
            "wrong-meter",
            "Wrong meter claims",
            "The payer says that it was the wrong meter. A person moves the money, or closes the case with a reason.",
            claims,
        ),
        _section(
            "double-pay",
            "Double pay?",
            "One payer, one meter, one amount, within two minutes. Both were sold: the money is the customer's.",
            list_double_rows(clock),
        ),
        _section(
            "messages",
            "SMS not delivered",
            "The code exists; the customer can also read it by USSD and by SMS keyword.",
            list_message_rows(clock),
        ),
        _section(
            "approvals",
            "Approvals waiting",
            "One person has proposed it; another one decides.",
            list_approval_rows(clock),
        ),
    ]


def _section(anchor: str, title: str, meaning: str, rows: Sequence[StuckRow]) -> Section:
    oldest_first = sorted(rows, key=lambda row: row.since)
    counts = count_reasons(rows) if anchor in ("no-code", "not-believed") else {}
    return Section(
        anchor=anchor,
        title=title,
        meaning=meaning,
        rows=oldest_first[:SHOWN],
        is_cut=len(rows) > SHOWN,
        is_money=anchor != "messages",
        counts=[f"{count} {reason}" for reason, count in counts.items()] if len(counts) > 1 else [],
    )


def _is_unattended(clock: PageClock, rows: Sequence[StuckRow]) -> bool:
    """Whether something is due for longer than a sweep would have left it: most likely no worker runs."""
    patience = timedelta(seconds=3 * settings.SWEEP_SECONDS + 5)
    return any(row.due_at and clock.now - row.due_at > patience for row in rows)
