"""What happened to a payment, a sale and its messages, from the audit trail: who, what and when, oldest first."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from fleet.audit.queries import list_entries_of
from fleet.operators.queries import list_usernames
from gateway.dashboard import words
from gateway.dashboard.words import Moment, PageClock

_ACTS = {
    "payment.expected": "Purchase started by the customer",
    "payment.prompted": "Payment prompt sent to the phone",
    "payment.confirmed": "Money arrived",
    "payment.allocated": "Money booked",
    "payment.suspense": "Money put aside: no meter known",
    "payment.declined": "Not paid",
    "payment.unknown": "Result unknown",
    "payment.postponed": "Booking failed, to be tried again",
    "payment.contradicted": "Reported again with another amount",
    "payment.assigned": "Given a meter",
    "payment.assigned_alone": "Given a meter by one person",
    "payment.moved": "Moved to another meter",
    "payment.believed": "The provider stands for it",
    "payment.frozen": "Stopped",
    "payment.released": "Released",
    "payment.refund_pending": "Money on its way back",
    "payment.refunded": "Money went back",
    "payment.reversed": "Taken back",
    "inquiry.asked": "Provider asked",
    "inquiry.answered": "Provider answered",
    "inquiry.lost": "No answer",
    "refund.approved": "Refund booked",
    "refund.waiting": "Refund to be asked for",
    "refund.asked": "Refund asked of the provider",
    "refund.by_hand": "Refund to be paid out by hand",
    "refund.done": "Refund paid back",
    "refund.paid_out": "Payout entered",
    "reversal.noted": "The provider took it back",
    "reversal.applied": "Taking back is booked",
    "reversal.contradicted": "Taken back, told with another amount",
    "claim.opened": "The customer named another meter",
    "claim.accepted": "The customer's word was taken",
    "claim.refused": "The customer's word was not taken",
    "claim.expired": "Nobody answered the question",
    "approval.asked": "Proposed",
    "approval.approved": "Approved by a second person",
    "approval.refused": "Refused by a second person",
    "approval.withdrawn": "Withdrawn",
    "approval.expired": "Nobody decided in time",
    "case.opened": "Case opened",
    "case.taken": "Case taken",
    "vend.funded": "Sale made",
    "vend.released": "Released",
    "vend.cancelled": "Cancelled, money in the wallet",
    "vend.issued": "Code made and checked",
    "vend.held": "Held",
    "message.queued": "SMS queued",
    "message.sending": "SMS: the provider's answer was lost",
    "message.accepted": "SMS taken by the provider",
    "message.delivered": "SMS delivered",
    "message.failed": "SMS failed",
    "message.expired": "SMS given up",
}
_WHYS = {
    "ambiguous": "no clear answer",
    "permanent": "refused for good",
    "stopped": "the account at the provider is stopped",
    "transient": "to be tried again",
    "unanswered": "no answer and no report",
}
_OPERATOR = "operator:"


@dataclass(frozen=True)
class Event:
    """`subject` says which of several messages it is about, else nothing."""

    at: Moment
    what: str
    subject: str
    detail: str
    who: str


@dataclass(frozen=True)
class Subject:
    """A row whose audit entries belong on the line: its name there, and how the page calls it ("" for itself)."""

    name: str
    words: str = ""


def list_events(
    clock: PageClock, subjects: Sequence[Subject], *, zone: str, currency: str, also: Sequence[Event] = ()
) -> list[Event]:
    """The audit entries of these rows, and what only the rows themselves know (`also`), in order of time."""
    names = {subject.name: subject.words for subject in subjects}
    entries = list_entries_of(list(names))
    operators = list_usernames([int(e.actor.removeprefix(_OPERATOR)) for e in entries if _is_operator(e.actor)])
    events = [
        Event(
            at=clock.moment(entry.at, zone),
            what=_ACTS.get(entry.act, entry.act),
            subject=names[entry.subject],
            detail=_detail(entry.act, entry.details, currency),
            who=_who(entry.actor, operators),
        )
        for entry in entries
    ]
    return sorted([*also, *events], key=_moment_of)


def _moment_of(event: Event) -> datetime:
    return event.at.at


def _is_operator(actor: str) -> bool:
    return actor.startswith(_OPERATOR) and actor.removeprefix(_OPERATOR).isdecimal()


def _who(actor: str, operators: Mapping[int, str]) -> str:
    """`operator:3` by user name; the rest as the trail has it: `system: fulfilment`."""
    if _is_operator(actor):
        return operators.get(int(actor.removeprefix(_OPERATOR)), actor)
    return actor.replace(":", ": ", 1)


def _detail(act: str, details: Mapping[str, object], currency: str) -> str:
    """What the entry adds, as far as it is worth a reader's time: not ids of rows, not digests."""
    said = []
    for name, value in details.items():
        if name == "energy_kwh_tenths" and isinstance(value, int):
            said.append(words.units(value))
        elif name.endswith("_minor") and isinstance(value, int):
            said.append(words.money(value, currency))
        elif name == "kind":
            said.append(words.act(words.message_kind(str(value)) if act.startswith("message.") else str(value)))
        elif name in ("reason", "frozen_reason"):
            said.append(words.reason(str(value)))
        elif name in ("answer", "outcome", "receipt", "result_code") and value:
            said.append(str(value))
        elif name == "why" and not act.endswith(f".{value}"):
            said.append(_WHYS.get(str(value), str(value)))
    return ", ".join(part for part in said if part)
