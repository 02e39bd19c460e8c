"""Tokens for the virtual meter, sealed with its own cipher. Nothing of `vending` is in here."""

from typing import Any

from gateway.simulator.meter import MeterFacts, VirtualMeter
from gateway.simulator.meter.frames import CREDIT, DISPLAY, MANAGEMENT, seal_frame

COMPLIANCE_KEYS = {2: bytes.fromhex("ab" * 8), 4: bytes.fromhex("ab" * 8 + "94" * 8 + "01234567")}
TID = 6_000_000
_SECTION_SUBCLASSES = {1: 3, 2: 4, 3: 8, 4: 9}


def papers(**changes: Any) -> MeterFacts:
    """A meter of the compliance suites: EA 11 under DKGA 04 unless told otherwise."""
    usual = {"drn": "00000000000", "meter_pan": "600727000000000009", "sgc": "201457", "krn": 1, "kt": 2, "ti": 1}
    return MeterFacts(**{**usual, "base": 14, **changes})


def build(facts: MeterFacts | None = None, **options: Any) -> VirtualMeter:
    facts = facts or papers()
    return VirtualMeter(facts, COMPLIANCE_KEYS[facts.dkga], **options)


def units(meter: VirtualMeter, *, tid: int = TID, field: int = 64, subclass: int = 0, rnd: int = 5) -> str:
    return seal_frame(CREDIT, subclass << 44 | rnd << 40 | tid << 16 | field, meter.cipher)


def currency(meter: VirtualMeter, *, tid: int = TID, field: int, subclass: int = 4) -> str:
    """`field` has 20 bits; its upper four travel where units have their random bits."""
    return seal_frame(CREDIT, subclass << 44 | field >> 16 << 40 | tid << 16 | field & 0xFFFF, meter.cipher)


def order(meter: VirtualMeter, subclass: int, field: int, *, tid: int = TID) -> str:
    return seal_frame(MANAGEMENT, subclass << 44 | 5 << 40 | tid << 16 | field, meter.cipher)


def display(meter: VirtualMeter, subclass: int, control: int, mfr: int = 0) -> str:
    mfr_bits = 16 if subclass == 1 else 8
    return seal_frame(DISPLAY, subclass << 44 | control << mfr_bits | mfr, meter.cipher)


def section(meter: VirtualMeter, number: int, body: int) -> str:
    """One section of a key change as its 44 bits."""
    return seal_frame(MANAGEMENT, _SECTION_SUBCLASSES[number] << 44 | body, meter.cipher)


def key_set(
    meter: VirtualMeter, to: MeterFacts, new_key: bytes, *, rollover: bool = False, of_three: bool = False
) -> list[str]:
    """The sections 1, 2 and so on that put a decoder key and its attributes into a meter."""
    parts = [int.from_bytes(new_key[at : at + 4], "big") for at in range(0, len(new_key), 4)]
    attributes = to.krn << 36 | rollover << 35 | of_three << 34 | to.kt << 32
    bodies = [to.ken >> 4 << 40 | attributes | parts[0], (to.ken & 15) << 40 | to.ti << 32 | parts[-1]]
    sgc = int(to.sgc)
    if of_three:
        bodies.append(sgc << 20)
    if len(parts) == 4:
        bodies += [(sgc & 0xFFF) << 32 | parts[1], sgc >> 12 << 32 | parts[2]]
    return [section(meter, number, body) for number, body in enumerate(bodies, start=1)]
