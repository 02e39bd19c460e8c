"""What a person or a test does in this world: the JSON API behind the page, the demo and the chaos tests.

Everything in, out and refused is a JSON object; addresses stand in `ACTS` and `VIEWS`.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import asdict
from datetime import datetime
from typing import Any

from gateway.simulator.errors import WorldError
from gateway.simulator.faults import FaultPlanError
from gateway.simulator.money_book import NAIROBI
from gateway.simulator.phones import PhoneError, UssdScreen
from gateway.simulator.world import World

ControlError = (PhoneError, WorldError, FaultPlanError)
_LONGEST_FIELD = 2000
Fields = Mapping[str, Any]


def _text(fields: Fields, name: str, default: str | None = None) -> str:
    value = fields.get(name, default)
    if not isinstance(value, str) or len(value) > _LONGEST_FIELD:
        raise WorldError(f"{name} is missing or not a text")
    return value


class Control:
    """The acts and the views. Acts may change the world; views do not."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.acts: dict[str, Callable[[Fields], dict[str, Any]]] = {
            "/control/phone/dial": self.dial,
            "/control/phone/type": self.type,
            "/control/phone/hang_up": self.hang_up,
            "/control/phone/pin": self.answer_prompt,
            "/control/phone/cancel": self.cancel_prompt,
            "/control/phone/pay_bill": self.pay_bill,
            "/control/phone/send_sms": self.send_sms,
            "/control/phone/top_up": self.top_up,
            "/control/portal/reverse": self.reverse,
            "/control/meter/type": self.type_digits,
            "/control/faults": self.change_faults,
        }
        self.views: dict[str, Callable[[Fields], dict[str, Any]]] = {
            "/control/world": self.view_world,
            "/control/phone": self.view_phone,
            "/control/phone/prompt": self.view_prompt,
            "/control/meter": self.view_meter,
            "/control/faults": lambda _: self._world.faults.as_dict(),
            "/control/wire": self.view_wire,
            "/control/counts": self.view_counts,
            "/control/portal/statement": self.view_statement,
            "/control/portal/moved": self.view_moved,
            "/control/portal/callbacks": lambda _: {"counts": dict(self._world.money.callbacks.counts)},
        }

    def dial(self, fields: Fields) -> dict[str, Any]:
        """`phone`, and `code` unless it is the usual one."""
        phone = self._world.phones.get(_text(fields, "phone"))
        return _screen(self._world.ussd.dial(phone, _text(fields, "code", self._world.ussd.service_code)))

    def type(self, fields: Fields) -> dict[str, Any]:
        """`phone` and what was typed as `input`."""
        phone = self._world.phones.get(_text(fields, "phone"))
        return _screen(self._world.ussd.type(phone, _text(fields, "input")))

    def hang_up(self, fields: Fields) -> dict[str, Any]:
        self._world.ussd.hang_up(self._world.phones.get(_text(fields, "phone")))
        return {}

    def answer_prompt(self, fields: Fields) -> dict[str, Any]:
        phone = self._world.phones.get(_text(fields, "phone"))
        return {"result_code": self._world.money.answer_prompt(phone, _text(fields, "pin"))}

    def cancel_prompt(self, fields: Fields) -> dict[str, Any]:
        return {"result_code": self._world.money.cancel_prompt(self._world.phones.get(_text(fields, "phone")))}

    def pay_bill(self, fields: Fields) -> dict[str, Any]:
        """`phone`, `account`, `amount` in whole units, `pin`, and `business` unless it is the product's."""
        outcome = self._world.money.pay_bill(
            self._world.phones.get(_text(fields, "phone")),
            business=_text(fields, "business", self._world.money.keys.short_code),
            account=_text(fields, "account"),
            amount=_text(fields, "amount"),
            pin=_text(fields, "pin"),
        )
        return asdict(outcome)

    def top_up(self, fields: Fields) -> dict[str, Any]:
        """More money in a wallet: `phone`, `amount` in whole units."""
        phone, amount = self._world.phones.get(_text(fields, "phone")), _text(fields, "amount")
        if not re.fullmatch(r"[0-9]{1,9}", amount):
            raise WorldError("amount is no whole number")
        with self._world.money.book.lock:
            phone.balance_minor += int(amount) * 100
            return {"balance_minor": phone.balance_minor}

    def reverse(self, fields: Fields) -> dict[str, Any]:
        """Customer care takes the payment `receipt` back; `notify` "yes" posts the result to the product as well."""
        is_told = _text(fields, "notify", "") == "yes"
        url = self._world.money.callbacks.line.hook_url("payments", "daraja", "result") if is_told else ""
        return asdict(self._world.money.portal.reverse(_text(fields, "receipt"), result_url=url))

    def send_sms(self, fields: Fields) -> dict[str, Any]:
        """`phone`, `text`, and `to` unless it is the product's number."""
        phone = self._world.phones.get(_text(fields, "phone"))
        to = _text(fields, "to", self._world.sms.sender_id)
        return {"id": self._world.sms.send_from_phone(phone, _text(fields, "text"), to)}

    def type_digits(self, fields: Fields) -> dict[str, Any]:
        return asdict(self._world.meters.type_digits(_text(fields, "drn"), _text(fields, "digits")))

    def change_faults(self, fields: Fields) -> dict[str, Any]:
        """Some knobs of `FaultPlan`; an empty object sets all of them back."""
        if fields:
            self._world.faults.change(fields)
        else:
            self._world.faults.reset()
        return self._world.faults.as_dict()

    def view_world(self, _fields: Fields) -> dict[str, Any]:
        """What is printed on posters and meters: codes, meters, phones."""
        facts = self._world.facts
        meters = [
            {"drn": meter["drn"], "state": meter["state"], "phones": meter["phones"]} for meter in facts["meters"]
        ]
        return {
            "ussd_code": facts["ussd_code"],
            "paybill": facts["paybill"],
            "currency": facts["currency"],
            "sms_number": self._world.sms.sender_id,
            "phones": [phone.e164 for phone in self._world.phones.all()],
            "meters": meters,
        }

    def view_phone(self, fields: Fields) -> dict[str, Any]:
        return self._world.phones.get(_text(fields, "phone")).view()

    def view_prompt(self, fields: Fields) -> dict[str, Any]:
        """The request to pay that lies on `phone`, or none."""
        prompt = self._world.phones.get(_text(fields, "phone")).prompt
        return {"prompt": asdict(prompt) if prompt else None}

    def view_meter(self, fields: Fields) -> dict[str, Any]:
        meter = self._world.meters.get(_text(fields, "drn"))
        return {"drn": meter.facts.drn, "balance_tenths": meter.balance_tenths}

    def view_wire(self, fields: Fields) -> dict[str, Any]:
        """Messages on the wire after the number `after`."""
        after = _text(fields, "after", "0")
        return {"messages": self._world.wire.since(int(after) if after.isdecimal() else 0)}

    def view_counts(self, _fields: Fields) -> dict[str, Any]:
        """The vendors' own books: every receipt, and how many texts were asked for, taken and delivered."""
        return {"receipts": self._world.money.receipts(), "sms": dict(self._world.sms.counts)}

    def view_statement(self, fields: Fields) -> dict[str, Any]:
        """The account as the portal exports it, `from` and `to` as ISO 8601 moments or all of it."""
        starts_at, ends_at = (_moment(fields, name) for name in ("from", "to"))
        return {"content": self._world.money.portal.statement(starts_at, ends_at)}

    def view_moved(self, _fields: Fields) -> dict[str, Any]:
        """The operator's own list: what was paid by whom for which account, and what went back."""
        portal = self._world.money.portal
        return {"payments": portal.payments(), "reversals": portal.reversals()}


def _moment(fields: Fields, name: str) -> datetime | None:
    text = _text(fields, name, "")
    if not text:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise WorldError(f"{name} is no moment") from None
    return moment if moment.tzinfo else moment.replace(tzinfo=NAIROBI)


def _screen(screen: UssdScreen) -> dict[str, Any]:
    return asdict(screen)
