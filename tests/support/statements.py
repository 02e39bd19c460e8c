"""Statements as an organisation's web portal exports them, written from what tests say moved."""

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from zoneinfo import ZoneInfo

NAIROBI = ZoneInfo("Africa/Nairobi")
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


@dataclass(frozen=True)
class Listed:
    """A line: `paid_in` and `withdrawn` as the file writes them. By default a pay-bill payment."""

    receipt: str
    at: datetime
    paid_in: str = ""
    withdrawn: str = ""
    account: str = ""
    reason: str = "Pay Bill Online"
    payer: str = "2547******101 - AMINA MWANGI"
    linked: str = ""
    status: str = "Completed"
    details: str = "Pay Bill from 2547******101"


def reversal_of(line: Listed, receipt: str, at: datetime) -> Listed:
    """The line by which the provider took a payment back."""
    return replace(
        line,
        receipt=receipt,
        at=at,
        paid_in="",
        withdrawn=f"-{line.paid_in}",
        reason="Transaction Reversal",
        linked=line.receipt,
    )


def charge_of(receipt: str, at: datetime, withdrawn: str) -> Listed:
    """What the provider kept for a payment: a line with the payment's own receipt."""
    return Listed(receipt, at, withdrawn=withdrawn, reason="Pay Bill Charge", payer="", details="Pay Bill Charge")


def export(
    lines: Sequence[Listed],
    *,
    period: tuple[str, str] | None = ("2026-11-20 00:00:00", "2026-11-20 11:59:59"),
    short_code: str = "400200",
    date_form: str = "%d-%m-%Y %H:%M:%S",
    separator: str = ",",
    line_end: str = "\r\n",
    encoding: str = "utf-8",
    columns: Sequence[str] = COLUMNS,
) -> bytes:
    """The file: a block of facts, an empty row, the columns, the lines. Moments are written as Nairobi's clock."""
    file = io.StringIO(newline="")
    writer = csv.writer(file, delimiter=separator, lineterminator=line_end)
    writer.writerow(["Account Holder", "Solar Village Ltd"])
    writer.writerow(["Short Code", short_code])
    writer.writerow(["Account", "Utility Account"])
    if period:
        writer.writerow(["Time Period", f"From {period[0]} To {period[1]}"])
    writer.writerow(["Operator", "amina"])
    writer.writerow(["Opening Balance", "1,000.00"])
    writer.writerow([])
    writer.writerow(columns)
    for line in lines:
        writer.writerow(_cells(line, date_form))
    return file.getvalue().encode(encoding)


def _cells(line: Listed, date_form: str) -> list[str]:
    at = line.at.astimezone(NAIROBI).strftime(date_form)
    money = [line.paid_in, line.withdrawn, "10,000.00", "true"]
    return [line.receipt, at, at, line.details, line.status, *money, line.reason, line.payer, line.linked, line.account]
