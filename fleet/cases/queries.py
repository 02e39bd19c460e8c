"""What can be asked about cases."""

from collections.abc import Collection
from datetime import datetime
from typing import NamedTuple

from django.db.models import Count, Q

from fleet.cases.models import Case


class CaseCounts(NamedTuple):
    """Open cases, and how many of them are past their due time."""

    open: int
    overdue: int


def list_open_cases(
    *, limit: int | None, about: Collection[str] | None = None, reasons: Collection[str] | None = None
) -> list[Case]:
    """The cases that wait for a person, with their owner, the first due first: all, or those about these rows, or of
    these reasons.
    """
    cases = Case.objects.filter(closed_at=None).select_related("owner")
    if about is not None:
        cases = cases.filter(subject__in=about)
    if reasons is not None:
        cases = cases.filter(reason__in=reasons)
    return list(cases.order_by("due_at", "pk")[:limit])


def list_closed_cases(*, limit: int) -> list[Case]:
    """The cases that were closed last, with their owner."""
    closed = Case.objects.filter(closed_at__isnull=False).select_related("owner")
    return list(closed.order_by("-closed_at", "-pk")[:limit])


def count_open_cases(now: datetime) -> CaseCounts:
    """By urgency, from the partial index of the open ones."""
    counts = Case.objects.filter(closed_at=None).aggregate(
        open=Count("pk"), overdue=Count("pk", filter=Q(due_at__lte=now))
    )
    return CaseCounts(counts["open"], counts["overdue"])


def list_open_subjects(reason: str) -> set[str]:
    """What the open cases of a reason are about."""
    return set(Case.objects.filter(reason=reason, closed_at=None).values_list("subject", flat=True))


def has_case(reason: str, subject: str) -> bool:
    """Whether a person was called for this, be it open or closed by now."""
    return Case.objects.filter(reason=reason, subject=subject).exists()
