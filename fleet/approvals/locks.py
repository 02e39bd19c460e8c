"""The lock on an approval. It is taken first, before the rows that the act is about (meters, payments, vends)."""

from datetime import datetime

from fleet.approvals.errors import ApprovalMissing
from fleet.approvals.lifecycle import ApprovalState
from fleet.approvals.models import Approval


def lock_approval(approval_id: int) -> Approval:
    """Lock an approval until the transaction ends. Raises `ApprovalMissing`."""
    approval = Approval.objects.select_for_update().filter(pk=approval_id).first()
    if approval is None:
        raise ApprovalMissing("no such approval")
    return approval


def lock_late_approvals(*, now: datetime, limit: int) -> list[Approval]:
    """Lock waiting approvals whose time is over; what somebody decides at this moment is left to them."""
    late = Approval.objects.select_for_update(skip_locked=True).filter(state=ApprovalState.WAITING, expires_at__lte=now)
    return list(late.order_by("pk")[:limit])


def lock_late_approval_of(*, kind: str, subject: str, now: datetime) -> Approval | None:
    """The waiting approval of this act and row, if its time is over."""
    late = Approval.objects.select_for_update().filter(kind=kind, subject=subject, state=ApprovalState.WAITING)
    return late.filter(expires_at__lte=now).first()
