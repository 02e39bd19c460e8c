"""What a meter shows for a test or display token of class 1."""

from dataclasses import dataclass

from gateway.simulator.meter.facts import MeterFacts
from gateway.simulator.meter.key_state import KeyState
from gateway.simulator.meter.registers import Registers
from gateway.simulator.meter.tokens import DisplayRequest

SOFTWARE_VERSION = "virtual 1"
_READ_SUBCLASS = 2
_READ_CONTROLS, _READ_FLAGS = 0, 63 << 30
_KEY_CHANGE_TOKENS = {7: 3, 9: 3, 11: 4}  # a meter that knows sets of three knows sets of two
Display = dict[str, int | str]


@dataclass(frozen=True)
class Shown:
    """Everything a display is made of."""

    facts: MeterFacts
    held: KeyState
    registers: Registers

    @property
    def load_switch(self) -> str:
        has_credit = self.registers.units[0] > 0 or self.registers.currency[0] > 0
        return "closed" if has_credit and not self.registers.is_tampered else "open"

    def tests(self) -> tuple[Display, ...]:
        """What test 1, test 2 and so on show. No load hangs on this meter, so it consumes nothing."""
        facts, held, registers = self.facts, self.held, self.registers
        return (
            {"load_switch": self.load_switch},
            {"displays": "8" * 20},
            {"consumed_kwh_tenths": 0},
            {"krn": held.krn, "kt": held.kt},
            {"ti": held.ti},
            {"token_input": "keypad"},
            {"power_limit_watts": registers.power_limit_watts},
            {"tampered": int(registers.is_tampered)},
            {"load_watts": 0},
            {"software_version": SOFTWARE_VERSION},
            {"phase_unbalance_limit_watts": registers.phase_unbalance_limit_watts},
            {"water_factor": registers.water_factor},
            {"tariff_rate": registers.tariff_rate},
            {"ea": facts.ea},
            {"key_change_tokens": _KEY_CHANGE_TOKENS[facts.ea]},
            {"sgc": held.sgc},
            {"ken": held.ken},
            {"drn": facts.drn},
        )


def display_of(request: DisplayRequest, shown: Shown) -> Display | None:
    """What was asked for, by name; None for another maker's token and for what this meter cannot show.

    Bit n-1 of the control asks for test n, all bits for every test.
    """
    if request.mfr not in (0, int(shown.facts.manufacturer_code)):
        return None
    if request.subclass == _READ_SUBCLASS:
        return _read(request.control, shown.registers)
    tests = shown.tests()
    everything = (1 << request.control_bits) - 1
    asked = (1 << len(tests)) - 1 if request.control == everything else request.control
    if not asked or asked >> len(tests):
        return None
    return {name: value for place, test in enumerate(tests) if asked >> place & 1 for name, value in test.items()}


def _read(control: int, registers: Registers) -> Display | None:
    """STS202-5: control 0 reads the controls, index 63 in its top six bits the flags."""
    if control == _READ_CONTROLS:
        return {f"control_{index}": value for index, value in sorted(registers.controls.items())}
    if control == _READ_FLAGS:
        return {f"flag_{index}": value for index, value in sorted(registers.flags.items())}
    return None
