"""What can be wrong with the operator's tables for EA 07. No text here ever holds one of their numbers."""

from vending.kernel.errors import DomainError


class Ea07TablesMissing(DomainError):
    """Only the standard's sample tables are here: no real meter takes a token that they make."""

    code = "ea07_tables_missing"


class Ea07TablesRefused(DomainError):
    """The file cannot be read, or holds other tables than those of real meters."""

    code = "ea07_tables_refused"
