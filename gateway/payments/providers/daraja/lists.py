"""Payments that Daraja lists (Pull Transactions): a list inside a list, in lower-case names. Pure.

Times end in `Z`, but Daraja's other clocks are Nairobi's and the page does not say which this is. So a time is read as
Nairobi's, unless only reading it as UTC puts it into the period that was asked for. The body is journalled as it came.
"""

import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from gateway.http.bodies import as_object, as_word, read_long_json_object
from gateway.http.inbound import UnreadableCallback
from gateway.payments.ports import Door, Outcome, PaymentClaim
from gateway.payments.providers.daraja.codes import LIST_EMPTY, LIST_FOUND
from gateway.payments.providers.daraja.fields import (
    CODE,
    NAIROBI,
    read_account_text,
    read_amount_minor,
    read_payer,
    read_receipt,
)

_ZONED_TIME = re.compile(r"([0-9]{4}-[0-9]{2}-[0-9]{2})[T ]([0-9]{2}:[0-9]{2}:[0-9]{2})(?:\.[0-9]{1,9})?Z?")
# A payment into the short code, as against a withdrawal, a charge or a payment given back.
_KIND_OF_PAYMENT = re.compile(r"(?i)(?!.*(?:revers|refund|charge|withdraw)).*\b(?:pay ?bill|pay-bill|buy[ -]goods)\b.*")
_SLACK = timedelta(minutes=5)


@dataclass(frozen=True)
class Period:
    """What was asked for; nothing is known of lists that were posted to us."""

    starts_at: datetime
    ends_at: datetime


@dataclass(frozen=True)
class Listing:
    """`rows` counts what came, also what could not be read; `problem` is empty when everything could."""

    claims: tuple[PaymentClaim, ...]
    rows: int
    code: str
    problem: str = ""


def read_listing(
    body: bytes, *, provider: str, currency: str, short_code: str, period: Period | None = None
) -> Listing:
    """A row that is no payment, or cannot be read, is left out and named: the others still are payments.

    Raises `UnreadableCallback` when the whole is no list of Daraja's.
    """
    document = read_long_json_object(body)
    code = as_word(document.get("ResponseCode", LIST_FOUND), CODE)
    if code == LIST_EMPTY:
        return Listing((), 0, code)
    if code != LIST_FOUND or "Response" not in document:
        raise UnreadableCallback("not a list")
    claims: list[PaymentClaim] = []
    rows = 0
    problem = ""
    for row in _rows(document.get("Response")):
        rows += 1
        try:
            claims.append(_claim(as_object(row), provider, currency, short_code, period))
        except UnreadableCallback as error:
            problem = error.field or "row_unreadable"
    return Listing(tuple(claims), rows, code, problem)


def _claim(
    row: dict[str, object], provider: str, currency: str, short_code: str, period: Period | None
) -> PaymentClaim:
    kind = row.get("transactiontype")
    if not isinstance(kind, str) or _KIND_OF_PAYMENT.fullmatch(kind) is None:
        raise UnreadableCallback("not a payment to us", field="row_of_other_kind")
    try:
        return PaymentClaim(
            provider=provider,
            door=Door.PULL,
            outcome=Outcome.PAID,
            receipt=read_receipt(row.get("transactionId")),
            amount_minor=read_amount_minor(row.get("amount"), currency),
            currency=currency,
            short_code=short_code,
            account_text=read_account_text(row.get("billreference")),
            payer=read_payer(row.get("msisdn")),
            paid_at=_moment(row.get("trxDate"), period),
        )
    except UnreadableCallback:
        raise UnreadableCallback("a row of a list", field="row_unreadable") from None


def _rows(response: object) -> Iterator[object]:
    """Every row, of every list inside the list. None at all comes as a list, as null, or as the text `[[]]`."""
    if isinstance(response, str):
        response = read_long_json_object(b'{"rows": ' + response.encode("utf-8", "replace") + b"}").get("rows")
    if response is None:
        return
    if not isinstance(response, list):
        raise UnreadableCallback("not a list")
    for inner in response:
        if isinstance(inner, list):
            yield from inner
        else:
            yield inner


def _moment(value: object, period: Period | None) -> datetime | None:
    found = _ZONED_TIME.fullmatch(value) if isinstance(value, str) else None
    if found is None:
        return None
    with suppress(ValueError, OverflowError):
        written = datetime.fromisoformat(f"{found[1]}T{found[2]}")
        local, universal = written.replace(tzinfo=NAIROBI).astimezone(UTC), written.replace(tzinfo=UTC)
        return universal if _is_in(universal, period) and not _is_in(local, period) else local
    return None


def _is_in(moment: datetime, period: Period | None) -> bool:
    return period is not None and period.starts_at - _SLACK <= moment <= period.ends_at + _SLACK
