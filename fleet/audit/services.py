"""Writing who did what, inside of the act's own transaction, and sealing it in batches into a hash chain."""

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from django.db import transaction

from fleet.audit.models import AuditEntry, AuditSeal

GENESIS = "0" * 64


@dataclass(frozen=True)
class Act:
    """`act` is "<slice>.<what>" in the past tense, `subject` "<row kind>:<id>"; `details` holds no secret."""

    act: str
    subject: str
    details: Mapping[str, object] = field(default_factory=dict)


def record(*, actor: str, acts: Iterable[Act], now: datetime) -> None:
    """Append an entry for each act. The caller's transaction is the act's, so neither stands without the other."""
    AuditEntry.objects.bulk_create(
        AuditEntry(at=now, actor=actor, act=act.act, subject=act.subject, details=dict(act.details)) for act in acts
    )


def digest_of(previous: str, entries: Iterable[AuditEntry]) -> str:
    """SHA-256 over the seal before and the entries in order of id, as hex."""
    chain = hashlib.sha256(previous.encode())
    for entry in entries:
        row = [entry.pk, entry.at.isoformat(), entry.actor, entry.act, entry.subject, entry.details]
        chain.update(json.dumps(row, sort_keys=True, separators=(",", ":")).encode())
    return chain.hexdigest()


@transaction.atomic
def seal_entries(*, now: datetime, limit: int = 2000) -> int:
    """Seal the entries that no seal covers yet, in order of id; returns how many. Idempotent: none left, none sealed.

    The oldest entry's row is locked, so that two sealers make one chain: it is the same row for both, while the last
    seal is another one by the time the second has waited for the first. An entry that commits late is taken by a later
    seal: what a seal covers is written on the entries, not guessed from their ids.
    """
    AuditEntry.objects.select_for_update().order_by("pk").first()
    last = AuditSeal.objects.order_by("-pk").first()
    entries = list(AuditEntry.objects.filter(seal=None).order_by("pk")[:limit])
    if not entries:
        return 0
    digest = digest_of(last.digest if last else GENESIS, entries)
    seal = AuditSeal.objects.create(sealed_at=now, entry_count=len(entries), digest=digest)
    AuditEntry.objects.filter(pk__in=[entry.pk for entry in entries]).update(seal=seal)
    return len(entries)
