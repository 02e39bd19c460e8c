"""A provider's own list asked for by us, page by page: what it holds becomes the payment it was, once.

A pull never says what is missing: it may have ended early, and it holds no more than the provider chose to keep.
"""

import json
import logging
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime, timedelta

from gateway.payments.ports import Outcome, PaymentClaim, PaymentProvider
from gateway.payments.registry import get_provider
from gateway.reconciliation.freezing import release_sales
from gateway.reconciliation.listed import MATCHED, is_settled, list_payments_by_receipt, take_claim
from vending.kernel.errors import DomainError

logger = logging.getLogger(__name__)

PULL = "pull"
# A task may take 50 s, and one page up to 28 s of it to come.
PATIENCE = timedelta(seconds=15)
_MOST_PAGES = 500
_WINDOW = timedelta(hours=6)


@dataclass(frozen=True)
class Pulled:
    """What a pull brought. `is_complete` False: the provider or the time ended it early, `code` says which."""

    counts: dict[str, int] = field(default_factory=dict)
    is_complete: bool = True
    code: str = ""


def pull(*, provider: str, starts_at: datetime, ends_at: datetime, actor: str, clock: Callable[[], datetime]) -> Pulled:
    """Take every payment that the provider lists for the period. Idempotent by receipt; no transaction is open while
    the provider is asked. Raises `UnknownProvider`.
    """
    return _pull(get_provider(provider), [(starts_at, ends_at)], actor, clock)


def pull_all(*, provider: str, span: timedelta, actor: str, clock: Callable[[], datetime]) -> Pulled:
    """The same for a long time back, in parts. Each hour another part comes first, so that one for which the time never
    lasts has its turn too.
    """
    now = clock()
    count = -(-span // _WINDOW)
    windows = [(now - _WINDOW * (part + 1), now - _WINDOW * part) for part in range(count)]
    first = now.hour % count
    return _pull(get_provider(provider), windows[first:] + windows[:first], actor, clock)


def _pull(
    adapter: PaymentProvider,
    windows: Sequence[tuple[datetime, datetime]],
    actor: str,
    clock: Callable[[], datetime],
) -> Pulled:
    counts: dict[str, int] = {}
    until = clock() + PATIENCE
    codes = [_pull_window(adapter, window, counts, until, actor, clock) for window in windows]
    if any(counts):
        release_sales(actor=actor, now=clock())
    code = next(filter(None, codes), "")
    if code:
        logger.warning("pull of %s ended early: %s", adapter.name, code)
    return Pulled(counts, not code, code)


def _pull_window(
    adapter: PaymentProvider,
    window: tuple[datetime, datetime],
    counts: dict[str, int],
    until: datetime,
    actor: str,
    clock: Callable[[], datetime],
) -> str:
    """Every page of a window; an empty text, or why it ended early."""
    offset = 0
    for _ in range(_MOST_PAGES):
        if clock() >= until:
            return "out_of_time"
        page = adapter.pull(*window, offset, now=clock())
        for outcome in _take(adapter, page.claims, actor, clock()):
            counts[outcome] = counts.get(outcome, 0) + 1
        if not page.is_complete:
            return page.code or "incomplete"
        if page.next_offset is None:
            return ""
        if page.next_offset <= offset:
            return "offset_stands_still"
        offset = page.next_offset
    return "too_many_pages"


def _take(adapter: PaymentProvider, claims: Sequence[PaymentClaim], actor: str, now: datetime) -> list[str]:
    ours = [claim for claim in claims if _is_ours(adapter, claim)]
    payments = list_payments_by_receipt(adapter.name, [claim.receipt for claim in ours])
    outcomes = ["foreign"] * (len(claims) - len(ours))
    for claim in ours:
        payment = payments.get(claim.receipt)
        is_known = payment is not None and is_settled(payment, claim)
        outcomes.append(MATCHED if is_known else _take_one(claim, actor, now))
    return outcomes


def _is_ours(adapter: PaymentProvider, claim: PaymentClaim) -> bool:
    is_foreign = claim.short_code and not adapter.is_own_short_code(claim.short_code)
    return bool(claim.outcome is Outcome.PAID and claim.receipt and not is_foreign)


def _take_one(claim: PaymentClaim, actor: str, now: datetime) -> str:
    try:
        return take_claim(claim=claim, raw=_raw(claim), source=PULL, actor=actor, now=now).outcome
    except DomainError as refusal:
        logger.warning("a pulled payment was refused: %s", refusal.code)
        return "refused"


def _raw(claim: PaymentClaim) -> bytes:
    """The claim for the journal, in our words: a page is one body for many payments."""
    return json.dumps(asdict(replace(claim, paid_at=None)) | {"paid_at": str(claim.paid_at or "")}).encode()
