"""STA: the fast rows against the words of the standard, the tables as values, and what is refused."""

import json
import pickle
import random
import threading
from collections.abc import Callable
from typing import Any

import pytest

from tests.support.ea07_tables import needs_operational_tables, operational_tables
from vending.sts.ciphers import sta
from vending.sts.errors import DecoderKeyMalformed, FieldOutOfRange, StaTablesInvalid
from vending.sts.sta import Sta
from vending.sts.sta_tables import OPERATIONAL_SHA256, SAMPLE_TABLES, StaTables

DECODER_KEY = bytes.fromhex("0abc12def3456789")
PLAIN, CIPHERED = 0x0B19EB230100C207, 0xC45ED1619406DF95  # the worked block of the standard, under the sample tables
SAMPLE_LISTS = {
    "sub1": list(SAMPLE_TABLES.first),
    "sub2": list(SAMPLE_TABLES.second),
    "perm": list(SAMPLE_TABLES.permutation),
}


def kind(value: object) -> str:
    return type(value).__name__  # a number of 5,000 digits cannot be written


def turned_left(value: int, by: int) -> int:
    by %= 64
    return (value << by | value >> 64 - by) & (1 << 64) - 1


def round_keys(decoder_key: bytes) -> list[int]:
    aligned = turned_left(int.from_bytes(decoder_key, "big") ^ (1 << 64) - 1, -12)
    return [turned_left(aligned, turn) for turn in range(16)]


def substituted(block: int, round_key: int, by_key_bit: tuple[Any, Any]) -> int:
    result = 0
    for nibble in range(16):
        table = by_key_bit[round_key >> 4 * nibble + 3 & 1]
        result |= table[block >> 4 * nibble & 0xF] << 4 * nibble
    return result


def permuted(block: int, places: list[int]) -> int:
    return sum((block >> bit & 1) << places[bit] for bit in range(64))


def inverse(table: tuple[int, ...]) -> list[int]:
    return [table.index(value) for value in range(len(table))]


def encrypt_as_written(tables: StaTables, decoder_key: bytes, block: int) -> int:
    for round_key in round_keys(decoder_key):
        block = substituted(block, round_key, (tables.first, tables.second))
        block = permuted(block, list(tables.permutation))
    return block


def decrypt_as_written(tables: StaTables, decoder_key: bytes, block: int) -> int:
    """As the standard has it: no complement, the key turned 3 to the left, the inverse tables swapped."""
    round_key = turned_left(int.from_bytes(decoder_key, "big"), 3)
    for _ in range(16):
        block = permuted(block, inverse(tables.permutation))
        block = substituted(block, round_key, (inverse(tables.second), inverse(tables.first)))
        round_key = turned_left(round_key, -1)
    return block


def random_tables(source: random.Random) -> StaTables:
    nibbles, bits = range(16), range(64)
    return StaTables(
        tuple(source.sample(nibbles, 16)), tuple(source.sample(nibbles, 16)), tuple(source.sample(bits, 64))
    )


def test_sta_worked_block_of_the_standard_is_made_and_read() -> None:
    cipher = sta(SAMPLE_TABLES)

    assert cipher.encrypt(DECODER_KEY, PLAIN) == CIPHERED
    assert cipher.decrypt(DECODER_KEY, CIPHERED) == PLAIN


def test_sta_under_any_tables_follows_the_standard() -> None:
    source = random.Random(7)
    for _ in range(6):
        tables = random_tables(source)
        cipher = Sta(tables)
        for _ in range(25):
            decoder_key, block = source.randbytes(8), source.getrandbits(64)
            assert cipher.encrypt(decoder_key, block) == encrypt_as_written(tables, decoder_key, block)
            assert cipher.decrypt(decoder_key, block) == decrypt_as_written(tables, decoder_key, block)


@pytest.mark.parametrize("decoder_key", [bytes(8), b"\xff" * 8, b"\x80" + bytes(7), bytes(7) + b"\1"])
@pytest.mark.parametrize("block", [0, 1, 1 << 63, (1 << 64) - 1])
def test_sta_at_the_edges_follows_the_standard(decoder_key: bytes, block: int) -> None:
    cipher = sta(SAMPLE_TABLES)

    assert cipher.encrypt(decoder_key, block) == encrypt_as_written(SAMPLE_TABLES, decoder_key, block)
    assert cipher.decrypt(decoder_key, block) == decrypt_as_written(SAMPLE_TABLES, decoder_key, block)


def test_sta_decrypts_what_it_encrypted() -> None:
    source = random.Random(11)
    cipher = sta(SAMPLE_TABLES)
    for _ in range(2000):
        decoder_key, block = source.randbytes(8), source.getrandbits(64)
        assert cipher.decrypt(decoder_key, cipher.encrypt(decoder_key, block)) == block


@needs_operational_tables
def test_sta_under_the_operational_tables_follows_the_standard() -> None:
    tables = operational_tables()
    assert tables is not None
    source = random.Random(13)
    for _ in range(50):
        decoder_key, block = source.randbytes(8), source.getrandbits(64)
        assert sta(tables).encrypt(decoder_key, block) == encrypt_as_written(tables, decoder_key, block)
        assert sta(tables).decrypt(decoder_key, block) == decrypt_as_written(tables, decoder_key, block)


def test_sta_first_used_by_many_threads_at_once_is_right_in_each() -> None:
    tables = random_tables(random.Random(17))
    cipher = Sta(tables)
    together = threading.Barrier(8)
    made: list[tuple[int, int]] = []

    def work() -> None:
        together.wait()
        ciphered = cipher.encrypt(DECODER_KEY, PLAIN)
        made.append((ciphered, cipher.decrypt(DECODER_KEY, ciphered)))

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert made == [(encrypt_as_written(tables, DECODER_KEY, PLAIN), PLAIN)] * 8


def test_sta_after_pickling_in_use_makes_the_same_block() -> None:
    encrypt = Sta(SAMPLE_TABLES).encrypt
    encrypt(DECODER_KEY, PLAIN)

    pickled = pickle.dumps(encrypt)

    assert len(pickled) < 1000  # the tables travel, their rows do not
    assert pickle.loads(pickled)(DECODER_KEY, PLAIN) == CIPHERED  # noqa: S301


@pytest.mark.parametrize("decoder_key", [b"", bytes(7), bytes(9), bytes(16), "8 letters", 8, None, [0] * 8, {}])
def test_sta_under_another_decoder_key_is_refused(decoder_key: Any) -> None:
    for work in (sta(SAMPLE_TABLES).encrypt, sta(SAMPLE_TABLES).decrypt):
        with pytest.raises(DecoderKeyMalformed) as refusal:
            work(decoder_key, 0)
        assert (refusal.value.code, refusal.value.field) == ("decoder_key_malformed", "decoder_key")


@pytest.mark.parametrize("block", [-1, 1 << 64, -(1 << 64), 10**5000, 1.0, "1", b"\0" * 8, None, []], ids=kind)
def test_sta_of_what_is_no_block_is_refused(block: Any) -> None:
    for work in (sta(SAMPLE_TABLES).encrypt, sta(SAMPLE_TABLES).decrypt):
        with pytest.raises(FieldOutOfRange) as refusal:
            work(DECODER_KEY, block)
        assert (refusal.value.code, refusal.value.field) == ("field_out_of_range", "block")


def test_sta_tables_have_the_fingerprint_of_their_octets() -> None:
    assert SAMPLE_TABLES.sha256 == "cca464f5c6877eccefb60251dd75db898aaa29d7cfd85ddf9d03cbbed234e58d"
    assert not SAMPLE_TABLES.is_operational


@needs_operational_tables
def test_sta_tables_of_real_meters_are_known_by_their_fingerprint() -> None:
    tables = operational_tables()

    assert tables is not None
    assert (tables.sha256, tables.is_operational) == (OPERATIONAL_SHA256, True)
    assert not StaTables(tables.second, tables.first, tables.permutation).is_operational


def test_sta_tables_are_read_from_the_json_of_a_file() -> None:
    read = StaTables.from_lists(json.loads(json.dumps({"_note": "from the standard", **SAMPLE_LISTS})))

    assert read == SAMPLE_TABLES
    assert hash(read) == hash(SAMPLE_TABLES)
    assert sta(read) is sta(SAMPLE_TABLES)


@pytest.mark.parametrize("lists", [None, [], "sub1", 7, [SAMPLE_LISTS]])
def test_sta_tables_from_what_is_no_object_are_refused(lists: Any) -> None:
    with pytest.raises(StaTablesInvalid) as refusal:
        StaTables.from_lists(lists)

    assert (refusal.value.code, refusal.value.field) == ("ea07_tables_invalid", "tables")


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"sub1": None}, "first"),
        ({"sub1": []}, "first"),
        ({"sub1": list(range(15))}, "first"),
        ({"sub1": list(range(17))}, "first"),
        ({"sub1": [0, *range(15)]}, "first"),
        ({"sub1": [float(number) for number in range(16)]}, "first"),
        ({"sub1": [False, True, *range(2, 16)]}, "first"),
        ({"sub1": "0123456789abcdef"}, "first"),
        ({"sub2": {str(number): number for number in range(16)}}, "second"),
        ({"sub2": [*range(15), 10**5000]}, "second"),
        ({"sub2": [*range(15), None]}, "second"),
        ({"perm": list(range(1, 65))}, "permutation"),
        ({"perm": [-1, *range(63)]}, "permutation"),
        ({"perm": [[0], *range(63)]}, "permutation"),
    ],
)
def test_sta_tables_that_are_no_permutations_are_refused(change: dict[str, Any], field: str) -> None:
    with pytest.raises(StaTablesInvalid) as refusal:
        StaTables.from_lists(SAMPLE_LISTS | change)

    assert (refusal.value.code, refusal.value.field) == ("ea07_tables_invalid", field)


def test_sta_tables_of_lists_are_refused() -> None:
    with pytest.raises(StaTablesInvalid):
        StaTables(list(range(16)), SAMPLE_TABLES.second, SAMPLE_TABLES.permutation)  # type: ignore[arg-type]


def test_sta_tables_show_no_number_in_a_text() -> None:
    assert repr(SAMPLE_TABLES) == f"StaTables(sha256={SAMPLE_TABLES.sha256[:8]})"
    with pytest.raises(StaTablesInvalid) as refusal:
        StaTables(SAMPLE_TABLES.first, SAMPLE_TABLES.second[:-1], SAMPLE_TABLES.permutation)
    assert str(refusal.value) == "sub2 holds each number from 0 to 15 once"


@pytest.mark.parametrize("tables", [None, [], {}, "sample", SAMPLE_LISTS])
def test_sta_without_tables_is_refused(tables: Any) -> None:
    with pytest.raises(StaTablesInvalid) as refusal:
        sta(tables)

    assert (refusal.value.code, refusal.value.field) == ("ea07_tables_invalid", "tables")


def test_sta_tables_after_pickling_are_checked_and_equal() -> None:
    restored = pickle.loads(pickle.dumps(SAMPLE_TABLES))  # noqa: S301
    rebuild: Callable[..., StaTables]
    rebuild, arguments = SAMPLE_TABLES.__reduce__()

    assert restored == SAMPLE_TABLES
    with pytest.raises(StaTablesInvalid):
        rebuild(arguments[1], arguments[0], arguments[0])
