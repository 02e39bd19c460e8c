"""The whole world put together from the demo's facts and the vendors' credentials."""

import json
import random
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from gateway.simulator.daraja import MerchantKeys
from gateway.simulator.faults import FaultPlan
from gateway.simulator.meter import MeterAnswer, MeterFacts, VirtualMeter
from gateway.simulator.mobile_money import MobileMoney
from gateway.simulator.phones import Phones, UssdGateway
from gateway.simulator.postman import Postman
from gateway.simulator.sms_centre import SmsCentre
from gateway.simulator.wire import ProductLine, WireLog

# The published compliance vending key. The meters of the demo were "made" with it; no real meter is.
DEMO_VENDING_KEY = bytes.fromhex("ab" * 8 + "94" * 8 + "01234567")
DEMO_KEY_KRN = 1
MANUFACTURED = datetime(2025, 1, 1, tzinfo=UTC)
_BASE_YEARS = {93: 1993, 14: 2014, 35: 2035}
_SETTING_NAMES = (
    "AFRICASTALKING_USERNAME",
    "AFRICASTALKING_API_KEY",
    "AFRICASTALKING_SENDER_ID",
    "MPESA_CONSUMER_KEY",
    "MPESA_CONSUMER_SECRET",
    "MPESA_PASSKEY",
)


class WorldError(Exception):
    """The world cannot be built from what was given."""


@dataclass(frozen=True)
class Credentials:
    """What the vendors gave the product, as the vendors know it."""

    username: str
    api_key: str
    sender_id: str
    merchant: MerchantKeys

    @classmethod
    def read(cls, environment: Mapping[str, str], short_code: str) -> "Credentials":
        """From the same variables that the product reads. Raises `WorldError` naming the missing one."""
        if missing := [name for name in _SETTING_NAMES if not environment.get(name)]:
            raise WorldError(f"not set: {', '.join(missing)}")
        username, api_key, sender_id, consumer_key, consumer_secret, passkey = (
            environment[name] for name in _SETTING_NAMES
        )
        return cls(username, api_key, sender_id, MerchantKeys(consumer_key, consumer_secret, short_code, passkey))


class MeterShelf:
    """Every meter of the demo by its DRN. With a file, meters remember their tokens over a restart of this process."""

    def __init__(self, facts: list[dict[str, Any]], memory_file: Path | None) -> None:
        self._meters = {str(fact["drn"]): _build_meter(fact) for fact in facts}
        self._memory_file = memory_file
        self._lock = threading.Lock()
        if memory_file and memory_file.exists():
            for drn, memory in json.loads(memory_file.read_text()).items():
                if drn in self._meters:
                    self._meters[drn].remember(memory)

    def get(self, drn: str) -> VirtualMeter:
        """Raises `WorldError` for a meter that does not hang on this wall."""
        try:
            return self._meters[drn]
        except KeyError:
            raise WorldError("no such meter here") from None

    def type_digits(self, drn: str, text: str) -> MeterAnswer:
        """Press a meter's keys; what it took is on the disk before the answer is shown."""
        meter = self.get(drn)
        answer = meter.type_digits(text)
        if self._memory_file and answer.energy_kwh_tenths:
            with self._lock:
                fresh = self._memory_file.with_suffix(".new")
                fresh.write_text(json.dumps({name: each.memory() for name, each in self._meters.items()}))
                fresh.replace(self._memory_file)
        return answer


def _build_meter(fact: dict[str, Any]) -> VirtualMeter:
    facts = MeterFacts.read(fact)
    if facts.krn != DEMO_KEY_KRN or facts.base not in _BASE_YEARS:
        raise WorldError("the demo's meters were made with key revision 1 only")
    base = datetime(_BASE_YEARS[facts.base], 1, 1, tzinfo=UTC)
    minutes = max((MANUFACTURED - base) // timedelta(minutes=1), 0)
    return VirtualMeter(facts, DEMO_VENDING_KEY, manufactured_tid=minutes)


class World:
    """One of everything."""

    def __init__(
        self,
        facts: dict[str, Any],
        credentials: Credentials,
        product_url: str,
        *,
        clock: Callable[[], datetime],
        chance: random.Random,
        meter_memory_file: Path | None = None,
    ) -> None:
        merchant = credentials.merchant
        secrets = (
            str(facts["hook_secret"]),
            credentials.api_key,
            merchant.consumer_key,
            merchant.consumer_secret,
            merchant.passkey,
        )
        self.facts = facts
        self.wire = WireLog(secrets)
        self.faults = FaultPlan()
        self.phones = Phones()
        line = ProductLine(product_url, str(facts["hook_secret"]), self.wire)
        postman = Postman()
        self.ussd = UssdGateway(line, postman, service_code=str(facts["ussd_code"]), clock=clock, chance=chance)
        self.sms = SmsCentre(
            line,
            postman,
            self.phones,
            self.faults,
            username=credentials.username,
            api_key=credentials.api_key,
            sender_id=credentials.sender_id,
            clock=clock,
            chance=chance,
        )
        self.money = MobileMoney(merchant, line, postman, self.phones, self.faults, clock=clock, chance=chance)
        self.meters = MeterShelf(list(facts["meters"]), meter_memory_file)
        for number in facts["phones"]:
            self.phones.get(str(number))
