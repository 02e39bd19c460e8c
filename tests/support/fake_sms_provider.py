"""An SMS provider in memory: keeps what it was asked, answers as it was told. Held to the port by `tests/contracts`."""

from collections import deque
from urllib.parse import urlencode

from gateway.http.bodies import read_form
from gateway.http.inbound import InboundRequest, UnreadableCallback
from gateway.sms.ports import DeliveryReport, InboundSms, ReportStatus, SendOutcome, SendRequest, SendResult


class FakeSmsProvider:
    """Accepts every text with a new id unless `answer_next` said otherwise; `requests` has them all, in order."""

    def __init__(self, name: str = "fake_sms") -> None:
        self.name = name
        self.requests: list[SendRequest] = []
        self._outcomes: deque[SendOutcome] = deque()

    def answer_next(self, *outcomes: SendOutcome) -> None:
        """What becomes of the next requests, one each."""
        self._outcomes.extend(outcomes)

    def send(self, request: SendRequest) -> SendResult:
        self.requests.append(request)
        outcome = self._outcomes.popleft() if self._outcomes else SendOutcome.ACCEPTED
        if outcome is SendOutcome.ACCEPTED:
            return SendResult(outcome, f"{self.name}-{len(self.requests)}", "accepted", "KES 0.8000")
        return SendResult(outcome, code=f"told_{outcome}")

    def parse_report(self, request: InboundRequest) -> DeliveryReport:
        fields = read_form(request.body)
        if not fields.get("id") or not fields.get("status"):
            raise UnreadableCallback("no id or no status")
        is_known = fields["status"] in set(ReportStatus)
        return DeliveryReport(
            provider_message_id=fields["id"],
            status=ReportStatus(fields["status"]) if is_known else ReportStatus.UNKNOWN,
            phone_e164=fields.get("phone", ""),
            failure_reason=fields.get("reason", ""),
            raw_status=fields["status"],
        )

    def parse_inbound(self, request: InboundRequest) -> InboundSms:
        fields = read_form(request.body)
        if not fields.get("id") or not fields.get("from") or "text" not in fields:
            raise UnreadableCallback("no id, no sender or no text")
        return InboundSms(fields["id"], fields["from"], fields.get("to", ""), fields["text"])


def report_request(provider_message_id: str, status: str, phone_e164: str = "") -> InboundRequest:
    """A delivery report as this provider posts it."""
    return _form({"id": provider_message_id, "status": status, "phone": phone_e164})


def inbound_request(provider_id: str, from_e164: str, text: str) -> InboundRequest:
    """A customer's text as this provider posts it."""
    return _form({"id": provider_id, "from": from_e164, "to": "21512", "text": text})


def _form(fields: dict[str, str]) -> InboundRequest:
    return InboundRequest("POST", "application/x-www-form-urlencoded", urlencode(fields).encode())
