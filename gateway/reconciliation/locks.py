"""The lock of one import: two of the same file take their lines one after the other, never at once."""

from gateway.reconciliation.models import Statement


def lock_statement(statement_id: int) -> Statement:
    """Lock a statement until the transaction ends, before any meter or payment."""
    return Statement.objects.select_for_update().get(pk=statement_id)
