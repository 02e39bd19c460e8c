"""Parts that several resources show: a sale's money, its messages, refunds, reversals, open cases, and what was done.

Each is a plain mapping for JSON, built field by field: what is not named here is not shown.
"""

from collections.abc import Collection, Iterable

from fleet.audit.queries import list_entries_of
from fleet.cases.queries import list_open_cases
from gateway.api import texts
from gateway.api.texts import Json
from gateway.refunds.lifecycle import LABELS as REFUND_LABELS
from gateway.refunds.lifecycle import RefundState
from gateway.refunds.models import Refund
from gateway.reversals.models import Reversal
from gateway.sms.lifecycle import LABELS as MESSAGE_LABELS
from gateway.sms.lifecycle import MessageState
from gateway.sms.models import Message
from vending.vends.lifecycle import LABELS as VEND_LABELS
from vending.vends.lifecycle import VendState
from vending.vends.models import Vend

# What an entry of the audit trail may add: states, codes and amounts; no ids of rows, no digests, no free objects.
_SHOWN_DETAILS = frozenset(
    {
        "claimed_minor", "amount_minor", "code", "energy_kwh_tenths", "frozen_reason", "kind", "must_verify", "outcome",
        "reason", "result_code", "why",
    }
)  # fmt: skip
_OVER = (VendState.ISSUED, VendState.CANCELLED)


def sale(vend: Vend) -> Json:
    """`next_try_at` is null when the sale is over, or when only a person can move it. The code itself is never here."""
    minor = {
        "paid": vend.paid_minor,
        "wallet_used": vend.wallet_used_minor,
        "net": vend.net_minor,
        "vat": vend.vat_minor,
        "levies": vend.levies_minor,
        "fee": vend.fee_minor,
        "kept": vend.kept_minor,
    }
    return {
        "id": vend.pk,
        **texts.state(vend.state, VendState, VEND_LABELS),
        "held_reason": vend.held_reason,
        "meter": {"drn": vend.meter.drn},
        "currency": vend.currency,
        "amounts": {name: texts.amount(value, vend.currency) for name, value in minor.items()},
        "energy_kwh": texts.kwh(vend.energy_kwh_tenths),
        "free_kwh": texts.kwh(vend.free_kwh_tenths),
        "funded_at": texts.moment(vend.funded_at),
        "issued_at": texts.moment(vend.issued_at),
        "next_try_at": None if vend.state in _OVER else texts.moment(vend.next_try_at),
    }


def message(sms: Message) -> Json:
    """What became of one SMS; its text is never here."""
    waits = sms.state in (MessageState.QUEUED, MessageState.SENDING)
    return {
        "id": sms.pk,
        **texts.state(sms.state, MessageState, MESSAGE_LABELS),
        "kind": sms.kind,
        "to": texts.payer(sms.to_e164, "", ""),
        "code": texts.words(sms.code),
        "queued_at": texts.moment(sms.queued_at),
        "sent_at": texts.moment(sms.sent_at),
        "delivered_at": texts.moment(sms.delivered_at),
        "next_try_at": texts.moment(sms.next_try_at) if waits else None,
    }


def refund(row: Refund) -> Json:
    return {
        "id": row.pk,
        **texts.state(row.state, RefundState, REFUND_LABELS),
        "amount": texts.amount(row.amount_minor, row.currency),
        "currency": row.currency,
        "payout_receipt": row.payout_receipt,
        "reason": texts.words(row.reason),
        "approved_at": texts.moment(row.approved_at),
        "done_at": texts.moment(row.done_at),
        "next_try_at": None if row.state == RefundState.DONE else texts.moment(row.next_try_at),
    }


def reversal(row: Reversal) -> Json:
    return {
        "receipt": row.receipt,
        "amount": texts.amount(row.amount_minor, row.currency),
        "currency": row.currency,
        "outcome": row.outcome,
        "seen_at": texts.moment(row.seen_at),
        "applied_at": texts.moment(row.applied_at),
    }


def open_cases(subjects: Collection[str]) -> list[Json]:
    return [
        {
            "id": case.pk,
            "reason": case.reason,
            "subject": case.subject,
            "opened_at": texts.moment(case.opened_at),
            "due_at": texts.moment(case.due_at),
            "is_taken": case.owner_id is not None,
        }
        for case in list_open_cases(limit=None, about=subjects)
    ]


def history(subjects: Collection[str]) -> list[Json]:
    """Who did what to these rows, oldest first."""
    return [
        {
            "at": texts.moment(entry.at),
            "act": entry.act,
            "subject": entry.subject,
            "actor": entry.actor,
            # Why a person asked for an act is that person's own words, and no code.
            "details": {} if entry.subject.startswith("approval:") else _shown(entry.details.items()),
        }
        for entry in list_entries_of(subjects)
    ]


def _shown(details: Iterable[tuple[str, object]]) -> Json:
    return {
        name: texts.words(value) if isinstance(value, str) else value
        for name, value in details
        if name in _SHOWN_DETAILS and isinstance(value, str | int)
    }
