import hashlib

import pytest

from gateway.http.errors import PhoneInvalid
from gateway.http.phones import is_hashed, is_masked, mask, msisdn_sha256, to_e164, wire_to_e164

HASH = "bbff37cea44ac0b2d964ee0dfb8d2df8513dc7ba1b36129a929fc3fbd6dd4af4"


@pytest.mark.parametrize(
    ("written", "region", "e164"),
    [
        ("0712345678", "KE", "+254712345678"),
        ("0110123456", "KE", "+254110123456"),
        ("712345678", "KE", "+254712345678"),
        ("+254 712-345-678", "KE", "+254712345678"),
        ("254712345678", "KE", "+254712345678"),
        ("00254712345678", "KE", "+254712345678"),
        ("+254 (0) 712 345 678", "KE", "+254712345678"),
        ("0655123456", "TZ", "+255655123456"),
        (" 0712345678\n", "KE", "+254712345678"),
    ],
)
def test_to_e164_written_by_a_person_normalised(written: str, region: str, e164: str) -> None:
    assert to_e164(written, default_region=region) == e164


@pytest.mark.parametrize(
    "written",
    [
        "",
        "+",
        "12",
        "0712",
        "hello",
        "0800-FLOWERS",
        "2547 ***** 126",
        HASH,
        "+254000000000",
        "07123456789012345678901234567890123",
        "\u0660\u0667\u0661\u0662\u0663\u0664\u0665\u0666\u0667\u0668",
        "0712345678\x00",
        "0712345678;ext=5",
    ],
)
def test_to_e164_not_a_phone_refused(written: str) -> None:
    with pytest.raises(PhoneInvalid) as refusal:
        to_e164(written, default_region="KE")
    assert refusal.value.code == "phone_invalid"
    assert str(refusal.value) == "not a phone number"


@pytest.mark.parametrize(
    ("written", "e164"),
    [
        ("+254711000111", "+254711000111"),
        (" 254711000111", "+254711000111"),
        ("254711000111", "+254711000111"),
        ("255655123456", "+255655123456"),
        ("+256772123456", "+256772123456"),
        ("0711000111", "+254711000111"),
        # A range that the tables may not know yet is still the network's own word.
        ("+254999123456", "+254999123456"),
    ],
)
def test_wire_to_e164_written_by_a_vendor_normalised(written: str, e164: str) -> None:
    assert wire_to_e164(written, default_region="KE") == e164


@pytest.mark.parametrize(
    "written", ["", "21512", "MPESA", "+254711XXXYYY", "2547 ***** 126", HASH, "+254000000000", "9" * 20]
)
def test_wire_to_e164_not_a_phone_refused(written: str) -> None:
    with pytest.raises(PhoneInvalid):
        wire_to_e164(written, default_region="KE")


@pytest.mark.parametrize("text", ["2547 ***** 126", "25470****149", "+25470****149", "2547*"])
def test_is_masked_starred_number_true(text: str) -> None:
    assert is_masked(text)
    assert not is_hashed(text)


@pytest.mark.parametrize("text", ["", "*", "254712345678", "*384*96#", "2547**a", "2*" * 20, "254\u0661***"])
def test_is_masked_other_text_false(text: str) -> None:
    assert not is_masked(text)


def test_is_hashed_sha256_hex_in_either_case_true() -> None:
    assert is_hashed(HASH)
    assert is_hashed(HASH.upper())


@pytest.mark.parametrize("text", ["", HASH[:-1], HASH + "0", HASH[:-1] + "g", HASH + "\n"])
def test_is_hashed_other_text_false(text: str) -> None:
    assert not is_hashed(text)


def test_msisdn_sha256_published_sample_matches() -> None:
    assert msisdn_sha256("+254708374149") == HASH
    assert msisdn_sha256("+254708374149") == hashlib.sha256(b"254708374149").hexdigest()


@pytest.mark.parametrize(
    ("text", "shown"), [("+254708374149", "..149"), ("0708374149", "..149"), ("123456", ".."), ("", "..")]
)
def test_mask_keeps_three_digits_of_a_long_number(text: str, shown: str) -> None:
    assert mask(text) == shown
