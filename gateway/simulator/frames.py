"""Twenty digits and the credit token in them, as a meter sees them.

Written for the virtual meter from the standard's facts; the vending side has its own.
"""

from dataclasses import dataclass

from gateway.simulator.misty1 import Misty1

DIGITS_IN_TOKEN = 20
_BITS_IN_TOKEN = 66
_BAND_STEPS = (1, 10, 100, 1000)
_CLASS_BIT = 27  # the two class bits displace bits 28 and 27 of the block, which travel at 65 and 64


@dataclass(frozen=True)
class CreditFrame:
    """What an electricity credit token (class 0, subclass 0) says: `tid` in minutes, energy in tenths of a kWh."""

    rnd: int
    tid: int
    energy_kwh_tenths: int


def crc16(octets: bytes) -> int:
    """CRC-16 with polynomial 8005, reflected, start FFFF, no final XOR."""
    register = 0xFFFF
    for octet in octets:
        register ^= octet
        for _ in range(8):
            register = register >> 1 ^ (0xA001 if register & 1 else 0)
    return register


def frame_crc(token_class: int, upper_48_bits: int) -> int:
    """The 16 bits that close a block: the CRC over class and body in seven octets, low octet first."""
    register = crc16((token_class << 48 | upper_48_bits).to_bytes(7, "big"))
    return (register & 0xFF) << 8 | register >> 8


def amount_of_field(field: int) -> int:
    """Tenths of a kWh of a 16-bit amount: two bits of exponent, fourteen of mantissa, each band above the last."""
    exponent, mantissa = field >> 14, field & 0x3FFF
    return mantissa * _BAND_STEPS[exponent] + 16384 * sum(_BAND_STEPS[:exponent])


def split_token(digits: str) -> tuple[int, int] | None:
    """Class and 64-bit block of twenty digits; None when they are no token of this standard."""
    if len(digits) != DIGITS_IN_TOKEN or not (digits.isascii() and digits.isdigit()):
        return None
    number = int(digits)
    if number >> _BITS_IN_TOKEN:
        return None
    block, displaced = number & (1 << 64) - 1, number >> 64
    token_class = block >> _CLASS_BIT & 3
    return token_class, block & ~(3 << _CLASS_BIT) | displaced << _CLASS_BIT


def join_token(token_class: int, block: int) -> str:
    """The twenty digits of an (encrypted) block; the inverse of `split_token`."""
    displaced = block >> _CLASS_BIT & 3
    return f"{displaced << 64 | block & ~(3 << _CLASS_BIT) | token_class << _CLASS_BIT:020d}"


def read_credit(digits: str, cipher: Misty1) -> CreditFrame | None:
    """The credit in a token; None when it is not one, not for this decoder key, or damaged (the CRC tells)."""
    split = split_token(digits)
    if split is None or split[0] != 0:
        return None
    block = cipher.decrypt(split[1])
    if frame_crc(0, block >> 16) != block & 0xFFFF or block >> 60 != 0:
        return None
    return CreditFrame(block >> 56 & 0xF, block >> 32 & 0xFFFFFF, amount_of_field(block >> 16 & 0xFFFF))
