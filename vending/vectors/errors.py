"""What can be wrong with a case. Messages name a field by our own name for it and never repeat what it held."""

from vending.kernel.errors import DomainError


class LineTooLong(DomainError):
    """A line has more octets than any case needs."""

    code = "line_too_long"


class LineUnreadable(DomainError):
    """A line is not one JSON object in UTF-8, or names something in it twice."""

    code = "line_unreadable"


class AlgorithmUnknown(DomainError):
    """No algorithm of the test vectors has this name."""

    code = "algorithm_unknown"


class InputMissing(DomainError):
    """An input that the algorithm needs is not there."""

    code = "input_missing"


class InputMalformed(DomainError):
    """An input has another type or form than it must have."""

    code = "input_malformed"


class InputsContradict(DomainError):
    """Two inputs say the same thing differently: two values of EA, two amounts, two moments."""

    code = "inputs_contradict"


class OperationalTablesNeeded(DomainError):
    """A case asks for the operational EA 07 tables by name, and other tables are in force."""

    code = "operational_tables_needed"


class LineFailed(DomainError):
    """A line met a fault of ours. The lines behind it are answered all the same."""

    code = "line_failed"
