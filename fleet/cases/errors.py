"""What can be refused about a case."""

from vending.kernel.errors import DomainError


class CaseMissing(DomainError):
    """There is no such case."""

    code = "case_missing"


class CaseOutcomeInvalid(DomainError):
    """A case is closed with what was found or done: 1 to 200 characters."""

    code = "case_outcome_invalid"


class CaseClosed(DomainError):
    """The case is closed already: nobody can take it any more."""

    code = "case_closed"
