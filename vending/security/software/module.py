"""The software module itself: batches in, answers out, the self-test before, the journal after."""

import logging
import traceback
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from typing import TypeVar

from vending.kernel.errors import DomainError, without_frames
from vending.security.journal import Journal
from vending.security.ports import (
    CreditRequest,
    DecodedToken,
    KeyChangeRequest,
    KeyDescription,
    Made,
    ManagementRequest,
    MeterTestRequest,
    SecurityModuleUnavailable,
    VendingKeyOpener,
    VerifyRequest,
)
from vending.security.software.call import Call
from vending.security.software.making import make_credit, make_key_change, make_management, make_meter_test
from vending.security.software.reading import read_together, read_token
from vending.sts.known_answers import wrong_answers
from vending.sts.sta_tables import SAMPLE_TABLES, StaTables

logger = logging.getLogger(__name__)

Request = TypeVar("Request")
Answer = TypeVar("Answer")
MadeFrom = TypeVar("MadeFrom", CreditRequest, ManagementRequest, KeyChangeRequest, MeterTestRequest)


class SoftwareSecurityModule:
    """Makes and reads every token of the standard; meets `vending.security.ports.SecurityModule`.

    `open_vending_key` is called once for each vending key of a batch, `open_for_reading` in its place when tokens are
    read. What it raises answers the items that need that key, except `SecurityModuleUnavailable`, which ends the call.
    `sta_tables` gives the tables of EA 07; what it or `check_may_sell` raises answers the items with EA 07. The module
    checks `known_answers` before its first work, and again whenever the tables have changed.
    """

    name = "software"
    keeps_own_tids = False
    unread_fields: frozenset[str] = frozenset()

    def __init__(
        self,
        *,
        open_vending_key: VendingKeyOpener,
        open_for_reading: VendingKeyOpener | None = None,
        describe_keys: Callable[[], Sequence[KeyDescription]] = list,
        sta_tables: Callable[[], StaTables] = lambda: SAMPLE_TABLES,
        check_may_sell: Callable[[], None] = lambda: None,
        known_answers: Callable[[StaTables], Sequence[str]] = wrong_answers,
    ) -> None:
        self._open_for_making = open_vending_key
        self._open_for_reading = open_for_reading or open_vending_key
        self._describe_keys = describe_keys
        self._sta_tables = sta_tables
        self._check_may_sell = check_may_sell
        self._known_answers = known_answers
        self._tested_with: StaTables | None = None
        self._journal = Journal()

    def credit(self, requests: Sequence[CreditRequest]) -> list[Made | DomainError]:
        """Only under a unique key (KT 2), with a TID that KEN, ACT and IUT allow."""
        return self._make(requests, make_credit)

    def management(self, requests: Sequence[ManagementRequest]) -> list[Made | DomainError]:
        """Under any key but an initialisation key (KT 0), with a TID that KEN, ACT and IUT allow."""
        return self._make(requests, make_management)

    def key_change(self, requests: Sequence[KeyChangeRequest]) -> list[Made | DomainError]:
        """To a unique key, never to an earlier base date: its RO would let a former key's tokens in again.

        RO = 1 exactly when the base dates differ; KEN is the new key's. KEN, ACT and IUT limit no key change: it has no
        TID.
        """
        return self._make(requests, make_key_change)

    def test_display(self, requests: Sequence[MeterTestRequest]) -> list[Made | DomainError]:
        return self._make(requests, make_meter_test)

    def verify(self, requests: Sequence[VerifyRequest]) -> list[DecodedToken | DomainError]:
        """What the digits say, whatever KEN, ACT and IUT: whether that may be so is for the caller to compare."""
        return self._answer(requests, self._open_for_reading, read_token, read_together)

    def describe_keys(self) -> Sequence[KeyDescription]:
        self._check_ready()
        return self._describe_keys()

    def health(self) -> None:
        """Check the known answers again; raise `SecurityModuleUnavailable` when one is wrong."""
        self._tested_with = None
        self._check_ready()

    def replay(self, request_ids: Sequence[str]) -> list[Made | None]:
        """The last answers of this process (`Journal`): a restart forgets them. Asking again is as good here."""
        self._check_ready()
        return self._journal.find(request_ids)

    def _make(self, requests: Sequence[MadeFrom], make: Callable[[Call, MadeFrom], Made]) -> list[Made | DomainError]:
        answers = self._answer(requests, self._open_for_making, make)
        pairs = zip(requests, answers, strict=True)
        self._journal.keep((request.request_id, answer) for request, answer in pairs if isinstance(answer, Made))
        return answers

    def _answer(
        self,
        requests: Sequence[Request],
        open_vending_key: VendingKeyOpener,
        make: Callable[[Call, Request], Answer],
        together: Callable[[Call, Sequence[Request]], Mapping[int, Answer | DomainError]] = lambda _call, _requests: {},
    ) -> list[Answer | DomainError]:
        tables = self._check_ready()
        try:
            with ExitStack() as stack:
                call = Call(stack, open_vending_key, tables, self._check_may_sell)
                done = _done_together(together, call, requests)
                return [
                    done[place] if place in done else _made_or_refused(make, call, request)
                    for place, request in enumerate(requests)
                ]
        except SecurityModuleUnavailable as refusal:
            raise without_frames(refusal) from None

    def _check_ready(self) -> StaTables | DomainError:
        """The tables for this call, or why there are none, which concerns EA 07 alone; the rest is tested without."""
        tables = self._tables()
        tested_with = SAMPLE_TABLES if isinstance(tables, DomainError) else tables
        if self._tested_with != tested_with:
            if wrong := self._known_answers(tested_with):
                raise SecurityModuleUnavailable(f"self-test failed: {', '.join(wrong)}")
            self._tested_with = tested_with
        return tables

    def _tables(self) -> StaTables | DomainError:
        try:
            return self._sta_tables()
        except DomainError as refusal:
            return without_frames(refusal)


def _done_together(
    together: Callable[[Call, Sequence[Request]], Mapping[int, Answer | DomainError]],
    call: Call,
    requests: Sequence[Request],
) -> Mapping[int, Answer | DomainError]:
    try:
        return together(call, requests)
    except SecurityModuleUnavailable:
        raise
    except Exception:
        return {}  # one by one says whose fault it is


def _made_or_refused(make: Callable[[Call, Request], Answer], call: Call, request: Request) -> Answer | DomainError:
    try:
        return make(call, request)
    except SecurityModuleUnavailable:
        raise
    except DomainError as refusal:
        return without_frames(refusal)
    except Exception as fault:
        # Its text and frames may hold anything; what it was and where says enough.
        name, place = type(fault).__name__, traceback.extract_tb(fault.__traceback__)[-1]
        logger.error("software security module: %s at %s:%s", name, place.filename, place.lineno)  # noqa: TRY400
    return SecurityModuleUnavailable(f"a fault of the module: {name}")
