"""The sum of it all, from the rows and not from the ledger alone: what came in is what became of it."""

from collections.abc import Iterator
from itertools import chain

from django.db.models import F, QuerySet, Sum
from django.db.models.expressions import Combinable

from gateway.payments.lifecycle import PaymentState
from gateway.payments.models import Payment
from gateway.refunds.lifecycle import RefundState
from gateway.refunds.models import Refund
from gateway.reversals.models import Reversal
from vending.kernel.money import format_minor
from vending.ledger.accounts import RECEIVABLE, WALLET
from vending.ledger.models import LedgerLine
from vending.vends.lifecycle import VendState
from vending.vends.models import Vend

_WITH_MONEY = (
    PaymentState.ALLOCATED,
    PaymentState.SUSPENSE,
    PaymentState.REFUND_PENDING,
    PaymentState.REFUNDED,
    PaymentState.REVERSED,
)
_Sums = dict[str, int]


def find_wrong_totals() -> Iterator[str]:
    """For each currency: payments = tokens and fees + wallets + suspense + refunds + money gone back - debts."""
    came = _by_currency(Payment.objects.filter(state__in=_WITH_MONEY), F("amount_minor"))
    sold = _by_currency(
        Vend.objects.exclude(state=VendState.CANCELLED),
        F("net_minor") + F("vat_minor") + F("levies_minor") + F("fee_minor"),
    )
    parts = {
        "tokens and fees": sold,
        "wallets": _negated(_held(WALLET)),
        "suspense": _by_currency(Payment.objects.filter(state=PaymentState.SUSPENSE), F("amount_minor")),
        "refunds": _by_currency(Refund.objects.exclude(state=RefundState.DONE), F("amount_minor")),
        "gone back": _gone(),
        "debts": _negated(_held(RECEIVABLE)),
    }
    for currency in sorted(set(chain(came, *parts.values()))):
        became = {name: sums.get(currency, 0) for name, sums in parts.items()}
        if came.get(currency, 0) != sum(became.values()):
            words = " + ".join(f"{name} {format_minor(amount, currency)}" for name, amount in became.items())
            yield f"total of {currency}: payments {format_minor(came.get(currency, 0), currency)} are not {words}"


def _gone() -> _Sums:
    """What was paid back, and what providers took: a refund that a taking made unnecessary counts once."""
    sums = _by_currency(Refund.objects.filter(state=RefundState.DONE), F("amount_minor"))
    taken = Reversal.objects.filter(applied_at__isnull=False).exclude(outcome="refund")
    for reversal in taken.prefetch_related("payment__refunds").iterator(chunk_size=500):
        payment = reversal.payment
        receipts = {reversal.receipt, reversal.payment_receipt} - {""}
        done = payment.refunds.all() if payment else []
        left = reversal.amount_minor - sum(r.amount_minor for r in done if r.payout_receipt in receipts)
        sums[reversal.currency] = sums.get(reversal.currency, 0) + left
    return sums


def _held(account: str) -> _Sums:
    lines = LedgerLine.objects.filter(account=account).values("entry__currency").annotate(total=Sum("amount_minor"))
    return {row["entry__currency"]: row["total"] for row in lines.order_by()}


def _by_currency(rows: QuerySet, amount: Combinable) -> _Sums:  # type: ignore[type-arg]
    sums = rows.values("currency").annotate(total=Sum(amount)).order_by()
    return {row["currency"]: row["total"] for row in sums}


def _negated(sums: _Sums) -> _Sums:
    return {currency: -total for currency, total in sums.items()}
