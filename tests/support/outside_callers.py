"""Who calls the product from outside: mobile money, the SMS gateway, handsets on USSD, each in its vendor's form."""

import hashlib
import secrets
import string
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import gsm0338
import requests

from tests.support.outside_world import SHORT_CODE, Push, Sms

USSD_SEPTETS = 182
_GSM = gsm0338.Codec()


@dataclass(frozen=True)
class Caller:
    """Posts to one product's hooks, a connection for each call, redirects not followed."""

    base_url: str
    secret: str

    def url(self, hook: str) -> str:
        """The address of a hook: the secret stands after the vendor, as in `payments/daraja/<secret>/stk/`."""
        kind, vendor, *door = hook.split("/")
        return "/".join([self.base_url, "hooks", kind, vendor, self.secret, *door, ""])

    def json(self, hook: str, value: Mapping[str, object]) -> requests.Response:
        return self.send("POST", self.url(hook), json=value)

    def form(self, hook: str, fields: Mapping[str, str]) -> requests.Response:
        return self.send("POST", self.url(hook), data=fields)

    def send(self, method: str, url: str, **content: object) -> requests.Response:
        with requests.Session() as session:
            session.trust_env = False  # a proxy of the developer's has no business on the loopback
            return session.request(method, url, timeout=15, allow_redirects=False, **content)  # type: ignore[arg-type]

    def confirm(self, receipt: str, amount: int, account: str, payer: str = "", **other: str) -> requests.Response:
        """C2B: the money has moved."""
        return self.json("payments/daraja/confirmation", c2b(receipt, amount, account, payer, **other))

    def validate(self, amount: int, account: str, payer: str = "", **other: str) -> requests.Response:
        """C2B: may it move?"""
        fields = c2b(new_receipt(), amount, account, payer, **{"OrgAccountBalance": "", **other})
        return self.json("payments/daraja/validation", fields)

    def answer_push(self, push: Push, receipt: str) -> requests.Response:
        """The customer typed the PIN."""
        return self.send("POST", str(push.fields["CallBackURL"]), json=stk_paid(push, receipt))

    def report(self, sms: Sms, status: str) -> requests.Response:
        fields = {
            "id": sms.message_id,
            "status": status,
            "phoneNumber": sms.to,
            "networkCode": "63902",
            "retryCount": "0",
        }
        return self.form("sms/africastalking/report", fields)

    def text_in(self, phone: str, text: str, text_id: str = "") -> requests.Response:
        fields = {
            "linkId": secrets.token_hex(10),
            "text": text,
            "to": "21512",
            "id": text_id or secrets.token_hex(16),
            "date": f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}",
            "from": phone,
            "networkCode": "63902",
        }
        return self.form("sms/africastalking/inbound", fields)


def assert_plain(answer: requests.Response, status: int) -> None:
    """This status, no redirect, and nothing in the answer that a program would say to its maker."""
    assert answer.status_code == status, f"{answer.request.method} {answer.text[:200]}"
    assert "Location" not in answer.headers
    assert len(answer.content) < 1000
    assert not any(word in answer.text for word in ("Traceback", "Error at", "django", "File "))


def new_receipt() -> str:
    return secrets.choice("QRST") + "".join(secrets.choice(string.ascii_uppercase + string.digits) for _ in range(9))


def c2b(receipt: str, amount: int, account: str, payer: str = "", **other: str) -> dict[str, str]:
    """A C2B notification of Daraja. The payer's number is hashed; without one a digest that is nobody's."""
    msisdn = payer.removeprefix("+") or secrets.token_hex(8)
    return {
        "TransactionType": "Pay Bill",
        "TransID": receipt,
        "TransTime": _nairobi_time(),
        "TransAmount": f"{amount}.00",
        "BusinessShortCode": SHORT_CODE,
        "BillRefNumber": account,
        "InvoiceNumber": "",
        "OrgAccountBalance": "49197.00",
        "ThirdPartyTransID": "",
        "MSISDN": hashlib.sha256(msisdn.encode()).hexdigest(),
        "FirstName": "NICHOLAS",
        "MiddleName": "",
        "LastName": "",
    } | other


def stk_paid(push: Push, receipt: str) -> dict[str, object]:
    items = {
        "Amount": float(str(push.fields["Amount"])),
        "MpesaReceiptNumber": receipt,
        "TransactionDate": int(_nairobi_time()),
        "PhoneNumber": int(push.msisdn),
    }
    metadata = {"Item": [{"Name": name, "Value": value} for name, value in items.items()]}
    return _stk(push, 0, "The service request is processed successfully.", {"CallbackMetadata": metadata})


def stk_cancelled(push: Push) -> dict[str, object]:
    """Without metadata, as every failure."""
    return _stk(push, 1032, "Request cancelled by user", {})


def _stk(push: Push, code: int, words: str, more: Mapping[str, object]) -> dict[str, object]:
    ids = {"MerchantRequestID": push.merchant_id, "CheckoutRequestID": push.checkout_id}
    return {"Body": {"stkCallback": {**ids, "ResultCode": code, "ResultDesc": words, **more}}}


def _nairobi_time() -> str:
    return f"{datetime.now(UTC) + timedelta(hours=3):%Y%m%d%H%M%S}"


@dataclass(frozen=True)
class Screen:
    """What a handset shows after one hop."""

    text: str
    is_end: bool


@dataclass
class Handset:
    """One phone in one USSD session of Africa's Talking, which sends everything typed so far with each hop."""

    caller: Caller
    phone: str
    session_id: str = field(default_factory=lambda: f"ATUid_{secrets.token_hex(16)}")
    typed: list[str] = field(default_factory=list)

    def dial(self, *more: str) -> Screen:
        """`dial("1", "2")` is *384*96*1*2#."""
        self.typed = list(more)
        return self.hop()

    def type(self, *texts: str) -> Screen:
        """Type these one after the other; the last screen."""
        for text in texts:
            self.typed.append(text)
            screen = self.hop()
        return screen

    def hop(self) -> Screen:
        """Send what was typed so far (again)."""
        return read_screen(self.caller.form("ussd/africastalking", self.fields()))

    def fields(self) -> dict[str, str]:
        return {
            "sessionId": self.session_id,
            "phoneNumber": self.phone,
            "networkCode": "63902",
            "serviceCode": "*384*96#",
            "text": "*".join(self.typed),
        }


def read_screen(answer: requests.Response) -> Screen:
    """The screen in an answer that the gateway would take and a network would show whole; anything else fails."""
    assert answer.status_code == 200, f"{answer.status_code}: {answer.text[:200]}"
    assert answer.headers["Content-Type"].startswith("text/plain"), answer.headers["Content-Type"]
    prefix, text = answer.text[:4], answer.text[4:]
    assert prefix in {"CON ", "END "}, answer.text
    assert text.strip(), "an empty screen"
    assert len(_GSM.encode(text)) <= USSD_SEPTETS, text
    return Screen(text, prefix == "END ")
