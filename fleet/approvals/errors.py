"""What can be refused about an approval."""

from vending.kernel.errors import DomainError


class ApprovalMissing(DomainError):
    """There is no such approval."""

    code = "approval_missing"


class ApprovalReasonInvalid(DomainError):
    """The maker says why, and a checker who refuses does too: 1 to 200 characters."""

    code = "approval_reason_invalid"


class ApprovalWaiting(DomainError):
    """The same act on the same row waits for a second person already."""

    code = "approval_waiting"


class ApprovalByMaker(DomainError):
    """Who asked for an act cannot decide it."""

    code = "approval_by_maker"


class ApprovalNotByMaker(DomainError):
    """Only who asked for an act takes it back."""

    code = "approval_not_by_maker"


class ApprovalPersonInactive(DomainError):
    """This person's login is closed: they neither ask for an act nor decide one."""

    code = "approval_person_inactive"


class ApprovalDecided(DomainError):
    """The approval was decided, taken back or left to expire before."""

    code = "approval_decided"


class ApprovalExpired(DomainError):
    """Nobody decided in time: the act has to be asked for again."""

    code = "approval_expired"
