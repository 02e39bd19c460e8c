"""The play of `make demo`: two purchases, two resends, the meter, the books; each step checked by its own arithmetic.

It acts only as a person can, through the simulator's phones and meters, and believes only what they show.
"""

import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from gateway.simulator.desk import Desk, DeskError
from gateway.simulator.expectation import Expected, expect_sale, money_text
from gateway.simulator.launch import StartError
from gateway.simulator.phones import DEMO_PIN
from gateway.simulator.transcript import Transcript

USSD_AMOUNT, PAY_BILL_AMOUNT = 200, 100
WAIT_SECONDS = 15.0
POLL_SECONDS = 0.05
_SHOWN_DIFFERENCES = 5
_TOKEN_LINE = re.compile(r"[0-9]{4}( [0-9]{4}){4}")
_UNITS = re.compile(r"([0-9]+\.[0-9]) units")
_QUOTED_UNITS = re.compile(r"You get ([0-9]+\.[0-9]) units")
_VAT = re.compile(r"VAT ([0-9]+(?:\.[0-9]+)?)")


class StepError(Exception):
    """A step did not show what it had to. `step` names it, the message says what was seen."""

    def __init__(self, step: str, seen: str) -> None:
        super().__init__(seen)
        self.step = step


@dataclass(frozen=True)
class Bought:
    """One purchase as the customer knows it: the digits as printed, and where they belong."""

    phone: str
    drn: str
    digits: str
    energy_kwh_tenths: int


@dataclass(frozen=True)
class Cast:
    """Who plays: a phone with one meter, a payer with another meter, and a meter that must refuse."""

    ussd_phone: str
    ussd_drn: str
    payer: str
    payer_drn: str
    other_drn: str


def choose_cast(facts: dict[str, Any]) -> Cast:
    """From the demo site. Raises `StepError` when the site is too small."""
    active = [meter for meter in facts["meters"] if str(meter["state"]).upper() == "ACTIVE"]
    owned: dict[str, int] = {}
    for meter in facts["meters"]:
        for phone in meter["phones"]:
            owned[phone] = owned.get(phone, 0) + 1
    own = next((meter for meter in active if meter["phones"] and owned[meter["phones"][0]] == 1), None)
    # A meter number of 13 digits is the rarer one, so it is preferred where there is a choice.
    others = sorted((meter for meter in active if meter is not own), key=lambda meter: -len(meter["drn"]))
    paid = next(
        (meter for meter in others if own and meter["phones"] and meter["phones"][0] not in own["phones"]), None
    )
    refusing = next((meter for meter in others if meter is not paid), None)
    if not (own and paid and refusing):
        raise StepError("start", "the demo site has too few active meters")
    return Cast(own["phones"][0], own["drn"], paid["phones"][0], paid["drn"], refusing["drn"])


class Play:
    """One run. `verify_books` runs the product's own check and gives its exit code and lines."""

    def __init__(
        self,
        desk: Desk,
        facts: dict[str, Any],
        transcript: Transcript,
        verify_books: Callable[[], tuple[int, list[str]]],
    ) -> None:
        self._desk, self._facts, self._transcript, self._verify_books = desk, facts, transcript, verify_books
        self._sms_number = str(self._desk.view("world")["sms_number"])
        self._step = "start"
        self._wire_seen = 0
        self._inbox_seen: dict[str, int] = {}

    def run(self) -> None:
        """Raises `StepError` at the first step that does not show what it must."""
        try:
            cast = choose_cast(self._facts)
            first = self.buy_by_ussd(cast)
            second = self.buy_by_pay_bill(cast)
            self.resend_by_ussd(first)
            self.resend_by_keyword(first)
            self.load_meters(cast, first, second)
            self.check_counts(first, second)
            self.check_books()
        except DeskError as error:
            raise StepError(self._step, str(error)) from None

    # The scenes

    def buy_by_ussd(self, cast: Cast) -> Bought:
        self._begin("ussd purchase", f"a. {cast.ussd_phone} buys for the saved meter {cast.ussd_drn} by USSD")
        expected = self._expect(USSD_AMOUNT)
        self._dial(cast.ussd_phone)
        self._type(cast.ussd_phone, "1")
        self._type(cast.ussd_phone, "4")
        self._check_quote(self._type(cast.ussd_phone, str(USSD_AMOUNT)), expected)
        end = self._type(cast.ussd_phone, "1")
        self._check(not end["is_open"], f"the session did not end: {end['text']}")
        prompt = self._await("a request for the PIN", lambda: self._phone(cast.ussd_phone)["prompt"])
        self._check(prompt["amount"] == USSD_AMOUNT, f"the prompt asks for {prompt['amount']}")
        asked = f"Pay {self._facts['currency']} {prompt['amount']} to {prompt['short_code']}?"
        self._say("ussd", "mobile money", cast.ussd_phone, f"{asked}\nAccount {prompt['account']}\nEnter PIN: ****")
        since = self._wire_seen
        code = self._desk.act("phone/pin", phone=cast.ussd_phone, pin=DEMO_PIN)["result_code"]
        self._check(code == 0, f"mobile money answered {code}")
        self._await_callbacks(since, ("/stk/", "/confirmation/"))
        return self._receive(cast.ussd_phone, cast.ussd_drn, USSD_AMOUNT, expected)

    def buy_by_pay_bill(self, cast: Cast) -> Bought:
        self._begin("pay-bill purchase", f"b. {cast.payer} pays by pay-bill for meter {cast.payer_drn}, number hashed")
        paybill = str(self._facts["paybill"])
        menu = f"Pay Bill {paybill}\nAccount {cast.payer_drn}\nAmount {PAY_BILL_AMOUNT}\nPIN ****"
        self._say("ussd", cast.payer, "mobile money", menu)
        since = self._wire_seen
        outcome = self._desk.act(
            "phone/pay_bill",
            phone=cast.payer,
            business=paybill,
            account=cast.payer_drn,
            amount=str(PAY_BILL_AMOUNT),
            pin=DEMO_PIN,
        )
        self._show_wire()
        self._check(outcome["is_paid"], f"not paid: {outcome['text']} {outcome['result_code']}")
        self._say("ussd", "mobile money", cast.payer, outcome["text"])
        self._await_callbacks(since, ("/confirmation/",))
        return self._receive(cast.payer, cast.payer_drn, PAY_BILL_AMOUNT, self._expect(PAY_BILL_AMOUNT))

    def resend_by_ussd(self, bought: Bought) -> None:
        self._begin("resend by USSD", f"c. {bought.phone} asks for the code again: menu 3")
        self._dial(bought.phone)
        codes = self._type(bought.phone, "3")
        short = f"{bought.energy_kwh_tenths // 10}.{bought.energy_kwh_tenths % 10}u"
        self._check(short in codes["text"], f"the last codes do not show {short}: {codes['text']}")
        code = self._type(bought.phone, "1")
        self._check(bought.digits in code["text"].split("\n"), f"other digits on the screen: {code['text']}")
        end = self._type(bought.phone, "1")
        self._check(not end["is_open"], f"the session did not end: {end['text']}")
        self._receive_again(bought)

    def resend_by_keyword(self, bought: Bought) -> None:
        self._begin("resend by SMS", f"c. {bought.phone} asks for the code again: SMS CODE")
        self._say("sms", bought.phone, self._sms_number, "CODE")
        self._desk.act("phone/send_sms", phone=bought.phone, text="CODE")
        self._receive_again(bought)

    def load_meters(self, cast: Cast, first: Bought, second: Bought) -> None:
        self._begin("meter", "d. The codes are typed into the meters")
        balance = self._balance(first.drn)
        self._type_digits(first.drn, first, "ACCEPT", first.energy_kwh_tenths, balance + first.energy_kwh_tenths)
        self._type_digits(first.drn, first, "USED", 0, balance + first.energy_kwh_tenths)
        self._type_digits(cast.other_drn, first, "REJECT", 0, self._balance(cast.other_drn))
        balance = self._balance(second.drn)
        self._type_digits(second.drn, second, "ACCEPT", second.energy_kwh_tenths, balance + second.energy_kwh_tenths)

    def check_counts(self, *sales: Bought) -> None:
        """The vendors' own books: a receipt a purchase, and only one set of digits on each phone."""
        self._show_wire()
        receipts = self._desk.view("counts")["receipts"]
        self._check(len(receipts) == len(sales), f"mobile money counts {len(receipts)} receipts")
        for bought in sales:
            codes = {first for first in map(_first_line, self._texts(bought.phone)) if _TOKEN_LINE.fullmatch(first)}
            self._check(codes == {bought.digits}, f"{len(codes)} different codes on one phone for one payment")

    def check_books(self) -> None:
        self._begin("books", "e. The books: manage.py verify_books")
        try:
            exit_code, lines = self._verify_books()
        except StartError as error:
            raise StepError(self._step, str(error)) from None
        seen = f"exit {exit_code}: {'; '.join(lines[-_SHOWN_DIFFERENCES:])}"
        self._check(exit_code == 0 and lines[-1:] == ["differences: 0"], seen)
        self._say("http", "demo", "product", f"manage.py verify_books -> {lines[-1]}")

    # What a scene is made of

    def _begin(self, step: str, title: str) -> None:
        self._step = step
        self._transcript.title(title)

    def _say(self, kind: str, sender: str, receiver: str, text: str) -> None:
        self._transcript.line(self._step, kind, sender, receiver, text)

    def _check(self, is_so: bool, seen: str) -> None:
        if not is_so:
            raise StepError(self._step, seen)

    def _expect(self, amount: int) -> Expected:
        """A first purchase of the month on a meter with an empty wallet."""
        return expect_sale(amount * 100, self._facts["tariff"], is_fee_due=True)

    def _phone(self, phone: str) -> dict[str, Any]:
        return self._desk.view("phone", phone=phone)

    def _balance(self, drn: str) -> int:
        return int(self._desk.view("meter", drn=drn)["balance_tenths"])

    def _await(self, what: str, look: Callable[[], Any]) -> Any:
        ends_at = time.monotonic() + WAIT_SECONDS
        while not (found := look()):
            self._show_wire()
            self._check(time.monotonic() < ends_at, f"{what} did not come within {WAIT_SECONDS:.0f} s")
            time.sleep(POLL_SECONDS)
        self._show_wire()
        return found

    def _show_wire(self) -> list[dict[str, Any]]:
        messages: list[dict[str, Any]] = self._desk.view("wire", after=str(self._wire_seen))["messages"]
        for message in messages:
            self._wire_seen = message["number"]
            self._transcript.wire(self._step, message)
        return messages

    def _dial(self, phone: str) -> dict[str, Any]:
        code = str(self._facts["ussd_code"])
        self._say("ussd", phone, "product", f"dials {code}")
        return self._screen(phone, self._desk.act("phone/dial", phone=phone, code=code))

    def _type(self, phone: str, typed: str) -> dict[str, Any]:
        self._say("ussd", phone, "product", f"types {typed}")
        return self._screen(phone, self._desk.act("phone/type", phone=phone, input=typed))

    def _screen(self, phone: str, screen: dict[str, Any]) -> dict[str, Any]:
        self._show_wire()
        self._check(screen["is_valid"], f"no valid screen: HTTP {screen['status']}, {screen['text']}")
        self._say("ussd", "product", phone, f"{'CON' if screen['is_open'] else 'END'} {screen['text']}")
        return screen

    def _check_quote(self, screen: dict[str, Any], expected: Expected) -> None:
        quoted = _QUOTED_UNITS.search(screen["text"])
        seen = f"not the quote of {expected.units} units: {screen['text']}"
        self._check(screen["is_open"] and quoted is not None and quoted[1] == expected.units, seen)
        vat = _VAT.search(screen["text"])
        vat_text = money_text(expected.vat_minor)
        self._check(vat is not None and vat[1] == vat_text, f"not the quote with VAT {vat_text}: {screen['text']}")

    def _await_callbacks(self, since: int, doors: tuple[str, ...]) -> None:
        """Every road of the money, since this wire message, has been answered with 200."""

        def taken() -> bool:
            messages = self._desk.view("wire", after=str(since))["messages"]
            to_product = [message for message in messages if message["receiver"] == "product"]
            refused = [each for each in to_product if each["path"].endswith(doors) and each["status"] != 200]
            self._check(not refused, f"a callback was answered with {[each['status'] for each in refused]}")
            return all(any(each["path"].endswith(door) for each in to_product) for door in doors)

        self._await("the callbacks' answers", taken)

    def _texts(self, phone: str) -> list[str]:
        """Everything the product has sent to this phone."""
        return [text["text"] for text in self._phone(phone)["inbox"] if text["sender"] == self._sms_number]

    def _await_code(self, phone: str) -> str:
        """The next SMS with a token in its first line; the others on the way are shown too."""

        def next_code() -> str:
            texts = self._texts(phone)
            fresh, self._inbox_seen[phone] = texts[self._inbox_seen.get(phone, 0) :], len(texts)
            self._show_wire()
            for text in fresh:
                self._say("sms", self._sms_number, phone, text)
            return next((text for text in fresh if _TOKEN_LINE.fullmatch(_first_line(text))), "")

        return str(self._await("the SMS with the code", next_code))

    def _receive(self, phone: str, drn: str, amount: int, expected: Expected) -> Bought:
        text = self._await_code(phone)
        units = _UNITS.search(text)
        seen = f"not {expected.units} units for meter {drn}: {text}"
        self._check(units is not None and units[1] == expected.units and drn in text, seen)
        paid = f"{self._facts['currency']}{amount}"
        self._check(paid in text.replace(f"{self._facts['currency']} ", self._facts["currency"]), f"not {paid}: {text}")
        vat = _VAT.search(text)
        self._check(vat is None or vat[1] == money_text(expected.vat_minor), f"another VAT than quoted: {text}")
        return Bought(phone, drn, _first_line(text), expected.energy_kwh_tenths)

    def _receive_again(self, bought: Bought) -> None:
        text = self._await_code(bought.phone)
        self._check(_first_line(text) == bought.digits, f"other digits than before: {text}")

    def _type_digits(self, drn: str, bought: Bought, word: str, energy_kwh_tenths: int, balance_tenths: int) -> None:
        self._say("meter", bought.phone, f"meter {drn}", bought.digits)
        answer = self._desk.act("meter/type", drn=drn, digits=bought.digits)
        added, balance = answer["energy_kwh_tenths"], answer["balance_tenths"]
        gained = f" {added // 10}.{added % 10} units" if added else ""
        shown = f"{answer['word']}{gained}, balance {balance // 10}.{balance % 10}"
        is_so = (answer["word"], added, balance) == (word, energy_kwh_tenths, balance_tenths)
        self._check(is_so, f"meter {drn} says {shown}, not {word}")
        self._say("meter", f"meter {drn}", bought.phone, shown)


def _first_line(text: str) -> str:
    return text.split("\n", 1)[0]
