"""What every act at the desk is made of, and how its terms are read."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple, Protocol

from fleet.meters.models import Meter
from fleet.meters.queries import get_meter
from gateway.desk.errors import MeterMissing, TermsInvalid
from gateway.payments.errors import PaymentCurrencyOther, PaymentMissing
from gateway.payments.models import Payment
from gateway.payments.queries import get_payment

Given = Mapping[str, object]
Terms = dict[str, object]


@dataclass(frozen=True)
class DeskTools:
    """What a sale needs from outside: a random nibble, and how far TIDs may be ahead."""

    random_nibble: Callable[[], int]
    look_ahead_minutes: int


class Rows(NamedTuple):
    """What an act locks before it is checked again and done, each in order of id: meters, then payments, then vends."""

    meter_ids: tuple[int, ...] = ()
    payment_ids: tuple[int, ...] = ()
    vend_ids: tuple[int, ...] = ()


@dataclass(frozen=True)
class Order:
    """An approved act, its rows locked and its terms just found true."""

    approval_id: int
    subject_id: int
    terms: Given
    reason: str
    tools: DeskTools
    actor: str
    now: datetime


class DeskAct(Protocol):
    """One kind. `subject` is what its approvals are about ("payment")."""

    subject: str

    def terms(self, subject_id: int, given: Given, now: datetime) -> Terms:
        """All that the checker agrees to, exactly; refuses what could not be done now, with its own code.

        Given its own result again, it returns the same as long as nothing has changed.
        """
        ...

    def rows(self, subject_id: int, terms: Given) -> Rows:
        """The rows that the act is about, as the terms name them."""
        ...

    def do(self, order: Order) -> None:
        """The act itself, in the caller's transaction."""
        ...


def number_in(given: Given, name: str) -> int:
    """Raises `TermsInvalid` unless it is there, whole and positive."""
    value = given.get(name)
    if type(value) is not int or not 0 < value < 2**63:
        raise TermsInvalid("not a whole number above zero", field=name)
    return value


def numbers_in(given: Given, *names: str) -> tuple[int, ...]:
    """Those of these that are there and not null, for the rows of terms that were made here."""
    return tuple(number_in(given, name) for name in names if given.get(name) is not None)


def existing_payment(payment_id: int) -> Payment:
    """Raises `PaymentMissing`."""
    payment = get_payment(payment_id)
    if payment is None:
        raise PaymentMissing("no such payment")
    return payment


def existing_meter(meter_id: int) -> Meter:
    """Raises `MeterMissing`."""
    try:
        return get_meter(meter_id)
    except Meter.DoesNotExist:
        raise MeterMissing("no such meter", field="meter_id") from None


def meter_for(payment: Payment, meter_id: int) -> Meter:
    """A meter that this money can be for. Raises `MeterMissing` and `PaymentCurrencyOther`."""
    meter = existing_meter(meter_id)
    if meter.site.currency != payment.currency:
        raise PaymentCurrencyOther("the meter's site sells in another currency", field="meter_id")
    return meter


def facts_of(payment: Payment) -> Terms:
    """What every act on a payment says of it."""
    return {
        "payment_state": str(payment.state),
        "payment_minor": payment.amount_minor,
        "currency": payment.currency,
        "receipt": payment.receipt,
    }
