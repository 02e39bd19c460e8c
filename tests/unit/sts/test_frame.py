"""The frame of 66 bits: what is refused on the way in and out."""

from typing import Any

import pytest

from vending.sts.ciphers import MISTY1
from vending.sts.errors import (
    FieldOutOfRange,
    StsError,
    TokenCrcWrong,
    TokenMalformed,
    UnsupportedAlgorithm,
    UnsupportedToken,
)
from vending.sts.frame import check_cipher, join_digits, open_token, seal_token, split_digits, subclass_of

DECODER_KEY = bytes.fromhex("929bd3a415c9420a05ec5ee9f3ce91c3")
METER: dict[str, Any] = {"cipher": MISTY1, "decoder_key": DECODER_KEY}
DIGITS = "58625789986991357486"  # STS 531-1-11, CTSA01: 0.1 kWh


@pytest.mark.parametrize(
    "digits",
    ["", "1" * 19, "1" * 21, "5862578998699135748x", " 5862578998699135748", "\u0665" * 20, str(1 << 66), "9" * 20],
)
def test_token_that_is_no_66_bit_number_is_refused(digits: str) -> None:
    with pytest.raises(TokenMalformed) as refusal:
        open_token(digits, **METER)

    assert (refusal.value.code, refusal.value.field) == ("token_malformed", "digits")


def test_greatest_token_of_66_bits_is_split_and_joined() -> None:
    assert split_digits("73786976294838206463") == (3, (1 << 64) - 1)
    assert join_digits(3, (1 << 64) - 1) == "73786976294838206463"
    assert split_digits("0" * 20) == (0, 0)
    assert join_digits(0, 0) == "0" * 20


def test_class_bits_are_transposed_at_28_and_27() -> None:
    """The block's own bits 28 and 27 become 65 and 64, in their order."""
    assert int(join_digits(2, 1 << 27)) == 1 << 64 | 2 << 27
    assert int(join_digits(1, 1 << 28)) == 1 << 65 | 1 << 27
    assert split_digits(f"{1 << 65 | 1 << 27:020d}") == (1, 1 << 28)


@pytest.mark.parametrize(
    ("token_class", "block", "field"),
    [(4, 0, "token_class"), (-1, 0, "token_class"), (0, 1 << 64, "block"), (0, -1, "block")],
)
def test_class_or_block_of_too_many_bits_is_not_joined(token_class: int, block: int, field: str) -> None:
    with pytest.raises(FieldOutOfRange) as refusal:
        join_digits(token_class, block)

    assert refusal.value.field == field


def test_token_with_a_changed_digit_or_another_decoder_key_has_a_wrong_crc() -> None:
    for digits, decoder_key in ((DIGITS[:-1] + "7", DECODER_KEY), (DIGITS, DECODER_KEY[::-1])):
        with pytest.raises(TokenCrcWrong) as refusal:
            open_token(digits, cipher=MISTY1, decoder_key=decoder_key)
        assert (refusal.value.code, refusal.value.field) == ("token_crc_wrong", "digits")
        assert digits not in str(refusal.value)


@pytest.mark.parametrize("token_class", [0, 1, 2])
@pytest.mark.parametrize("body", [0, 1, (1 << 48) - 1, 0x8000_0000_0000, 0x0000_1800_0000])
def test_token_of_each_class_is_opened_as_it_was_sealed(token_class: int, body: int) -> None:
    digits = seal_token(token_class, body, **METER)

    assert len(digits) == 20
    assert open_token(digits, **METER) == (token_class, body)


def test_token_of_the_reserved_class_is_neither_sealed_nor_opened() -> None:
    with pytest.raises(UnsupportedToken, match="3 is reserved"):
        seal_token(3, 0, **METER)
    with pytest.raises(UnsupportedToken, match="3 is reserved"):
        open_token(f"{3 << 27:020d}", **METER)


def test_token_whose_class_bits_were_changed_has_a_wrong_crc() -> None:
    as_class_2 = int(DIGITS) ^ 2 << 27

    with pytest.raises(TokenCrcWrong):
        open_token(f"{as_class_2:020d}", **METER)


def test_token_of_class_1_needs_neither_cipher_nor_decoder_key() -> None:
    digits = seal_token(1, 0x123, cipher=None, decoder_key=b"")

    assert open_token(digits, cipher=None, decoder_key=b"") == (1, 0x123) == open_token(digits, **METER)


def test_token_of_another_class_without_a_cipher_is_refused() -> None:
    for work in (
        lambda: seal_token(0, 0, cipher=None, decoder_key=DECODER_KEY),
        lambda: seal_token(2, 0, cipher=None, decoder_key=DECODER_KEY),
        lambda: open_token(DIGITS, cipher=None, decoder_key=DECODER_KEY),
        lambda: check_cipher(None),
    ):
        with pytest.raises(UnsupportedAlgorithm) as refusal:
            work()
        assert (refusal.value.code, refusal.value.field) == ("unsupported_algorithm", "cipher")


@pytest.mark.parametrize("body", [-1, 1 << 48])
def test_body_of_more_than_48_bits_is_refused(body: int) -> None:
    for work in (lambda: seal_token(0, body, **METER), lambda: seal_token(1, body, **METER), lambda: subclass_of(body)):
        with pytest.raises(StsError) as refusal:
            work()
        assert (refusal.value.code, refusal.value.field) == ("field_out_of_range", "body")


def test_subclass_is_the_first_four_of_48_bits() -> None:
    assert [subclass_of(subclass << 44 | 7) for subclass in range(16)] == list(range(16))
