"""Key changes: sections, and sets of two, three and four tokens."""

from dataclasses import replace
from typing import Any

import pytest

from vending.sts.ciphers import DEA, MISTY1, Cipher, sta
from vending.sts.errors import StsError, UnsupportedToken
from vending.sts.frame import open_token
from vending.sts.key_change import (
    SECTION_SUBCLASSES,
    NewKey,
    Section,
    Section1,
    Section2,
    Section3,
    Section4,
    encode_section,
    key_change_set,
    section_in,
)
from vending.sts.sta_tables import SAMPLE_TABLES
from vending.sts.tokens import decode_token

STA = sta(SAMPLE_TABLES)
LONG: dict[str, Any] = {"cipher": MISTY1, "decoder_key": bytes(range(16))}
SHORT: dict[str, Any] = {"cipher": STA, "decoder_key": bytes(range(8))}
NEW_LONG = NewKey(bytes.fromhex("0123456789abcdeffedcba9876543210"), sgc="203557", krn=6, kt=2, ti=42, ken=0xA5)
NEW_SHORT = replace(NEW_LONG, decoder_key=bytes.fromhex("0123456789abcdef"))
SGC = 203_557


def sections_of(meter: dict[str, Any], **asked: Any) -> list[object]:
    digits = key_change_set(**{"rollover": False, "three_token": False} | asked, **meter)
    return [decode_token(token, **meter) for token in digits]


def test_set_under_sixteen_octets_has_four_sections_in_sending_order() -> None:
    assert sections_of(LONG, new_key=NEW_LONG) == [
        Section1(kenho=0xA, krn=6, ro=0, kt=2, kct3=0, key_part=0x01234567),
        Section2(kenlo=0x5, ti=42, key_part=0x76543210),
        Section3(sgc_part=SGC & 0xFFF, key_part=0x89ABCDEF),
        Section4(sgc_part=SGC >> 12, key_part=0xFEDCBA98),
    ]


@pytest.mark.parametrize("cipher", [STA, DEA])
def test_set_under_eight_octets_has_two_sections(cipher: Cipher) -> None:
    assert sections_of(SHORT | {"cipher": cipher}, new_key=NEW_SHORT) == [
        Section1(kenho=0xA, krn=6, ro=0, kt=2, kct3=0, key_part=0x01234567),
        Section2(kenlo=0x5, ti=42, key_part=0x89ABCDEF),
    ]


def test_set_of_three_tells_the_sgc_last() -> None:
    assert sections_of(SHORT, new_key=NEW_SHORT, three_token=True, rollover=True) == [
        Section1(kenho=0xA, krn=6, ro=1, kt=2, kct3=1, key_part=0x01234567),
        Section2(kenlo=0x5, ti=42, key_part=0x89ABCDEF),
        Section3(sgc_part=SGC, key_part=0),
    ]


def test_rollover_is_the_ro_bit_of_the_first_section_alone() -> None:
    kept, rolled = (sections_of(LONG, new_key=NEW_LONG, rollover=rollover) for rollover in (False, True))

    assert [section.ro for section in (*kept, *rolled) if isinstance(section, Section1)] == [0, 1]
    assert kept[1:] == rolled[1:]


@pytest.mark.parametrize(
    ("meter", "section", "body"),
    [
        (LONG, Section1(0xE, 9, 1, 2, 0, 0x89ABCDEF), 0x3_E9A_89ABCDEF),
        (SHORT, Section1(0xE, 9, 0, 3, 1, 0x89ABCDEF), 0x3_E97_89ABCDEF),
        (LONG, Section2(0xE, 99, 0x89ABCDEF), 0x4_E63_89ABCDEF),
        (LONG, Section3(0xFED, 0x89ABCDEF), 0x8_FED_89ABCDEF),
        (SHORT, Section3(999_999, 0), 0x8_0F423F_00000),
        (LONG, Section4(0xFED, 0x89ABCDEF), 0x9_FED_89ABCDEF),
    ],
)
def test_section_fields_are_where_the_standard_has_them(meter: dict[str, Any], section: Section, body: int) -> None:
    assert open_token(encode_section(section, **meter), **meter) == (2, body)
    assert section_in(body, meter["cipher"]) == section
    assert (section.token_class, section.subclass) == (2, body >> 44)


def test_section_subclasses_have_the_numbers_of_the_standard() -> None:
    assert SECTION_SUBCLASSES == (3, 4, 8, 9)


FIRST = Section1(kenho=15, krn=1, ro=0, kt=2, kct3=0, key_part=0)
SECOND = Section2(kenlo=15, ti=1, key_part=0)


@pytest.mark.parametrize(
    ("meter", "section", "code", "field"),
    [
        (LONG, replace(FIRST, kenho=16), "field_out_of_range", "kenho"),
        (LONG, replace(FIRST, krn=0), "key_attribute_invalid", "krn"),
        (LONG, replace(FIRST, krn=10), "key_attribute_invalid", "krn"),
        (LONG, replace(FIRST, ro=2), "field_out_of_range", "ro"),
        (LONG, replace(FIRST, kt=4), "key_attribute_invalid", "kt"),
        (LONG, replace(FIRST, kct3=True), "field_out_of_range", "kct3"),
        (LONG, replace(FIRST, key_part=1 << 32), "field_out_of_range", "key_part"),
        (LONG, replace(SECOND, kenlo=-1), "field_out_of_range", "kenlo"),
        (LONG, replace(SECOND, ti=100), "key_attribute_invalid", "ti"),
        (LONG, replace(SECOND, key_part=-1), "field_out_of_range", "key_part"),
        (LONG, Section3(1 << 12, 0), "field_out_of_range", "sgc_part"),
        (LONG, Section3(0, 1 << 32), "field_out_of_range", "key_part"),
        (LONG, Section4(-1, 0), "field_out_of_range", "sgc_part"),
        (LONG, Section4(0, None), "field_out_of_range", "key_part"),  # type: ignore[arg-type]
        (SHORT, Section3(1_000_000, 0), "field_out_of_range", "sgc_part"),
        (SHORT, Section3(1, 1), "field_out_of_range", "key_part"),
        (SHORT, Section4(0, 0), "unsupported_token", "section"),
        (LONG, "a section", "unsupported_token", "section"),
        (LONG, None, "unsupported_token", "section"),
    ],
)
def test_section_with_a_wrong_field_is_refused(meter: dict[str, Any], section: Section, code: str, field: str) -> None:
    with pytest.raises(StsError) as refusal:
        encode_section(section, **meter)

    assert (refusal.value.code, refusal.value.field) == (code, field)


@pytest.mark.parametrize(
    ("meter", "change", "code", "field"),
    [
        (LONG, {"new_key": NEW_SHORT}, "decoder_key_malformed", "new_key"),
        (SHORT, {"new_key": NEW_LONG}, "decoder_key_malformed", "new_key"),
        (LONG, {"three_token": True}, "unsupported_algorithm", "three_token"),
        (SHORT | {"cipher": DEA}, {"new_key": NEW_SHORT, "three_token": True}, "unsupported_algorithm", "three_token"),
        (LONG, {"rollover": 1}, "field_out_of_range", "rollover"),
        (LONG, {"three_token": 0}, "field_out_of_range", "three_token"),
        (LONG, {"new_key": None}, "key_attribute_invalid", "new_key"),
        (LONG, {"cipher": None}, "unsupported_algorithm", "cipher"),
        (LONG, {"decoder_key": bytes(8)}, "decoder_key_malformed", "decoder_key"),
        (LONG, {"rollover": True, "decoder_key": NEW_LONG.decoder_key}, "key_attribute_invalid", "rollover"),
    ],
)
def test_set_that_no_meter_could_take_is_refused(
    meter: dict[str, Any], change: dict[str, Any], code: str, field: str
) -> None:
    asked: dict[str, Any] = {"new_key": NEW_LONG, "rollover": False, "three_token": False} | meter | change

    with pytest.raises(StsError) as refusal:
        key_change_set(**asked)

    assert (refusal.value.code, refusal.value.field) == (code, field)


def test_set_without_rollover_may_keep_the_decoder_key() -> None:
    """A new KEN alone is a change too."""
    assert len(sections_of(LONG | {"decoder_key": NEW_LONG.decoder_key}, new_key=NEW_LONG)) == 4


@pytest.mark.parametrize(
    ("change", "code", "field"),
    [
        ({"decoder_key": "0123456789abcdef"}, "decoder_key_malformed", "decoder_key"),
        ({"sgc": "20355"}, "key_attribute_invalid", "sgc"),
        ({"krn": 0}, "key_attribute_invalid", "krn"),
        ({"kt": 4}, "key_attribute_invalid", "kt"),
        ({"ti": -1}, "key_attribute_invalid", "ti"),
        ({"ken": 256}, "key_attribute_invalid", "ken"),
    ],
)
def test_new_key_with_a_wrong_attribute_is_refused(change: dict[str, Any], code: str, field: str) -> None:
    with pytest.raises(StsError) as refusal:
        replace(NEW_LONG, **change)

    assert (refusal.value.code, refusal.value.field) == (code, field)


@pytest.mark.parametrize("subclass", [0, 5, 10, 15])
def test_section_of_a_body_of_another_kind_is_refused(subclass: int) -> None:
    with pytest.raises(UnsupportedToken) as refusal:
        section_in(subclass << 44, MISTY1)

    assert (refusal.value.code, refusal.value.field) == ("unsupported_token", "subclass")


def test_fourth_section_is_not_read_under_eight_octets() -> None:
    with pytest.raises(UnsupportedToken):
        section_in(9 << 44, STA)


def test_key_octets_are_in_no_representation() -> None:
    for section in sections_of(LONG, new_key=NEW_LONG):
        assert "key_part" not in repr(section)
    assert "decoder_key" not in repr(NEW_LONG)
    assert repr(NEW_LONG) == "NewKey(sgc='203557', krn=6, kt=2, ti=42, ken=165)"
