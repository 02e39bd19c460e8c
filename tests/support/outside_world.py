"""Africa's Talking and Daraja on one loopback address, written from the vendors' wire contracts alone.

What the product is pointed at when its own simulator must not vouch for it: shares no line with it. Every text and
prompt that was asked for is kept, so a test counts on the vendors' side; what a vendor would refuse is in `refusals`.
"""

import base64
import json
import secrets
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Self
from urllib.parse import parse_qs, parse_qsl, urlsplit

SHORT_CODE = "400200"
SENDER_ID = "TOKENI"
_CLOCK_SLACK = timedelta(minutes=5)


@dataclass(frozen=True)
class Sms:
    """One text that Africa's Talking has taken for a phone."""

    message_id: str
    to: str
    text: str
    taken_at: float = field(default_factory=time.monotonic)

    @property
    def code(self) -> str:
        """The twenty digits on the first line; empty unless five groups of four stand there alone."""
        groups = self.text.partition("\n")[0].split(" ")
        is_code = len(groups) == 5 and all(len(group) == 4 and group.isdecimal() for group in groups)
        return "".join(groups) if is_code else ""


@dataclass(frozen=True)
class Push:
    """One prompt that Daraja has taken for a phone, with the fields of the request as they came."""

    checkout_id: str
    merchant_id: str
    fields: Mapping[str, object]

    @property
    def msisdn(self) -> str:
        return str(self.fields["PhoneNumber"])


@dataclass(frozen=True)
class _Answer:
    status: int
    body: str
    content_type: str = "application/json"


class OutsideWorld:
    """`with OutsideWorld() as world:` serves at `world.url`; `world.settings()` points the product at it."""

    def __init__(self) -> None:
        self.sms: list[Sms] = []
        self.pushes: list[Push] = []
        self.refusals: list[str] = []
        self.secrets = {
            "AFRICASTALKING_API_KEY": f"atsk_{secrets.token_hex(24)}",
            "MPESA_CONSUMER_KEY": secrets.token_urlsafe(24),
            "MPESA_CONSUMER_SECRET": secrets.token_urlsafe(24),
            "MPESA_PASSKEY": secrets.token_hex(32),
        }
        self._access_token = ""
        self._lock = threading.Lock()
        self._doors: dict[tuple[str, str], Callable[[_Handler, bytes], _Answer]] = {
            ("POST", "/version1/messaging"): self._take_sms,
            ("GET", "/oauth/v1/generate"): self._give_access_token,
            ("POST", "/mpesa/stkpush/v1/processrequest"): self._take_push,
        }

        class Handler(_Handler):
            world = self

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._server.block_on_close = False
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(5)

    def settings(self) -> dict[str, str]:
        """What an operator copies from the two vendors' portals into the product's environment."""
        return self.secrets | {
            "AFRICASTALKING_BASE_URL": self.url,
            "AFRICASTALKING_USERNAME": "outside",
            "AFRICASTALKING_SENDER_ID": SENDER_ID,
            "MPESA_BASE_URL": self.url,
            "MPESA_SHORT_CODE": SHORT_CODE,
        }

    def sms_to(self, phone: str, *, containing: str = "") -> list[Sms]:
        """Texts for this phone with this part in them, oldest first."""
        return [sms for sms in list(self.sms) if sms.to == phone and containing in sms.text]

    def pushes_to(self, phone: str) -> list[Push]:
        return [push for push in list(self.pushes) if "+" + push.msisdn == phone]

    def serve(self, handler: "_Handler", method: str) -> _Answer:
        address = urlsplit(handler.path)
        body = handler.rfile.read(int(handler.headers.get("Content-Length") or 0))
        door = self._doors.get((method, address.path))
        return door(handler, body) if door else self._refuse(404, f"{method} {address.path}: no such address")

    def _refuse(self, status: int, why: str, *, code: str = "", text: str = "") -> _Answer:
        self.refusals.append(why)
        if text:
            return _Answer(status, text, "text/plain; charset=UTF-8")
        return _json({"requestId": secrets.token_hex(8), "errorCode": code, "errorMessage": why}, status)

    # Africa's Talking

    def _take_sms(self, handler: "_Handler", body: bytes) -> _Answer:
        """Refused as a whole: 401 in plain words, or 201 with no recipients. There is no reference of the sender's."""
        fields = dict(parse_qsl(body.decode(), keep_blank_values=True, strict_parsing=True))
        if (
            handler.headers.get("apiKey") != self.secrets["AFRICASTALKING_API_KEY"]
            or fields.get("username") != "outside"
        ):
            return self._refuse(401, "SMS: wrong key or user", text="The supplied authentication is invalid")
        if fields.get("from") != SENDER_ID:
            self.refusals.append("SMS: wrong sender")
            return _json({"SMSMessageData": {"Message": "InvalidSenderId", "Recipients": []}}, 201)
        if handler.headers.get("Accept") != "application/json" or not fields.get("message"):
            return self._refuse(400, "SMS: no JSON asked for, or no message", text="Bad Request")
        taken = [Sms(f"ATXid_{secrets.token_hex(16)}", to, fields["message"]) for to in fields["to"].split(",")]
        with self._lock:
            self.sms += taken
        recipients = [
            {
                "statusCode": 101,
                "number": sms.to,
                "status": "Success",
                "cost": "KES 0.8000",
                "messageId": sms.message_id,
            }
            for sms in taken
        ]
        summary = f"Sent to {len(taken)}/{len(taken)} Total Cost: KES {0.8 * len(taken):.4f}"
        return _json({"SMSMessageData": {"Message": summary, "Recipients": recipients}}, 201)

    # Daraja

    def _give_access_token(self, handler: "_Handler", body: bytes) -> _Answer:
        """Each new token ends the one before it."""
        pair = f"{self.secrets['MPESA_CONSUMER_KEY']}:{self.secrets['MPESA_CONSUMER_SECRET']}"
        if handler.headers.get("Authorization") != "Basic " + base64.b64encode(pair.encode()).decode():
            return self._refuse(400, "token: wrong credentials", code="400.008.01")
        if parse_qs(urlsplit(handler.path).query).get("grant_type") != ["client_credentials"]:
            return self._refuse(400, "token: wrong grant type", code="400.008.02")
        with self._lock:
            self._access_token = secrets.token_urlsafe(21)
            return _json({"access_token": self._access_token, "expires_in": "3599"})

    def _take_push(self, handler: "_Handler", body: bytes) -> _Answer:
        """0 in the answer says that the prompt is on its way, no more."""
        if not self._access_token or handler.headers.get("Authorization") != f"Bearer {self._access_token}":
            return self._refuse(401, "push: wrong access token", code="404.001.03")
        fields = json.loads(body)
        if why := self._fault_of_push(fields):
            return self._refuse(400, f"push: {why}", code="400.002.02")
        stamp = f"{datetime.now(UTC):%d%m%Y%H%M%S}{secrets.randbelow(1000):03d}"
        push = Push(f"ws_CO_{stamp}{str(fields['PhoneNumber'])[3:]}", f"29115-{secrets.randbelow(10**8)}-1", fields)
        with self._lock:
            self.pushes.append(push)
        return _json(
            {
                "MerchantRequestID": push.merchant_id,
                "CheckoutRequestID": push.checkout_id,
                "ResponseCode": "0",
                "ResponseDescription": "Success. Request accepted for processing",
                "CustomerMessage": "Success. Request accepted for processing",
            }
        )

    def _fault_of_push(self, fields: Mapping[str, object]) -> str:
        """The first field that Daraja would not take."""
        msisdn, timestamp = str(fields.get("PhoneNumber")), str(fields.get("Timestamp"))
        password = f"{SHORT_CODE}{self.secrets['MPESA_PASSKEY']}{timestamp}"
        taken = {
            "BusinessShortCode": str(fields.get("BusinessShortCode")) == SHORT_CODE,
            "Timestamp": _is_now_in_nairobi(timestamp),
            "Password": fields.get("Password") == base64.b64encode(password.encode()).decode(),
            "TransactionType": fields.get("TransactionType") == "CustomerPayBillOnline",
            "Amount": str(fields.get("Amount")).isdecimal() and 1 <= int(str(fields["Amount"])) <= 250_000,
            "PhoneNumber": len(msisdn) == 12 and msisdn.isdecimal() and msisdn.startswith("254"),
            "PartyA": fields.get("PartyA") == fields.get("PhoneNumber"),
            "PartyB": str(fields.get("PartyB")) == SHORT_CODE,
            "CallBackURL": str(fields.get("CallBackURL")).startswith("http"),
            "AccountReference": 1 <= len(str(fields.get("AccountReference", ""))) <= 12,
            "TransactionDesc": 1 <= len(str(fields.get("TransactionDesc", ""))) <= 13,
        }
        return next((name for name, is_taken in taken.items() if not is_taken), "")


class _Handler(BaseHTTPRequestHandler):
    world: OutsideWorld
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self._answer("GET")

    def do_POST(self) -> None:
        self._answer("POST")

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the standard library's name
        """Nothing: tests print nothing."""

    def _answer(self, method: str) -> None:
        answer = self.world.serve(self, method)
        body = answer.body.encode()
        self.send_response(answer.status)
        self.send_header("Content-Type", answer.content_type)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def _json(value: Mapping[str, object], status: int = 200) -> _Answer:
    return _Answer(status, json.dumps(value))


def _is_now_in_nairobi(timestamp: str) -> bool:
    try:
        local = datetime.strptime(timestamp, "%Y%m%d%H%M%S").replace(tzinfo=UTC)
    except ValueError:
        return False
    return abs(local - timedelta(hours=3) - datetime.now(UTC)) < _CLOCK_SLACK
