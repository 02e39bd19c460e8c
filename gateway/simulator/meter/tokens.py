"""What a block says, by class and subclass. Reading only: whether the meter obeys is decided by its device."""

from dataclasses import dataclass

from gateway.simulator.meter.amounts import hundred_thousandths_of_field, tenths_of_field
from gateway.simulator.meter.ciphers import BlockCipher
from gateway.simulator.meter.frames import CREDIT, DISPLAY, MANAGEMENT, open_frame

_SECTION_NUMBERS = {3: 1, 4: 2, 8: 3, 9: 4}
_ORDER_SUBCLASSES = frozenset({0, 1, 2, 5, 6, 7, 10})
_WIDE_CONTROL_SUBCLASSES = frozenset({0, 2})  # 36 bits of control and 8 of manufacturer; subclass 1 has 28 and 16


@dataclass(frozen=True, slots=True)
class Units:
    """Class 0, subclass 0 to 3: electricity, water, gas, time. `tid` in minutes since the base date."""

    subclass: int
    rnd: int
    tid: int
    field: int

    @property
    def tenths(self) -> int:
        return tenths_of_field(self.field)


@dataclass(frozen=True, slots=True)
class Currency:
    """Class 0, subclass 4 to 7, in the same order. `field` has 20 bits: the amount takes the random bits' place."""

    subclass: int
    tid: int
    field: int

    @property
    def hundred_thousandths(self) -> int:
        return hundred_thousandths_of_field(self.field)


@dataclass(frozen=True, slots=True)
class DisplayRequest:
    """Class 1: a test or a display, in clear for every meter of a manufacturer; `mfr` 0 is every manufacturer."""

    subclass: int
    control: int
    mfr: int

    @property
    def control_bits(self) -> int:
        return 36 if self.subclass in _WIDE_CONTROL_SUBCLASSES else 28


@dataclass(frozen=True, slots=True)
class Order:
    """Class 2 with a TID: limits, clearing, rates, flags."""

    subclass: int
    rnd: int
    tid: int
    field: int


@dataclass(frozen=True, slots=True)
class Section:
    """One section of a key change, 1 to 4. Which of these names mean something depends on the number."""

    number: int
    body: int

    @property
    def key_part(self) -> int:
        return self.body & 0xFFFFFFFF

    @property
    def ken_part(self) -> int:
        """Sections 1 (high) and 2 (low)."""
        return self.body >> 40

    @property
    def krn(self) -> int:
        return self.body >> 36 & 0xF

    @property
    def clears_tids(self) -> bool:
        return bool(self.body >> 35 & 1)

    @property
    def is_of_three(self) -> bool:
        return bool(self.body >> 34 & 1)

    @property
    def kt(self) -> int:
        return self.body >> 32 & 3

    @property
    def ti(self) -> int:
        """Section 2."""
        return self.body >> 32 & 0xFF

    @property
    def sgc_part(self) -> int:
        """Sections 3 (low) and 4 (high) of a set of four."""
        return self.body >> 32

    @property
    def whole_sgc(self) -> int:
        """Section 3 of a set of three; twenty zero bits follow."""
        return self.body >> 20


Token = Units | Currency | DisplayRequest | Order | Section


def read_token(digits: str, cipher: BlockCipher) -> Token | None:
    """The token in twenty digits; None for damaged ones, for another meter's, and for reserved classes."""
    frame = open_frame(digits, cipher)
    if frame is None:
        return None
    token_class, upper = frame
    subclass, body = upper >> 44, upper & (1 << 44) - 1
    readers = {CREDIT: _read_credit, DISPLAY: _read_display, MANAGEMENT: _read_management}
    return readers[token_class](subclass, body) if token_class in readers else None


def _read_credit(subclass: int, body: int) -> Token | None:
    first, tid, field = body >> 40, body >> 16 & 0xFFFFFF, body & 0xFFFF
    if subclass < 4:
        return Units(subclass, first, tid, field)
    return Currency(subclass, tid, first << 16 | field) if subclass < 8 else None


def _read_display(subclass: int, body: int) -> Token | None:
    if subclass > 2:
        return None
    mfr_bits = 8 if subclass in _WIDE_CONTROL_SUBCLASSES else 16
    return DisplayRequest(subclass, body >> mfr_bits, body & (1 << mfr_bits) - 1)


def _read_management(subclass: int, body: int) -> Token | None:
    if number := _SECTION_NUMBERS.get(subclass):
        return Section(number, body)
    if subclass not in _ORDER_SUBCLASSES:
        return None
    return Order(subclass, body >> 40, body >> 16 & 0xFFFFFF, body & 0xFFFF)
