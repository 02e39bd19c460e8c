"""What can be asked about approvals."""

from datetime import datetime
from typing import TYPE_CHECKING, NamedTuple

from django.db.models import Count, Min

from fleet.approvals.lifecycle import ApprovalState
from fleet.approvals.models import Approval

if TYPE_CHECKING:
    from django.db.models import QuerySet


class Waiting(NamedTuple):
    """How many acts wait for a second person, and since when the oldest does."""

    acts: int
    oldest_at: datetime | None


def get_approval(approval_id: int) -> Approval | None:
    return _whole().filter(pk=approval_id).first()


def list_waiting(*, limit: int) -> list[Approval]:
    """What waits for a second person, with its maker: the first to expire first."""
    return list(_whole().filter(state=ApprovalState.WAITING).order_by("expires_at", "pk")[:limit])


def list_decided(*, limit: int) -> list[Approval]:
    """What does not wait any more, with its two persons, the newest first."""
    return list(_whole().exclude(state=ApprovalState.WAITING).order_by("-pk")[:limit])


def list_of_subject(subject: str) -> list[Approval]:
    """Everything that was ever asked for about a row, with its two persons, the newest first."""
    return list(_whole().filter(subject=subject).order_by("-pk"))


def count_waiting() -> Waiting:
    """From the partial index of the waiting ones."""
    counts = Approval.objects.filter(state=ApprovalState.WAITING).aggregate(acts=Count("pk"), oldest=Min("asked_at"))
    return Waiting(counts["acts"], counts["oldest"])


def _whole() -> "QuerySet[Approval]":
    return Approval.objects.select_related("maker", "checker")
