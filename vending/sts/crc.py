"""The token's CRC (IEC 62055-41): polynomial x^16 + x^15 + x^2 + 1, bit-reflected, start FFFF, no final XOR."""

from vending.sts.errors import FieldOutOfRange
from vending.sts.fields import check_bits

_REFLECTED_POLYNOMIAL = 0xA001
_START = 0xFFFF
_CURRENCY_OCTET = b"\x01"  # what CRC_C counts beyond CRC, so that a meter cannot take money for units


def _step(octet: int) -> int:
    for _ in range(8):
        octet = octet >> 1 ^ _REFLECTED_POLYNOMIAL * (octet & 1)
    return octet


_STEPS = tuple(_step(octet) for octet in range(256))


def crc16(octets: bytes) -> int:
    """The CRC of `octets` as it stands in a token: low octet first, so 1970, not 7019, in the Association's example.

    `FieldOutOfRange` for what is not octets.
    """
    if not isinstance(octets, bytes | bytearray):
        raise FieldOutOfRange("a CRC is counted over octets", field="octets")
    return _crc_from(_START, octets)


def _crc_from(crc: int, octets: bytes) -> int:
    for octet in octets:
        crc = crc >> 8 ^ _STEPS[(crc ^ octet) & 0xFF]
    return (crc & 0xFF) << 8 | crc >> 8


# A CRC is linear: that of a body is that of its class alone, changed by each octet at its place. Six look-ups take
# half the time of seven steps.
_OF_CLASS = tuple(crc16(bytes([token_class, 0, 0, 0, 0, 0, 0])) for token_class in range(4))
_AT_PLACE = tuple(
    tuple(_crc_from(0, bytes([octet, *bytes(behind)])) for octet in range(256)) for behind in (5, 4, 3, 2, 1, 0)
)


def token_crc(token_class: int, body: int) -> int:
    """The 16 bits for the end of a token's block: over six zero bits, the class (2 bits) and the 48 bits above the CRC.

    Credit in currency, class 0 subclass 4 to 7, has CRC_C; every other token has CRC. `FieldOutOfRange` for a class of
    more than 2 bits or a body of more than 48.
    """
    if not (type(body) is type(token_class) is int and not (body >> 48 or token_class >> 2)):
        check_bits(token_class, 2, "token_class")
        check_bits(body, 48, "body")
    octets = body.to_bytes(6, "big")
    if token_class == 0 and 0x40 <= octets[0] < 0x80:
        return crc16(b"\0" + octets + _CURRENCY_OCTET)
    a, b, c, d, e, f = octets
    at_a, at_b, at_c, at_d, at_e, at_f = _AT_PLACE
    return _OF_CLASS[token_class] ^ at_a[a] ^ at_b[b] ^ at_c[c] ^ at_d[d] ^ at_e[e] ^ at_f[f]
