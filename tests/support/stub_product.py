"""A product of two hundred lines that speaks our hooks, so that the simulator is tested without the real one.

It keeps its sales in memory and mints with the virtual meter's own cipher: what it proves is the simulator alone.
"""

import base64
import contextlib
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl

import requests

from gateway.simulator.expectation import expect_sale, money_text
from gateway.simulator.meter import MeterFacts, VirtualMeter
from gateway.simulator.meter.frames import CREDIT, seal_frame

HOOK_SECRET = "5ec4e7" * 6
ENVIRONMENT = {
    "AFRICASTALKING_USERNAME": "stub",
    "AFRICASTALKING_API_KEY": "stub-api-password",
    "AFRICASTALKING_SENDER_ID": "22384",
    "MPESA_CONSUMER_KEY": "stub-consumer",
    "MPESA_CONSUMER_SECRET": "stub-consumer-password",
    "MPESA_PASSKEY": "stub-passkey",
}
COMPLIANCE_KEY = bytes.fromhex("ab" * 8 + "94" * 8 + "01234567")


def meter_facts(drn: str, meter_pan: str, phones: list[str], state: str = "ACTIVE") -> dict[str, Any]:
    """One meter as `load_demo --json` prints it."""
    facts: dict[str, Any] = {"drn": drn, "meter_pan": meter_pan, "state": state, "phones": phones}
    numbers = {"ea": 11, "dkga": 4, "krn": 1, "kt": 2, "ti": 1, "ken": 255, "base": 14}
    return facts | numbers | {"sgc": "201457"}


def demo_facts() -> dict[str, Any]:
    """A small site in the form of `load_demo --json`."""
    own, payer, two = "+254712000001", "+254712000002", "+254712000003"
    meters = [
        meter_facts("37000000036", "600727370000000360", [two]),
        meter_facts("37000000044", "600727370000000444", [two]),
        meter_facts("37000000010", "600727370000000105", [own]),
        meter_facts("1370000000022", "000013700000000224", [payer]),
        meter_facts("37000000051", "600727370000000519", [], "SUSPENDED"),
    ]
    tariff = {"price_per_kwh_minor": 2000, "price_includes_vat": False, "vat_percent": "16", "fixed_fee_minor": 1000}
    return {
        "paybill": "400200",
        "ussd_code": "*384*96#",
        "currency": "KES",
        "hook_secret": HOOK_SECRET,
        "operator": {"username": "amina", "password": "stub", "url": "http://127.0.0.1/dashboard/"},
        "tariff": tariff | {"fixed_fee_per": "month"},
        "meters": meters,
        "phones": [own, payer, two],
    }


@dataclass
class Sale:
    phone: str
    drn: str
    digits: str
    units: str
    text: str


@dataclass
class StubProduct:
    """The product's behaviour; `broken` names one fault: quote, sms, twice or resend."""

    facts: dict[str, Any]
    simulator_url: str = ""
    broken: str = ""
    base_url: str = ""
    forced: dict[str, list[tuple[int, str]]] = field(default_factory=dict)
    requests_seen: list[tuple[str, str]] = field(default_factory=list)
    sales: list[Sale] = field(default_factory=list)
    receipts: set[str] = field(default_factory=set)
    _lock: threading.RLock = field(default_factory=threading.RLock)

    def answer(self, path: str, body: str) -> tuple[int, str]:
        """One hook. What `forced` holds for its door is answered first, once each."""
        kind, _vendor, secret, *doors = path.strip("/").removeprefix("hooks/").split("/")
        door = doors[0] if doors else kind
        with self._lock:
            self.requests_seen.append((door, body))
            forced = self.forced.get(door)
            if forced:
                return forced.pop(0)
        if secret != self.facts["hook_secret"]:
            return 404, ""
        if door == "ussd":
            return 200, self._ussd(dict(parse_qsl(body, keep_blank_values=True)))
        if kind == "payments":
            return 200, json.dumps(self._payment(door, json.loads(body)))
        if door == "inbound":
            form = dict(parse_qsl(body))
            self._later(lambda: self._send_again(form["from"]))
        return 200, "OK"

    def bodies(self, door: str) -> list[str]:
        """What came to one door, in order."""
        with self._lock:
            return [body for seen, body in self.requests_seen if seen == door]

    @property
    def stk_url(self) -> str:
        return f"{self.base_url}/hooks/payments/daraja/{self.facts['hook_secret']}/stk/"

    def meter_of(self, phone: str) -> dict[str, Any]:
        return next(meter for meter in self.facts["meters"] if phone in meter["phones"])

    def _ussd(self, form: dict[str, str]) -> str:
        phone, typed = form["phoneNumber"], form["text"]
        last = next((sale for sale in reversed(self.sales) if sale.phone == phone), None)
        expected = expect_sale(20000, self.facts["tariff"], is_fee_due=True)
        units = "9.9" if self.broken == "quote" else expected.units
        quote = f"CON Pay KES 200\nVAT {money_text(expected.vat_minor)}\nYou get {units} units\n1 Pay"
        if typed == "1*4*200*1":
            self._later(lambda: self._push(phone, 200))
        screens = {
            "": "CON Stub Power\n1 Buy power\n3 My last codes",
            "1": "CON How much? (KES)\n1 50\n4 Other amount",
            "1*4": "CON Type the amount",
            "1*4*200": quote,
            "1*4*200*1": "END Enter your M-PESA PIN.",
            "3": f"CON Last codes\n1 12Mar KES200 {last.units}u" if last else "END No codes",
            "3*1": f"CON 12Mar\n{last.digits}\n1 Send by SMS" if last else "END No codes",
            "3*1*1": "END On its way.",
        }
        if typed == "3*1*1":
            self._later(lambda: self._send_again(phone))
        return screens.get(typed, "END Wrong")

    def _payment(self, door: str, value: dict[str, Any]) -> dict[str, Any]:
        if door == "validation":
            known = any(meter["drn"] == value["BillRefNumber"] for meter in self.facts["meters"])
            code, text = ("0", "Accepted") if known else ("C2B00012", "Rejected")
            return {"ResultCode": code, "ResultDesc": text, "ThirdPartyTransID": "T1"}
        if door == "confirmation":
            amount = int(value["TransAmount"].removesuffix(".00"))
            self._later(lambda: self._sell(value["TransID"], amount, value["BillRefNumber"]))
        metadata = value["Body"]["stkCallback"].get("CallbackMetadata") if door == "stk" else None
        if metadata:
            items = {item["Name"]: item["Value"] for item in metadata["Item"]}
            drn = self.meter_of(f"+{items['PhoneNumber']}")["drn"]
            self._later(lambda: self._sell(items["MpesaReceiptNumber"], int(items["Amount"]), drn))
        return {"ResultCode": 0, "ResultDesc": "Success"}

    def _sell(self, receipt: str, amount: int, drn: str) -> None:
        with self._lock:
            if receipt in self.receipts and self.broken != "twice":
                return
            self.receipts.add(receipt)
            expected = expect_sale(amount * 100, self.facts["tariff"], is_fee_due=True)
            meter = next(meter for meter in self.facts["meters"] if meter["drn"] == drn)
            digits = mint(meter, tid=tid_now() + len(self.sales), tenths=expected.energy_kwh_tenths)
            grouped = " ".join(digits[at : at + 4] for at in range(0, 20, 4))
            text = f"{grouped}\n{expected.units} units for meter {drn}\nKES{amount}: fee 10, VAT "
            text += money_text(expected.vat_minor)
            sale = Sale(meter["phones"][0], drn, grouped, expected.units, text)
            self.sales.append(sale)
        if self.broken != "sms":
            self.send_sms(sale.phone, sale.text)

    def _send_again(self, phone: str) -> None:
        sale = next((sale for sale in reversed(self.sales) if sale.phone == phone), None)
        if sale is None:
            return
        digits = "1234 5678 9012 3456 7890" if self.broken == "resend" else sale.digits
        self.send_sms(phone, f"{digits}\n{sale.units} units, meter {sale.drn}, bought 12 Mar.")

    def send_sms(self, phone: str, text: str) -> None:
        headers = {"apiKey": ENVIRONMENT["AFRICASTALKING_API_KEY"], "Accept": "application/json"}
        form = {"username": "stub", "to": phone, "message": text, "from": "22384", "bulkSMSMode": "1"}
        with contextlib.suppress(requests.RequestException):  # a test may have ended before its last message
            requests.post(f"{self.simulator_url}/version1/messaging", data=form, headers=headers, timeout=5)

    def _push(self, phone: str, amount: int) -> None:
        order = push_order(phone.removeprefix("+"), amount, self.meter_of(phone)["drn"], self.stk_url)
        url = f"{self.simulator_url}/mpesa/stkpush/v1/processrequest"
        requests.post(url, json=order, headers=bearer(self.simulator_url), timeout=5)

    @staticmethod
    def _later(work: Callable[[], object]) -> None:
        threading.Thread(target=work, daemon=True).start()


def tid_now() -> int:
    return (datetime.now(UTC) - datetime(2014, 1, 1, tzinfo=UTC)) // timedelta(minutes=1)


def mint(meter: dict[str, Any], *, tid: int, tenths: int, rnd: int = 5) -> str:
    """A credit token of less than 1638.4 kWh for a meter of the site."""
    upper = rnd << 40 | tid << 16 | tenths
    cipher = VirtualMeter(MeterFacts.read(meter), COMPLIANCE_KEY).cipher
    return seal_frame(CREDIT, upper, cipher)


def push_order(msisdn: str, amount: int, account: str, callback_url: str) -> dict[str, Any]:
    """A whole STK request as the published sample has it."""
    stamp = "20260301120000"
    password = base64.b64encode(f"400200{ENVIRONMENT['MPESA_PASSKEY']}{stamp}".encode()).decode()
    return {
        "BusinessShortCode": "400200",
        "Password": password,
        "Timestamp": stamp,
        "TransactionType": "CustomerPayBillOnline",
        "Amount": str(amount),
        "PartyA": msisdn,
        "PartyB": "400200",
        "PhoneNumber": msisdn,
        "CallBackURL": callback_url,
        "AccountReference": account[:12],
        "TransactionDesc": "Electricity",
    }


def bearer(simulator_url: str) -> dict[str, str]:
    """The header with a fresh access token."""
    pair = (ENVIRONMENT["MPESA_CONSUMER_KEY"], ENVIRONMENT["MPESA_CONSUMER_SECRET"])
    url = f"{simulator_url}/oauth/v1/generate?grant_type=client_credentials"
    token = requests.get(url, auth=pair, timeout=5).json()["access_token"]
    return {"Authorization": f"Bearer {token}"}


@contextmanager
def serving(stub: StubProduct) -> Iterator[StubProduct]:
    """The stub on a free loopback port, `stub.base_url`."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            status, text = stub.answer(self.path, body)
            self.send_response(status)
            self.send_header("Content-Length", str(len(text.encode())))
            self.end_headers()
            self.wfile.write(text.encode())

        def log_message(self, *args: object) -> None:
            """Tests print nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    stub.base_url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield stub
    finally:
        server.shutdown()
        server.server_close()
