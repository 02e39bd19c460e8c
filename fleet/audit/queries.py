"""What the audit trail says, and whether it is still what was written."""

from collections.abc import Collection, Iterator

from fleet.audit.models import AuditEntry, AuditSeal
from fleet.audit.services import GENESIS, digest_of


def find_broken_seals() -> Iterator[str]:
    """A line for each seal whose entries are not what was sealed, or whose chain is cut."""
    previous = GENESIS
    for seal in AuditSeal.objects.order_by("pk").iterator():
        entries = list(AuditEntry.objects.filter(seal=seal).order_by("pk"))
        if len(entries) != seal.entry_count or digest_of(previous, entries) != seal.digest:
            left = f"audit_entry:{entries[0].pk} to {entries[-1].pk}" if entries else "none left"
            yield f"audit_seal:{seal.pk}: its {seal.entry_count} entries ({left}) are not what was sealed"
        previous = seal.digest


def list_entries_of(subjects: Collection[str]) -> list[AuditEntry]:
    """Everything that was done to any of these rows, oldest first, in one round trip."""
    return list(AuditEntry.objects.filter(subject__in=subjects).order_by("at", "pk"))
