"""One proposal; a tariff with what it would have made of last month's sales."""

from dataclasses import dataclass

from django.http import Http404, HttpRequest, HttpResponse
from django.views.decorators.http import require_safe

from fleet.approvals.queries import get_approval
from fleet.approvals.services import LONGEST_REASON
from gateway.dashboard import words
from gateway.dashboard.approval_rows import Which, list_approval_rows
from gateway.dashboard.layout import operators_only, read_clock, show
from gateway.dashboard.terms_words import read_tariff
from gateway.dashboard.words import PageClock
from vending.tariffs.queries import list_versions
from vending.vends.previewing import Side, TariffPreview, preview_tariff


@dataclass(frozen=True)
class Measure:
    """One line of the effect: as it was, as it would have been, and the difference."""

    name: str
    before: str
    after: str
    change: str


@dataclass(frozen=True)
class Loser:
    drn: str
    before: str
    after: str


@dataclass(frozen=True)
class Effect:
    """Last month by the proposed prices, and who would have lost most."""

    month: str
    customers: int
    measures: list[Measure]
    losers: list[Loser]


@operators_only
@require_safe
def approval(request: HttpRequest, approval_id: int) -> HttpResponse:
    clock = read_clock()
    row = next(iter(list_approval_rows(clock, Which(approval_id), operator_id=request.user.pk)), None)
    if row is None:
        raise Http404("no such proposal")
    effect = find_effect(clock, approval_id) if row.is_tariff and row.is_waiting else None
    context = {"row": row, "effect": effect, "longest_answer": LONGEST_REASON}
    return show(request, "approval", context, clock=clock, nav="approvals")


def find_effect(clock: PageClock, approval_id: int) -> Effect | None:
    """None for a site without sales to play again, or terms that cannot be read."""
    found = get_approval(approval_id)
    facts = read_tariff(found.terms) if found else None
    sites = [version.site for version in list_versions() if found and found.subject == f"site:{version.site_id}"]
    return None if facts is None or not sites else _effect_of(preview_tariff(site=sites[0], facts=facts, now=clock.now))


def _effect_of(preview: TariffPreview) -> Effect:
    before, after = preview.before, preview.after
    average = preview.average_kwh_tenths
    return Effect(
        month=f"{preview.month_date:%B %Y}",
        customers=preview.customers,
        measures=[
            Measure("Sales", str(before.sales), str(after.sales), f"{after.sales - before.sales:+}"),
            _units("Units", before.energy_kwh_tenths, after.energy_kwh_tenths),
            _units("Units a customer", average(before), average(after)),
            _money("Revenue without taxes", before, after, "revenue_minor", preview.currency),
            _money("Taxes", before, after, "taxes_minor", preview.currency),
        ],
        losers=[
            Loser(loss.drn, words.units(loss.energy_before_kwh_tenths), words.units(loss.energy_after_kwh_tenths))
            for loss in preview.losers
        ],
    )


def _units(name: str, before: int, after: int) -> Measure:
    change = f"{'-' if after < before else '+'}{words.units(abs(after - before))}"
    return Measure(name, words.units(before), words.units(after), change)


def _money(name: str, before: Side, after: Side, field: str, currency: str) -> Measure:
    was, would = getattr(before, field), getattr(after, field)
    change = f"{'-' if would < was else '+'}{words.money(abs(would - was), currency)}"
    return Measure(name, words.money(was, currency), words.money(would, currency), change)
