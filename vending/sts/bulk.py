"""Thousands of tokens at once, for audits and mass issue: what `credit` and `tokens` answer, several times faster.

The ciphers work on `slices`, the frame on columns (`column_frame`, `column_credit`). What is out of the ordinary goes
one by one through the ordinary functions, so that every refusal has one place. A cipher that has no slices, and a
batch too small to gain, go that way as a whole. `many_decoder_keys` makes the keys.
"""

import struct
from collections.abc import Callable, Sequence
from functools import partial
from itertools import compress
from typing import TypeVar

from vending.kernel.errors import without_frames
from vending.sts.ciphers import Cipher
from vending.sts.column_credit import credit_blocks, credits_in
from vending.sts.column_frame import BODY_OCTETS, crc_columns, opened_digits, sealed_digits
from vending.sts.credit import TIME, UnitCredit, encode_credit
from vending.sts.errors import FieldOutOfRange, StsError
from vending.sts.fields import check_list
from vending.sts.frame import CREDIT_CLASS, MANAGEMENT_CLASS, check_cipher
from vending.sts.slices import Columns, SlicedCipher, columns_in, difference, rows_in, union
from vending.sts.tokens import AnyToken, decode_token, token_in

# From here on together is faster than one by one. With the decoder keys at hand 64 tokens take twice the time, 128 the
# same, 512 a third: some 10,000 operations on slices cost nearly the same for one row as for 500.
LEAST_BATCH = 128
# Twice as many rows gain a twentieth, half as many lose a tenth; what is in work at once needs under 2 MiB.
_CHUNK = 8192

_BLOCK_OCTETS = 8
_TOKEN_DIGITS = 20

# How a token is read: together with others as credit in units; alone from its digits, which is for tests, class 3,
# credit in currency with its other CRC, and all that is wrong; or from its body. Alone and from its body is alone.
_AS_CREDIT, _ALONE, _FROM_BODY = range(3)


def _way_of(subclass: int, token_class: int) -> int:
    if token_class == CREDIT_CLASS and subclass <= TIME:
        return _AS_CREDIT
    return _FROM_BODY if token_class == MANAGEMENT_CLASS else _ALONE


_SUBCLASS = bytes(octet & 0xF0 for octet in range(256))
_WAYS = bytes(_way_of(octet >> 4, octet & 3) for octet in range(256))
_ALONE_ABOVE_3 = bytes(_ALONE * (above > 3) for above in range(256))
_ALONE_UNLESS_0 = bytes(_ALONE * (wrong > 0) for wrong in range(256))

_Given = TypeVar("_Given")
_Made = TypeVar("_Made")


def encrypt_many(cipher: Cipher, decoder_keys: Sequence[bytes], blocks: Sequence[int]) -> list[int]:
    """`cipher.encrypt` of each block under the decoder key at its place; its errors, for the first that is wrong.

    Here and below two lists that do not fit each other are `FieldOutOfRange`.
    """

    def together(sliced: SlicedCipher, keys: Sequence[bytes], some: Sequence[int]) -> list[int] | None:
        return _worked(sliced.encrypt, keys, some)

    _check_lists(decoder_keys, blocks, "blocks")
    return _chunk_by_chunk(cipher, decoder_keys, blocks, together, check_cipher(cipher).encrypt)


def decrypt_many(cipher: Cipher, decoder_keys: Sequence[bytes], blocks: Sequence[int]) -> list[int]:
    """`cipher.decrypt` of each block under the decoder key at its place; its errors, for the first that is wrong."""

    def together(sliced: SlicedCipher, keys: Sequence[bytes], some: Sequence[int]) -> list[int] | None:
        return _worked(sliced.decrypt, keys, some)

    _check_lists(decoder_keys, blocks, "blocks")
    return _chunk_by_chunk(cipher, decoder_keys, blocks, together, check_cipher(cipher).decrypt)


def encode_credits(unit_credits: Sequence[UnitCredit], *, cipher: Cipher, decoder_keys: Sequence[bytes]) -> list[str]:
    """`encode_credit` of each credit under the decoder key at its place; its errors, for the first that is wrong."""

    def alone(decoder_key: bytes, credit: UnitCredit) -> str:
        return encode_credit(
            subclass=credit.subclass,
            tid=credit.tid,
            rnd=credit.rnd,
            amount_field=credit.amount_field,
            cipher=cipher,
            decoder_key=decoder_key,
        )

    def together(sliced: SlicedCipher, keys: Sequence[bytes], some: Sequence[UnitCredit]) -> list[str] | None:
        blocks = credit_blocks(some)
        return None if blocks is None else sealed_digits(CREDIT_CLASS, sliced.encrypt(_key_columns(keys), blocks))

    _check_lists(decoder_keys, unit_credits, "unit_credits")
    if not all(isinstance(credit, UnitCredit) for credit in unit_credits):
        raise FieldOutOfRange("unit_credits holds UnitCredit alone", field="unit_credits")
    return _chunk_by_chunk(cipher, decoder_keys, unit_credits, together, alone)


def decode_tokens(
    digits: Sequence[str], *, cipher: Cipher | None, decoder_keys: Sequence[bytes]
) -> list[AnyToken | StsError]:
    """What `decode_token` gives or raises for each 20 digits under the decoder key at their place, in any mixture.

    Tests, credit in currency and what is no token are read one by one.
    """

    def alone(decoder_key: bytes, one: str) -> AnyToken | StsError:
        return _read(lambda: decode_token(one, cipher=cipher, decoder_key=decoder_key))

    def together(sliced: SlicedCipher, keys: Sequence[bytes], some: Sequence[str]) -> list[AnyToken | StsError] | None:
        if not _are_plain(some):
            return None
        ways, body = _opened(sliced, keys, some)
        tokens: list[AnyToken | StsError] = [*credits_in(body)]
        bodies = _numbers([bytes(len(ways)), bytes(len(ways)), *body])
        for row in compress(range(len(ways)), ways):
            if ways[row] == _FROM_BODY:
                tokens[row] = _read(partial(token_in, MANAGEMENT_CLASS, bodies[row], cipher))
            else:
                tokens[row] = alone(keys[row], some[row])
        return tokens

    _check_lists(decoder_keys, digits, "digits")
    return _chunk_by_chunk(cipher, decoder_keys, digits, together, alone)


def _check_lists(decoder_keys: Sequence[bytes], given: Sequence[object], name: str) -> None:
    check_list(decoder_keys, "decoder_keys")
    check_list(given, name)
    if len(decoder_keys) != len(given):
        raise FieldOutOfRange(f"each of {name} takes a decoder key of its own", field="decoder_keys")


def _read(reading: Callable[[], AnyToken]) -> AnyToken | StsError:
    try:
        return reading()
    except StsError as refusal:
        return without_frames(refusal)


def _chunk_by_chunk(
    cipher: Cipher | None,
    decoder_keys: Sequence[bytes],
    given: Sequence[_Given],
    together: Callable[[SlicedCipher, Sequence[bytes], Sequence[_Given]], list[_Made] | None],
    alone: Callable[[bytes, _Given], _Made],
) -> list[_Made]:
    """Each chunk together; one by one if it is too small, or if a decoder key or `together` says that it is unusual."""
    sliced = cipher.sliced if isinstance(cipher, Cipher) else None
    made: list[_Made] = []
    for start in range(0, len(given), _CHUNK):
        keys, some = decoder_keys[start : start + _CHUNK], given[start : start + _CHUNK]
        chunk = None
        if sliced and cipher and len(some) >= LEAST_BATCH and _fit(keys, cipher.key_octets):
            chunk = together(sliced, keys, some)
        made += map(alone, keys, some) if chunk is None else chunk
    return made


def _fit(decoder_keys: Sequence[bytes], octets: int) -> bool:
    return set(map(type, decoder_keys)) == {bytes} and set(map(len, decoder_keys)) == {octets}


def _are_plain(digits: Sequence[str]) -> bool:
    if set(map(type, digits)) != {str} or set(map(len, digits)) != {_TOKEN_DIGITS}:
        return False
    text = "".join(digits)
    return text.isascii() and text.isdigit()


def _opened(sliced: SlicedCipher, decoder_keys: Sequence[bytes], digits: Sequence[str]) -> tuple[bytes, list[bytes]]:
    """How to read each token, and the body (6 columns) of those that need not be read alone."""
    above, classes, ciphered = opened_digits(digits)
    block = sliced.decrypt(_key_columns(decoder_keys), ciphered)
    body, crc = block[:BODY_OCTETS], block[BODY_OCTETS:]
    wrong = union([difference(pair) for pair in zip(crc, crc_columns(classes, body), strict=True)])
    ways = union([body[0].translate(_SUBCLASS), classes]).translate(_WAYS)
    return union([ways, wrong.translate(_ALONE_UNLESS_0), above.translate(_ALONE_ABOVE_3)]), body


def _worked(
    work: Callable[[Columns, Columns], list[bytes]], decoder_keys: Sequence[bytes], blocks: Sequence[int]
) -> list[int] | None:
    try:
        rows = struct.pack(f">{len(blocks)}Q", *blocks)
    except struct.error:
        return None
    return _numbers(work(_key_columns(decoder_keys), columns_in(rows, _BLOCK_OCTETS)))


def _key_columns(decoder_keys: Sequence[bytes]) -> list[bytes]:
    return columns_in(b"".join(decoder_keys), len(decoder_keys[0]))


def _numbers(columns: Columns) -> list[int]:
    return list(struct.unpack(f">{len(columns[0])}Q", rows_in(columns)))
