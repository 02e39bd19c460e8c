"""The frame of 66 bits and credit tokens: what is refused on the way in and out."""

from typing import Any

import pytest

from vending.kernel.errors import DomainError
from vending.sts import misty1
from vending.sts.credit import UnitCredit, check_may_vend_credit, decode_credit, encode_credit
from vending.sts.errors import DecoderKeyMalformed, TokenCrcWrong, TokenMalformed, UnsupportedToken
from vending.sts.frame import open_token, seal_token
from vending.sts.misty1_tables import S7, S9

DECODER_KEY = bytes.fromhex("929bd3a415c9420a05ec5ee9f3ce91c3")
DIGITS = "58625789986991357486"  # STS 531-1-11, CTSA01: 0.1 kWh
CREDIT: dict[str, Any] = {"subclass": 0, "tid": 85_740, "rnd": 5, "amount_field": 1}


def test_misty1_tables_are_permutations() -> None:
    assert sorted(S7) == list(range(128))
    assert sorted(S9) == list(range(512))


@pytest.mark.parametrize("octets", [0, 8, 15, 17])
def test_misty1_decoder_key_of_another_length_is_refused(octets: int) -> None:
    for work in (misty1.encrypt, misty1.decrypt):
        with pytest.raises(DecoderKeyMalformed) as refusal:
            work(bytes(octets), 0)
        assert (refusal.value.code, refusal.value.field) == ("decoder_key_malformed", "decoder_key")


def test_credit_published_token_is_made_and_read() -> None:
    assert encode_credit(**CREDIT, ea=11, decoder_key=DECODER_KEY) == DIGITS
    assert decode_credit(DIGITS, ea=11, decoder_key=DECODER_KEY) == UnitCredit(**CREDIT)


@pytest.mark.parametrize(
    ("change", "code", "field"),
    [
        ({"tid": -1}, "field_out_of_range", "credit"),
        ({"tid": 1 << 24}, "field_out_of_range", "credit"),
        ({"rnd": -1}, "field_out_of_range", "credit"),
        ({"rnd": 16}, "field_out_of_range", "credit"),
        ({"amount_field": -1}, "field_out_of_range", "credit"),
        ({"amount_field": 1 << 16}, "field_out_of_range", "credit"),
        ({"subclass": 4}, "unsupported_token", "subclass"),
        ({"subclass": -1}, "unsupported_token", "subclass"),
        ({"ea": 7}, "unsupported_algorithm", "ea"),
    ],
)
def test_credit_with_a_wrong_field_is_refused(change: dict[str, Any], code: str, field: str) -> None:
    with pytest.raises(DomainError) as refusal:
        encode_credit(**CREDIT | {"ea": 11, "decoder_key": DECODER_KEY} | change)

    assert (refusal.value.code, refusal.value.field) == (code, field)


@pytest.mark.parametrize(
    "digits",
    ["", "1" * 19, "1" * 21, "5862578998699135748x", " 5862578998699135748", "\u0665" * 20, str(1 << 66), "9" * 20],
)
def test_token_that_is_no_66_bit_number_is_refused(digits: str) -> None:
    with pytest.raises(TokenMalformed) as refusal:
        open_token(digits, ea=11, decoder_key=DECODER_KEY)

    assert (refusal.value.code, refusal.value.field) == ("token_malformed", "digits")


def test_token_with_a_changed_digit_or_another_decoder_key_has_a_wrong_crc() -> None:
    for digits, decoder_key in ((DIGITS[:-1] + "7", DECODER_KEY), (DIGITS, DECODER_KEY[::-1])):
        with pytest.raises(TokenCrcWrong) as refusal:
            decode_credit(digits, ea=11, decoder_key=decoder_key)
        assert (refusal.value.code, refusal.value.field) == ("token_crc_wrong", "digits")
        assert digits not in str(refusal.value)


@pytest.mark.parametrize("token_class", [0, 1, 2])
@pytest.mark.parametrize("body", [0, 1, (1 << 48) - 1, 0x8000_0000_0000, 0x0000_1800_0000])
def test_token_of_each_class_is_opened_as_it_was_sealed(token_class: int, body: int) -> None:
    digits = seal_token(token_class, body, ea=11, decoder_key=DECODER_KEY)

    assert len(digits) == 20
    assert open_token(digits, ea=11, decoder_key=DECODER_KEY) == (token_class, body)


def test_token_of_the_reserved_class_is_neither_sealed_nor_opened() -> None:
    with pytest.raises(UnsupportedToken, match="3 is reserved"):
        seal_token(3, 0, ea=11, decoder_key=DECODER_KEY)
    with pytest.raises(UnsupportedToken, match="3 is reserved"):
        open_token(f"{3 << 27:020d}", ea=11, decoder_key=DECODER_KEY)


def test_token_whose_class_bits_were_changed_has_a_wrong_crc() -> None:
    as_class_2 = int(DIGITS) ^ 2 << 27

    with pytest.raises(TokenCrcWrong):
        open_token(f"{as_class_2:020d}", ea=11, decoder_key=DECODER_KEY)


def test_credit_reading_a_valid_token_of_another_kind_is_refused() -> None:
    for token_class, subclass in ((1, 0), (2, 1), (0, 4), (0, 9)):
        digits = seal_token(token_class, subclass << 44, ea=11, decoder_key=DECODER_KEY)
        with pytest.raises(UnsupportedToken) as refusal:
            decode_credit(digits, ea=11, decoder_key=DECODER_KEY)
        assert refusal.value.code == "unsupported_token"


def test_credit_is_vended_under_a_unique_key_only() -> None:
    check_may_vend_credit(2)
    for kt in (0, 1, 3):
        with pytest.raises(DomainError) as refusal:
            check_may_vend_credit(kt)
        assert (refusal.value.code, refusal.value.field) == ("key_type_not_allowed", "kt")
