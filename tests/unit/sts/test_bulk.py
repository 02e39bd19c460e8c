"""Thousands of tokens at once: exactly what one at a time gives, in any mixture and any size of batch."""

import random
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from tests.support.ea07_tables import needs_operational_tables, operational_tables
from tests.support.sts_vectors import Vector, all_vectors, vectors_of
from vending.sts import bulk
from vending.sts.bulk import decode_tokens, decrypt_many, encode_credits, encrypt_many
from vending.sts.ciphers import DEA, MISTY1, Cipher, cipher_of, sta
from vending.sts.crc import crc16
from vending.sts.credit import UnitCredit, encode_credit
from vending.sts.decoder_keys import derive_decoder_key
from vending.sts.errors import FieldOutOfRange, StsError
from vending.sts.frame import join_digits, seal_token
from vending.sts.sta_tables import SAMPLE_TABLES, StaTables
from vending.sts.tokens import decode_token

SIZES = (0, 1, 2, 63, 64, 65, 1000)
FULL_BATCH = bulk.LEAST_BATCH


def _random_tables(chance: random.Random) -> StaTables:
    first, second, permutation = (tuple(chance.sample(range(count), count)) for count in (16, 16, 64))
    return StaTables(first, second, permutation)


SAMPLE_STA = sta(SAMPLE_TABLES)
CIPHERS = {
    "MISTY1": MISTY1,
    "STA with sample tables": SAMPLE_STA,
    "STA with random tables": sta(_random_tables(random.Random(7))),
    "STA with tables that change nothing": sta(StaTables(tuple(range(16)), tuple(range(16)), tuple(range(64)))),
    "DEA, which has no slices": DEA,
}
every_cipher = pytest.mark.parametrize("cipher", CIPHERS.values(), ids=CIPHERS.keys())


@pytest.fixture
def chance() -> random.Random:
    return random.Random(62055)


@pytest.fixture
def small_batches_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bulk, "LEAST_BATCH", 1)


@pytest.fixture
def nothing_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """What would work one token at a time fails."""

    def alone(*_arguments: Any, **_more: Any) -> None:
        raise AssertionError("worked alone")

    monkeypatch.setattr(bulk, "encode_credit", alone)
    monkeypatch.setattr(bulk, "decode_token", alone)


def _keys(cipher: Cipher, count: int, chance: random.Random) -> list[bytes]:
    return [chance.randbytes(cipher.key_octets) for _ in range(count)]


def _some_credits(count: int, chance: random.Random) -> list[UnitCredit]:
    return [
        UnitCredit(chance.randrange(4), chance.getrandbits(24), chance.getrandbits(4), chance.getrandbits(16))
        for _ in range(count)
    ]


def _alone(credit: UnitCredit, cipher: Cipher, decoder_key: bytes) -> str:
    return encode_credit(
        subclass=credit.subclass,
        tid=credit.tid,
        rnd=credit.rnd,
        amount_field=credit.amount_field,
        cipher=cipher,
        decoder_key=decoder_key,
    )


def _read_alone(digits: str, cipher: Cipher | None, decoder_key: bytes) -> object:
    try:
        return decode_token(digits, cipher=cipher, decoder_key=decoder_key)
    except StsError as error:
        return _told(error)


def _told(read: object) -> object:
    """A value as it is, a refusal by what it says: two errors are never equal."""
    return (type(read), str(read), read.field) if isinstance(read, StsError) else read


def _assert_read_as_alone(digits: Sequence[str], cipher: Cipher | None, decoder_keys: Sequence[bytes]) -> None:
    together = decode_tokens(digits, cipher=cipher, decoder_keys=decoder_keys)

    assert list(map(_told, together)) == [
        _read_alone(some, cipher, decoder_key) for some, decoder_key in zip(digits, decoder_keys, strict=True)
    ]


@pytest.mark.usefixtures("small_batches_too")
@every_cipher
@pytest.mark.parametrize("count", SIZES)
def test_bulk_blocks_are_those_of_one_at_a_time(cipher: Cipher, count: int, chance: random.Random) -> None:
    decoder_keys = _keys(cipher, count, chance)
    blocks = [chance.getrandbits(64) for _ in range(count)]

    encrypted = encrypt_many(cipher, decoder_keys, blocks)

    assert encrypted == list(map(cipher.encrypt, decoder_keys, blocks))
    assert decrypt_many(cipher, decoder_keys, encrypted) == blocks


@pytest.mark.usefixtures("small_batches_too")
@every_cipher
@pytest.mark.parametrize("count", SIZES)
def test_bulk_credits_are_those_of_one_at_a_time(cipher: Cipher, count: int, chance: random.Random) -> None:
    decoder_keys, some_credits = _keys(cipher, count, chance), _some_credits(count, chance)

    digits = encode_credits(some_credits, cipher=cipher, decoder_keys=decoder_keys)

    assert digits == [_alone(credit, cipher, key) for credit, key in zip(some_credits, decoder_keys, strict=True)]
    assert decode_tokens(digits, cipher=cipher, decoder_keys=decoder_keys) == some_credits


@pytest.mark.usefixtures("nothing_alone")
def test_bulk_credits_of_a_full_batch_are_worked_together(chance: random.Random) -> None:
    decoder_keys, some_credits = _keys(MISTY1, FULL_BATCH, chance), _some_credits(FULL_BATCH, chance)

    digits = encode_credits(some_credits, cipher=MISTY1, decoder_keys=decoder_keys)

    assert decode_tokens(digits, cipher=MISTY1, decoder_keys=decoder_keys) == some_credits


@pytest.mark.usefixtures("nothing_alone")
def test_bulk_credits_of_a_small_batch_are_worked_alone(chance: random.Random) -> None:
    decoder_keys, some_credits = _keys(MISTY1, FULL_BATCH - 1, chance), _some_credits(FULL_BATCH - 1, chance)

    with pytest.raises(AssertionError, match="worked alone"):
        encode_credits(some_credits, cipher=MISTY1, decoder_keys=decoder_keys)
    with pytest.raises(AssertionError, match="worked alone"):
        decode_tokens(["0" * 20] * len(decoder_keys), cipher=MISTY1, decoder_keys=decoder_keys)


def test_bulk_batch_of_several_chunks_keeps_its_order(chance: random.Random, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bulk, "_CHUNK", FULL_BATCH)
    count = 2 * FULL_BATCH + 3  # the last chunk is worked alone
    decoder_keys, some_credits = _keys(MISTY1, count, chance), _some_credits(count, chance)

    digits = encode_credits(some_credits, cipher=MISTY1, decoder_keys=decoder_keys)

    assert digits == [_alone(credit, MISTY1, key) for credit, key in zip(some_credits, decoder_keys, strict=True)]
    assert decode_tokens(digits, cipher=MISTY1, decoder_keys=decoder_keys) == some_credits


@pytest.mark.parametrize(
    "change",
    [
        {"tid": -1},
        {"tid": 1 << 24},
        {"tid": True},
        {"tid": 1.0},
        {"rnd": -1},
        {"rnd": 16},
        {"amount_field": -1},
        {"amount_field": 1 << 16},
        {"subclass": -1},
        {"subclass": 4},
    ],
)
def test_bulk_credit_with_a_wrong_field_is_refused_as_alone(change: dict[str, Any], chance: random.Random) -> None:
    decoder_keys, some_credits = _keys(MISTY1, FULL_BATCH, chance), _some_credits(FULL_BATCH, chance)
    some_credits[77] = replace(some_credits[77], **change)
    some_credits[99] = replace(some_credits[99], subclass=9, tid=-9)

    with pytest.raises(StsError) as alone:
        _alone(some_credits[77], MISTY1, decoder_keys[77])
    with pytest.raises(StsError) as together:
        encode_credits(some_credits, cipher=MISTY1, decoder_keys=decoder_keys)

    assert _told(together.value) == _told(alone.value)


@pytest.mark.parametrize("decoder_key", [b"", bytes(8), bytes(17), None, "0" * 16, 16])
def test_bulk_decoder_key_that_is_none_is_refused_as_alone(decoder_key: Any, chance: random.Random) -> None:
    decoder_keys, some_credits = _keys(MISTY1, FULL_BATCH, chance), _some_credits(FULL_BATCH, chance)
    digits = encode_credits(some_credits, cipher=MISTY1, decoder_keys=decoder_keys)
    decoder_keys[5] = decoder_key

    for work in (
        lambda: encode_credits(some_credits, cipher=MISTY1, decoder_keys=decoder_keys),
        lambda: encrypt_many(MISTY1, decoder_keys, [0] * FULL_BATCH),
        lambda: decrypt_many(MISTY1, decoder_keys, [0] * FULL_BATCH),
    ):
        with pytest.raises(StsError) as refusal:
            work()
        assert (refusal.value.code, refusal.value.field) == ("decoder_key_malformed", "decoder_key")
    _assert_read_as_alone(digits, MISTY1, decoder_keys)


@pytest.mark.parametrize("block", [-1, 1 << 64, "1", None, 1.0])
def test_bulk_block_that_is_none_is_refused_as_alone(block: Any, chance: random.Random) -> None:
    decoder_keys = _keys(MISTY1, FULL_BATCH, chance)
    blocks = [*range(FULL_BATCH - 1), block]

    for work in (encrypt_many, decrypt_many):
        with pytest.raises(StsError) as refusal:
            work(MISTY1, decoder_keys, blocks)
        assert (refusal.value.code, refusal.value.field) == ("field_out_of_range", "block")


def test_bulk_without_a_decoder_key_for_each_is_an_error(chance: random.Random) -> None:
    decoder_keys = _keys(MISTY1, FULL_BATCH, chance)

    with pytest.raises(FieldOutOfRange, match="a decoder key of its own"):
        encode_credits(_some_credits(FULL_BATCH - 1, chance), cipher=MISTY1, decoder_keys=decoder_keys)
    with pytest.raises(FieldOutOfRange, match="a decoder key of its own"):
        decode_tokens(["0" * 20], cipher=MISTY1, decoder_keys=decoder_keys)


@pytest.mark.parametrize("cipher", [MISTY1, SAMPLE_STA], ids=["MISTY1", "STA"])
def test_bulk_mixture_of_all_tokens_is_read_as_alone(cipher: Cipher, chance: random.Random) -> None:
    """Every class and subclass, damaged tokens, tokens of other meters, blocks of class 3, numbers of 2^66 and more."""
    decoder_keys = _keys(cipher, 1000, chance)
    digits = []
    for decoder_key in decoder_keys:
        body = chance.getrandbits(48)
        made = seal_token(chance.randrange(3), body, cipher=cipher, decoder_key=decoder_key)
        damaged = made[:7] + str((int(made[7]) + 1) % 10) + made[8:]
        strange = join_digits(3, chance.getrandbits(64))
        too_great = str(chance.randrange(1 << 66, 10**20))
        digits.append(chance.choices([made, damaged, strange, too_great], [6, 2, 1, 1])[0])
    digits[500] = digits[499]  # of another meter

    _assert_read_as_alone(digits, cipher, decoder_keys)


def test_bulk_currency_with_the_crc_of_units_is_refused_as_alone(chance: random.Random) -> None:
    """CRC_C keeps meters from taking one for the other, and so does reading."""
    decoder_keys = _keys(MISTY1, FULL_BATCH, chance)
    body = 0x4123_4567_89AB
    block = body << 16 | crc16(body.to_bytes(7, "big"))
    digits = [join_digits(0, MISTY1.encrypt(decoder_key, block)) for decoder_key in decoder_keys]

    together = decode_tokens(digits, cipher=MISTY1, decoder_keys=decoder_keys)

    assert {error.code for error in together if isinstance(error, StsError)} == {"token_crc_wrong"}
    _assert_read_as_alone(digits, MISTY1, decoder_keys)


@pytest.mark.parametrize("wrong", ["", "1" * 19, "1" * 21, "x" * 20, "\u0665" * 20, " " * 20, None, 1, b"1" * 20])
def test_bulk_digits_that_are_none_are_refused_as_alone(wrong: Any, chance: random.Random) -> None:
    decoder_keys, some_credits = _keys(MISTY1, FULL_BATCH, chance), _some_credits(FULL_BATCH, chance)
    digits = encode_credits(some_credits, cipher=MISTY1, decoder_keys=decoder_keys)
    digits[3] = wrong

    together = decode_tokens(digits, cipher=MISTY1, decoder_keys=decoder_keys)

    assert [row for row, one in enumerate(together) if isinstance(one, StsError)] == [3]
    _assert_read_as_alone(digits, MISTY1, decoder_keys)


def test_bulk_tests_need_neither_cipher_nor_key() -> None:
    digits = [seal_token(1, test, cipher=None, decoder_key=b"") for test in range(FULL_BATCH)]
    digits[9] = "0" * 20

    _assert_read_as_alone(digits, None, [b""] * FULL_BATCH)


def test_bulk_refusals_hold_no_frames(chance: random.Random) -> None:
    """A frame would hold the digits and the decoder key for as long as the refusal is kept."""
    (refusal,) = decode_tokens(["0" * 20], cipher=MISTY1, decoder_keys=[bytes(16)])

    assert isinstance(refusal, StsError)
    assert (refusal.__traceback__, refusal.__context__) == (None, None)


def test_bulk_reproduces_the_published_blocks() -> None:
    misty1 = vectors_of("MISTY1")
    keys = [bytes.fromhex(vector.inputs["key"]) for vector in misty1] * FULL_BATCH
    blocks = [int(vector.inputs["block"], 16) for vector in misty1] * FULL_BATCH
    (sample,) = vectors_of("STA")
    sample_key = [bytes.fromhex(sample.inputs["key"])] * FULL_BATCH
    sample_block = [int(sample.inputs["block"], 16)] * FULL_BATCH

    assert encrypt_many(MISTY1, keys, blocks) == [int(vector.expected, 16) for vector in misty1] * FULL_BATCH
    (made,) = {join_digits(0, block) for block in encrypt_many(SAMPLE_STA, sample_key, sample_block)}
    assert made == str(int(sample.expected["token66_hex"], 16)).zfill(20)


@pytest.mark.parametrize("ea", [pytest.param(7, marks=needs_operational_tables), 11])
def test_bulk_reproduces_the_published_tokens(ea: int) -> None:
    cipher = cipher_of(ea, operational_tables() or SAMPLE_TABLES)
    vectors = 8 * [vector for vector in all_vectors() if any(vector.is_token(ea=ea, token_class=n) for n in (0, 2))]
    digits, decoder_keys = [vector.expected for vector in vectors], list(map(_decoder_key, vectors))

    read = decode_tokens(digits, cipher=cipher, decoder_keys=decoder_keys)

    assert not [one for one in read if isinstance(one, StsError)]
    rows = [row for row, one in enumerate(read) if type(one) is UnitCredit]
    assert len(rows) >= FULL_BATCH
    some_credits = [one for one in read if type(one) is UnitCredit]
    made = encode_credits(some_credits, cipher=cipher, decoder_keys=[decoder_keys[row] for row in rows])
    assert made == [digits[row] for row in rows]


def _decoder_key(vector: Vector) -> bytes:
    key = vector.inputs["key"]
    return bytes.fromhex(key["dk"]) if "dk" in key else derive_decoder_key(**vector.decoder_key_arguments())
