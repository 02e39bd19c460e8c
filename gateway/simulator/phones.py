"""Phones: an inbox, a screen that speaks Africa's Talking's USSD form to the product, the prompt of mobile money."""

import random
import re
import threading
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any

from gateway.simulator.gsm import fits_ussd, sms_parts
from gateway.simulator.postman import Postman
from gateway.simulator.wire import Answer, ProductLine

DEMO_PIN = "1234"
FIRST_BALANCE_MINOR = 1_000_000
NETWORK_CODE = "63902"
USSD_SENDER = "africastalking"
USSD_ANSWER_SECONDS = 15
NO_ANSWER_TEXT = "Connection problem or invalid MMI code."
_FIRST_NAMES = ("ASHA", "BARAKA", "CHEBET", "DAUDI", "ESTHER", "FARAJI", "GRACE", "HASSAN")


class PhoneError(Exception):
    """What a person asked of a phone cannot be done now."""


@dataclass(frozen=True)
class Text:
    """One SMS in an inbox."""

    number: int
    received_at: str
    sender: str
    text: str
    parts: int


@dataclass(frozen=True)
class Prompt:
    """A request to pay that lies over the screen until it is answered."""

    checkout_id: str
    amount: int
    account: str
    short_code: str


@dataclass
class UssdSession:
    """One open session: `text` is everything typed in it so far, as the gateway joins it."""

    session_id: str
    service_code: str
    text: str
    started_at: datetime
    hops: int = 0
    last_answer: str = ""


@dataclass(frozen=True)
class UssdScreen:
    """What a screen shows. `is_valid` is false when a network would not have shown it whole, or at all."""

    text: str
    is_open: bool
    is_valid: bool
    status: int


@dataclass
class Phone:
    """One SIM card with a wallet. `e164` has its plus; money in minor units."""

    e164: str
    first_name: str
    pin: str = DEMO_PIN
    balance_minor: int = FIRST_BALANCE_MINOR
    inbox: list[Text] = field(default_factory=list)
    session: UssdSession | None = None
    screen: UssdScreen | None = None
    prompt: Prompt | None = None
    _inbox_lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    @property
    def msisdn(self) -> str:
        return self.e164.removeprefix("+")

    def receive(self, sender: str, text: str, at: datetime) -> None:
        with self._inbox_lock:
            number = len(self.inbox) + 1
            self.inbox.append(Text(number, at.isoformat(timespec="seconds"), sender, text, sms_parts(text)))

    def view(self) -> dict[str, Any]:
        """Everything that a person holding this phone can see."""
        return {
            "phone": self.e164,
            "balance_minor": self.balance_minor,
            "inbox": [asdict(text) for text in list(self.inbox)],
            "screen": asdict(self.screen) if self.screen else None,
            "prompt": asdict(self.prompt) if self.prompt else None,
        }


class Phones:
    """Every phone by its number; one that was never seen before is taken out of its box."""

    def __init__(self) -> None:
        self._phones: dict[str, Phone] = {}
        self._lock = threading.Lock()

    def get(self, number: str) -> Phone:
        """Raises `PhoneError` for what is no international number."""
        e164 = "+" + number.strip().removeprefix("+")
        if not re.fullmatch(r"\+[1-9][0-9]{7,14}", e164):
            raise PhoneError("a phone number looks like +254712345678")
        with self._lock:
            name = _FIRST_NAMES[len(self._phones) % len(_FIRST_NAMES)]
            return self._phones.setdefault(e164, Phone(e164, name))

    def all(self) -> list[Phone]:
        with self._lock:
            return list(self._phones.values())


def typed_after_code(dialled: str, service_code: str) -> str:
    """What an extended dial adds: `*384*96*1*2#` is `1*2`, the plain code nothing. Raises `PhoneError` for others."""
    code = "".join(dialled.split())
    if code == service_code:
        return ""
    stem = service_code.removesuffix("#") + "*"
    if not (code.startswith(stem) and code.endswith("#")):
        raise PhoneError("nothing answers at this code")
    return code[len(stem) : -1]


class UssdGateway:
    """Africa's Talking between a phone's screen and the product."""

    def __init__(
        self,
        line: ProductLine,
        postman: Postman,
        *,
        service_code: str,
        clock: Callable[[], datetime],
        chance: random.Random,
    ) -> None:
        self.service_code = service_code
        self._line, self._postman, self._clock, self._chance = line, postman, clock, chance

    def dial(self, phone: Phone, dialled: str) -> UssdScreen:
        """Open a session; one that was open before is given up, as a handset does. Raises `PhoneError`."""
        text = typed_after_code(dialled, self.service_code)
        if phone.session:
            self.hang_up(phone)
        session_id = f"ATUid_{self._chance.getrandbits(128):032x}"
        phone.session = UssdSession(session_id, self.service_code, text, self._clock())
        return self._hop(phone, phone.session)

    def type(self, phone: Phone, typed: str) -> UssdScreen:
        """Answer the screen. Raises `PhoneError` when no session is open."""
        session = phone.session
        if session is None:
            raise PhoneError("no session is open on this phone")
        session.text = f"{session.text}*{typed}" if session.text else typed
        return self._hop(phone, session)

    def hang_up(self, phone: Phone) -> None:
        """Close the session from the phone's side."""
        if phone.session:
            self._close(phone, phone.session, "Incomplete")
        phone.screen = None

    def _hop(self, phone: Phone, session: UssdSession) -> UssdScreen:
        session.hops += 1
        fields = {
            "sessionId": session.session_id,
            "phoneNumber": phone.e164,
            "networkCode": NETWORK_CODE,
            "serviceCode": session.service_code,
            "text": session.text,
        }
        url = self._line.hook_url("ussd", "africastalking")
        answer = self._line.post_form(USSD_SENDER, url, fields, timeout_seconds=USSD_ANSWER_SECONDS)
        screen = read_screen(answer)
        session.last_answer = answer.text
        phone.screen = screen
        if not screen.is_open:
            self._close(phone, session, "Success" if screen.is_valid else "Failed")
        return screen

    def _close(self, phone: Phone, session: UssdSession, status: str) -> None:
        if phone.session is session:
            phone.session = None
        now = self._clock()
        lasted = now - session.started_at
        fields = {
            "date": now.strftime("%Y-%m-%d %H:%M:%S"),
            "sessionId": session.session_id,
            "serviceCode": session.service_code,
            "networkCode": NETWORK_CODE,
            "phoneNumber": phone.e164,
            "status": status,
            "cost": "KES 0.10",
            "durationInMillis": str(int(lasted.total_seconds() * 1000)),
            "hopsCount": str(session.hops),
            "input": session.text,
            "lastAppResponse": session.last_answer,
            "errorMessage": "" if status == "Success" else status,
        }
        url = self._line.hook_url("ussd", "africastalking", "events")
        self._postman.post(lambda: self._line.post_form(USSD_SENDER, url, fields))


def read_screen(answer: Answer) -> UssdScreen:
    """The screen in an answer: exactly `CON ` or `END ` in front; anything else ends the session."""
    prefix, text = answer.text[:4], answer.text[4:]
    if answer.status != 200 or prefix not in ("CON ", "END "):
        return UssdScreen(NO_ANSWER_TEXT, is_open=False, is_valid=False, status=answer.status)
    return UssdScreen(text, is_open=prefix == "CON ", is_valid=fits_ussd(text), status=answer.status)
