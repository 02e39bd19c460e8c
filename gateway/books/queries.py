"""Whether the books are true: every payment ends once, every token has its money, every row says what the others say.

Each check yields a line for each row that contradicts another; nothing is written. The rows are read as a stream, so
the size of the tables does not matter, only the time.
"""

from collections.abc import Callable, Iterator
from typing import TypeVar

from django.db.models import Count, F, Max, Model, Q, QuerySet, Sum

from fleet.audit.models import AuditEntry
from fleet.audit.queries import find_broken_seals
from gateway.payments.lifecycle import PaymentState
from gateway.payments.models import Payment
from gateway.sms.models import Message
from gateway.sms.texts import group_digits
from gateway.webhooks.models import Callback
from vending.ledger.accounts import (
    ENERGY_REVENUE,
    FIXED_FEE_REVENUE,
    SUSPENSE,
    VAT,
    WALLET,
    provider_float,
)
from vending.ledger.models import LedgerEntry, LedgerLine
from vending.sts.amounts import tenths_of
from vending.tariffs.models import FixedFeeCharge
from vending.tokens.models import Authority, MeterTid, Token
from vending.tokens.services import fingerprint_of
from vending.vends.lifecycle import VendState
from vending.vends.models import Vend

_BATCH = 500
Row = TypeVar("Row", bound=Model)
_Lines = dict[str, int]


def list_differences() -> Iterator[str]:
    """A line for each difference found, check by check."""
    for check in _CHECKS:
        yield from check()


def find_unbalanced_entries() -> Iterator[str]:
    """Every entry sums to nothing, and has lines."""
    sums = LedgerEntry.objects.annotate(total=Sum("lines__amount_minor"), count=Count("lines"))
    for entry in sums.filter(~Q(total=0) | Q(count=0)).iterator():
        yield f"ledger_entry:{entry.pk} ({entry.cause}): its lines sum to {entry.total}, not to 0"


def find_unbooked_payments() -> Iterator[str]:
    """Money that reached us is booked once, in full, and for the meter it went to; other rows are not booked at all."""
    for payments in _batches(Payment.objects.all()):
        booked = _booked([cause for p in payments for cause in (_allocated(p), _suspended(p))])
        for payment in payments:
            yield from _check_payment(payment, booked)


def _check_payment(payment: Payment, booked: dict[str, _Lines]) -> Iterator[str]:
    name = f"payment:{payment.pk}"
    is_allocated, was_lost = _allocated(payment) in booked, _suspended(payment) in booked
    if is_allocated != (payment.state in (PaymentState.ALLOCATED, PaymentState.REVERSED)):
        yield f"{name}: is {payment.state}, but its allocation is {'' if is_allocated else 'not '}booked"
    if payment.state == PaymentState.SUSPENSE and not was_lost:
        yield f"{name}: is SUSPENSE, but not booked there"
    for cause in filter(booked.__contains__, (_suspended(payment), _allocated(payment))):
        source = SUSPENSE if was_lost and cause == _allocated(payment) else provider_float(payment.provider)
        if booked[cause].get(source) != payment.amount_minor:
            yield f"{name}: is {payment.amount_minor}, but {booked[cause].get(source, 0)} is booked as {cause}"


def find_unjournalled_payments() -> Iterator[str]:
    """Every receipt came in through a door, and the journal has its body."""
    for payments in _batches(Payment.objects.exclude(receipt=None)):
        receipts = {payment.receipt for payment in payments}
        seen = set(Callback.objects.filter(subject__in=receipts).values_list("subject", flat=True))
        yield from (
            f"payment:{p.pk}: no callback in the journal names its receipt" for p in payments if p.receipt not in seen
        )


def find_wrong_vends() -> Iterator[str]:
    """Every sale has its payment, of the same amount and meter, and its parts are what is booked."""
    for vends in _batches(Vend.objects.select_related("authority")):
        payments = _payments_of(vends)
        booked = _booked([f"payment:{vend.authority.reference}:allocated" for vend in vends])
        charged = set(FixedFeeCharge.objects.filter(vend__in=vends).values_list("vend_id", flat=True))
        for vend in vends:
            payment = payments.get(vend.authority.reference)
            if payment is None or (payment.amount_minor, payment.meter_id) != (vend.paid_minor, vend.meter_id):
                yield f"vend:{vend.pk}: its payment is not of the same amount and meter"
            if _parts(vend) != _sold_part(booked.get(f"payment:{vend.authority.reference}:allocated", {})):
                yield f"vend:{vend.pk}: its parts are not what is booked"
            if bool(vend.fee_minor) != (vend.pk in charged):
                yield f"vend:{vend.pk}: its fixed fee and the month's charge disagree"


def find_wrong_tokens() -> Iterator[str]:
    """Every token has a sale, carries the energy sold, and its digits are those that were verified and sent."""
    for tokens in _batches(Token.objects.select_related("authority__vend")):
        fingerprints = _fingerprints([f"vend:{t.authority.vend.pk}" for t in tokens if hasattr(t.authority, "vend")])
        for token in tokens:
            vend = getattr(token.authority, "vend", None)
            if vend is None:
                yield f"token:{token.pk}: no sale stands behind its authority"
                continue
            if (tenths_of(token.amount_field), token.meter_id) != (vend.energy_kwh_tenths, vend.meter_id):
                yield f"token:{token.pk}: its energy or meter is not that of vend:{vend.pk}"
            is_issued = vend.state == VendState.ISSUED
            if is_issued and fingerprints.get(f"vend:{vend.pk}") != fingerprint_of(token.digits):
                yield f"token:{token.pk}: its digits are not those that were verified"


def find_missing_tokens() -> Iterator[str]:
    """A sale that is ISSUED has its token; an authority has its sale."""
    for vend in Vend.objects.filter(state=VendState.ISSUED, authority__token=None).iterator():
        yield f"vend:{vend.pk}: is ISSUED without a token"
    for authority in Authority.objects.filter(vend=None).iterator():
        yield f"authority:{authority.pk}: no sale was made of it"


def find_wrong_tids() -> Iterator[str]:
    """The last TID kept for a meter is the greatest that it was given."""
    greatest = Token.objects.values("meter_id", "base_date").annotate(tid=Max("tid")).order_by()
    kept = {(row.meter_id, row.base_date): row for row in MeterTid.objects.iterator()}
    for token in greatest.iterator():
        row = kept.get((token["meter_id"], token["base_date"]))
        if row is None or row.last_tid < token["tid"]:
            name = f"meter_tid:{row.pk}" if row else f"meter:{token['meter_id']}"
            yield f"{name}: its last TID is below one that was given"


def find_negative_wallets() -> Iterator[str]:
    """No wallet owes us."""
    owed = LedgerLine.objects.filter(account=WALLET).values("meter_id").annotate(total=Sum("amount_minor")).order_by()
    for row in owed.filter(total__gt=0):
        yield f"meter:{row['meter_id']}: its wallet holds {-row['total']}"


def find_wrong_messages() -> Iterator[str]:
    """A message that carries a code carries the digits of its sale."""
    with_code = Message.objects.filter(kind__in=("token", "resend")).select_related("vend__authority__token")
    for message in with_code.iterator(chunk_size=_BATCH):
        token = message.vend.authority.token if message.vend else None
        if token is None or not message.body.startswith(group_digits(token.digits) + "\n"):
            yield f"message:{message.pk}: the code in it is not that of its sale"


def _allocated(payment: Payment) -> str:
    return f"payment:{payment.pk}:allocated"


def _suspended(payment: Payment) -> str:
    return f"payment:{payment.pk}:suspense"


def _booked(causes: list[str]) -> dict[str, _Lines]:
    """The lines of each of these causes that is booked, summed by account."""
    booked: dict[str, _Lines] = {
        cause: {} for cause in LedgerEntry.objects.filter(cause__in=causes).values_list("cause", flat=True)
    }
    lines = LedgerLine.objects.filter(entry__cause__in=causes).values("account").annotate(cause=F("entry__cause"))
    for row in lines.annotate(total=Sum("amount_minor")).order_by():
        booked[row["cause"]][row["account"]] = row["total"]
    return booked


def _parts(vend: Vend) -> _Lines:
    parts = {
        WALLET: vend.wallet_used_minor - vend.kept_minor,
        ENERGY_REVENUE: -vend.net_minor,
        VAT: -vend.vat_minor,
        FIXED_FEE_REVENUE: -vend.fee_minor,
    }
    return {account: amount for account, amount in parts.items() if amount}


def _sold_part(lines: _Lines) -> _Lines:
    """An allocation's lines without the account that the money came from."""
    return {
        account: amount for account, amount in lines.items() if amount and not account.startswith(("float:", SUSPENSE))
    }


def _payments_of(vends: list[Vend]) -> dict[str, Payment]:
    references = [vend.authority.reference for vend in vends if vend.authority.kind == "payment"]
    return {str(payment.pk): payment for payment in Payment.objects.filter(pk__in=references)}


def _fingerprints(subjects: list[str]) -> dict[str, str]:
    issued = AuditEntry.objects.filter(act="vend.issued", subject__in=subjects)
    return {entry.subject: entry.details.get("digits_sha256", "") for entry in issued}


def _batches(rows: QuerySet[Row]) -> Iterator[list[Row]]:
    """The rows in order of id, a batch at a time, by key and not by offset."""
    last = 0
    while batch := list(rows.filter(pk__gt=last).order_by("pk")[:_BATCH]):
        yield batch
        last = batch[-1].pk


_CHECKS: tuple[Callable[[], Iterator[str]], ...] = (
    find_unbalanced_entries,
    find_unbooked_payments,
    find_unjournalled_payments,
    find_wrong_vends,
    find_wrong_tokens,
    find_missing_tokens,
    find_wrong_tids,
    find_negative_wallets,
    find_wrong_messages,
    find_broken_seals,
)
