"""One short code at Daraja, as the port wants it."""

import json
import logging
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime

from gateway.http.bodies import as_word, read_json_object
from gateway.http.errors import OutboundFailure
from gateway.http.inbound import InboundRequest, Reply, UnreadableCallback
from gateway.http.outbound import Deadlines, OutboundSession
from gateway.payments.ports import (
    Asked,
    Door,
    Outcome,
    PaymentClaim,
    PromptStatus,
    ProviderAnswer,
    PullPage,
    PushOutcome,
    PushRequest,
    PushResult,
    Registered,
    ResultAddresses,
    ReversalRequest,
    Verdict,
)
from gateway.payments.providers.daraja import orders
from gateway.payments.providers.daraja.answers import read_answer
from gateway.payments.providers.daraja.callbacks import read_c2b, read_stk
from gateway.payments.providers.daraja.codes import (
    DONE,
    HOOKS_REGISTERED_BEFORE,
    PULL_REGISTERED,
    prompt_outcome,
)
from gateway.payments.providers.daraja.credential import CertificateMissing, seal_password
from gateway.payments.providers.daraja.fields import CODE, ID
from gateway.payments.providers.daraja.lists import Period, read_listing
from gateway.payments.providers.daraja.wire import DarajaWire, TokenCache, Told

logger = logging.getLogger(__name__)

NAME = "daraja"

_REJECTIONS = {
    Verdict.BAD_ACCOUNT: "C2B00012",
    Verdict.BAD_AMOUNT: "C2B00013",
    Verdict.BAD_SHORT_CODE: "C2B00015",
    Verdict.OTHER: "C2B00016",
}
_UNREADABLE = "answer_unreadable"
# Daraja says nowhere how many rows a page has: two days of a busy short code may come at once, 250 octets each.
_LONGEST_LIST_OCTETS = 8 * 1024 * 1024


@dataclass(frozen=True)
class Initiator:
    """Who asks for statuses and reversals: an operator of the short code with an API role. All empty: nobody."""

    name: str = ""
    password: str = field(default="", repr=False)
    certificate_file: str = ""


class DarajaProvider:
    """Amounts are minor units; prompts and reversals are for whole shillings."""

    name = NAME
    doors = frozenset(Door)

    def __init__(
        self,
        *,
        base_url: str,
        consumer_key: str,
        consumer_secret: str,
        short_code: str,
        passkey: str,
        token_cache: TokenCache,
        initiator: Initiator | None = None,
        response_type: str = "Cancelled",
        nominated_number: str = "",
        currency: str = "KES",
        deadlines: Deadlines | None = None,
    ) -> None:
        self.currency = currency
        self._short_code = short_code
        self._passkey = passkey
        self._initiator = initiator or Initiator()
        self._response_type = response_type
        self._nominated_number = nominated_number
        self._wire = DarajaWire(
            base_url=base_url,
            consumer_key=consumer_key,
            consumer_secret=consumer_secret,
            token_cache=token_cache,
            session=OutboundSession(deadlines or Deadlines()),
        )

    def parse(self, door: Door, request: InboundRequest) -> PaymentClaim:
        """The claim in a callback. A validation is an unknown outcome without receipt: nothing has moved yet.

        Raises `UnreadableCallback` for anything that is not Daraja's shape, for a door that brings no single payment,
        and when money is said to have moved without a receipt or a positive amount.
        """
        document = read_json_object(request.body)
        if door is Door.STK:
            return read_stk(document, provider=self.name, currency=self.currency)
        if door in (Door.VALIDATION, Door.CONFIRMATION):
            return read_c2b(door, document, provider=self.name, currency=self.currency)
        raise UnreadableCallback("no payment comes by this door")

    def answer(self, door: Door, verdict: Verdict) -> Reply:
        """Only a validation can be refused; the other doors are told that we have it."""
        if door is not Door.VALIDATION:
            return _reply(0, "Success")
        if verdict is Verdict.ACCEPT:
            return _reply(DONE, "Accepted")
        return _reply(_REJECTIONS[verdict], "Rejected")

    def is_own_short_code(self, short_code: str) -> bool:
        return short_code == self._short_code

    def push(self, request: PushRequest, *, now: datetime) -> PushResult:
        """Ask for a prompt. Refused without asking: another currency, broken shillings, a long reference, no phone.

        UNAVAILABLE means that no prompt can have appeared. Not idempotent: Daraja takes no key of ours, so ask again
        only after UNAVAILABLE.
        """
        if reason := orders.objection_to_push(request, self.currency):
            return PushResult(PushOutcome.REFUSED, code=reason)
        body = orders.push_body(request, short_code=self._short_code, passkey=self._passkey, now=now)
        told = self._wire.post(orders.PUSH_PATH, body)
        if told.outcome is not PushOutcome.ACCEPTED:
            return PushResult(told.outcome, code=told.code)
        outcome, code, (checkout_id,) = _taken(told, "CheckoutRequestID")
        return PushResult(outcome, checkout_id, code)

    def query_prompt(self, checkout_id: str, *, now: datetime) -> PromptStatus:
        """An open prompt is answered with an error ("being processed"): unknown, like every other error."""
        if ID.fullmatch(checkout_id) is None:
            return PromptStatus(Outcome.UNKNOWN, "checkout_id")
        body = orders.query_body(checkout_id, short_code=self._short_code, passkey=self._passkey, now=now)
        told = self._wire.post(orders.QUERY_PATH, body)
        if told.outcome is not PushOutcome.ACCEPTED:
            return PromptStatus(Outcome.UNKNOWN, told.code)
        try:
            response_code = as_word(told.document.get("ResponseCode"), CODE)
            if response_code != DONE:
                return PromptStatus(Outcome.UNKNOWN, response_code)
            result_code = as_word(told.document.get("ResultCode"), CODE)
        except UnreadableCallback:
            return PromptStatus(Outcome.UNKNOWN, _UNREADABLE)
        return PromptStatus(prompt_outcome(result_code), result_code)

    def ask_status(self, receipt: str, addresses: ResultAddresses, *, now: datetime) -> Asked:
        """Refused without asking: no receipt, no initiator, no certificate (`certificate_missing`)."""
        if not orders.is_receipt(receipt):
            return Asked(PushOutcome.REFUSED, code="receipt")
        return self._ask(orders.STATUS_PATH, orders.status_body(receipt, addresses, short_code=self._short_code))

    def ask_reversal(self, request: ReversalRequest, *, now: datetime) -> Asked:
        """Refused without asking as a status, and for another currency or broken shillings."""
        if reason := orders.objection_to_reversal(request, self.currency):
            return Asked(PushOutcome.REFUSED, code=reason)
        return self._ask(orders.REVERSAL_PATH, orders.reversal_body(request, short_code=self._short_code))

    def read_answer(self, door: Door, request: InboundRequest) -> ProviderAnswer:
        return read_answer(door, request.body, provider=self.name, currency=self.currency)

    def read_list(self, request: InboundRequest) -> tuple[PaymentClaim, ...]:
        """Rows that are no payments are left out; raises `UnreadableCallback` when nothing else is there."""
        listing = read_listing(request.body, provider=self.name, currency=self.currency, short_code=self._short_code)
        if listing.problem and not listing.claims:
            raise UnreadableCallback("no row of the list is a payment")
        return listing.claims

    def pull(self, starts_at: datetime, ends_at: datetime, offset: int, *, now: datetime) -> PullPage:
        """Daraja keeps 48 hours and does not say which page is the last: it is the first empty one.

        A row that cannot be read, or is no payment to us, is left out, logged and named in `code`; the rest of the list
        is read all the same, for one bad row would else hide every payment behind it.
        """
        body = orders.pull_body(starts_at, ends_at, offset, short_code=self._short_code)
        told = self._wire.post(orders.PULL_PATH, body, longest_answer_octets=_LONGEST_LIST_OCTETS)
        if told.outcome is not PushOutcome.ACCEPTED:
            return PullPage((), None, is_complete=False, code=told.code)
        try:
            listing = read_listing(
                told.body,
                provider=self.name,
                currency=self.currency,
                short_code=self._short_code,
                period=Period(starts_at, ends_at),
            )
        except UnreadableCallback:
            return PullPage((), None, is_complete=False, code=_response_code(told) or _UNREADABLE)
        if listing.problem:
            logger.warning("%s: left out of a list of payments: %s", self.name, listing.problem)
        next_offset = offset + listing.rows if listing.rows else None
        return PullPage(listing.claims, next_offset, is_complete=True, code=listing.problem or listing.code)

    def register_hooks(self, *, base_url: str, now: datetime) -> Registered:
        """Done too when Daraja has addresses already; it does not say which, and changes them in its portal only.

        Refused without asking: an address with a word that Daraja refuses (`address_word`).
        """
        if reason := orders.objection_to_address(base_url):
            return Registered(is_done=False, code=reason)
        told = self._wire.post(
            orders.REGISTER_PATH,
            orders.register_body(base_url, short_code=self._short_code, response_type=self._response_type),
        )
        if told.outcome is not PushOutcome.ACCEPTED:
            return Registered(is_done=told.code == HOOKS_REGISTERED_BEFORE, code=told.code)
        code = _response_code(told) or _UNREADABLE
        return Registered(is_done=code == DONE, code=code)

    def register_pull(self, *, base_url: str, now: datetime) -> Registered:
        """Refused without asking: a refused word in the address, and no `nominated_number` of the short code."""
        if reason := orders.objection_to_address(base_url):
            return Registered(is_done=False, code=reason)
        if not self._nominated_number:
            return Registered(is_done=False, code="nominated_number_missing")
        told = self._wire.post(
            orders.PULL_REGISTER_PATH,
            orders.register_pull_body(base_url, short_code=self._short_code, nominated_number=self._nominated_number),
        )
        if told.outcome is not PushOutcome.ACCEPTED:
            return Registered(is_done=False, code=told.code)
        code = _response_code(told) or _UNREADABLE
        return Registered(is_done=code in PULL_REGISTERED, code=code)

    def check(self) -> Registered:
        """Whether Daraja takes our credentials: a new access token is asked for, and shared. Never raises."""
        try:
            self._wire.fetch_token()
        except OutboundFailure as failure:
            return Registered(is_done=False, code=f"oauth_{failure.reason}")
        return Registered(is_done=True, code=DONE)

    def _ask(self, path: str, body: Mapping[str, object]) -> Asked:
        initiator = self._initiator
        if not initiator.name or not initiator.password:
            return Asked(PushOutcome.REFUSED, code="initiator_missing")
        try:
            credential = seal_password(initiator.password, initiator.certificate_file)
        except CertificateMissing as missing:
            return Asked(PushOutcome.REFUSED, code=missing.code)
        told = self._wire.post(path, {"Initiator": initiator.name, "SecurityCredential": credential, **body})
        if told.outcome is not PushOutcome.ACCEPTED:
            return Asked(told.outcome, code=told.code)
        outcome, code, (conversation_id, originator_id) = _taken(told, "ConversationID", "OriginatorConversationID")
        return Asked(outcome, conversation_id, originator_id, code)


def _taken(told: Told, *id_names: str) -> tuple[PushOutcome, str, list[str]]:
    """What an answer to an order says: the outcome, the code, and the ids under which the result will come."""
    try:
        response_code = as_word(told.document.get("ResponseCode"), CODE)
        if response_code != DONE:
            return PushOutcome.REFUSED, response_code, ["" for _ in id_names]
        ids = [as_word(told.document.get(name), ID) for name in id_names]
    except UnreadableCallback:
        return PushOutcome.AMBIGUOUS, _UNREADABLE, ["" for _ in id_names]
    return PushOutcome.ACCEPTED, response_code, ids


def _response_code(told: Told) -> str:
    """Daraja writes `ResponseCode` in most answers and `ResponseStatus` in one."""
    for name in ("ResponseCode", "ResponseStatus"):
        with suppress(UnreadableCallback):
            return as_word(told.document.get(name), CODE)
    return ""


def _reply(code: int | str, description: str) -> Reply:
    return Reply(json.dumps({"ResultCode": code, "ResultDesc": description}))
