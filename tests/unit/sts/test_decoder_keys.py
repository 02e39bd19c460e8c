"""Decoder keys under each DKGA: published answers, the formulas in other words, and what is refused."""

import hashlib
import hmac
from typing import Any

import pytest
from Crypto.Cipher import DES, DES3

from vending.kernel.errors import DomainError
from vending.sts.decoder_keys import VENDING_KEY_OCTETS, derive_decoder_key

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
DES_SECRET = b"\xab" * 8
PUBLISHED_02: dict[str, Any] = PUBLISHED | {"dkga": 2, "secret": DES_SECRET, "ea": 7, "sgc": "123456"}
BLOCK = bytes.fromhex("2151356011ffffff")  # 0072700000000000 XOR 2123456011FFFFFF
SECRETS = {dkga: SECRET[:octets] for dkga, octets in VENDING_KEY_OCTETS.items()}

LONG_PAN = "000001000000000082"  # a DRN of 13 digits
COMMON_PAN = "600727000000000009"


def des(secret: bytes, block: bytes) -> bytes:
    cipher: Any = DES.new(secret, DES.MODE_ECB)  # noqa: S304  # the standard's own
    return bytes(cipher.encrypt(block))


def xor(*blocks: bytes) -> bytes:
    return bytes(a ^ b for a, b in zip(*blocks, strict=True))


def test_dkga04_gives_the_published_decoder_key_for_ea11_and_ea07() -> None:
    assert derive_decoder_key(**PUBLISHED).hex() == "929bd3a415c9420a05ec5ee9f3ce91c3"
    assert derive_decoder_key(**PUBLISHED | {"ea": 7}).hex() == "87f3ecbb2e46b48f"


def test_dkga02_gives_the_published_decoder_key() -> None:
    assert derive_decoder_key(**PUBLISHED_02).hex() == "e653341f9d5bf36f"


def test_dkga04_input_is_the_counted_strings_of_the_standard() -> None:
    message = bytes.fromhex("0402303402333502313102393700" + "0406303030373031" + "0132" + "0139" + "12")
    message += b"000001000000000082" + bytes.fromhex("00000080")

    made = derive_decoder_key(
        **PUBLISHED | {"base_date": "35", "sgc": "000701", "krn": 9, "ti": 97, "meter_pan": LONG_PAN}
    )

    assert made == hmac.new(SECRET, message, hashlib.sha256).digest()[:16]


def test_dkga04_for_ea09_asks_for_64_bits() -> None:
    message = bytes.fromhex("040230340231340230390230310004063230313435370132013112")
    message += b"600727000000000009" + bytes.fromhex("00000040")

    made = derive_decoder_key(**PUBLISHED | {"ea": 9})

    assert made == hmac.new(SECRET, message, hashlib.sha256).digest()[:8]


def test_dkga01_enciphers_the_vending_key_under_the_block() -> None:
    made = derive_decoder_key(**PUBLISHED_02 | {"dkga": 1})

    assert made == xor(des(BLOCK, DES_SECRET), DES_SECRET)


def test_dkga02_enciphers_the_block_under_the_vending_key_and_mixes_both_in() -> None:
    secret = bytes.fromhex("0123456789abcdef")

    made = derive_decoder_key(**PUBLISHED_02 | {"secret": secret})

    assert made == xor(xor(des(secret, BLOCK), BLOCK), secret)


def test_dkga03_is_triple_des_of_the_block_and_the_block() -> None:
    secret = bytes.fromhex("0123456789abcdeffedcba9876543210")

    made = derive_decoder_key(**PUBLISHED_02 | {"dkga": 3, "secret": secret})

    triple: Any = DES3.new(secret, DES3.MODE_ECB)
    assert made == xor(triple.encrypt(BLOCK), BLOCK)


def test_dkga03_with_equal_halves_is_single_des() -> None:
    made = derive_decoder_key(**PUBLISHED_02 | {"dkga": 3, "secret": DES_SECRET * 2})

    assert made == xor(des(DES_SECRET, BLOCK), BLOCK)


def test_des_block_of_a_long_drn_has_its_sixteen_digits() -> None:
    control = bytes.fromhex("2000701979ffffff")
    block = xor(bytes.fromhex("0000100000000008"), control)

    made = derive_decoder_key(**PUBLISHED_02 | {"sgc": "000701", "krn": 9, "ti": 97, "meter_pan": LONG_PAN})

    assert made == xor(xor(des(DES_SECRET, block), block), DES_SECRET)


@pytest.mark.parametrize("dkga", [1, 2, 3])
def test_dkga_01_to_03_make_nothing_of_the_base_date_and_the_same_for_ea07_and_ea09(dkga: int) -> None:
    facts = PUBLISHED_02 | {"dkga": dkga, "secret": SECRETS[dkga]}

    made = {derive_decoder_key(**facts | {"base_date": base, "ea": ea}) for base in ("93", "14", "35") for ea in (7, 9)}

    assert [len(decoder_key) for decoder_key in made] == [8]


@pytest.mark.parametrize("dkga", [1, 2, 3, 4])
def test_common_key_is_the_same_for_every_meter(dkga: int) -> None:
    facts = PUBLISHED | {"dkga": dkga, "secret": SECRETS[dkga], "ea": 7, "kt": 3}
    meters = (COMMON_PAN, LONG_PAN, "600727111111111153")

    made = {derive_decoder_key(**facts | {"meter_pan": pan}) for pan in meters}

    assert len(made) == 1
    assert made != {derive_decoder_key(**facts | {"kt": 2, "meter_pan": COMMON_PAN})}


def test_common_key_under_dkga02_is_of_a_meter_number_of_zeros() -> None:
    block = xor(bytes.fromhex("0072700000000000"), bytes.fromhex("3123456011ffffff"))

    made = derive_decoder_key(**PUBLISHED_02 | {"kt": 3, "meter_pan": LONG_PAN})

    assert made == xor(xor(des(DES_SECRET, block), block), DES_SECRET)


@pytest.mark.parametrize("dkga", [1, 2, 3, 4])
@pytest.mark.parametrize(
    "change",
    [{"meter_pan": "600727111111111153"}, {"sgc": "201458"}, {"krn": 2}, {"kt": 1}, {"ti": 2}],
)
def test_decoder_key_with_any_other_fact_is_another(dkga: int, change: dict[str, Any]) -> None:
    facts = PUBLISHED | {"dkga": dkga, "secret": SECRETS[dkga], "ea": 7}

    assert derive_decoder_key(**facts | change) != derive_decoder_key(**facts)
    assert derive_decoder_key(**facts | {"secret": bytes(1) + facts["secret"][1:]}) != derive_decoder_key(**facts)


@pytest.mark.parametrize("change", [{"base_date": "35"}, {"base_date": "93"}, {"ea": 9}, {"ea": 11}])
def test_dkga04_with_another_base_date_or_ea_gives_another_decoder_key(change: dict[str, Any]) -> None:
    facts = PUBLISHED | {"ea": 7}

    assert derive_decoder_key(**facts | change)[:8] != derive_decoder_key(**facts)


@pytest.mark.parametrize("dkga", [1, 2, 3])
def test_pair_of_a_des_dkga_and_ea11_is_refused_by_name(dkga: int) -> None:
    with pytest.raises(DomainError) as refusal:
        derive_decoder_key(**PUBLISHED | {"dkga": dkga, "secret": SECRETS[dkga]})

    assert (refusal.value.code, refusal.value.field) == ("unsupported_algorithm", "ea")
    assert str(refusal.value) == f"DKGA 0{dkga} makes no decoder key for EA 11"


@pytest.mark.parametrize("dkga", [1, 2, 3, 4])
@pytest.mark.parametrize("octets", [0, 7, 9, 15, 17, 19, 21])
def test_vending_key_of_another_length_is_refused(dkga: int, octets: int) -> None:
    with pytest.raises(DomainError) as refusal:
        derive_decoder_key(**PUBLISHED | {"dkga": dkga, "ea": 7, "secret": b"\xab" * octets})

    assert (refusal.value.code, refusal.value.field) == ("vending_key_malformed", "secret")


ANYTHING: list[Any] = [None, [], {}, "", "x" * 100_000, b"", 1.0, -1, 10**5000, True, object()]
CODES = {
    "dkga": "unsupported_algorithm",
    "secret": "vending_key_malformed",
    "base_date": "key_attribute_invalid",
    "ea": "unsupported_algorithm",
    "meter_pan": "meter_number_invalid",
    "sgc": "key_attribute_invalid",
    "krn": "key_attribute_invalid",
    "kt": "key_attribute_invalid",
    "ti": "key_attribute_invalid",
}


@pytest.mark.parametrize("dkga", [2, 4])
@pytest.mark.parametrize("field", CODES)
@pytest.mark.parametrize("value", ANYTHING, ids=lambda value: type(value).__name__)
def test_decoder_key_from_anything_at_all_is_refused_with_a_code(dkga: int, field: str, value: Any) -> None:
    facts = PUBLISHED | {"dkga": dkga, "secret": SECRETS[dkga], "ea": 7}
    derive_decoder_key(**facts)  # what it keeps of right facts must not let 1.0 or True pass for 1

    with pytest.raises(DomainError) as refusal:
        derive_decoder_key(**facts | {field: value})

    assert (refusal.value.code, refusal.value.field) == (CODES[field], field)
    assert len(str(refusal.value)) < 80


@pytest.mark.parametrize(
    ("change", "code", "field"),
    [
        ({"dkga": 0}, "unsupported_algorithm", "dkga"),
        ({"dkga": 5}, "unsupported_algorithm", "dkga"),
        ({"ea": 8}, "unsupported_algorithm", "ea"),
        ({"ea": 7.0}, "unsupported_algorithm", "ea"),
        ({"secret": bytearray(SECRET)}, "vending_key_malformed", "secret"),
        ({"secret": SECRET.decode("latin-1")}, "vending_key_malformed", "secret"),
        ({"base_date": "20"}, "key_attribute_invalid", "base_date"),
        ({"base_date": 14}, "key_attribute_invalid", "base_date"),
        ({"sgc": "20145"}, "key_attribute_invalid", "sgc"),
        ({"sgc": "\u0662\u0660\u0661\u0664\u0665\u0667"}, "key_attribute_invalid", "sgc"),
        ({"sgc": 201457}, "key_attribute_invalid", "sgc"),
        ({"krn": 0}, "key_attribute_invalid", "krn"),
        ({"krn": 10}, "key_attribute_invalid", "krn"),
        ({"kt": 4}, "key_attribute_invalid", "kt"),
        ({"ti": 100}, "key_attribute_invalid", "ti"),
        ({"meter_pan": "600727000000000000"}, "check_digit_wrong", "meter_pan"),
        ({"meter_pan": "600727000000000000", "kt": 3}, "check_digit_wrong", "meter_pan"),
        ({"meter_pan": "00000000000"}, "meter_number_invalid", "meter_pan"),
        ({"meter_pan": "\u0660" * 18}, "meter_number_invalid", "meter_pan"),
        ({"meter_pan": 600727000000000009}, "meter_number_invalid", "meter_pan"),
    ],
)
def test_decoder_key_from_a_wrong_fact_is_refused(change: dict[str, Any], code: str, field: str) -> None:
    with pytest.raises(DomainError) as refusal:
        derive_decoder_key(**PUBLISHED | change)

    assert (refusal.value.code, refusal.value.field) == (code, field)
    assert "ab" * 4 not in str(refusal.value)
    assert refusal.value.__cause__ is None
