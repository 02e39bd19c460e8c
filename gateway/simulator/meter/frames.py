"""Twenty digits, and the class and the block in them, as a meter sees them.

Written for the virtual meter from the standard's facts; the vending side has its own.
"""

from gateway.simulator.meter.ciphers import BlockCipher

DIGITS_IN_TOKEN = 20
CREDIT, DISPLAY, MANAGEMENT = 0, 1, 2  # class 3 is reserved
_BITS_IN_TOKEN = 66
_CLASS_BIT = 27  # the two class bits displace bits 28 and 27 of the block, which travel at 65 and 64
_CURRENCY_SUBCLASSES = range(4, 8)


def crc_8005(octets: bytes) -> int:
    """CRC-16 with polynomial 8005, reflected, start FFFF, no final XOR."""
    register = 0xFFFF
    for octet in octets:
        register ^= octet
        for _ in range(8):
            register = register >> 1 ^ (0xA001 if register & 1 else 0)
    return register


def frame_crc(token_class: int, upper_48_bits: int) -> int:
    """The 16 bits that close a block: the CRC over class and body in seven octets, low octet first.

    Currency credit adds an octet 01, so that it can never pass for units.
    """
    octets = (token_class << 48 | upper_48_bits).to_bytes(7, "big")
    if token_class == CREDIT and upper_48_bits >> 44 in _CURRENCY_SUBCLASSES:
        octets += b"\x01"
    register = crc_8005(octets)
    return (register & 0xFF) << 8 | register >> 8


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


def open_frame(digits: str, cipher: BlockCipher) -> tuple[int, int] | None:
    """Class and the 48 bits above the CRC; None when it is not a token, not for this decoder key, or damaged."""
    split = split_token(digits)
    if split is None:
        return None
    token_class, block = split
    if token_class != DISPLAY:
        block = cipher.decrypt(block)
    upper = block >> 16
    return (token_class, upper) if frame_crc(token_class, upper) == block & 0xFFFF else None


def seal_frame(token_class: int, upper_48_bits: int, cipher: BlockCipher) -> str:
    """Twenty digits that `open_frame` reads. No meter does this: it is how its makers test it."""
    block = upper_48_bits << 16 | frame_crc(token_class, upper_48_bits)
    return join_token(token_class, block if token_class == DISPLAY else cipher.encrypt(block))
