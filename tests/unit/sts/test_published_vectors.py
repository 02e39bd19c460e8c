"""Every published vector that needs no licensed table, by the functions of each room: EA 11, class 1, numbers, CRC.

That each vector of the file is computed as a whole, those of EA 07 too, is the matter of `tests/vectors`.
"""

from decimal import Decimal
from typing import Any

import pytest

from tests.support.sts_vectors import Vector, all_vectors, vectors_of
from vending.sts.amounts import amount_for, tenths_of
from vending.sts.check_digits import luhn_digit, luhn_fits
from vending.sts.ciphers import MISTY1
from vending.sts.crc import crc16, token_crc
from vending.sts.credit import UnitCredit, decode_credit, encode_credit
from vending.sts.currency import CurrencyCredit, currency_field_for, encode_currency
from vending.sts.decoder_keys import derive_decoder_key
from vending.sts.errors import UnsupportedToken, VendingKeyExpired
from vending.sts.identifiers import MeterPan
from vending.sts.key_change import (
    NewKey,
    Section,
    Section1,
    Section2,
    Section3,
    Section4,
    encode_section,
    key_change_set,
)
from vending.sts.management import Management, encode_management
from vending.sts.meter_test import GREATEST_TEST, MeterTest, control_of_test, encode_meter_test
from vending.sts.tid import check_key_not_expired, moment_of, next_tid, tid_at
from vending.sts.tokens import decode_token

EA11_CREDIT = [vector for vector in all_vectors() if vector.is_token(ea=11, token_class=0)]
UNIT_CREDIT = [vector for vector in EA11_CREDIT if vector.inputs["subclass"] <= 3]
CURRENCY_CREDIT = [vector for vector in EA11_CREDIT if vector.inputs["subclass"] > 3]
EA11_MANAGEMENT = [vector for vector in all_vectors() if vector.is_token(ea=11, token_class=2)]
TESTS_AND_DISPLAYS = [vector for vector in vectors_of("token") if vector.inputs["class"] == 1]
EA11_SETS = [vector for vector in vectors_of("kct") if vector.inputs["ea"] == 11]
EA11_SECTIONS = [vector for vector in vectors_of("kct_section") if vector.inputs["ea"] == 11]


def named(vectors: list[Vector]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("vector", vectors, ids=lambda vector: vector.id)


def meter_of(vector: Vector) -> dict[str, Any]:
    """Cipher and decoder key of the meter that an EA 11 vector is for."""
    return {"cipher": MISTY1, "decoder_key": derive_decoder_key(**vector.decoder_key_arguments())}


def steps_in(vector: Vector, steps_of_a_unit: int) -> int:
    return int(Decimal(vector.inputs["amount"]) * steps_of_a_unit)


def credit_in(vector: Vector) -> UnitCredit:
    return UnitCredit(
        subclass=vector.inputs["subclass"],
        tid=tid_at(vector.issued_at, vector.base),
        rnd=vector.inputs["rnd"],
        amount_field=amount_for(steps_in(vector, 10)),
    )


def management_in(vector: Vector) -> Management:
    fields = vector.inputs
    return Management(
        subclass=fields["subclass"],
        tid=tid_at(vector.issued_at, vector.base),
        rnd=fields["rnd"],
        field=amount_for(fields["power_w"]) if "power_w" in fields else fields["field"],
    )


def new_decoder_key(vector: Vector) -> bytes:
    described = Vector(vector.id, vector.algorithm, vector.inputs | {"key": vector.inputs["new_key"]}, None)
    return derive_decoder_key(**described.decoder_key_arguments())


def section_in(vector: Vector) -> Section:
    fields, key = vector.inputs, int.from_bytes(new_decoder_key(vector), "big")
    nkho, nkmo2, nkmo1, nklo = (key >> shift & 0xFFFF_FFFF for shift in (96, 64, 32, 0))
    first: dict[str, int] = {name: fields.get(name, 0) for name in ("kenho", "krn", "ro", "kt", "kct3")}
    sections: dict[int, Section] = {
        1: Section1(**first, key_part=nkho),
        2: Section2(fields.get("kenlo", 0), fields.get("ti", 0), key_part=nklo),
        3: Section3(int(fields.get("sgc", 0)) & 0xFFF, key_part=nkmo2),
        4: Section4(int(fields.get("sgc", 0)) >> 12, key_part=nkmo1),
    }
    return sections[fields["section"]]


def test_vectors_in_scope_are_all_there() -> None:
    names = ("CRC16", "TOKEN_CRC", "TID", "TID_SEQ", "LUHN", "LUHN_VALID", "PAN", "KEN")

    assert len({vector.id for vector in all_vectors()}) == len(all_vectors()) == 315
    assert [len(vectors_of(name)) for name in names] == [1, 1, 3, 1, 2, 1, 2, 3]
    assert [len(UNIT_CREDIT), len(CURRENCY_CREDIT), len(EA11_MANAGEMENT), len(TESTS_AND_DISPLAYS)] == [47, 8, 35, 39]
    assert [len(EA11_SETS), len(EA11_SECTIONS)] == [3, 10]


@named(vectors_of("CRC16"))
def test_crc16_vector_gives_published_crc(vector: Vector) -> None:
    assert f"{crc16(bytes.fromhex(vector.inputs['data'])):04x}" == vector.expected


@named(vectors_of("TOKEN_CRC"))
def test_token_crc_vector_gives_published_crc(vector: Vector) -> None:
    fields = vector.inputs
    body = fields["subclass"] << 44 | fields["rnd"] << 40 | fields["tid"] << 16 | fields["field"]

    assert f"{token_crc(fields['class'], body):04x}" == vector.expected


@named(vectors_of("LUHN"))
def test_luhn_vector_gives_published_digit(vector: Vector) -> None:
    assert luhn_digit(vector.inputs["body"]) == vector.expected


@named(vectors_of("LUHN_VALID"))
def test_luhn_valid_vector_gives_published_verdict(vector: Vector) -> None:
    assert luhn_fits(vector.inputs["number"]) is vector.expected


@named(vectors_of("PAN"))
def test_pan_vector_gives_published_pan(vector: Vector) -> None:
    assert MeterPan.from_entry(vector.inputs["drn"]).digits == vector.expected


@named(vectors_of("TID"))
def test_tid_vector_gives_published_tid_and_back(vector: Vector) -> None:
    assert tid_at(vector.issued_at, vector.base) == vector.expected
    assert moment_of(vector.expected, vector.base) == vector.issued_at


@named(vectors_of("TID_SEQ"))
def test_tid_sequence_vector_gives_published_tids(vector: Vector) -> None:
    clock_tid = tid_at(vector.issued_at, vector.base)
    tids: list[int] = []
    for _ in range(vector.inputs["count"]):
        tids.append(next_tid(clock_tid, tids[-1] if tids else None))

    assert tids == vector.expected


@named(vectors_of("KEN"))
def test_ken_vector_is_refused_as_published(vector: Vector) -> None:
    assert vector.expected == "expired"
    with pytest.raises(VendingKeyExpired):
        check_key_not_expired(tid_at(vector.issued_at, vector.base), vector.inputs["ken"])


@named(UNIT_CREDIT)
def test_unit_credit_vector_is_made_and_read_back(vector: Vector) -> None:
    meter, credit = meter_of(vector), credit_in(vector)

    digits = encode_credit(
        subclass=credit.subclass, tid=credit.tid, rnd=credit.rnd, amount_field=credit.amount_field, **meter
    )

    assert digits == vector.expected
    assert decode_credit(digits, **meter) == decode_token(digits, **meter) == credit
    assert 0 <= tenths_of(credit.amount_field) - steps_in(vector, 10) < 1000  # rounded up to what the field carries


@named(CURRENCY_CREDIT)
def test_currency_credit_vector_is_made_and_read_back(vector: Vector) -> None:
    meter, subclass = meter_of(vector), vector.inputs["subclass"]
    tid = tid_at(vector.issued_at, vector.base)
    amount_field = currency_field_for(steps_in(vector, 100_000))

    digits = encode_currency(subclass=subclass, tid=tid, amount_field=amount_field, **meter)

    assert digits == vector.expected
    assert decode_token(digits, **meter) == CurrencyCredit(subclass, tid, amount_field)


@named(EA11_MANAGEMENT)
def test_management_vector_is_made_and_read_back(vector: Vector) -> None:
    meter, told = meter_of(vector), management_in(vector)

    digits = encode_management(subclass=told.subclass, tid=told.tid, rnd=told.rnd, field=told.field, **meter)

    assert digits == vector.expected
    assert decode_token(digits, **meter) == told


@named(EA11_MANAGEMENT + CURRENCY_CREDIT)
def test_vector_of_another_kind_is_no_unit_credit(vector: Vector) -> None:
    with pytest.raises(UnsupportedToken):
        decode_credit(vector.expected, **meter_of(vector))


@named(TESTS_AND_DISPLAYS)
def test_meter_test_vector_is_made_and_read_back(vector: Vector) -> None:
    asked = MeterTest(*(vector.inputs[name] for name in ("subclass", "control", "mfr")))

    digits = encode_meter_test(subclass=asked.subclass, control=asked.control, mfr=asked.mfr)

    assert digits == vector.expected
    assert decode_token(digits, cipher=None, decoder_key=b"") == asked


@pytest.mark.parametrize("subclass", [0, 1])
def test_every_published_test_is_one_of_nineteen(subclass: int) -> None:
    controls = [control_of_test(number, subclass) for number in range(GREATEST_TEST + 1)]
    published = {vector.inputs["control"] for vector in TESTS_AND_DISPLAYS if vector.inputs["subclass"] == subclass}

    assert len(set(controls)) == 19
    assert published <= set(controls)


@named(EA11_SETS)
def test_key_change_set_vector_is_made_in_sending_order(vector: Vector) -> None:
    meter, fields, to = meter_of(vector), vector.inputs, vector.inputs["new_key"]
    new_key = NewKey(new_decoder_key(vector), to["sgc"], to["krn"], to["kt"], to["ti"], fields["ken"])

    made = key_change_set(new_key=new_key, rollover=bool(fields["ro"]), three_token=fields["three_token"], **meter)

    assert list(made) == vector.expected
    assert fields["ro"] == (fields["key"]["base"] != to["base"])


@named(EA11_SECTIONS)
def test_key_change_section_vector_is_made_and_read_back(vector: Vector) -> None:
    meter, section = meter_of(vector), section_in(vector)

    digits = encode_section(section, **meter)

    assert digits == vector.expected
    assert decode_token(digits, **meter) == section
