"""The close of a day: only when every difference between our payments and the providers' lists is explained.

A day is one of `BOOKS_TIMEZONE`. What closes the ledger is `vending.ledger`; here is what must be true before.
"""

from collections.abc import Iterable
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from django.conf import settings
from django.db import transaction
from django.db.models import Q

from fleet.cases.queries import list_open_subjects
from gateway.payments.doubts import AMOUNT_DIFFERS, NOT_CONFIRMED, PAID_WITHOUT_RECEIPT
from gateway.payments.models import Payment
from gateway.reconciliation.errors import DayNotCovered, DayUnbalanced, DayUnexplained, EarlierDayOpen
from gateway.reconciliation.listed import MISSING
from gateway.reconciliation.models import Statement
from gateway.reconciliation.queries import list_missing_ids, moved_within
from gateway.reconciliation.services import UNCLEAR
from vending.kernel.errors import DomainError
from vending.ledger import services as ledger
from vending.ledger.errors import DayNotOver
from vending.ledger.models import ClosedDay, LedgerEntry
from vending.ledger.queries import find_unbalanced_entries

REASONS = (MISSING, AMOUNT_DIFFERS, NOT_CONFIRMED, PAID_WITHOUT_RECEIPT)
_SHOWN = 5


def bounds_of(day_date: date) -> tuple[datetime, datetime]:
    """The first moment of a day of the books, and the first one after it."""
    zone = ZoneInfo(settings.BOOKS_TIMEZONE)
    starts_at, ends_at = (datetime.combine(day, time.min, zone) for day in (day_date, day_date + timedelta(days=1)))
    return starts_at, ends_at


@transaction.atomic
def close_day(*, day_date: date, operator_id: int, actor: str, now: datetime) -> ClosedDay:
    """Close a day of the books. Idempotent by day.

    Raises `DayNotOver`, `EarlierDayOpen`, `DayNotCovered`, `DayUnexplained`, `DayUnbalanced`, and what the ledger's own
    close raises (`DayBeforeClosed`, `TrialBalanceOff`).
    """
    closed = ClosedDay.objects.filter(day_date=day_date).first()
    if closed:
        return closed
    if problem := find_day_problem(day_date, now):
        raise problem
    _, until = bounds_of(day_date)
    return ledger.close_day(day_date=day_date, until=until, operator_id=operator_id, actor=actor, now=now)


def find_day_problem(day_date: date, now: datetime) -> DomainError | None:
    """The first thing that keeps a day from being closed now, as a value; None when nothing does."""
    starts_at, until = bounds_of(day_date)
    if until > now:
        return DayNotOver("the day is not over")
    return (
        _find_open_day(starts_at)
        or _find_uncovered(starts_at, until)
        or _find_unexplained(starts_at, until)
        or next((DayUnbalanced(line) for line in find_unbalanced_entries()), None)
    )


def _find_open_day(starts_at: datetime) -> DomainError | None:
    last = ClosedDay.objects.order_by("-until").first()
    entries = LedgerEntry.objects.filter(at__lt=starts_at)
    entry = (entries.filter(at__gte=last.until) if last else entries).order_by("at").first()
    if entry is None:
        return None
    open_date = entry.at.astimezone(ZoneInfo(settings.BOOKS_TIMEZONE)).date()
    return EarlierDayOpen(f"{open_date} has entries and is not closed")


def _find_uncovered(starts_at: datetime, until: datetime) -> DomainError | None:
    for provider in _list_providers(starts_at, until):
        end = _covered_until(provider, starts_at, until)
        if end < until:
            shown = end.astimezone(ZoneInfo(settings.BOOKS_TIMEZONE))
            return DayNotCovered(f"no statement of {provider} speaks for the day from {shown:%H:%M} on")
    return None


def _list_providers(starts_at: datetime, until: datetime) -> list[str]:
    paid = Payment.objects.filter(moved_within(starts_at, until), receipt__isnull=False)
    return sorted(set(paid.values_list("provider", flat=True)))


def _covered_until(provider: str, starts_at: datetime, until: datetime) -> datetime:
    """How far the finished statements reach from the start of the day on without a gap."""
    touching = Statement.objects.filter(
        provider=provider, finished_at__isnull=False, starts_at__lt=until, ends_at__gt=starts_at
    )
    end = starts_at
    for statement in touching.order_by("starts_at", "ends_at"):
        if statement.starts_at > end:
            break
        end = max(end, statement.ends_at)
    return end


def _find_unexplained(starts_at: datetime, until: datetime) -> DomainError | None:
    ids = set(_list_with_open_case(starts_at, until))
    for provider in _list_providers(starts_at, until):
        ids.update(list_missing_ids(provider, starts_at, until))
    names = [f"payment:{pk}" for pk in sorted(ids)] + _list_unclear(starts_at, until)
    if not names:
        return None
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return DayUnexplained(f"work these first: {', '.join(names[:_SHOWN])}{more}")


def _list_with_open_case(starts_at: datetime, until: datetime) -> Iterable[int]:
    subjects = set().union(*(list_open_subjects(reason) for reason in REASONS))
    ids = [int(subject.removeprefix("payment:")) for subject in subjects if subject.startswith("payment:")]
    begun = Q(paid_at=None, confirmed_at=None, started_at__gte=starts_at, started_at__lt=until)
    return Payment.objects.filter(moved_within(starts_at, until) | begun, pk__in=ids).values_list("pk", flat=True)


def _list_unclear(starts_at: datetime, until: datetime) -> list[str]:
    ids = [int(subject.removeprefix("statement:")) for subject in list_open_subjects(UNCLEAR)]
    touching = Statement.objects.filter(pk__in=ids, starts_at__lt=until, ends_at__gt=starts_at)
    return [f"statement:{pk}" for pk in touching.order_by("pk").values_list("pk", flat=True)]
