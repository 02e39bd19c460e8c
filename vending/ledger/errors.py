"""What can go wrong in the books."""

from vending.kernel.errors import DomainError


class EntryUnbalanced(DomainError):
    """Lines of an entry that do not sum to nothing. A fault of ours: nothing was written."""

    code = "entry_unbalanced"


class EntryMalformed(DomainError):
    """An entry that moves no money, or a line on the wallet of no meter. A fault of ours: nothing was written."""

    code = "entry_malformed"


class DayNotOver(DomainError):
    """A day's books are closed after its last moment, not before."""

    code = "day_not_over"
    retryable = True


class DayBeforeClosed(DomainError):
    """A later day is closed already, and with it every day before."""

    code = "day_before_closed"


class TrialBalanceOff(DomainError):
    """A currency does not sum to nothing: the day stays open until it is found out why."""

    code = "trial_balance_off"
