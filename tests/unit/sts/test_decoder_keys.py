"""Decoder keys under DKGA 04, and what is refused."""

import hashlib
import hmac
from typing import Any

import pytest

from vending.kernel.errors import DomainError
from vending.sts.ciphers import cipher_of
from vending.sts.decoder_keys import derive_decoder_key
from vending.sts.errors import UnsupportedAlgorithm

SECRET = bytes.fromhex("abababababababab949494949494949401234567")
PUBLISHED: dict[str, Any] = {
    "dkga": 4,
    "secret": SECRET,
    "base_date": "14",
    "ea": 11,
    "meter_pan": "600727000000000009",
    "sgc": "201457",
    "krn": 1,
    "kt": 2,
    "ti": 1,
}


def test_dkga04_gives_the_published_decoder_key() -> None:
    assert derive_decoder_key(**PUBLISHED).hex() == "929bd3a415c9420a05ec5ee9f3ce91c3"


def test_dkga04_input_is_the_counted_strings_of_the_standard() -> None:
    message = bytes.fromhex("0402303402333502313102393700" + "0406303030373031" + "0132" + "0139" + "12")
    message += b"000001000000000082" + bytes.fromhex("00000080")

    made = derive_decoder_key(
        **PUBLISHED | {"base_date": "35", "sgc": "000701", "krn": 9, "ti": 97, "meter_pan": "000001000000000082"}
    )

    assert made == hmac.new(SECRET, message, hashlib.sha256).digest()[:16]


@pytest.mark.parametrize(
    "change",
    [
        {"base_date": "35"},
        {"meter_pan": "600727111111111153"},
        {"sgc": "201458"},
        {"krn": 2},
        {"kt": 3},
        {"ti": 2},
        {"secret": SECRET[::-1]},
    ],
)
def test_dkga04_with_any_other_fact_gives_another_decoder_key(change: dict[str, Any]) -> None:
    assert derive_decoder_key(**PUBLISHED | change) != derive_decoder_key(**PUBLISHED)


@pytest.mark.parametrize(
    ("change", "code", "field"),
    [
        ({"dkga": 2}, "unsupported_algorithm", "dkga"),
        ({"dkga": 0}, "unsupported_algorithm", "dkga"),
        ({"ea": 7}, "unsupported_algorithm", "ea"),
        ({"secret": SECRET[:16]}, "vending_key_malformed", "secret"),
        ({"base_date": "20"}, "key_attribute_invalid", "base_date"),
        ({"sgc": "20145"}, "key_attribute_invalid", "sgc"),
        ({"krn": 0}, "key_attribute_invalid", "krn"),
        ({"kt": 4}, "key_attribute_invalid", "kt"),
        ({"ti": 100}, "key_attribute_invalid", "ti"),
        ({"meter_pan": "600727000000000000"}, "check_digit_wrong", "meter_pan"),
        ({"meter_pan": "00000000000"}, "meter_number_invalid", "meter_pan"),
    ],
)
def test_decoder_key_from_a_wrong_fact_is_refused(change: dict[str, Any], code: str, field: str) -> None:
    with pytest.raises(DomainError) as refusal:
        derive_decoder_key(**PUBLISHED | change)

    assert (refusal.value.code, refusal.value.field) == (code, field)
    assert "ab" * 4 not in str(refusal.value)


def test_cipher_of_an_unknown_ea_is_refused() -> None:
    assert cipher_of(11).name == "MISTY1"
    with pytest.raises(UnsupportedAlgorithm, match="EA 9 is not supported"):
        cipher_of(9)
