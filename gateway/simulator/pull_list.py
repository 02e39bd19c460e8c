"""Pull Transactions: the last 48 hours of customers' payments, page by page. Nothing that goes out stands in it."""

import random
import re
import threading
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from gateway.simulator.answers import HttpAnswer, json_answer
from gateway.simulator.daraja import DarajaError, bad_field, request_id
from gateway.simulator.faults import FaultPlan
from gateway.simulator.money_book import NAIROBI, MoneyBook, Receipt, moment_of

REACHES_BACK = timedelta(hours=48)
_TIME = "%Y-%m-%d %H:%M:%S"


class PullList:
    """What one short code may pull, once it has registered for it."""

    def __init__(self, book: MoneyBook, faults: FaultPlan, chance: random.Random) -> None:
        self._book, self._faults, self._chance = book, faults, chance
        self._lock = threading.Lock()
        self.callback_url = ""

    def register(self, asked: Mapping[str, Any]) -> HttpAnswer:
        """`POST /pulltransactions/v1/register`, once for a short code. Raises `DarajaError` for a bad field."""
        if str(asked.get("ShortCode", "")) != self._book.short_code:
            raise bad_field("ShortCode")
        if asked.get("RequestType") != "Pull":
            raise bad_field("RequestType")
        if not re.fullmatch(r"(0|\+?254)[0-9]{9}", str(asked.get("NominatedNumber", ""))):
            raise bad_field("NominatedNumber")
        if not re.fullmatch(r"https?://[^\s/]+/\S+", str(asked.get("CallBackURL", ""))):
            raise bad_field("CallBackURL")
        with self._lock:
            is_new = not self.callback_url
            self.callback_url = self.callback_url or str(asked["CallBackURL"])
        status, text = (
            ("1000", "Shortcode Registered Successfully") if is_new else ("1001", "Shortcode already registered")
        )
        return json_answer(
            {
                "ResponseRefID": request_id(self._chance),
                "ResponseStatus": status,
                "ShortCode": self._book.short_code,
                "ResponseDescription": text,
            }
        )

    def query(self, asked: Mapping[str, Any]) -> HttpAnswer:
        """`POST /pulltransactions/v1/query`: a page from the row `OffSetValue` on. Raises `DarajaError`."""
        if str(asked.get("ShortCode", "")) != self._book.short_code:
            raise bad_field("ShortCode")
        if not self.callback_url:
            raise DarajaError(400, "400.002.02", "Bad Request - ShortCode is not registered for pull")
        starts_at, ends_at = _moment(asked, "StartDate"), _moment(asked, "EndDate")
        offset = str(asked.get("OffSetValue", "0"))
        if not re.fullmatch(r"[0-9]{1,9}", offset):
            raise bad_field("OffSetValue")
        oldest = max(starts_at, self._book.now() - REACHES_BACK)
        listed = [paid for paid in self._book.receipts() if oldest <= moment_of(paid.paid_at) <= ends_at]
        rows = [_row(paid) for paid in listed[int(offset) :][: self._faults.pull_page_rows]]
        return json_answer(
            {
                "ResponseRefID": request_id(self._chance),
                "ResponseCode": "1000" if rows else "1001",
                "ResponseMessage": "Success" if rows else "No transactions found",
                "Response": [rows] if rows else "[[]]",
            }
        )


def _moment(asked: Mapping[str, Any], field: str) -> datetime:
    try:
        return datetime.strptime(str(asked.get(field, "")), _TIME).replace(tzinfo=NAIROBI)
    except ValueError:
        raise bad_field(field) from None


def _row(paid: Receipt) -> dict[str, Any]:
    """The published names and types. The `Z` stands behind a time of Nairobi: that is the vendor's own slip."""
    return {
        "transactionId": paid.receipt,
        "trxDate": moment_of(paid.paid_at).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "msisdn": int(paid.msisdn[3:]),
        "sender": paid.payer_name,
        "transactiontype": "c2b-pay-bill-debit",
        "billreference": paid.account,
        "amount": f"{paid.amount}.00",
        "organizationname": "Merchant",
    }
