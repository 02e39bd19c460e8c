"""The organisation portal: what a merchant's staff see and download, and what customer care does to a payment.

The statement has the columns of the M-Pesa organisation portal's CSV export, newest line first, below a block that says
whose account and which period it is. Nobody's number stands in it whole.
"""

import csv
import io
from dataclasses import asdict
from datetime import datetime
from typing import Any

from gateway.simulator.callbacks import Callbacks
from gateway.simulator.errors import WorldError
from gateway.simulator.later_answers import LaterAnswers
from gateway.simulator.money_book import NAIROBI, BookError, Entry, MoneyBook, Receipt, Reversal, minor_text, moment_of

COLUMNS = (
    "Receipt No.",
    "Completion Time",
    "Initiation Time",
    "Details",
    "Transaction Status",
    "Paid In",
    "Withdrawn",
    "Balance",
    "Balance Confirmed",
    "Reason Type",
    "Other Party Info",
    "Linked Transaction ID",
    "A/C No.",
)
_TIME = "%d-%m-%Y %H:%M:%S"


class Portal:
    """One merchant's pages, and the operator's own list of what was paid and what went back."""

    def __init__(self, book: MoneyBook, callbacks: Callbacks, answers: LaterAnswers) -> None:
        self._book, self._callbacks, self._answers = book, callbacks, answers

    def statement(self, starts_at: datetime | None = None, ends_at: datetime | None = None) -> str:
        """The account of a period, ends included, as CSV; the whole account without one."""
        entries = self._book.entries()
        moments = [_moment(entry.moved) for entry in entries]
        starts_at = starts_at or min(moments, default=self._book.now())
        ends_at = ends_at or self._book.now()
        listed = [entry for entry, at in zip(entries, moments, strict=True) if starts_at <= at <= ends_at]
        out = io.StringIO()
        lines = csv.writer(out)
        lines.writerows(self._head(listed, starts_at, ends_at))
        lines.writerow(COLUMNS)
        lines.writerows(_line(entry) for entry in reversed(listed))
        return out.getvalue()

    def _head(self, listed: list[Entry], starts_at: datetime, ends_at: datetime) -> list[list[str]]:
        first, last = (listed[0], listed[-1]) if listed else (None, None)
        opening = first.balance_minor - _signed_minor(first.moved) if first else self._book.balance_minor
        closing = last.balance_minor if last else opening
        came = sum(entry.moved.amount for entry in listed if isinstance(entry.moved, Receipt))
        went = sum(entry.moved.amount for entry in listed if isinstance(entry.moved, Reversal))
        period = [starts_at.astimezone(NAIROBI).strftime(_TIME), ends_at.astimezone(NAIROBI).strftime(_TIME)]
        return [
            ["Account Holder:", "Merchant"],
            ["Short Code:", self._book.short_code],
            ["Account:", "Utility Account"],
            ["Currency:", "KES"],
            ["Time Period:", f"From {period[0]} To {period[1]}"],
            ["Opening Balance:", minor_text(opening)],
            ["Closing Balance:", minor_text(closing)],
            ["Total Paid In:", minor_text(came * 100)],
            ["Total Withdrawn:", minor_text(-went * 100)],
            [],
        ]

    def reverse(self, receipt: str, *, result_url: str = "") -> Reversal:
        """Customer care takes a payment back; with an address the merchant is told. Raises `WorldError`."""
        try:
            reversal = self._book.reverse(receipt, by="portal")
        except BookError as refusal:
            raise WorldError(str(refusal)) from None
        if result_url:
            self._answers.tell_reversal(receipt, result_url)
        return reversal

    def payments(self) -> list[dict[str, Any]]:
        """Every payment, oldest first, and what the product was told about it."""
        return [
            asdict(paid)
            | {"told_amount": self._callbacks.told_amount(paid), "is_told": not self._callbacks.is_untold(paid)}
            for paid in self._book.receipts()
        ]

    def reversals(self) -> list[dict[str, Any]]:
        """Every reversal, oldest first."""
        return [asdict(reversal) for reversal in self._book.reversals()]


def _moment(moved: Receipt | Reversal) -> datetime:
    return moment_of(moved.paid_at if isinstance(moved, Receipt) else moved.reversed_at)


def _signed_minor(moved: Receipt | Reversal) -> int:
    return moved.amount * (100 if isinstance(moved, Receipt) else -100)


def _masked(moved: Receipt | Reversal) -> str:
    msisdn = moved.phone.removeprefix("+")
    return f"{msisdn[:4]}******{msisdn[-3:]} - {moved.payer_name}"


def _line(entry: Entry) -> list[str]:
    """Money that came stands under Paid In; money that went, under Withdrawn and with its sign."""
    moved, at = entry.moved, _moment(entry.moved).strftime(_TIME)
    balance = minor_text(entry.balance_minor)
    if isinstance(moved, Receipt):
        details = f"Pay Bill from {_masked(moved)} Acc. {moved.account}"
        came = minor_text(moved.amount * 100)
        reason = "Pay Bill Online" if moved.road == "stk" else "Pay Utility with M-PESA"
        ends = [reason, _masked(moved), "", moved.account]
        return [moved.receipt, at, at, details, "Completed", came, "", balance, "TRUE", *ends]
    went = minor_text(-moved.amount * 100)
    details = f"Pay Bill Reversal of {moved.payment_receipt}"
    ends = ["Transaction Reversal", _masked(moved), moved.payment_receipt, ""]
    return [moved.receipt, at, at, details, "Completed", "", went, balance, "TRUE", *ends]
