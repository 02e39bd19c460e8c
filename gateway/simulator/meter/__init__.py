"""A prepaid meter: keypad, display, registers and a memory of used tokens, from the standard's facts alone.

It shares no line with the vending side, or one mistake would agree with itself. How a meter answers (USED, OLD, key
expiry, key types that carry no credit) is told by vendors and by the association's pages, not by published vectors.
Read `device` first; `tokens` says what twenty digits hold.
"""

from gateway.simulator.meter.device import VirtualMeter
from gateway.simulator.meter.facts import MeterFacts
from gateway.simulator.meter.words import MeterAnswer, Word

__all__ = ["MeterAnswer", "MeterFacts", "VirtualMeter", "Word"]
