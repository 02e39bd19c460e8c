"""What two persons decided: asked for by one, decided by another, in the words that the trail keeps."""

from collections.abc import Iterator, Mapping

from fleet.approvals.lifecycle import ApprovalState
from fleet.approvals.models import Approval
from gateway.books.rows import batches, list_acts

_ASKED = "approval.asked"
_STATE_AFTER: Mapping[str, str] = {
    _ASKED: ApprovalState.WAITING,
    **{f"approval.{state.lower()}": state for state in ApprovalState if state != ApprovalState.WAITING},
}


def find_wrong_approvals() -> Iterator[str]:
    """Every proposal is what its maker asked for; what was decided was decided by its checker, and so."""
    for approvals in batches(Approval.objects.all()):
        names = [f"approval:{approval.pk}" for approval in approvals]
        asked, last = list_acts((_ASKED,), names), list_acts(_STATE_AFTER, names)
        for approval, name in zip(approvals, names, strict=True):
            if name not in asked:
                yield f"{name}: nobody asked for it by the trail"
                continue
            terms = {"kind": approval.kind, "about": approval.subject, "terms": approval.terms}
            is_altered = dict(asked[name].details) != terms | {"reason": approval.reason}
            if is_altered or asked[name].actor != f"operator:{approval.maker_id}":
                yield f"{name}: is not what {asked[name].actor} asked for"
            if approval.state != _STATE_AFTER[last[name].act]:
                yield f"{name}: is {approval.state}, but its audit trail ends with {last[name].act}"
            if approval.checker_id and last[name].actor != f"operator:{approval.checker_id}":
                yield f"{name}: is {approval.state}, but {last[name].actor} decided it by the trail"
