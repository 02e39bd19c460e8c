"""Cases about single numbers: check digits, MeterPAN, CRC, TID and KEN."""

import re
from datetime import UTC, datetime

from vending.sts.base_dates import BaseDate
from vending.sts.check_digits import luhn_digit, luhn_fits
from vending.sts.crc import crc16, token_crc
from vending.sts.errors import VendingKeyExpired
from vending.sts.fields import check_between, check_bits
from vending.sts.identifiers import MeterPan
from vending.sts.tid import check_key_not_expired, next_tid, tid_at
from vending.vectors.errors import InputMalformed, InputMissing, InputsContradict
from vending.vectors.inputs import Inputs

GREATEST_COUNT = 10_000

_MOMENT = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d(\.\d{1,6})?)?(Z|[+-]\d\d:\d\d)?", re.ASCII)


def luhn(inputs: Inputs) -> str:
    return luhn_digit(inputs.digits("body"))


def luhn_valid(inputs: Inputs) -> bool:
    return luhn_fits(inputs.digits("number"))


def pan(inputs: Inputs) -> str:
    return MeterPan.from_entry(inputs.text("drn")).digits


def crc(inputs: Inputs) -> str:
    return f"{crc16(inputs.octets('data')):04x}"


def crc_of_token(inputs: Inputs) -> str:
    """The CRC of a token of RND, TID and field. In currency RND is the high part of the amount; the CRC is CRC_C."""
    token_class, subclass = inputs.integer("class"), inputs.integer("subclass")
    check_bits(token_class, 2, "class")
    check_bits(subclass, 4, "subclass")
    return f"{token_crc(token_class, subclass << 44 | body_in(inputs)):04x}"


def body_in(inputs: Inputs) -> int:
    """RND, TID and the raw field, as the 44 bits behind the subclass."""
    rnd, tid, field = inputs.integer("rnd"), tid_in(inputs), inputs.integer("field")
    check_bits(rnd, 4, "rnd")
    check_bits(field, 16, "field")
    return rnd << 40 | tid << 16 | field


def tid(inputs: Inputs) -> int:
    return tid_at(moment_in(inputs), inputs.base_date())


def tid_sequence(inputs: Inputs) -> list[int]:
    """The TIDs of `count` tokens for one meter, all asked for at the same moment."""
    clock_tid, count = tid(inputs), inputs.integer("count")
    check_between(count, 0, GREATEST_COUNT, "count")
    tids: list[int] = []
    for _ in range(count):
        tids.append(next_tid(clock_tid, tids[-1] if tids else None))
    return tids


def ken(inputs: Inputs) -> str:
    """ "expired" when the TID, given or of the moment, is beyond KEN, else "ok"."""
    try:
        check_key_not_expired(tid_in(inputs), inputs.integer("ken"))
    except VendingKeyExpired:
        return "expired"
    return "ok"


def tid_in(inputs: Inputs, base_of_key: BaseDate | None = None) -> int:
    """`tid`, or the TID of `issued` under `base` (or the base date of the vending key). Both, when they agree."""
    base = inputs.optional(inputs.base_date, "base") or base_of_key
    given = inputs.optional(inputs.integer, "tid")
    if given is None:
        if not inputs.has("issued"):
            raise InputMissing("tid or issued is missing", field="issued")
        return tid_at(moment_in(inputs), base or inputs.base_date())
    check_bits(given, 24, "tid")
    if inputs.has("issued") and tid_at(moment_in(inputs), base or inputs.base_date()) != given:
        raise InputsContradict("tid is not that of issued and base", field="tid")
    return given


def moment_in(inputs: Inputs) -> datetime:
    """`issued`: a date and a time; without a zone it is UTC."""
    text = inputs.text("issued")
    moment = _parsed(text) if _MOMENT.fullmatch(text) else None
    if moment is None:
        raise InputMalformed("issued is a moment such as 2026-01-31T09:30, in UTC", field="issued")
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _parsed(text: str) -> datetime | None:
    try:
        return datetime.fromisoformat(text)
    except ValueError:  # the 31st of February
        return None
