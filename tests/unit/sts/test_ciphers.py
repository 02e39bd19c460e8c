"""The ciphers by their EA, and MISTY1: the fast one against the words of RFC 2994."""

import pickle
import random
from typing import Any

import pytest

from vending.sts import misty1
from vending.sts.ciphers import DEA, KEY_OCTETS, MISTY1, cipher_of, sta
from vending.sts.errors import DecoderKeyMalformed, FieldOutOfRange, StaTablesInvalid, UnsupportedAlgorithm
from vending.sts.misty1_tables import S7, S9
from vending.sts.sta_tables import SAMPLE_TABLES, StaTables


def kind(value: object) -> str:
    return type(value).__name__  # a number of 5,000 digits cannot be written


def fi(octets: int, subkey: int) -> int:
    d9, d7 = octets >> 7, octets & 0x7F
    d9 = S9[d9] ^ d7
    d7 = S7[d7] ^ d9 & 0x7F
    d7, d9 = d7 ^ subkey >> 9, d9 ^ subkey & 0x1FF
    d9 = S9[d9] ^ d7
    return d7 << 9 | d9


def expanded(decoder_key: bytes) -> list[int]:
    words = [int.from_bytes(decoder_key[at : at + 2], "big") for at in range(0, 16, 2)]
    return words + [fi(words[i], words[(i + 1) % 8]) for i in range(8)]


def fo(half: int, k: int, ek: list[int]) -> int:
    t0, t1 = half >> 16, half & 0xFFFF
    t0 = fi(t0 ^ ek[k], ek[(k + 5) % 8 + 8]) ^ t1
    t1 = fi(t1 ^ ek[(k + 2) % 8], ek[(k + 1) % 8 + 8]) ^ t0
    t0 = fi(t0 ^ ek[(k + 7) % 8], ek[(k + 3) % 8 + 8]) ^ t1
    return (t1 ^ ek[(k + 4) % 8]) << 16 | t0


def fl(half: int, k: int, ek: list[int]) -> int:
    d0, d1 = half >> 16, half & 0xFFFF
    if k % 2 == 0:
        d1 ^= d0 & ek[k // 2]
        d0 ^= d1 | ek[(k // 2 + 6) % 8 + 8]
    else:
        d1 ^= d0 & ek[((k - 1) // 2 + 2) % 8 + 8]
        d0 ^= d1 | ek[((k - 1) // 2 + 4) % 8]
    return d0 << 16 | d1


def encrypt_as_written(decoder_key: bytes, block: int) -> int:
    ek = expanded(decoder_key)
    d0, d1 = block >> 32, block & 0xFFFFFFFF
    for turn in range(0, 8, 2):
        d0, d1 = fl(d0, turn, ek), fl(d1, turn + 1, ek)
        d1 ^= fo(d0, turn, ek)
        d0 ^= fo(d1, turn + 1, ek)
    d0, d1 = fl(d0, 8, ek), fl(d1, 9, ek)
    return d1 << 32 | d0


def degree(table: tuple[int, ...]) -> int:
    """The greatest number of input bits that one product in a table's algebraic normal form has."""
    terms = list(table)
    for bit in range(len(table).bit_length() - 1):
        for number in range(len(table)):
            if number >> bit & 1:
                terms[number] ^= terms[number ^ 1 << bit]
    return max(number.bit_count() for number, term in enumerate(terms) if term)


def test_misty1_tables_are_permutations_without_a_misprint() -> None:
    assert sorted(S7) == list(range(128))
    assert sorted(S9) == list(range(512))
    assert (degree(S7), degree(S9)) == (3, 2)  # the design of MISTY1; two entries swapped would make it 6 and 8


def test_misty1_of_any_block_follows_the_rfc() -> None:
    source = random.Random(2994)
    for _ in range(500):
        decoder_key, block = source.randbytes(16), source.getrandbits(64)
        ciphered = encrypt_as_written(decoder_key, block)
        assert misty1.encrypt(decoder_key, block) == ciphered
        assert misty1.decrypt(decoder_key, ciphered) == block


@pytest.mark.parametrize("decoder_key", [bytes(16), b"\xff" * 16])
@pytest.mark.parametrize("block", [0, 1, 1 << 63, (1 << 64) - 1])
def test_misty1_at_the_edges_follows_the_rfc(decoder_key: bytes, block: int) -> None:
    assert misty1.encrypt(decoder_key, block) == encrypt_as_written(decoder_key, block)


@pytest.mark.parametrize("decoder_key", [b"", bytes(8), bytes(15), bytes(17), "sixteen letters.", 16, None, [0] * 16])
def test_misty1_under_another_decoder_key_is_refused(decoder_key: Any) -> None:
    for work in (misty1.encrypt, misty1.decrypt):
        with pytest.raises(DecoderKeyMalformed) as refusal:
            work(decoder_key, 0)
        assert (refusal.value.code, refusal.value.field) == ("decoder_key_malformed", "decoder_key")


@pytest.mark.parametrize("block", [-1, 1 << 64, -(1 << 64), 10**5000, 1.0, "1", bytes(8), None, []], ids=kind)
def test_misty1_of_what_is_no_block_is_refused(block: Any) -> None:
    for work in (misty1.encrypt, misty1.decrypt):
        with pytest.raises(FieldOutOfRange) as refusal:
            work(bytes(16), block)
        assert (refusal.value.code, refusal.value.field) == ("field_out_of_range", "block")


def test_cipher_of_each_ea_has_its_name_and_length_of_key() -> None:
    assert [(cipher_of(ea).ea, cipher_of(ea).name, cipher_of(ea).key_octets) for ea in (7, 9, 11)] == [
        (7, "STA", 8),
        (9, "DEA", 8),
        (11, "MISTY1", 16),
    ]
    assert {ea: cipher_of(ea).key_octets for ea in KEY_OCTETS} == KEY_OCTETS == {7: 8, 9: 8, 11: 16}


def test_cipher_of_an_ea_is_the_same_each_time() -> None:
    tables = StaTables(SAMPLE_TABLES.second, SAMPLE_TABLES.first, SAMPLE_TABLES.permutation)

    assert cipher_of(9) is DEA
    assert cipher_of(11) is MISTY1
    assert cipher_of(7) is cipher_of(7, SAMPLE_TABLES) is sta(SAMPLE_TABLES)
    assert cipher_of(7, tables) is sta(tables)
    assert cipher_of(7, tables).encrypt(bytes(8), 0) != cipher_of(7).encrypt(bytes(8), 0)


@pytest.mark.parametrize("ea", [0, 1, 8, 10, 12, -7, 10**5000, 7.0, "07", None, True, [], {}], ids=kind)
def test_cipher_of_an_unknown_ea_is_refused(ea: Any) -> None:
    with pytest.raises(UnsupportedAlgorithm) as refusal:
        cipher_of(ea)

    assert (refusal.value.code, refusal.value.field) == ("unsupported_algorithm", "ea")


def test_cipher_of_ea07_without_tables_is_refused() -> None:
    with pytest.raises(StaTablesInvalid):
        cipher_of(7, None)  # type: ignore[arg-type]


@pytest.mark.parametrize("ea", [7, 9, 11])
def test_cipher_after_pickling_makes_the_same_block(ea: int) -> None:
    cipher = cipher_of(ea)
    restored = pickle.loads(pickle.dumps(cipher))  # noqa: S301

    assert restored.ea == ea
    assert restored.encrypt(bytes(cipher.key_octets), 77) == cipher.encrypt(bytes(cipher.key_octets), 77)
