"""Whether the books are true: every payment ends once, every token has its money, every row says what the others say.

Each check yields a line for each row that contradicts another, and names the rows; nothing is written, no key is
needed. The rows are read as a stream, so the size of the tables does not matter, only the time. What cannot be found:
audit entries that were removed before a seal covered them (30 seconds), the last seals removed with all of their
entries, and rows that were changed together with everything that tells of them. Customers, phones and what stands
inside of a journalled body are not read.
"""

import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date
from typing import NamedTuple, TypeVar

from django.db import connection, transaction
from django.db.models import F, Model, Q, QuerySet, Sum

from fleet.audit.models import AuditEntry
from fleet.audit.queries import find_broken_seals
from fleet.meters.lifecycle import MeterState
from fleet.meters.models import Meter
from gateway.books.stops import find_wrong_stops
from gateway.payments.lifecycle import PaymentState
from gateway.payments.models import Payment
from gateway.payments.ports import Door
from gateway.payments.queries import find_changed_payments
from gateway.sms import services as sms
from gateway.sms.models import Message
from gateway.webhooks.models import Callback
from vending.kernel.errors import DomainError
from vending.keys.models import VendingKey
from vending.ledger.accounts import (
    ENERGY_REVENUE,
    FIXED_FEE_REVENUE,
    SUSPENSE,
    VAT,
    WALLET,
    provider_float,
)
from vending.ledger.models import LedgerEntry, LedgerLine
from vending.ledger.queries import find_negative_wallets, find_unbalanced_entries
from vending.sts.amounts import tenths_of
from vending.tariffs.engine import price_of
from vending.tariffs.models import FixedFeeCharge, Tariff
from vending.tariffs.queries import month_of, prices_of
from vending.tokens import services as tokens
from vending.tokens.models import Authority, Token
from vending.tokens.queries import find_wrong_tids
from vending.vends import services as sales
from vending.vends.lifecycle import VendState
from vending.vends.models import Vend

_BATCH = 500
_WITHOUT_MONEY = (PaymentState.EXPECTED, PaymentState.DECLINED, PaymentState.UNKNOWN)
# What is booked for a payment in a state. The others book nothing: no refund or reversal is made yet.
_BOOKED_AS: Mapping[str, tuple[list[str], ...]] = {
    PaymentState.SUSPENSE: (["suspense"],),
    PaymentState.REFUND_PENDING: (["suspense"],),
    PaymentState.ALLOCATED: (["allocated"], ["suspense", "allocated"]),
}
_STATES_AFTER_ACT: Mapping[str, Collection[str]] = {
    **{f"payment.{state.lower()}": (state,) for state in PaymentState},
    "vend.funded": (VendState.FUNDED, VendState.ISSUING, VendState.HELD),
    "vend.held": (VendState.HELD, VendState.ISSUING),
    "vend.issued": (VendState.ISSUED,),
    "vend.cancelled": (VendState.CANCELLED,),
}
_CAUSE = re.compile(r"payment:([1-9][0-9]{0,17}):(?:suspense|allocated)")
_WITH_CODE = ("token", "resend")
Row = TypeVar("Row", bound=Model)
StatedRow = TypeVar("StatedRow", Payment, Vend)
# What is booked, by account and meter.
_Lines = dict[tuple[str, int | None], int]


class _Entry(NamedTuple):
    """A ledger entry. Equal to another one if it says the same of the money."""

    id: int
    currency: str
    lines: _Lines

    def __str__(self) -> str:
        return ", ".join(f"{_place(*place)} {amount}" for place, amount in sorted(self.lines.items(), key=str))


def list_differences() -> Iterator[str]:
    """A line for each difference found, check by check, all of them as the database is at this moment."""
    with _one_moment():
        for check in _CHECKS:
            yield from check()


@contextmanager
def _one_moment() -> Iterator[None]:
    """Read one state of the database while sales go on, and let them: else a sale in between would be a difference.

    Inside of a caller's transaction the caller's moment holds.
    """
    if connection.in_atomic_block:
        yield
    elif connection.vendor == "sqlite":
        with connection.cursor() as cursor:
            cursor.execute("BEGIN")  # not IMMEDIATE, by which every sale would wait for us
            try:
                yield
            finally:
                cursor.execute("ROLLBACK")
    else:
        with transaction.atomic():
            with connection.cursor() as cursor:
                cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
            yield


def find_unexplained_entries() -> Iterator[str]:
    """Every entry is booked for a payment that exists."""
    for entries in _batches(LedgerEntry.objects.all()):
        payment_ids = {entry.pk: int(cause[1]) for entry in entries if (cause := _CAUSE.fullmatch(entry.cause))}
        known = set(Payment.objects.filter(pk__in=set(payment_ids.values())).values_list("pk", flat=True))
        for entry in entries:
            if payment_ids.get(entry.pk) not in known:
                yield f"ledger_entry:{entry.pk} ({entry.cause}): no payment stands behind it"


def find_unbooked_payments() -> Iterator[str]:
    """Money that reached us is booked once, in full, for what it bought and the meter it went to; nothing else is."""
    for payments in _batches(Payment.objects.all()):
        booked = _booked([_cause(payment, kind) for payment in payments for kind in ("suspense", "allocated")])
        vends = _vends_of(payments)
        for payment in payments:
            yield from _check_payment(payment, vends.get(str(payment.pk)), booked)


def _check_payment(payment: Payment, vend: Vend | None, booked: Mapping[str, _Entry]) -> Iterator[str]:
    name = f"payment:{payment.pk}"
    if payment.receipt and payment.state in _WITHOUT_MONEY:
        yield f"{name}: is {payment.state}, but has a receipt"
    kinds = [kind for kind in ("suspense", "allocated") if _cause(payment, kind) in booked]
    if kinds not in _BOOKED_AS.get(payment.state, ([],)):
        yield f"{name}: is {payment.state}, but {' and '.join(kinds) or 'nothing'} is booked for it"
    for kind in kinds:
        entry = booked[_cause(payment, kind)]
        lines = _suspense_lines(payment) if kind == "suspense" else _sale_lines(payment, vend, "suspense" in kinds)
        right = _Entry(entry.id, payment.currency, lines)
        if entry != right:
            names = f"{name} and vend:{vend.pk}" if vend and kind == "allocated" else name
            yield f"{names}: ledger_entry:{entry.id} ({_cause(payment, kind)}) is {entry}, but should be {right}"


def find_unjournalled_payments() -> Iterator[str]:
    """Every receipt came in through a door, and the journal has its body."""
    for payments in _batches(Payment.objects.exclude(receipt=None)):
        receipts = {payment.receipt for payment in payments}
        seen = set(Callback.objects.filter(subject__in=receipts).values_list("provider", "subject"))
        for payment in payments:
            if (payment.provider, payment.receipt) not in seen:
                yield f"payment:{payment.pk}: no callback in the journal names its receipt"


def find_unanswered_callbacks() -> Iterator[str]:
    """What the journal says we took is a payment, by its receipt or its prompt."""
    taken = Callback.objects.filter(
        door__in=(Door.CONFIRMATION, Door.STK), outcome__in=("accepted", "repeated", "conflict")
    ).defer("body")
    for callbacks in _batches(taken):
        subjects = {callback.subject for callback in callbacks}
        payments = Payment.objects.filter(Q(receipt__in=subjects) | Q(checkout_id__in=subjects))
        known = {
            (provider, name)
            for provider, *names in payments.values_list("provider", "receipt", "checkout_id")
            for name in names
        }
        for callback in callbacks:
            if (callback.provider, callback.subject) not in known:
                yield f"callback:{callback.pk}: was {callback.outcome}, but its subject is no payment's"


def find_wrong_states() -> Iterator[str]:
    """Payments, sales and meters are in the state to which their last audited act brought them."""
    for payments in _batches(Payment.objects.all()):
        yield from _check_states("payment", payments)
    for vends in _batches(Vend.objects.all()):
        yield from _check_states("vend", vends)
    for meters in _batches(Meter.objects.all()):
        moved = _details("meter.moved", "after", [f"meter:{meter.pk}" for meter in meters])
        for meter in meters:
            if meter.state != moved.get(f"meter:{meter.pk}", MeterState.STOCK):
                yield f"meter:{meter.pk}: is {meter.state}, but no act moved it there"


def _check_states(kind: str, rows: Sequence[StatedRow]) -> Iterator[str]:
    acts = AuditEntry.objects.filter(act__in=_STATES_AFTER_ACT, subject__in=[f"{kind}:{row.pk}" for row in rows])
    last = dict(acts.order_by("pk").values_list("subject", "act"))
    for row in rows:
        act = last.get(f"{kind}:{row.pk}", "")
        if row.state not in _STATES_AFTER_ACT.get(act, ()):
            yield f"{kind}:{row.pk}: is {row.state}, but its audit trail ends with {act or 'nothing'}"


def find_altered_rows() -> Iterator[str]:
    """What decides prices and keys is still what was recorded when it was set."""
    yield from _check_recorded("meter", "meter.registered", Meter.objects.all())
    yield from _check_recorded("tariff", "tariff.published", Tariff.objects.all())
    yield from _check_recorded("vending_key", "vending_key.loaded", VendingKey.objects.defer("sealed"))


def _check_recorded(kind: str, act: str, rows: QuerySet[Row]) -> Iterator[str]:
    for batch in _batches(rows):
        subjects = [f"{kind}:{row.pk}" for row in batch]
        entries = AuditEntry.objects.filter(act=act, subject__in=subjects).order_by("pk")
        recorded = {entry.subject: entry.details for entry in entries if isinstance(entry.details, dict)}
        for row in batch:
            facts = recorded.get(f"{kind}:{row.pk}", {})
            altered = [name for name, value in facts.items() if getattr(row, name, value) != value]
            if altered:
                yield f"{kind}:{row.pk}: {', '.join(altered)} is not what {act} recorded"
            elif not facts:
                yield f"{kind}:{row.pk}: no {act} was recorded for it"


def find_wrong_vends() -> Iterator[str]:
    """Every sale has its payment, of the same amount and meter, at the tariff's price, and the month's fee once."""
    for vends in _batches(Vend.objects.select_related("authority", "tariff", "meter__site")):
        payments = _payments_of([vend.authority for vend in vends])
        charges = {charge.vend_id: charge for charge in FixedFeeCharge.objects.filter(vend__in=vends)}
        funded = _details("vend.funded", "vend_sha256", [f"vend:{vend.pk}" for vend in vends])
        for vend in vends:
            if funded.get(f"vend:{vend.pk}") != sales.fingerprint_of(vend):
                yield f"vend:{vend.pk}: what it sold for what is not what was funded"
            yield from _check_vend(vend, payments.get(vend.authority_id), charges.get(vend.pk))


def _check_vend(vend: Vend, payment: Payment | None, charge: FixedFeeCharge | None) -> Iterator[str]:
    name = f"vend:{vend.pk}"
    sold = (vend.paid_minor, vend.currency, vend.meter_id)
    if payment is None:
        yield f"{name}: authority:{vend.authority_id} names no payment"
    elif (payment.amount_minor, payment.currency, payment.meter_id) != sold:
        yield f"{name}: payment:{payment.pk} is not of the same amount, currency and meter"
    if price_of(prices_of(vend.tariff), vend.energy_kwh_tenths) != (vend.net_minor, vend.vat_minor):
        yield f"{name}: its net and VAT are not what its energy costs by tariff:{vend.tariff_id}"
    kept = (charge.meter_id, charge.month_date) if charge else None
    if kept != _month_charged(vend):
        what = f"fixed_fee_charge:{charge.pk}" if charge else "no charge"
        yield f"{name}: its fixed fee is {vend.fee_minor}, but {what} is kept for its meter and month"


def _month_charged(vend: Vend) -> tuple[int, date] | None:
    return (vend.meter_id, month_of(vend.funded_at, vend.meter.site.timezone)) if vend.fee_minor else None


def find_wrong_tokens() -> Iterator[str]:
    """Every token has a sale, carries the energy sold, and is in every field what was verified and sent."""
    for batch in _batches(Token.objects.select_related("authority__vend")):
        vends = {token.pk: getattr(token.authority, "vend", None) for token in batch}
        verified = _details("vend.issued", "token_sha256", [f"vend:{vend.pk}" for vend in vends.values() if vend])
        for token in batch:
            vend = vends[token.pk]
            if vend is None:
                yield f"token:{token.pk}: no sale stands behind authority:{token.authority_id}"
                continue
            if (_energy_in(token), token.meter_id) != (vend.energy_kwh_tenths, vend.meter_id):
                yield f"token:{token.pk}: its energy or meter is not that of vend:{vend.pk}"
            if vend.state == VendState.ISSUED and verified.get(f"vend:{vend.pk}") != tokens.fingerprint_of(token):
                yield f"token:{token.pk}: is not the one that was verified for vend:{vend.pk}"


def _energy_in(token: Token) -> int | None:
    try:
        return tenths_of(token.amount_field)
    except DomainError:
        return None


def find_missing_tokens() -> Iterator[str]:
    """A sale that is ISSUED has its token; an authority has its sale."""
    for vend in Vend.objects.filter(state=VendState.ISSUED, authority__token=None).iterator():
        yield f"vend:{vend.pk}: is ISSUED without a token"
    for authority in Authority.objects.filter(vend=None).iterator():
        yield f"authority:{authority.pk}: no sale was made of it"


def find_wrong_messages() -> Iterator[str]:
    """Every text is what was queued, for the same phone; one that carries a code carries the digits of its sale."""
    for messages in _batches(Message.objects.select_related("vend__authority__token")):
        queued = _details("message.queued", "text_sha256", [f"message:{message.pk}" for message in messages])
        for message in messages:
            if queued.get(f"message:{message.pk}") != sms.fingerprint_of(message):
                yield f"message:{message.pk}: its text or phone is not what was queued"
            if message.kind in _WITH_CODE and not _carries_its_code(message):
                yield f"message:{message.pk}: the code in it is not that of its sale"


def _carries_its_code(message: Message) -> bool:
    token = getattr(message.vend.authority, "token", None) if message.vend else None
    first_line = message.body.partition("\n")[0]
    return token is not None and token.digits != "" and first_line.replace(" ", "") == token.digits


def _cause(payment: Payment, kind: str) -> str:
    return f"payment:{payment.pk}:{kind}"


def _booked(causes: list[str]) -> dict[str, _Entry]:
    """The entries of those of these causes that are booked, their lines summed by account and meter."""
    entries = LedgerEntry.objects.filter(cause__in=causes).values_list("cause", "pk", "currency")
    booked = {cause: _Entry(pk, currency, {}) for cause, pk, currency in entries}
    lines = LedgerLine.objects.filter(entry__cause__in=causes).values("account", "meter_id", cause=F("entry__cause"))
    for row in lines.annotate(total=Sum("amount_minor")).order_by():
        booked[row["cause"]].lines[row["account"], row["meter_id"]] = row["total"]
    return booked


def _suspense_lines(payment: Payment) -> _Lines:
    return {
        (provider_float(payment.provider), None): payment.amount_minor,
        (SUSPENSE, None): -payment.amount_minor,
    }


def _sale_lines(payment: Payment, vend: Vend | None, was_lost: bool) -> _Lines:
    """What a payment became: the parts of its sale, or money in the wallet where it bought nothing."""
    source = SUSPENSE if was_lost else provider_float(payment.provider)
    parts = {WALLET: -payment.amount_minor}
    if vend:
        parts = {
            WALLET: vend.wallet_used_minor - vend.kept_minor,
            ENERGY_REVENUE: -vend.net_minor,
            VAT: -vend.vat_minor,
            FIXED_FEE_REVENUE: -vend.fee_minor,
        }
    bought: _Lines = {(account, payment.meter_id): amount for account, amount in parts.items() if amount}
    return {(source, None): payment.amount_minor} | bought


def _place(account: str, meter_id: int | None) -> str:
    return f"{account} of meter:{meter_id}" if meter_id else account


def _vends_of(payments: Sequence[Payment]) -> dict[str, Vend]:
    """The sale that each of these payments became, by the payment's id as text."""
    references = [str(payment.pk) for payment in payments]
    vends = Vend.objects.filter(authority__kind="payment", authority__reference__in=references)
    return {vend.authority.reference: vend for vend in vends.select_related("authority")}


def _payments_of(authorities: Sequence[Authority]) -> dict[int, Payment]:
    """The payment that each of these authorities names, by the authority's id."""
    numbers = {a.reference for a in authorities if a.reference.isdecimal() and len(a.reference) < 19}
    payments = {str(payment.pk): payment for payment in Payment.objects.filter(pk__in=numbers)}
    named = ((a.pk, payments.get(a.reference)) for a in authorities if a.kind == "payment")
    return {authority_id: payment for authority_id, payment in named if payment}


def _details(act: str, name: str, subjects: list[str]) -> dict[str, object]:
    """One detail of the last such act on each of these rows that has it."""
    entries = AuditEntry.objects.filter(act=act, subject__in=subjects).order_by("pk")
    return {
        entry.subject: entry.details[name]
        for entry in entries
        if isinstance(entry.details, dict) and name in entry.details
    }


def _batches(rows: QuerySet[Row]) -> Iterator[list[Row]]:
    """The rows in order of id, a batch at a time, by key and not by offset."""
    last = 0
    while batch := list(rows.filter(pk__gt=last).order_by("pk")[:_BATCH]):
        yield batch
        last = batch[-1].pk


_CHECKS: tuple[Callable[[], Iterator[str]], ...] = (
    find_unbalanced_entries,
    find_unexplained_entries,
    find_unbooked_payments,
    find_changed_payments,
    find_unjournalled_payments,
    find_unanswered_callbacks,
    find_wrong_states,
    find_altered_rows,
    find_wrong_stops,
    find_wrong_vends,
    find_wrong_tokens,
    find_missing_tokens,
    find_wrong_tids,
    find_negative_wallets,
    find_wrong_messages,
    find_broken_seals,
)
