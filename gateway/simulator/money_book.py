"""The operator's own books: every shilling that moved, and every one that went back. The judge of what was really paid.

Knows no callback and no request. Amounts are whole shillings, as the operator takes them; balances are minor units.
"""

import random
import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone

from gateway.simulator.phones import Phone

OWN_SENDER_ID = "MPESA"
NAIROBI = timezone(timedelta(hours=3), "EAT")
_LETTERS, _SIGNS = "ABCDEFGHJKLMNPQRSTUVWXYZ", "0123456789ABCDEFGHJKLMNPQRSTUVWXYZ"


class BookError(Exception):
    """Money that cannot go back. `code` is the operator's word for why."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


@dataclass(frozen=True)
class Receipt:
    """Money that moved, once: `road` is stk or pay_bill. `payer_count`: 1 for a phone's first."""

    receipt: str
    road: str
    phone: str
    amount: int
    account: str
    paid_at: str
    payer_name: str = ""
    payer_count: int = 0

    @property
    def msisdn(self) -> str:
        return self.phone.removeprefix("+")

    @property
    def label(self) -> str:
        """The same in every run with the same plan, unlike the number, which is drawn."""
        return f"{self.msisdn}:{self.payer_count}"


@dataclass(frozen=True)
class Reversal:
    """Money that went back, all of it, once. `by` is merchant (an API request) or portal (customer care)."""

    receipt: str
    payment_receipt: str
    phone: str
    amount: int
    reversed_at: str
    by: str
    payer_name: str = ""


@dataclass(frozen=True)
class Entry:
    """One line of the merchant's account, in the order of the account."""

    moved: Receipt | Reversal
    balance_minor: int


class MoneyBook:
    """One merchant's account and the wallets that pay into it, behind one lock."""

    def __init__(self, short_code: str, *, clock: Callable[[], datetime], chance: random.Random) -> None:
        self.short_code = short_code
        self._clock, self._chance = clock, chance
        self.lock = threading.RLock()
        self._receipts: dict[str, Receipt] = {}
        self._payers: dict[str, Phone] = {}
        self._reversals: dict[str, Reversal] = {}
        self._entries: list[Entry] = []
        self._counts: Counter[str] = Counter()
        self._used_numbers: set[str] = set()
        self.balance_minor = 0

    def now(self) -> datetime:
        return self._clock().astimezone(NAIROBI)

    def stamp(self) -> str:
        return self.now().strftime("%Y%m%d%H%M%S")

    def next_number(self) -> str:
        """A receipt number that was never given out."""
        with self.lock:
            while True:
                number = "".join(self._chance.choices(_LETTERS, k=3) + self._chance.choices(_SIGNS, k=7))
                if number not in self._used_numbers:
                    self._used_numbers.add(number)
                    return number

    def move(self, phone: Phone, road: str, amount: int, account: str, number: str = "") -> Receipt:
        """From the phone's wallet to the merchant; the caller has looked that the wallet holds it, under the lock."""
        with self.lock:
            self._counts[phone.e164] += 1
            receipt = Receipt(
                number or self.next_number(), road, phone.e164, amount, account, self.stamp(),
                payer_name=phone.first_name, payer_count=self._counts[phone.e164],
            )  # fmt: skip
            self._receipts[receipt.receipt] = receipt
            self._payers[receipt.receipt] = phone
            phone.balance_minor -= amount * 100
            self.balance_minor += amount * 100
            self._entries.append(Entry(receipt, self.balance_minor))
        phone.receive(
            OWN_SENDER_ID,
            f"{receipt.receipt} Confirmed. Ksh{amount}.00 sent to business {self.short_code} "
            f"for account {account}. New balance is Ksh{minor_text(phone.balance_minor)}.",
            self._clock(),
        )
        return receipt

    def reverse(self, payment_receipt: str, *, by: str, amount: int | None = None) -> Reversal:
        """Give all of a payment back. Raises `BookError`: unknown, reversed before, or not the whole amount."""
        with self.lock:
            paid = self._receipts.get(payment_receipt)
            if paid is None:
                raise BookError("R000002", "The OriginalTransactionID is invalid.")
            if payment_receipt in self._reversals:
                raise BookError("R000001", "The transaction has already been reversed.")
            if amount not in (None, paid.amount):
                raise BookError("2028", "The request is not permitted according to product assignment.")
            if self.balance_minor < paid.amount * 100:
                raise BookError("1", "The balance is insufficient for the transaction.")
            phone = self._payers[payment_receipt]
            reversal = Reversal(
                self.next_number(), payment_receipt, paid.phone, paid.amount, self.stamp(), by, paid.payer_name
            )
            self._reversals[payment_receipt] = reversal
            phone.balance_minor += paid.amount * 100
            self.balance_minor -= paid.amount * 100
            self._entries.append(Entry(reversal, self.balance_minor))
        phone.receive(
            OWN_SENDER_ID,
            f"{reversal.receipt} Confirmed. Your payment {payment_receipt} of Ksh{paid.amount}.00 was reversed. "
            f"New balance is Ksh{minor_text(phone.balance_minor)}.",
            self._clock(),
        )
        return reversal

    def find(self, receipt: str) -> Receipt | None:
        with self.lock:
            return self._receipts.get(receipt)

    def find_reversal(self, payment_receipt: str) -> Reversal | None:
        with self.lock:
            return self._reversals.get(payment_receipt)

    def receipts(self) -> list[Receipt]:
        """Oldest first."""
        with self.lock:
            return list(self._receipts.values())

    def reversals(self) -> list[Reversal]:
        """Oldest first."""
        with self.lock:
            return list(self._reversals.values())

    def entries(self) -> list[Entry]:
        """Oldest first."""
        with self.lock:
            return list(self._entries)


def minor_text(minor: int) -> str:
    """With two digits, always: `1200.00`."""
    sign, minor = ("-", -minor) if minor < 0 else ("", minor)
    return f"{sign}{minor // 100}.{minor % 100:02d}"


def moment_of(stamp: str) -> datetime:
    """The moment that a stamp like 20261120120000 names, in Nairobi."""
    return datetime.strptime(stamp, "%Y%m%d%H%M%S").replace(tzinfo=NAIROBI)
