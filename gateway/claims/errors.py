"""What can be refused about a customer's word."""

from vending.kernel.errors import DomainError


class CallSubjectInvalid(DomainError):
    """A call back is about a row of ours ("payment:12"), by which staff find the number."""

    code = "call_subject_invalid"
