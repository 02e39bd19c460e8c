"""What the virtual meter's tokens are made of: frames, amounts, ciphers, decoder keys, tables."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from gateway.simulator.meter.amounts import hundred_thousandths_of_field, tenths_of_field
from gateway.simulator.meter.ciphers import build_cipher
from gateway.simulator.meter.decoder_key import derive_decoder_key
from gateway.simulator.meter.frames import join_token, seal_frame, split_token
from gateway.simulator.meter.misty1 import Misty1
from gateway.simulator.meter.sta import Sta
from gateway.simulator.meter.sta_tables import SAMPLE_TABLES, SubstitutionTables
from gateway.simulator.meter.tokens import DisplayRequest, Units, read_token
from tests.support.meter_tokens import COMPLIANCE_KEYS, TID, build, papers, units

AS_LISTS = {"sub1": SAMPLE_TABLES.of_zero, "sub2": SAMPLE_TABLES.of_one, "perm": SAMPLE_TABLES.places}


def test_amount_field_at_the_band_edges() -> None:
    edges = {0: 0, 0x3FFF: 16383, 0x4000: 16384, 0x7FFF: 180214, 0x8000: 180224, 0xC000: 1818624, 0xFFFF: 18201624}

    assert {field: tenths_of_field(field) for field in edges} == edges


def test_currency_field_at_the_band_edges_and_below_zero() -> None:
    edges = {0: 0, 0x3FFF: 16383, 0x4000: 16384, 0x8000: 180224, 0xC000: 1818624, 0x10000: 18202624}
    assert {field: hundred_thousandths_of_field(field) for field in edges} == edges

    assert {-amount for amount in edges.values()} == {hundred_thousandths_of_field(1 << 19 | field) for field in edges}


def test_token_split_and_joined_is_the_same() -> None:
    for block in (0, 3 << 27, (1 << 64) - 1, 0x0123456789ABCDEF):
        for token_class in range(4):
            assert split_token(join_token(token_class, block)) == (token_class, block)


def test_token_read_with_the_right_key_says_what_was_sealed() -> None:
    meter = build()

    assert read_token(units(meter, field=64, rnd=11), meter.cipher) == Units(0, 11, TID, 64)


def test_token_of_class_1_is_in_clear() -> None:
    one, other = build(), build(papers(ti=2))
    digits = seal_frame(1, 1 << 44 | 1 << 16 | 1370, one.cipher)

    assert read_token(digits, other.cipher) == DisplayRequest(1, 1, 1370)


@pytest.mark.parametrize(("ea", "octets"), [(7, 8), (9, 8), (11, 16)])
def test_cipher_of_each_algorithm_goes_there_and_back(ea: int, octets: int) -> None:
    cipher = build_cipher(ea, bytes(range(octets)), SAMPLE_TABLES)

    for block in (0, 1, (1 << 64) - 1, 0x0123456789ABCDEF):
        assert cipher.decrypt(cipher.encrypt(block)) == block
        assert cipher.encrypt(block) != block


def test_cipher_dea_is_plain_des() -> None:
    # The worked example that textbooks print for DES.
    cipher = build_cipher(9, bytes.fromhex("133457799BBCDFF1"), SAMPLE_TABLES)

    assert f"{cipher.encrypt(0x0123456789ABCDEF):016X}" == "85E813540F0AB405"


def test_cipher_keys_of_another_length_are_refused() -> None:
    with pytest.raises(ValueError, match="16 octets"):
        Misty1(b"\0" * 15)
    with pytest.raises(ValueError, match="8 octets"):
        Sta(b"\0" * 16, SAMPLE_TABLES)
    with pytest.raises(ValueError, match="no meter has encryption algorithm 8"):
        build_cipher(8, b"\0" * 8, SAMPLE_TABLES)


def test_sta_every_table_and_the_permutation_count() -> None:
    key, block = bytes.fromhex("0123456789abcdef"), 0x0123456789ABCDEF
    swapped = replace(SAMPLE_TABLES, of_zero=SAMPLE_TABLES.of_one, of_one=SAMPLE_TABLES.of_zero)
    straight = replace(SAMPLE_TABLES, places=tuple(range(64)))

    found = {Sta(key, tables).encrypt(block) for tables in (SAMPLE_TABLES, swapped, straight)}

    assert len(found) == 3


def test_decoder_key_of_the_printed_check_values() -> None:
    assert derive_decoder_key(COMPLIANCE_KEYS[4], papers()).hex() == "929bd3a415c9420a05ec5ee9f3ce91c3"
    assert derive_decoder_key(COMPLIANCE_KEYS[4], papers(ea=7)).hex() == "87f3ecbb2e46b48f"


@pytest.mark.parametrize("dkga", [2, 4])
def test_decoder_key_of_a_common_key_is_every_meters(dkga: int) -> None:
    facts = papers(kt=3, ea=7, dkga=dkga)
    others = [replace(facts, meter_pan=pan) for pan in ("600727370000000105", "000013700000000224")]

    keys = {derive_decoder_key(COMPLIANCE_KEYS[dkga], each) for each in (facts, *others)}

    assert len(keys) == 1
    assert derive_decoder_key(COMPLIANCE_KEYS[dkga], replace(others[0], kt=2)) not in keys


@pytest.mark.parametrize("dkga", [2, 4])
def test_decoder_key_from_a_vending_key_of_another_length_is_refused(dkga: int) -> None:
    with pytest.raises(ValueError, match=f"DKGA 0{dkga} takes a vending key"):
        derive_decoder_key(b"\0" * 16, papers(ea=7, dkga=dkga))


def test_tables_in_a_file_are_read(tmp_path: Path) -> None:
    path = tmp_path / "tables.json"
    path.write_text(json.dumps({"_note": "anything", **AS_LISTS}))

    assert SubstitutionTables.read(path) == SAMPLE_TABLES


@pytest.mark.parametrize(
    "content",
    [
        "",
        "[]",
        "{}",
        json.dumps(AS_LISTS | {"perm": 1}),
        json.dumps(AS_LISTS | {"sub1": ["x"] * 16}),
        json.dumps(AS_LISTS | {"sub2": [0] * 16}),
        json.dumps(AS_LISTS | {"perm": list(range(63))}),
    ],
)
def test_tables_in_a_file_of_another_content_are_refused(tmp_path: Path, content: str) -> None:
    path = tmp_path / "tables.json"
    path.write_text(content)

    with pytest.raises(ValueError, match="EA 07 table"):
        SubstitutionTables.read(path)


def test_meter_of_other_tables_rejects_the_token() -> None:
    tables: Any = replace(SAMPLE_TABLES, of_zero=SAMPLE_TABLES.of_one, of_one=SAMPLE_TABLES.of_zero)
    digits = units(build(papers(ea=7)))

    assert build(papers(ea=7), sta_tables=tables).type_digits(digits).word == "REJECT"
