"""Sales that wait: the reason, the next automatic try, and the case for a person where nobody else can help.

A case is about what is to be mended: a meter, a vending key, or the installation. However many sales wait for it, it is
one case, and it is closed by itself when none of them waits for it any more. A sale that only a person can move has a
case of its own, which ends with what that person does about it.
"""

import logging
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from typing import NamedTuple

from django.db.models import Q

from fleet.cases.queries import list_open_subjects
from fleet.cases.services import CaseDraft, close_cases, open_cases
from vending.kernel.errors import DomainError
from vending.keys.queries import KeyName, list_vending_keys
from vending.sts.errors import TidTooFarAhead
from vending.tokens.errors import VerifyFailed
from vending.vends.errors import PaymentFrozen, SaleGivenUp, SaleNeedsDecision
from vending.vends.lifecycle import VEND, VendState
from vending.vends.models import UNFINISHED, Vend
from vending.vends.selling import key_name_of

logger = logging.getLogger(__name__)

RETRY_SECONDS = (2, 5, 15, 60, 300)
_MOVES_BY_HAND = {VerifyFailed.code, PaymentFrozen.code, SaleGivenUp.code}
INSTALLATION = "installation"


class About(StrEnum):
    """What a person has to mend."""

    METER = "meter"
    VENDING_KEY = "vending_key"
    INSTALLATION = INSTALLATION
    SALE = "vend"


class Need(NamedTuple):
    """When a reason becomes a case: at which try, and how soon somebody should look."""

    about: About
    hours: int
    tries: int = 0


_AT_LAST = Need(About.METER, 4, tries=5)
# Beside the case about the key: that one ends when two persons start the key again, and mends nothing of this sale.
_DECISION = Need(About.SALE, 4)
_NEEDS: Mapping[str, Need] = {
    VerifyFailed.code: Need(About.VENDING_KEY, 1),
    PaymentFrozen.code: Need(About.SALE, 4),
    SaleGivenUp.code: Need(About.SALE, 1),
    TidTooFarAhead.code: Need(About.METER, 4),
    "vending_key_stopped": Need(About.VENDING_KEY, 4),
    "vending_key_not_active": Need(About.VENDING_KEY, 4),
    "vending_key_issue_ended": Need(About.VENDING_KEY, 4),
    "vending_key_missing": Need(About.VENDING_KEY, 4),
    "vending_key_damaged": Need(About.VENDING_KEY, 4),
    "vending_key_malformed": Need(About.VENDING_KEY, 4),
    "vending_key_parity_wrong": Need(About.VENDING_KEY, 4),
    "published_test_key_refused": Need(About.VENDING_KEY, 4),
    "key_expired": Need(About.VENDING_KEY, 4),
    "tid_exhausted": Need(About.VENDING_KEY, 4),
    "tid_refused": Need(About.VENDING_KEY, 4),
    "unverified_algorithm": Need(About.VENDING_KEY, 4),
    "moment_out_of_range": Need(About.INSTALLATION, 1),
    "ea07_tables_missing": Need(About.INSTALLATION, 4),
    "ea07_tables_refused": Need(About.INSTALLATION, 4),
    "key_change_needed": Need(About.METER, 24),
    "key_type_not_allowed": Need(About.METER, 24),
    "unsupported_algorithm": Need(About.METER, 24),
    "meter_number_invalid": Need(About.METER, 24),
    "check_digit_wrong": Need(About.METER, 24),
    "security_module_limit_reached": Need(About.INSTALLATION, 1),
    "tid_outside_window": Need(About.INSTALLATION, 4),
    # A restart mends these: a person is called when it did not.
    "security_module_unavailable": Need(About.INSTALLATION, 1, tries=5),
    "key_encryption_key_missing": Need(About.INSTALLATION, 1, tries=5),
}


# The reasons of cases about one sale.
_OF_ONE_SALE = {PaymentFrozen.code, SaleGivenUp.code, SaleNeedsDecision.code}


def hold(vend: Vend, reason: DomainError, now: datetime) -> None:
    """HELD with a reason and the next automatic try; what only a person can mend has none."""
    if vend.state != VendState.HELD:
        move(vend, VendState.HELD)
    vend.held_reason, vend.leased_until = reason.code, None
    vend.next_try_at = _next_try_at(vend, reason, now)


def _next_try_at(vend: Vend, reason: DomainError, now: datetime) -> datetime | None:
    if reason.code in _MOVES_BY_HAND:
        return None
    if isinstance(reason, TidTooFarAhead):  # TIDs are minutes: only the next one can help, and it may
        return now.replace(second=0, microsecond=0) + timedelta(minutes=1)
    return now + timedelta(seconds=RETRY_SECONDS[min(vend.attempts, len(RETRY_SECONDS) - 1)])


def waits_for_hand(vend: Vend) -> bool:
    """Whether only a person may move it: no later answer of a module does."""
    return vend.state == VendState.HELD and vend.held_reason in _MOVES_BY_HAND


def can_go_on(vend: Vend) -> bool:
    """Whether the flow may move it: it has neither ended nor been taken out of the flow."""
    return vend.state in UNFINISHED and not waits_for_hand(vend)


def subject_of(vend: Vend) -> str:
    """What a case about this very sale is about."""
    return f"{About.SALE}:{vend.pk}"


def move(vend: Vend, state: VendState) -> None:
    VEND.check_can_move(vend.state, state)
    vend.state = state


def follow_up(*, vends: Sequence[Vend], reasons_before: Sequence[str], actor: str, now: datetime) -> None:
    """Close the cases that none of the waiting sales needs any more, and open the ones that are missing.

    `reasons_before` are the `held_reason` of these vends, in order, before this transaction; the vends are stored, with
    their meter and token at hand. In the transaction that holds or issues them. Each case opened is one line in the
    log.
    """
    left = {
        reason: [vend for vend, before in zip(vends, reasons_before, strict=True) if before == reason]
        for reason, vend in zip(reasons_before, vends, strict=True)
        if reason and not _waits_for(vend, reason)
    }
    held = [vend for vend in vends if vend.state == VendState.HELD and vend.attempts >= _need(vend).tries]
    if not left and not held:
        return
    keys = {name: key.pk for name, key in list_vending_keys({key_name_of(vend.meter) for vend in vends}).items()}
    for reason in sorted(left.keys() - _MOVES_BY_HAND):
        _close_cases(reason, left[reason], keys, actor, now)
    _open_cases(held, keys, actor, now)


def _waits_for(vend: Vend, reason: str) -> bool:
    return vend.state == VendState.HELD and vend.held_reason == reason


def _need(vend: Vend) -> Need:
    return _NEEDS.get(vend.held_reason, _AT_LAST)


def _open_cases(held: Sequence[Vend], keys: Mapping[KeyName, int], actor: str, now: datetime) -> None:
    drafts = {}
    for vend in reversed(held):  # the first of a subject is the one that its case names
        for draft in _drafts(vend, keys, now):
            drafts[draft.reason, draft.subject] = draft
    for case in open_cases(drafts=drafts.values(), actor=actor, now=now):
        level = logging.ERROR if case.reason == VerifyFailed.code else logging.WARNING
        # In words: what follows "vending_key:" would be starred out, as a key's value is.
        about = case.subject.replace("_", " ").replace(":", " ")
        logger.log(level, "a paid sale waits: %s, %s; case %d is open", case.reason, about, case.pk)


def _drafts(vend: Vend, keys: Mapping[KeyName, int], now: datetime) -> Iterator[CaseDraft]:
    needs = [(vend.held_reason, _need(vend))]
    if vend.held_reason == VerifyFailed.code:
        needs.append((SaleNeedsDecision.code, _DECISION))
    details = {"vend_id": vend.pk, "meter": vend.meter.drn, "supply_group": _key_words(key_name_of(vend.meter))}
    for reason, need in needs:
        yield CaseDraft(reason, _subjects(vend, keys)[need.about], now + timedelta(hours=need.hours), details)


def open_missing_cases(*, actor: str, now: datetime) -> None:
    """A sale that only a person can move has an open case, also after somebody closed it and left the sale."""
    waiting = Vend.objects.filter(state=VendState.HELD, held_reason__in=_MOVES_BY_HAND).select_related("meter")
    vends = list(waiting.select_related("authority__token").order_by("pk"))
    if not vends:
        return
    known = {(reason, subject) for reason in _OF_ONE_SALE for subject in list_open_subjects(reason)}
    drafts = (draft for vend in vends for draft in _drafts(vend, {}, now) if draft.reason in _OF_ONE_SALE)
    open_cases(drafts=[draft for draft in drafts if (draft.reason, draft.subject) not in known], actor=actor, now=now)


def _close_cases(reason: str, left: Sequence[Vend], keys: Mapping[KeyName, int], actor: str, now: datetime) -> None:
    """Those of the sales that went on; all of this reason when no sale at all waits for it any more."""
    gone = list_open_subjects(reason)
    if not gone:
        return
    waiting = Vend.objects.filter(state=VendState.HELD, held_reason=reason)
    if waiting.exists():
        others = {subject: _others(vend, about) for vend in left for about, subject in _subjects(vend, keys).items()}
        gone = {subject for subject in gone & others.keys() if not waiting.filter(others[subject]).exists()}
    for subject in sorted(gone):
        outcome = "closed by itself: no sale waits for it any more"
        close_cases(subject=subject, reason=reason, outcome=outcome, actor=actor, now=now)


def _subjects(vend: Vend, keys: Mapping[KeyName, int]) -> dict[About, str]:
    """What a case about this sale is about, by what is to be mended."""
    token = getattr(vend.authority, "token", None)
    key_id = token.vending_key_id if token else keys.get(key_name_of(vend.meter))
    words = f"vending_key:{key_id}" if key_id else f"supply_group:{_key_words(key_name_of(vend.meter))}"
    return {
        About.METER: f"meter:{vend.meter_id}",
        About.VENDING_KEY: words,
        About.INSTALLATION: INSTALLATION,
        About.SALE: subject_of(vend),
    }


def _others(vend: Vend, about: About) -> Q:
    """The sales that a case about the same thing is about."""
    if about == About.METER:
        return Q(meter_id=vend.meter_id)
    if about == About.SALE:
        return Q(pk=vend.pk)
    if about == About.VENDING_KEY:
        sgc, krn, kt = key_name_of(vend.meter)
        return Q(meter__sgc=sgc, meter__krn=krn, meter__kt=kt)
    return Q()


def _key_words(name: KeyName) -> str:
    return "/".join(map(str, name))
