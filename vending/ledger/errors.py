"""What can go wrong in the books."""

from vending.kernel.errors import DomainError


class EntryUnbalanced(DomainError):
    """Lines of an entry that do not sum to nothing. A fault of ours: nothing was written."""

    code = "entry_unbalanced"
