"""DEA: single DES as FIPS has it, and what is refused."""

import random
from typing import Any

import pytest

from vending.sts import dea
from vending.sts.errors import DecoderKeyMalformed, FieldOutOfRange

ALL_ONES = (1 << 64) - 1


def kind(value: object) -> str:
    return type(value).__name__  # a number of 5,000 digits cannot be written


@pytest.mark.parametrize(
    ("decoder_key", "plain", "ciphered"),
    [
        ("0123456789abcdef", 0x4E6F772069732074, 0x3FA40E8A984D4815),  # FIPS 81, table B1
        ("0101010101010101", 0x8000000000000000, 0x95F8A5E5DD31D900),  # NIST SP 800-17, table A.1
        ("8001010101010101", 0, 0x95A8D72813DAA94D),  # NIST SP 800-17, table A.2
    ],
)
def test_dea_published_block_is_made_and_read(decoder_key: str, plain: int, ciphered: int) -> None:
    assert dea.encrypt(bytes.fromhex(decoder_key), plain) == ciphered
    assert dea.decrypt(bytes.fromhex(decoder_key), ciphered) == plain


def test_dea_decrypts_what_it_encrypted_and_has_the_complement_of_des() -> None:
    source = random.Random(9)
    for _ in range(100):
        decoder_key, block = source.randbytes(8), source.getrandbits(64)
        ciphered = dea.encrypt(decoder_key, block)
        assert dea.decrypt(decoder_key, ciphered) == block
        assert dea.encrypt(bytes(octet ^ 0xFF for octet in decoder_key), block ^ ALL_ONES) == ciphered ^ ALL_ONES


def test_dea_does_not_look_at_parity_bits_or_for_weak_keys() -> None:
    assert dea.encrypt(bytes(8), 5) == dea.encrypt(b"\1" * 8, 5)


@pytest.mark.parametrize(
    "decoder_key", [b"", bytes(7), bytes(9), bytes(16), "8letters", "eight.\u00e9.", 8, None, [0] * 8]
)
def test_dea_under_another_decoder_key_is_refused(decoder_key: Any) -> None:
    for work in (dea.encrypt, dea.decrypt):
        with pytest.raises(DecoderKeyMalformed) as refusal:
            work(decoder_key, 0)
        assert (refusal.value.code, refusal.value.field) == ("decoder_key_malformed", "decoder_key")


@pytest.mark.parametrize("block", [-1, 1 << 64, 10**5000, 1.0, "1", bytes(8), None, []], ids=kind)
def test_dea_of_what_is_no_block_is_refused(block: Any) -> None:
    for work in (dea.encrypt, dea.decrypt):
        with pytest.raises(FieldOutOfRange) as refusal:
            work(bytes(8), block)
        assert (refusal.value.code, refusal.value.field) == ("field_out_of_range", "block")
