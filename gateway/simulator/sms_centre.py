"""Africa's Talking's SMS service: the send API as its own client expects it, delivery reports, texts from phones."""

import hmac
import random
import re
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any
from xml.etree import ElementTree

from gateway.simulator.answers import HttpAnswer, json_answer, silence
from gateway.simulator.faults import FaultPlan
from gateway.simulator.gsm import sms_parts
from gateway.simulator.phones import NETWORK_CODE, Phone, Phones
from gateway.simulator.postman import Postman
from gateway.simulator.wire import ProductLine

SENDER = "africastalking"
PRICE = "0.8000"
STATUS_NAMES = {
    100: "Success",
    101: "Success",
    102: "Success",
    401: "RiskHold",
    402: "InvalidSenderId",
    403: "InvalidPhoneNumber",
    404: "UnsupportedNumberType",
    405: "InsufficientBalance",
    406: "UserInBlacklist",
    407: "CouldNotRoute",
    409: "DoNotDisturbRejection",
    500: "InternalServerError",
    501: "GatewayError",
    502: "RejectedByGateway",
}
_SENT, _QUEUED, _INVALID_NUMBER = 101, 102, 403
_REPORT_RETRY_SECONDS = 2.0
_REPORT_GIVEN_UP_AFTER_SECONDS = 600.0  # without a 200, Africa's Talking tries again for ten minutes


class SmsCentre:
    """Takes texts from the product and from phones. Every text that reached a phone is counted."""

    def __init__(
        self,
        line: ProductLine,
        postman: Postman,
        phones: Phones,
        faults: FaultPlan,
        *,
        username: str,
        api_key: str,
        sender_id: str,
        clock: Callable[[], datetime],
        chance: random.Random,
    ) -> None:
        self.sender_id = sender_id
        self._username, self._api_key = username, api_key
        self._line, self._postman, self._phones, self._faults = line, postman, phones, faults
        self._clock, self._chance = clock, chance
        self._lock = threading.Lock()
        self.counts: Counter[str] = Counter()

    def send(self, headers: Mapping[str, str], form: Mapping[str, str]) -> HttpAnswer:
        """`POST /version1/messaging`. 201 also when the whole request failed: then `Recipients` is empty."""
        is_known = hmac.compare_digest(headers.get("apikey", "").encode(), self._api_key.encode())
        with self._lock:
            self.counts["requests"] += 1
            fault = self._faults.take_sms_answer()
        if fault == "unauthorised" or not is_known or form.get("username") != self._username:
            return _unauthorised()
        if fault == "error":
            return HttpAnswer(500, "Internal Server Error", "text/plain")
        if not form.get("message") or not form.get("to"):
            return HttpAnswer(400, "Must have 'to' and 'message' in your request", "text/plain")
        if fault == "invalid_sender_id" or form.get("from", self.sender_id) != self.sender_id:
            return _in_the_asked_form(headers, "InvalidSenderId", [])
        if fault == "silence":
            if self._faults.silence_delivers:
                self._take(form)
            return silence(self._faults.silence_seconds)
        recipients = self._take(form)
        return _in_the_asked_form(headers, _summary(recipients, form["message"]), recipients)

    def _take(self, form: Mapping[str, str]) -> list[dict[str, Any]]:
        usual = _QUEUED if form.get("enqueue") == "1" else _SENT
        return [self._take_one(number, form["message"], usual) for number in form["to"].split(",")]

    def _take_one(self, number: str, text: str, usual_status: int) -> dict[str, Any]:
        status = self._faults.sms_status_code or usual_status
        if not re.fullmatch(r"\+[1-9][0-9]{7,14}", number):
            status = _INVALID_NUMBER
        is_accepted = 100 <= status < 200
        message_id = f"ATXid_{self._chance.getrandbits(128):032x}"
        if is_accepted:
            with self._lock:
                self.counts["accepted"] += 1
            self._carry(message_id, self._phones.get(number), text)
        return {
            "cost": f"KES {PRICE}" if is_accepted else "0",
            "messageId": message_id if is_accepted else "None",
            "number": number,
            "status": STATUS_NAMES.get(status, "UnknownStatus"),
            "statusCode": status,
        }

    def _carry(self, message_id: str, phone: Phone, text: str) -> None:
        """Over the air to the phone, and later the report to the product."""
        status = self._faults.sms_report
        if status in ("Success", "none"):
            phone.receive(self.sender_id, text, self._clock())
            with self._lock:
                self.counts["delivered"] += 1
        if status == "none" or "report" in self._faults.callbacks_lost:
            return
        fields = {"id": message_id, "status": status, "phoneNumber": phone.e164, "networkCode": NETWORK_CODE}
        if status in ("Failed", "Rejected"):
            fields["failureReason"] = "DeliveryFailure"
        fields["retryCount"] = "0"
        for _ in range(self._faults.callback_copies):
            self._report(fields)

    def _report(self, fields: dict[str, str]) -> None:
        url = self._line.hook_url("sms", "africastalking", "report")
        self._postman.post_until_taken(
            lambda: self._line.post_form(SENDER, url, fields).is_taken,
            after_seconds=self._faults.report_delay_seconds + self._faults.callback_delay_seconds,
            every_seconds=_REPORT_RETRY_SECONDS,
            until=time.monotonic() + _REPORT_GIVEN_UP_AFTER_SECONDS,
        )

    def send_from_phone(self, phone: Phone, text: str, to: str) -> str:
        """A text from a customer to the product. The id by which the product may know a repeat is returned."""
        now = self._clock()
        bits = f"{self._chance.getrandbits(128):032x}"
        message_id = "-".join((bits[:8], bits[8:12], bits[12:16], bits[16:20], bits[20:]))
        fields = {
            "linkId": str(self._chance.randrange(10**19, 10**20)),
            "text": text,
            "to": to,
            "id": message_id,
            "date": now.strftime("%Y-%m-%dT%H:%M:%SZ"),
            "from": phone.e164,
            "networkCode": NETWORK_CODE,
        }
        if "inbound" not in self._faults.callbacks_lost:
            url = self._line.hook_url("sms", "africastalking", "inbound")
            for _ in range(self._faults.callback_copies):
                self._postman.post(
                    lambda: self._line.post_form(SENDER, url, fields),
                    after_seconds=self._faults.callback_delay_seconds,
                )
        return message_id


def _unauthorised() -> HttpAnswer:
    """As recorded: a 401 with plain text."""
    headers = {"WWW-Authenticate": 'Basic realm="api",charset=UTF-8'}
    return HttpAnswer(401, "The supplied authentication is invalid", "text/plain; charset=UTF-8", headers)


def _summary(recipients: list[dict[str, Any]], text: str) -> str:
    accepted = sum(recipient["messageId"] != "None" for recipient in recipients)
    total = f"{accepted * float(PRICE):.4f}"
    return f"Sent to {accepted}/{len(recipients)} Total Cost: KES {total} Message parts: {sms_parts(text)}"


def _in_the_asked_form(headers: Mapping[str, str], message: str, recipients: list[dict[str, Any]]) -> HttpAnswer:
    """JSON for those who ask for it, XML for everybody else: that is what forgetting `Accept` gets."""
    if "application/json" in headers.get("accept", ""):
        return json_answer({"SMSMessageData": {"Message": message, "Recipients": recipients}}, 201)
    root = ElementTree.Element("AfricasTalkingResponse")
    data = ElementTree.SubElement(root, "SMSMessageData")
    ElementTree.SubElement(data, "Message").text = message
    listed = ElementTree.SubElement(data, "Recipients")
    for recipient in recipients:
        one = ElementTree.SubElement(listed, "Recipient")
        for name, value in recipient.items():
            ElementTree.SubElement(one, name).text = str(value)
    return HttpAnswer(201, ElementTree.tostring(root, encoding="unicode"), "application/xml")
