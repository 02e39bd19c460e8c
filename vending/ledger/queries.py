"""What the books say."""

from collections.abc import Collection, Iterable, Iterator, Sequence
from datetime import UTC, datetime
from typing import NamedTuple

from django.db.models import Count, F, Q, Sum
from django.db.models.functions import Coalesce

from vending.kernel.errors import DomainError
from vending.ledger.accounts import WALLET
from vending.ledger.errors import DayBeforeClosed, DayNotOver, TrialBalanceOff
from vending.ledger.models import ClosedDay, LedgerEntry, LedgerLine

# Before any entry: a balance of all that was booked opens with nothing.
_BEGINNING = datetime(2000, 1, 1, tzinfo=UTC)


class BalanceRow(NamedTuple):
    """An account in a period: `closing = opening + debit - credit`. Balances are signed, what moved is not."""

    currency: str
    account: str
    opening_minor: int
    debit_minor: int
    credit_minor: int
    closing_minor: int


def list_wallets(meter_ids: Collection[int]) -> dict[int, int]:
    """What each meter's wallet holds, in minor units. Read under the meters' locks where it is then spent."""
    held = LedgerLine.objects.filter(account=WALLET, meter_id__in=meter_ids).values_list("meter_id")
    wallets = dict.fromkeys(meter_ids, 0)
    wallets.update({meter_id: -total for meter_id, total in held.annotate(total=Sum("amount_minor")).order_by()})
    return wallets


def get_wallet(meter_id: int) -> int:
    return list_wallets([meter_id])[meter_id]


def list_trial_balance(starts_at: datetime, until: datetime) -> list[BalanceRow]:
    """Every account that has been used before `until`, by currency: what it held at `starts_at`, what moved from then
    until before `until`, and what it held after. All accounts of a currency together hold nothing, at any moment.
    """
    within, debit = Q(entry__at__gte=starts_at), Q(amount_minor__gt=0)
    rows = (
        LedgerLine.objects.filter(entry__at__lt=until)
        .values(currency=F("entry__currency"), name=F("account"))
        .annotate(
            opening=Coalesce(Sum("amount_minor", filter=~within), 0),
            debit=Coalesce(Sum("amount_minor", filter=within & debit), 0),
            credit=-Coalesce(Sum("amount_minor", filter=within & ~debit), 0),
        )
        .order_by("currency", "name")
    )
    return [
        BalanceRow(
            row["currency"],
            row["name"],
            row["opening"],
            row["debit"],
            row["credit"],
            row["opening"] + row["debit"] - row["credit"],
        )
        for row in rows
    ]


def list_sums(rows: Iterable[BalanceRow]) -> dict[str, int]:
    """What all accounts of each currency hold together: nothing, or the books are broken."""
    sums: dict[str, int] = {}
    for row in rows:
        sums[row.currency] = sums.get(row.currency, 0) + row.closing_minor
    return sums


def list_balance(until: datetime) -> list[BalanceRow]:
    """What every account holds of all that was booked before `until`."""
    return list_trial_balance(_BEGINNING, until)


def find_open_day_problem(
    *, until: datetime, now: datetime, balance: Sequence[BalanceRow] | None = None
) -> DomainError | None:
    """What keeps the day before `until` from being closed now, as a value; None when nothing does.

    `DayNotOver`, `DayBeforeClosed` (a later day is closed), or `TrialBalanceOff` by the `balance` up to `until`.
    """
    if until > now:
        return DayNotOver("the day is not over")
    if is_closed(until):
        return DayBeforeClosed("a later day is closed already")
    sums = list_sums(list_balance(until) if balance is None else balance)
    off = [f"{currency} {total}" for currency, total in sums.items() if total]
    return TrialBalanceOff(f"the accounts do not sum to nothing: {', '.join(off)}") if off else None


def is_closed(moment: datetime) -> bool:
    """Whether this moment lies in a closed day, or before one: the database books nothing at it any more."""
    return ClosedDay.objects.filter(until__gt=moment).exists()


def find_unbalanced_entries() -> Iterator[str]:
    """Every entry sums to nothing, and has lines."""
    sums = LedgerEntry.objects.annotate(total=Sum("lines__amount_minor"), count=Count("lines"))
    for entry in sums.filter(~Q(total=0) | Q(count=0)).iterator():
        yield f"ledger_entry:{entry.pk} ({entry.cause}): its {entry.count} lines sum to {entry.total}, not to 0"


def find_negative_wallets() -> Iterator[str]:
    """No wallet owes us."""
    owed = LedgerLine.objects.filter(account=WALLET).values("meter_id").annotate(total=Sum("amount_minor")).order_by()
    for row in owed.filter(total__gt=0):
        yield f"meter:{row['meter_id']}: its wallet holds {-row['total']}"


def find_mixed_currencies() -> Iterator[str]:
    """An entry is in the currency of every meter that it names."""
    other = LedgerLine.objects.filter(meter__isnull=False).exclude(entry__currency=F("meter__site__currency"))
    named = other.values_list("entry_id", "entry__cause", "entry__currency", "meter_id", "meter__site__currency")
    for entry_id, cause, currency, meter_id, site_currency in named.distinct().order_by("entry_id", "meter_id"):
        yield f"ledger_entry:{entry_id} ({cause}): is in {currency}, but meter:{meter_id} takes {site_currency}"
