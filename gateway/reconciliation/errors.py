"""What can be refused about a statement, its layout, or the close of a day."""

from vending.kernel.errors import DomainError


class StatementEmpty(DomainError):
    """The file holds nothing."""

    code = "statement_empty"


class StatementTooLong(DomainError):
    """The file has more octets or more rows than an import takes. Export a shorter period."""

    code = "statement_too_long"


class StatementUnreadable(DomainError):
    """The file is no text in columns: a spreadsheet or a PDF under a wrong name, or a damaged file."""

    code = "statement_unreadable"


class StatementColumnsMissing(DomainError):
    """No row of the file names the columns that the layout needs. The message says which are missing."""

    code = "statement_columns_missing"


class StatementForeign(DomainError):
    """The file is about another short code than ours, or does not say which. Nothing was taken."""

    code = "statement_foreign"


class StatementPeriodMissing(DomainError):
    """Neither the file nor its lines say which period it speaks for, or the period ends before it starts."""

    code = "statement_period_missing"


class StatementImplausible(DomainError):
    """Most of our payments of the period are not in the file (another account, or a filtered export), or several that
    came after its last line (exported too early). Its lines were taken; nothing was frozen.
    """

    code = "statement_implausible"


class StatementMissing(DomainError):
    """There is no such statement."""

    code = "statement_missing"


class MappingMissing(DomainError):
    """No layout has this name: neither a built-in one nor a saved one of this provider."""

    code = "mapping_missing"


class MappingInvalid(DomainError):
    """A layout that cannot be used. `field` names the part."""

    code = "mapping_invalid"


class DayNotCovered(DomainError):
    """No statement that was taken in full speaks for the whole day, for a provider that brought money that day."""

    code = "day_not_covered"


class DayUnexplained(DomainError):
    """A payment of the day differs from the provider's list, and nobody has said why: an open case, or none yet."""

    code = "day_unexplained"


class DayUnbalanced(DomainError):
    """An entry of the ledger does not sum to nothing. See `manage.py verify_books`."""

    code = "day_unbalanced"


class EarlierDayOpen(DomainError):
    """A day before has entries and is not closed: days are closed in their order."""

    code = "earlier_day_open"
