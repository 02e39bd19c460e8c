"""Proposals as the pages show them: who asked for what and why, the exact terms, and what a second person said."""

from collections.abc import Collection
from dataclasses import dataclass

from fleet.approvals.lifecycle import ApprovalState
from fleet.approvals.queries import get_approval, list_decided, list_of_subject, list_waiting
from gateway.dashboard import words
from gateway.dashboard.cases import about_words, url_of
from gateway.dashboard.terms_words import TermLine, list_terms
from gateway.dashboard.words import Moment, PageClock, State
from gateway.desk.kinds import Kind

SHOWN, DECIDED_SHOWN = 50, 20


@dataclass(frozen=True)
class Which:
    """Which proposals: this one, all about these rows, those decided last, or (nothing said) those that wait."""

    approval_id: int | None = None
    subjects: Collection[str] | None = None
    is_decided: bool = False


@dataclass(frozen=True)
class ApprovalRow:
    """`is_mine` says that the reader proposed it, and cannot decide it; `expires` is empty once it is decided.

    A tariff is decided on a page of its own, where its effect stands. `payment_id` is set where the
    terms name a payment.
    """

    id: int
    kind: str
    subject: str
    what: str
    about: str
    url: str
    reason: str
    maker: str
    checker: str
    answer: str
    asked_at: Moment
    decided_at: Moment | None
    state: State
    is_waiting: bool
    expires: str
    lines: list[TermLine]
    is_mine: bool
    is_tariff: bool
    payment_id: object


def list_approval_rows(clock: PageClock, which: Which, *, operator_id: int | None) -> list[ApprovalRow]:
    """Those that wait in the order in which they expire, one more than are shown; others the newest first."""
    if which.approval_id is not None:
        found = [row for row in [get_approval(which.approval_id)] if row]
    elif which.subjects is not None:
        found = [row for subject in which.subjects for row in list_of_subject(subject)]
    else:
        found = list_decided(limit=DECIDED_SHOWN) if which.is_decided else list_waiting(limit=SHOWN + 1)
    return [
        ApprovalRow(
            id=row.pk,
            kind=row.kind,
            subject=row.subject,
            what=words.act(row.kind),
            about=about_words(row.subject, {}),
            url=url_of(row.subject, {}),
            reason=row.reason,
            maker=row.maker.get_username(),
            checker=row.checker.get_username() if row.checker else "",
            answer=row.answer,
            asked_at=clock.moment(row.asked_at),
            decided_at=clock.moment(row.decided_at) if row.decided_at else None,
            state=words.approval_state(row.state),
            is_waiting=row.state == ApprovalState.WAITING,
            expires=words.coming(clock, row.expires_at) if row.state == ApprovalState.WAITING else "",
            lines=list_terms(row.kind, row.subject, row.terms, clock.zone),
            is_mine=operator_id is not None and row.maker_id == operator_id,
            is_tariff=row.kind == Kind.TARIFF_PUBLISH,
            payment_id=row.terms.get("payment_id"),
        )
        for row in found
    ]
