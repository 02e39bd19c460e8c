"""SMS through Africa's Talking: sends by the official client, reads reports and inbound texts. Wire and port only.

The official client writes the request (fields, headers, path); the octets go through our own session. Its own transport
hides the status code of every refusal, follows redirects with the API key in hand, parses JSON only under one exact
spelling of the header, and knows no address but its own. No request carries a key of ours, so whether a lost answer
meant a sent SMS can only be told from its delivery report.
"""

import re
from collections.abc import Mapping

# Not `africastalking.SMS`: the package replaces that submodule by a global which is None until `initialize()`.
from africastalking.SMS import SMSService

from gateway.http.bodies import as_object, as_word, read_form, read_json_object, storable
from gateway.http.errors import MaybeSent, NotSent, PhoneInvalid
from gateway.http.inbound import InboundRequest, UnreadableCallback
from gateway.http.outbound import Answer, Deadlines, OutboundSession, exchange
from gateway.http.phones import wire_to_e164
from gateway.sms.ports import DeliveryReport, InboundSms, ReportStatus, SendOutcome, SendRequest, SendResult

NAME = "africastalking"
LONGEST_INBOUND_TEXT = 1600

# What becomes of one recipient. A code that is not here is ambiguous: something happened, and we cannot tell what.
_OUTCOMES = {
    "100": SendOutcome.ACCEPTED,  # Processed
    "101": SendOutcome.ACCEPTED,  # Sent
    "102": SendOutcome.ACCEPTED,  # Queued
    "401": SendOutcome.STOPPED,  # RiskHold
    "402": SendOutcome.STOPPED,  # InvalidSenderId
    "403": SendOutcome.PERMANENT,  # InvalidPhoneNumber
    "404": SendOutcome.PERMANENT,  # UnsupportedNumberType
    "405": SendOutcome.STOPPED,  # InsufficientBalance
    "406": SendOutcome.PERMANENT,  # UserInBlacklist
    "407": SendOutcome.PERMANENT,  # CouldNotRoute
    "409": SendOutcome.PERMANENT,  # DoNotDisturbRejection
    "500": SendOutcome.TRANSIENT,  # InternalServerError
    "501": SendOutcome.TRANSIENT,  # GatewayError
    "502": SendOutcome.TRANSIENT,  # RejectedByGateway
}
# A request refused as a whole is answered with 201, one of these words and no recipients.
_WHOLE_REFUSALS = {
    "RiskHold": SendOutcome.STOPPED,
    "InvalidSenderId": SendOutcome.STOPPED,
    "InsufficientBalance": SendOutcome.STOPPED,
}
# An HTTP status without a verdict inside. Refusals concern our account or address, so they stop every message.
_HTTP_OUTCOMES = {
    408: SendOutcome.AMBIGUOUS,
    429: SendOutcome.TRANSIENT,
    503: SendOutcome.TRANSIENT,
}
_REPORT_STATUSES = {
    "Sent": ReportStatus.SENT,
    "Submitted": ReportStatus.SUBMITTED,
    "Buffered": ReportStatus.BUFFERED,
    "Success": ReportStatus.DELIVERED,
    "Failed": ReportStatus.FAILED,
    "Rejected": ReportStatus.FAILED,
    "Expired": ReportStatus.FAILED,  # undocumented, seen in the field
    "AbsentSubscriber": ReportStatus.FAILED,  # undocumented, seen in the field
}

_PHONE = re.compile(r"\+[1-9][0-9]{7,14}")
_CODE = re.compile(r"[0-9]{1,6}")
# "None" as text is seen where a recipient was refused: an id begins with AT.
_MESSAGE_ID = re.compile(r"AT[A-Za-z0-9_.-]{1,98}")
_CALLBACK_ID = re.compile(r"[!-~]{1,100}")
_NOT_A_WORD = re.compile(r"[^A-Za-z0-9_]+")
_LONGEST_WORD = 64


class AfricasTalkingProvider:
    """One account at Africa's Talking. `sender_id` empty means the account's own default."""

    name = NAME

    def __init__(
        self,
        *,
        base_url: str,
        username: str,
        api_key: str,
        sender_id: str = "",
        default_region: str = "KE",
        deadlines: Deadlines | None = None,
        session: OutboundSession | None = None,
    ) -> None:
        self._client = _Client(base_url, username, api_key, session or OutboundSession(deadlines or Deadlines()))
        self._sender_id = sender_id or None
        self._default_region = default_region

    def send(self, request: SendRequest) -> SendResult:
        """Hand one text over. Not idempotent: send again only after TRANSIENT, or STOPPED once its cause is mended.

        ACCEPTED always has an id that a report can name; accepted without one is AMBIGUOUS, as is every answer that we
        cannot read or that is about another number.
        """
        if _PHONE.fullmatch(request.to_e164) is None:
            return SendResult(SendOutcome.PERMANENT, code="number_invalid")
        if not _is_sendable(request.text):
            return SendResult(SendOutcome.PERMANENT, code="text_unsendable")
        try:
            answer = self._client.send(request.text, [request.to_e164], sender_id=self._sender_id)
        except NotSent as failure:
            is_ours = failure.reason == "request_invalid"
            return SendResult(SendOutcome.STOPPED if is_ours else SendOutcome.TRANSIENT, code=failure.reason)
        except MaybeSent as failure:
            return SendResult(SendOutcome.AMBIGUOUS, code=failure.reason)
        return self._result(answer, request.to_e164)

    def parse_report(self, request: InboundRequest) -> DeliveryReport:
        """One delivery report. An unknown status is kept in `raw_status`; an unreadable phone is left out.

        Raises `UnreadableCallback` without an id or a status.
        """
        fields = read_form(request.body)
        raw_status = storable(fields.get("status", ""), _LONGEST_WORD)
        if not raw_status:
            raise UnreadableCallback("no status", field="status")
        return DeliveryReport(
            provider_message_id=as_word(fields.get("id"), _CALLBACK_ID),
            status=_REPORT_STATUSES.get(raw_status, ReportStatus.UNKNOWN),
            phone_e164=self._phone_or_nothing(fields.get("phoneNumber", "")),
            failure_reason=storable(fields.get("failureReason", ""), _LONGEST_WORD),
            raw_status=raw_status,
        )

    def parse_inbound(self, request: InboundRequest) -> InboundSms:
        """One text from a customer, cut to `LONGEST_INBOUND_TEXT` characters.

        Raises `UnreadableCallback` without an id or a text field, and for a sender that is no phone.
        """
        fields = read_form(request.body)
        phone = self._phone_or_nothing(fields.get("from", ""))
        if not phone or "text" not in fields:
            raise UnreadableCallback("no sender or no text")
        return InboundSms(
            provider_id=as_word(fields.get("id"), _CALLBACK_ID),
            from_e164=phone,
            to=storable(fields.get("to", ""), _LONGEST_WORD),
            text=storable(fields["text"], LONGEST_INBOUND_TEXT),
        )

    def _result(self, answer: Answer, to_e164: str) -> SendResult:
        if not 200 <= answer.status < 300:
            return SendResult(_http_outcome(answer.status), code=f"http_{answer.status}")
        try:
            # Read from the octets, whatever the header calls them.
            data = as_object(read_json_object(answer.body).get("SMSMessageData"))
            recipients = data.get("Recipients")
            if recipients == []:
                return _whole_refusal(data.get("Message"))
            return self._recipient_result(recipients, to_e164)
        except UnreadableCallback:
            return SendResult(SendOutcome.AMBIGUOUS, code="answer_unreadable")

    def _recipient_result(self, recipients: object, to_e164: str) -> SendResult:
        if not isinstance(recipients, list) or len(recipients) != 1:
            raise UnreadableCallback("not the one recipient that was asked for")
        recipient = as_object(recipients[0])
        code = as_word(recipient.get("statusCode"), _CODE)
        if not self._is_about(recipient, to_e164):
            return SendResult(SendOutcome.AMBIGUOUS, code="number_differs")
        outcome = _OUTCOMES.get(code, SendOutcome.AMBIGUOUS)
        if outcome is not SendOutcome.ACCEPTED:
            return SendResult(outcome, code=code)
        try:
            message_id = as_word(recipient.get("messageId"), _MESSAGE_ID)
        except UnreadableCallback:
            return SendResult(SendOutcome.AMBIGUOUS, code="message_id_missing")
        return SendResult(outcome, message_id, code, _cost(recipient))

    def _is_about(self, recipient: Mapping[str, object], to_e164: str) -> bool:
        number = recipient.get("number")
        return isinstance(number, str) and self._phone_or_nothing(number) == to_e164

    def _phone_or_nothing(self, text: str) -> str:
        try:
            return wire_to_e164(text, default_region=self._default_region)
        except PhoneInvalid:
            return ""


class _Client(SMSService):  # type: ignore[misc]  # the official package has no types
    """The official SMS client with its base address and its transport replaced; `send()` is its own."""

    def __init__(self, base_url: str, username: str, api_key: str, session: OutboundSession) -> None:
        super().__init__(username, api_key)
        # It offers no argument for this; the name is private, and a test of ours fails when it changes.
        self._baseUrl = base_url.rstrip("/") + "/version1"
        self._session = session

    def _make_request(
        self,
        url: str,
        method: str,
        headers: Mapping[str, str],
        data: Mapping[str, object],
        params: None,
        callback: None = None,
        timeout: object = None,
    ) -> Answer:
        return exchange(self._session, method, url, headers=headers, form=data)


def _is_sendable(text: str) -> bool:
    try:
        return bool(text.encode("utf-8"))
    except UnicodeEncodeError:
        return False


def _http_outcome(status: int) -> SendOutcome:
    if status in _HTTP_OUTCOMES:
        return _HTTP_OUTCOMES[status]
    # A gateway's 5xx says that it got no good answer from behind, not that nothing behind it acted.
    return SendOutcome.AMBIGUOUS if status >= 500 else SendOutcome.STOPPED


def _whole_refusal(message: object) -> SendResult:
    word = _NOT_A_WORD.sub("_", message)[:_LONGEST_WORD] if isinstance(message, str) else ""
    return SendResult(_WHOLE_REFUSALS.get(word, SendOutcome.TRANSIENT), code=word or "refused")


def _cost(recipient: Mapping[str, object]) -> str:
    cost = recipient.get("cost")
    return storable(cost, _LONGEST_WORD) if isinstance(cost, str) else ""
