"""The token's CRC: tables against the bit-by-bit rule."""

import random

import pytest

from vending.sts.crc import crc16, token_crc
from vending.sts.errors import FieldOutOfRange


def bit_by_bit(octets: bytes) -> int:
    crc = 0xFFFF
    for octet in octets:
        crc ^= octet
        for _ in range(8):
            crc = crc >> 1 ^ 0xA001 if crc & 1 else crc >> 1
    return int.from_bytes(crc.to_bytes(2, "little"), "big")


def test_crc16_of_any_octets_follows_the_rule() -> None:
    source = random.Random(55)
    for length in range(20):
        octets = source.randbytes(length)
        assert crc16(octets) == bit_by_bit(octets)


def test_token_crc_of_any_body_follows_the_rule() -> None:
    source = random.Random(41)
    for number in range(1000):
        token_class, body = number % 4, source.getrandbits(48)
        is_currency = token_class == 0 and body >> 44 in (4, 5, 6, 7)
        octets = bytes([token_class]) + body.to_bytes(6, "big") + (b"\x01" if is_currency else b"")
        assert token_crc(token_class, body) == bit_by_bit(octets)


def test_token_crc_of_the_association_is_given() -> None:
    """Its page on the TID: electricity, RND 5, TID 12593749, amount 10000."""
    assert token_crc(0, 0x0_5_C02A55_2710) == 0x1970


@pytest.mark.parametrize(
    ("token_class", "body", "field"),
    [(4, 0, "token_class"), (-1, 0, "token_class"), (True, 0, "token_class"), (0, 1 << 48, "body"), (0, -1, "body")],
)
def test_token_crc_of_too_many_bits_is_refused(token_class: int, body: int, field: str) -> None:
    with pytest.raises(FieldOutOfRange) as refusal:
        token_crc(token_class, body)

    assert (refusal.value.code, refusal.value.field) == ("field_out_of_range", field)


@pytest.mark.parametrize("octets", ["12", None, 5, [1, 300]])
def test_crc16_of_what_is_no_octets_is_refused(octets: bytes) -> None:
    with pytest.raises(FieldOutOfRange) as refusal:
        crc16(octets)

    assert refusal.value.field == "octets"
