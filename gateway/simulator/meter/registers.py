"""What tokens change in a meter beside its key: credit, limits, the tamper condition, rates, flags."""

from collections.abc import Mapping
from copy import deepcopy
from dataclasses import asdict, dataclass, field
from typing import Any

from gateway.simulator.meter.amounts import tenths_of_field
from gateway.simulator.meter.tokens import Currency, Order, Units
from gateway.simulator.meter.words import Word

RESOURCES = ("electricity", "water", "gas", "time")
_EVERY_REGISTER = 0xFFFF
_FLAGS_INDEX = 63


@dataclass(frozen=True)
class CreditLimits:
    """The greatest value of a credit register: tenths of a unit, hundred-thousandths of the currency.

    As built: eight digits of units, and any one currency token.
    """

    units_tenths: int = 99_999_999
    currency: int = 2 * 10**35


@dataclass
class Registers:
    """Integers all: units in tenths, currency in hundred-thousandths, each by `RESOURCES`; limits in watts, 0 if none.

    Currency may be owed: a negative token can take its register below zero, but no further than the limit.
    """

    units: list[int] = field(default_factory=lambda: [0] * len(RESOURCES))
    currency: list[int] = field(default_factory=lambda: [0] * len(RESOURCES))
    power_limit_watts: int = 0
    phase_unbalance_limit_watts: int = 0
    is_tampered: bool = False
    tariff_rate: int = 0
    water_factor: int = 0
    controls: dict[int, int] = field(default_factory=dict)
    flags: dict[int, int] = field(default_factory=dict)

    def credit(self, token: Units | Currency, limits: CreditLimits) -> Word:
        """Add what a token brings. FULL, and nothing is added, when the register cannot hold the sum."""
        if isinstance(token, Units):
            return _add(self.units, token.subclass, token.tenths, limits.units_tenths)
        return _add(self.currency, token.subclass - 4, token.hundred_thousandths, limits.currency)

    def obey(self, order: Order) -> Word:
        """Carry out an order of class 2. REJECT for a register that no meter has, and for bits that must be zero."""
        match order.subclass:
            case 0:
                self.power_limit_watts = tenths_of_field(order.field)
            case 1:
                return self._clear(order.field)
            case 2:
                self.tariff_rate = order.field
            case 5 if order.field:
                return Word.REJECT
            case 5:
                self.is_tampered = False
            case 6:
                self.phase_unbalance_limit_watts = tenths_of_field(order.field)
            case 7:
                self.water_factor = order.field
            case 10:
                self._set(order.field)
        return Word.ACCEPT

    def _clear(self, register: int) -> Word:
        count = len(RESOURCES)
        if register == _EVERY_REGISTER:
            self.units, self.currency = [0] * count, [0] * count
        elif register < count:
            self.units[register] = 0
        elif register < 2 * count:
            self.currency[register - count] = 0
        else:
            return Word.REJECT
        return Word.ACCEPT

    def _set(self, field_bits: int) -> None:
        """STS202-5: six bits of index; index 63 is a flag's number and value, any other a control's value."""
        index, rest = field_bits >> 10, field_bits & 0x3FF
        if index == _FLAGS_INDEX:
            self.flags[rest >> 1] = rest & 1
        else:
            self.controls[index] = rest

    def memory(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def remember(cls, memory: Mapping[str, Any]) -> "Registers":
        """Take up what `memory` gave; JSON has made texts of the numbers of controls and flags."""
        found = deepcopy(dict(memory))
        for name in ("controls", "flags"):
            found[name] = {int(index): value for index, value in found[name].items()}
        return cls(**found)


def _add(register: list[int], place: int, amount: int, greatest: int) -> Word:
    total = register[place] + amount
    if abs(total) > greatest:
        return Word.FULL
    register[place] = total
    return Word.ACCEPT
