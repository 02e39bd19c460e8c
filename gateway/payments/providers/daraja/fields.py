"""Single values of Daraja's documents: strict where money hangs on them, lenient elsewhere. Pure.

What decides about money (receipt, amount, short code, result code) is read or refused; a time or a payer that cannot be
read is left out, because the money has moved all the same.
"""

import re
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal

from gateway.http.bodies import as_text, as_word, storable
from gateway.http.errors import PhoneInvalid
from gateway.http.inbound import UnreadableCallback
from gateway.http.phones import is_hashed, is_masked, wire_to_e164
from gateway.payments.ports import Payer
from vending.kernel.money import MoneyError, parse_minor

# Kenya keeps no summer time, so a fixed offset is exact and needs no time zone tables on the machine.
NAIROBI = timezone(timedelta(hours=3), "EAT")
REGION = "KE"

SHORT_CODE = re.compile(r"[0-9]{1,20}")
ID = re.compile(r"[A-Za-z0-9_.-]{1,64}")
CODE = re.compile(r"[A-Za-z0-9_.-]{1,32}")
RECEIPT = re.compile(r"[A-Z0-9]{1,32}")
_AMOUNT = re.compile(r"[0-9]{1,15}(?:\.[0-9]{1,8})?")
_LOCAL_TIME = re.compile(r"[0-9]{14}")
_MOST_DIGITS = 24
_LONGEST_ACCOUNT = 100
# A Kenyan mobile number without its country. Lists have shorter ones, cut off: read as phones they are strangers'.
_LEAST_PHONE_DIGITS = 9


def read_amount_minor(value: object, currency: str) -> int:
    """Minor units of a positive amount, given as text or number. Exact, or `UnreadableCallback`."""
    is_plain_text = not isinstance(value, str) or _AMOUNT.fullmatch(value.strip()) is not None
    # Beyond 28 digits decimal arithmetic rounds, and a rounded amount would pass as an exact one.
    is_short = not isinstance(value, Decimal) or len(value.as_tuple().digits) <= _MOST_DIGITS
    if not is_plain_text or not is_short:
        raise UnreadableCallback("not an amount", field="amount")
    try:
        amount_minor = parse_minor(value.strip() if isinstance(value, str) else value, currency)
    except MoneyError:
        raise UnreadableCallback("not an amount", field="amount") from None
    if amount_minor <= 0:
        raise UnreadableCallback("not a payment", field="amount")
    return amount_minor


def read_receipt(value: object) -> str:
    text = as_text(value)
    # Before upper(): it turns some foreign letters into ASCII ones, and two receipts into one.
    if not text.isascii():
        raise UnreadableCallback("not a receipt", field="receipt")
    return as_word(text.upper(), RECEIPT)


def read_account_text(value: object) -> str:
    """As the customer typed it. Buy Goods payments have none."""
    if value is None:
        return ""
    if isinstance(value, str):
        return storable(value, _LONGEST_ACCOUNT)
    return storable(as_text(value), _LONGEST_ACCOUNT)


def read_payer(value: object) -> Payer:
    """Who paid, or nobody: a payment between organisations has no person behind it, and no payer stops a payment."""
    try:
        text = as_text(value)
    except UnreadableCallback:
        return Payer()
    if is_hashed(text):
        return Payer(sha256=text.lower())
    if is_masked(text):
        return Payer(masked=text)
    if sum(character.isdigit() for character in text) < _LEAST_PHONE_DIGITS:
        return Payer()
    try:
        return Payer(e164=wire_to_e164(text, default_region=REGION))
    except PhoneInvalid:
        return Payer()


def read_moment(value: object) -> datetime | None:
    """`20191219102115`, Nairobi's clock, as UTC."""
    try:
        text = as_word(value, _LOCAL_TIME)
        return datetime.strptime(text, "%Y%m%d%H%M%S").replace(tzinfo=NAIROBI).astimezone(UTC)
    except (UnreadableCallback, ValueError, OverflowError):
        return None
