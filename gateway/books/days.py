"""Days whose books are closed: nothing was booked into one afterwards, and none was opened again."""

from collections.abc import Iterator
from datetime import UTC

from django.db.models import F, Sum

from fleet.audit.models import AuditEntry
from vending.ledger.models import ClosedDay, LedgerLine

_CLOSED = "ledger_day.closed"


def find_wrong_days() -> Iterator[str]:
    """A closed day has the balances with which it was closed, as the audit trail names it. The ledger is read once."""
    closed = {entry.subject: entry.details for entry in AuditEntry.objects.filter(act=_CLOSED).order_by("pk")}
    balances: dict[str, int] = {}
    begins_at = None
    for day in ClosedDay.objects.order_by("until"):
        name = f"closed_day:{day.pk}"
        said = closed.pop(name, None)
        if said != {"day": day.day_date.isoformat(), "until": day.until.astimezone(UTC).isoformat()}:
            yield f"{name}: is not the day that {_CLOSED} recorded"
        lines = LedgerLine.objects.filter(entry__at__lt=day.until)
        if begins_at:
            lines = lines.filter(entry__at__gte=begins_at)
        sums = lines.values(currency=F("entry__currency"), name=F("account")).annotate(total=Sum("amount_minor"))
        for row in sums.order_by():
            account = f"{row['currency']} {row['name']}"
            balances[account] = balances.get(account, 0) + row["total"]
        begins_at = day.until
        if day.totals != balances:
            names = set(day.totals) | set(balances)
            wrong = sorted(account for account in names if day.totals.get(account) != balances.get(account))
            yield f"{name}: was closed with other balances of {', '.join(wrong)}"
    for name in closed:
        yield f"{name}: was closed, and is no more"
