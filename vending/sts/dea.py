"""DEA, the cipher of EA09: one DES block under a decoder key of 8 octets, parity bits not looked at (FIPS 46-3).

Withdrawn with IEC 62055-41:2018, and no public token proves it: `verified` says so. The decoder key algorithms 01 to
03 are made of the same block.
"""

from typing import Any

from Crypto.Cipher import DES

from vending.sts.errors import DecoderKeyMalformed, FieldOutOfRange

KEY_OCTETS = 8

_BLOCK_OCTETS = 8


def encrypt(decoder_key: bytes, block: int) -> int:
    """The 64-bit block under a key of 8 octets. `DecoderKeyMalformed` for another, `FieldOutOfRange` for the block."""
    return int.from_bytes(_cipher(decoder_key).encrypt(_octets(block)), "big")


def decrypt(decoder_key: bytes, block: int) -> int:
    """The inverse of `encrypt`: same shapes, same errors."""
    return int.from_bytes(_cipher(decoder_key).decrypt(_octets(block)), "big")


def encrypt_twice_keyed(secret: bytes, block: int) -> int:
    """Triple DES with two keys (encrypt, decrypt, encrypt): the 64-bit block under 16 octets; errors as in `encrypt`.

    Made of three single blocks, since the library's triple DES refuses two equal halves.
    """
    if not isinstance(secret, bytes) or len(secret) != 2 * KEY_OCTETS:
        raise DecoderKeyMalformed(f"triple DES takes {2 * KEY_OCTETS} octets", field="decoder_key")
    outer, inner = secret[:KEY_OCTETS], secret[KEY_OCTETS:]
    return encrypt(outer, decrypt(inner, encrypt(outer, block)))


def _cipher(decoder_key: bytes) -> Any:  # the type names every mode, and not all of them have both directions
    try:
        return DES.new(decoder_key, DES.MODE_ECB)  # noqa: S304  # the standard's own cipher
    except (ValueError, TypeError):
        raise DecoderKeyMalformed(f"DEA takes a key of {KEY_OCTETS} octets", field="decoder_key") from None


def _octets(block: int) -> bytes:
    try:
        return block.to_bytes(_BLOCK_OCTETS, "big")
    except (OverflowError, AttributeError, TypeError):
        raise FieldOutOfRange("a block is a whole number of 64 bits", field="block") from None
