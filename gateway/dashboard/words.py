"""How the pages say things: ages, moments, money, masked phones, states and reasons in words. No tables, no clock.

Pages show at most the last three digits of a phone, also where a payer typed a phone as the account.
"""

import math
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import NamedTuple
from zoneinfo import ZoneInfo

from django.conf import settings

from fleet.approvals.lifecycle import LABELS as APPROVAL_LABELS
from fleet.approvals.lifecycle import ApprovalState
from gateway.desk.kinds import LABELS as ACT_LABELS
from gateway.http.errors import PhoneInvalid
from gateway.http.phones import mask, to_e164
from gateway.payments.lifecycle import LABELS as PAYMENT_LABELS
from gateway.payments.lifecycle import PaymentState
from gateway.refunds.lifecycle import LABELS as REFUND_LABELS
from gateway.refunds.lifecycle import RefundState
from gateway.sms.lifecycle import LABELS as MESSAGE_LABELS
from gateway.sms.lifecycle import MessageState
from vending.kernel.money import format_energy, format_minor
from vending.sts.base_dates import BaseDate
from vending.vends.lifecycle import LABELS as VEND_LABELS
from vending.vends.lifecycle import VendState

GOOD, BUSY, BAD, QUIET = "good", "busy", "bad", "quiet"
_MINUTE, _HOUR, _DAY = 60, 3600, 86_400
_INTERNATIONAL_DIGITS = 12  # as most of Africa writes a number without its plus; no DRN has twelve digits
_DIGIT_RUN = re.compile(r"\+?\d[\d ]{7,16}\d")

_PAYMENT_TONES = {
    PaymentState.EXPECTED: BUSY,
    PaymentState.CONFIRMED: BUSY,
    PaymentState.ALLOCATED: GOOD,
    PaymentState.SUSPENSE: BAD,
    PaymentState.UNKNOWN: BAD,
    PaymentState.REFUND_PENDING: BUSY,
}
_VEND_TONES = {
    VendState.FUNDED: BUSY,
    VendState.ISSUING: BUSY,
    VendState.HELD: BAD,
    VendState.ISSUED: GOOD,
}
_MESSAGE_TONES = {
    MessageState.QUEUED: BUSY,
    MessageState.SENDING: BUSY,
    MessageState.ACCEPTED: BUSY,
    MessageState.DELIVERED: GOOD,
    MessageState.FAILED: BAD,
    MessageState.EXPIRED: BAD,
}
_REFUND_TONES = {
    RefundState.WAITING: BUSY,
    RefundState.ASKED: BUSY,
    RefundState.BY_HAND: BAD,
    RefundState.DONE: GOOD,
}
_APPROVAL_TONES = {
    ApprovalState.WAITING: BUSY,
    ApprovalState.APPROVED: GOOD,
    ApprovalState.REFUSED: BAD,
}
_KINDS = {
    "token": "code",
    "resend": "code, sent again",
    "kept": "notice: money kept",
    "lost": "notice: no meter",
    "refund": "notice: money goes back",
    "reversed": "notice: money taken back",
    "help_words": "help",
    "no_code_found": "answer: no code",
    "too_many_requests": "answer: too many requests",
}
_REASONS = {
    "amount_differs": "the provider names another amount",
    "call_me": "the customer wants to be called",
    "claim_needs_person": "a phone that did not pay asks for this payment",
    "claim_unanswered": "the payer was asked whether a meter is the right one, and did not answer",
    "code_without_phone": "the code is made, and no phone is known to send it to",
    "in_part": "a part of a payment: the provider gives back whole ones only",
    "late_reversal": "the provider took the money back after the code was made",
    "not_confirmed": "the provider does not know this payment",
    "not_in_statement": "the provider's list lacks this payment",
    "paid_without_receipt": "the provider says paid, and names no receipt",
    "payment_not_allocated": "the money was tried to be booked again and again, in vain",
    "payment_unverified": "the provider cannot be asked about this payment, or does not answer",
    "payment_without_meter": "the payment is for no meter that we know",
    "receipts_guessed": "somebody is guessing receipts",
    "refund_by_hand": "a refund is to be paid out by hand",
    "refund_unanswered": "the provider does not answer about a refund",
    "reversal_after_refund": "the provider took back money that had gone back before",
    "reversal_amount_differs": "the provider took back another amount than was paid",
    "statement_unclear": "a statement has lines of money that nobody can place",
    "wrong_meter": "the customer says that it was paid for the wrong meter",
    "check_digit_wrong": "the check digit of the meter's number is wrong",
    "ea07_tables_missing": "the operational tables of EA 07 are not installed",
    "ea07_tables_refused": "the file of EA 07 tables is refused",
    "key_change_needed": "the meter must be given a new key first",
    "key_encryption_key_missing": "the worker was given no key-encryption key",
    "key_expired": "the vending key has expired for new tokens",
    "key_type_not_allowed": "a key of this type sells no power",
    "look_ahead_limit": "the meter's token identifiers are too far ahead of the clock: it goes on by itself",
    "meter_blocked": "the meter is blocked",
    "meter_number_invalid": "the meter's number is none of the standard",
    "moment_out_of_range": "the clock of the machine is before the base date",
    "payment_frozen": "the payment is in doubt: a person decides",
    "published_test_key_refused": "the vending key is printed in public documents",
    "reversal_contradicted": "the provider tells two amounts of one payment that it took back",
    "sale_given_up": "it was begun too often without an end: a person decides",
    "sale_needs_decision": "its code is not what was sold: a person cancels the sale",
    "security_module_limit_reached": "the security module wants its limit or licence topped up",
    "security_module_unavailable": "the security module does not answer",
    "tid_exhausted": "no token identifier is left under this base date",
    "tid_outside_window": "the clock of the security module differs from ours",
    "tid_refused": "the security module took a token identifier that another code has",
    "unsupported_algorithm": "the meter's algorithm is not computed here",
    "unverified_algorithm": "no published example proves this algorithm: it sells nothing",
    "vending_key_damaged": "the sealed vending key does not open",
    "vending_key_issue_ended": "the vending key may issue no more tokens (IUT)",
    "vending_key_malformed": "the vending key has the wrong length",
    "vending_key_missing": "the vending key of this meter is not loaded",
    "vending_key_not_active": "the vending key is not active yet (ACT)",
    "vending_key_parity_wrong": "the vending key was mistyped: its parity is wrong",
    "vending_key_stopped": "the vending key is stopped",
    "verify_failed": "the code made is not what was sold",
}


class State(NamedTuple):
    """A state for people: the label of its lifecycle, and a tone that only repeats it in colour."""

    words: str
    tone: str


class Moment(NamedTuple):
    """A point in time and how it is read in its site."""

    at: datetime
    words: str


@dataclass(frozen=True)
class PageClock:
    """The moment of a page, and the zone in which it is read where a row belongs to no site."""

    now: datetime
    zone: str

    def age_seconds(self, since: datetime) -> int:
        return max(0, int((self.now - since).total_seconds()))

    def age(self, since: datetime) -> str:
        return age_words(self.age_seconds(since))

    def midnight(self) -> datetime:
        """When today began for the page's readers."""
        return self.now.astimezone(ZoneInfo(self.zone)).replace(hour=0, minute=0, second=0, microsecond=0)

    def now_words(self) -> str:
        return f"{self.now.astimezone(ZoneInfo(self.zone)):%d %b %Y %H:%M:%S}"

    def zone_words(self) -> str:
        return f"{self.now.astimezone(ZoneInfo(self.zone)):%Z} ({self.zone})"

    def moment(self, at: datetime, zone: str = "") -> Moment:
        """The time in the row's own zone: only the time for today, with its zone where that is not the page's."""
        here = ZoneInfo(zone or self.zone)
        local, today = at.astimezone(here), self.now.astimezone(here)
        if local.date() == today.date():
            words = f"{local:%H:%M:%S}"
        else:
            words = f"{local:%d %b %H:%M:%S}" if local.year == today.year else f"{local:%d %b %Y %H:%M:%S}"
        return Moment(at, words if zone in ("", self.zone) else f"{words} {local:%Z}")


def age_words(seconds: int) -> str:
    """`42 s`, `12 min 05 s`, `3 h 12 min`, `4 d 3 h`."""
    if seconds < _MINUTE:
        return f"{seconds} s"
    if seconds < _HOUR:
        return f"{seconds // _MINUTE} min {seconds % _MINUTE:02d} s"
    if seconds < _DAY:
        return f"{seconds // _HOUR} h {seconds % _HOUR // _MINUTE:02d} min"
    return f"{seconds // _DAY} d {seconds % _DAY // _HOUR} h"


def day(at: datetime) -> str:
    """A day of a key's life, which is counted in UTC: `24 Nov 2045`."""
    return f"{at.astimezone(UTC):%d %b %Y}"


def base_date(code: str) -> str:
    """`14` is the base date of 2014."""
    return f"{BaseDate.of(code).starts_at.year} ({code})"


def money(minor: int, currency: str) -> str:
    return f"{currency} {format_minor(minor, currency, grouped=True)}"


def units(tenths: int) -> str:
    return f"{format_energy(tenths)} kWh"


def payer(e164: str, masked: str, sha256: str) -> str:
    """The payer as far as a page may show: `..101`, or that the operator hides the number."""
    if e164 or masked:
        return mask(e164 or masked)
    return "hidden number" if sha256 else ""


def account(text: str) -> str:
    """What the payer typed, with anything that is a phone number masked: many type their own."""
    return _DIGIT_RUN.sub(_mask_if_phone, text)


def _mask_if_phone(found: re.Match[str]) -> str:
    digits = found[0]
    written = f"+{digits}" if digits.isdecimal() and len(digits) == _INTERNATIONAL_DIGITS else digits
    try:
        return f"phone {mask(to_e164(written, default_region=settings.DEFAULT_REGION))}"
    except PhoneInvalid:
        return digits


def payment_state(state: str) -> State:
    return State(PAYMENT_LABELS[PaymentState(state)], _PAYMENT_TONES.get(PaymentState(state), QUIET))


def vend_state(state: str) -> State:
    return State(VEND_LABELS[VendState(state)], _VEND_TONES.get(VendState(state), QUIET))


def message_state(state: str) -> State:
    return State(MESSAGE_LABELS[MessageState(state)], _MESSAGE_TONES.get(MessageState(state), QUIET))


def message_kind(kind: str) -> str:
    return _KINDS.get(kind, kind.replace("_", " "))


def refund_state(state: str) -> State:
    return State(REFUND_LABELS[RefundState(state)], _REFUND_TONES[RefundState(state)])


def approval_state(state: str) -> State:
    return State(APPROVAL_LABELS[ApprovalState(state)], _APPROVAL_TONES.get(ApprovalState(state), QUIET))


def act(kind: str) -> str:
    """What an approval is of: `give a payment back`."""
    return next((label for known, label in ACT_LABELS.items() if known == kind), kind)


def reason(code: str) -> str:
    """Why a sale is held, a payment stopped or a case open, with the code that the error list explains."""
    return f"{_REASONS[code]} ({code})" if code in _REASONS else code


def coming(clock: PageClock, at: datetime) -> str:
    """`in 50 s`, for a moment to come."""
    return f"in {age_words(max(0, math.ceil((at - clock.now).total_seconds())))}"


def asked(times: int) -> str:
    """How often the provider was asked."""
    return "not asked yet" if not times else f"asked {times} time{'s' if times > 1 else ''}"


def next_question(clock: PageClock, times: int, next_query_at: datetime | None) -> str:
    """When the provider is asked again, and how often it was."""
    if next_query_at is None:
        return f"none: {asked(times)}"
    when = "due" if next_query_at <= clock.now else coming(clock, next_query_at)
    return f"{asked(times)}, next question {when}"


def next_try(clock: PageClock, next_try_at: datetime | None, leased_until: datetime | None) -> str:
    """When the product tries again by itself."""
    if leased_until and leased_until > clock.now:
        return "being worked on"
    if next_try_at is None:
        return "none: a person must act"
    if next_try_at > clock.now:
        return coming(clock, next_try_at)
    return f"due for {clock.age(next_try_at)}, waits for a worker"
