"""The whole world put together from the demo's facts and the vendors' credentials."""

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from gateway.simulator.daraja import MerchantKeys
from gateway.simulator.errors import WorldError
from gateway.simulator.faults import FaultPlan
from gateway.simulator.meter_shelf import Factory, MeterShelf
from gateway.simulator.mobile_money import MobileMoney
from gateway.simulator.phones import Phones, UssdGateway
from gateway.simulator.postman import Postman
from gateway.simulator.sms_centre import SmsCentre
from gateway.simulator.wire import ProductLine, WireLog

_SETTING_NAMES = (
    "AFRICASTALKING_USERNAME",
    "AFRICASTALKING_API_KEY",
    "AFRICASTALKING_SENDER_ID",
    "MPESA_CONSUMER_KEY",
    "MPESA_CONSUMER_SECRET",
    "MPESA_PASSKEY",
)
_INITIATOR_NAMES = ("MPESA_INITIATOR_NAME", "MPESA_INITIATOR_PASSWORD")


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
        initiator = [environment.get(name, "") for name in _INITIATOR_NAMES]
        keys = MerchantKeys(consumer_key, consumer_secret, short_code, passkey, *initiator)
        return cls(username, api_key, sender_id, keys)


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
        factory: Factory | None = None,
    ) -> None:
        merchant = credentials.merchant
        secrets = (
            str(facts["hook_secret"]),
            credentials.api_key,
            merchant.consumer_key,
            merchant.consumer_secret,
            merchant.passkey,
            merchant.initiator_password,
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
        self.meters = MeterShelf(list(facts["meters"]), meter_memory_file, factory)
        for number in facts["phones"]:
            self.phones.get(str(number))
