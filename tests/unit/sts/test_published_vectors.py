"""Every published vector that the present scope computes, and proof that the rest is refused and not guessed."""

import pytest

from tests.support.sts_vectors import Vector, all_vectors, vectors_of
from vending.sts import misty1
from vending.sts.amounts import amount_for, tenths_of
from vending.sts.check_digits import luhn_digit, luhn_fits
from vending.sts.crc import crc16, token_crc
from vending.sts.credit import UnitCredit, decode_credit, encode_credit
from vending.sts.decoder_keys import derive_decoder_key
from vending.sts.errors import UnsupportedAlgorithm, UnsupportedToken, VendingKeyExpired
from vending.sts.frame import open_token, seal_token
from vending.sts.identifiers import MeterPan
from vending.sts.tid import check_key_not_expired, next_tid, tid_at

EA11_CREDIT = [vector for vector in all_vectors() if vector.is_token(ea=11, token_class=0)]
UNIT_CREDIT = [vector for vector in EA11_CREDIT if vector.inputs["subclass"] <= 3]
CURRENCY_CREDIT = [vector for vector in EA11_CREDIT if vector.inputs["subclass"] > 3]
EA11_MANAGEMENT = [vector for vector in all_vectors() if vector.is_token(ea=11, token_class=2)]
TESTS_AND_DISPLAYS = [v for v in vectors_of("token") if v.inputs["class"] == 1]


def named(vectors: list[Vector]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("vector", vectors, ids=lambda vector: vector.id)


def tenths_in(vector: Vector) -> int:
    whole, _, tenth = vector.inputs["amount"].partition(".")
    return int(whole) * 10 + int(tenth or 0)


def credit_in(vector: Vector) -> UnitCredit:
    return UnitCredit(
        subclass=vector.inputs["subclass"],
        tid=tid_at(vector.issued_at, vector.base),
        rnd=vector.inputs["rnd"],
        amount_field=amount_for(tenths_in(vector)),
    )


def test_vectors_in_scope_are_all_there() -> None:
    counted = {
        name: len(vectors_of(name))
        for name in ("MISTY1", "CRC16", "TOKEN_CRC", "TID", "TID_SEQ", "LUHN", "LUHN_VALID", "PAN", "KEN", "DKGA")
    }

    assert len(all_vectors()) == 315
    assert len({vector.id for vector in all_vectors()}) == 315
    assert counted == {
        "MISTY1": 2,
        "CRC16": 1,
        "TOKEN_CRC": 1,
        "TID": 3,
        "TID_SEQ": 1,
        "LUHN": 2,
        "LUHN_VALID": 1,
        "PAN": 2,
        "KEN": 3,
        "DKGA": 1,
    }
    assert [len(UNIT_CREDIT), len(CURRENCY_CREDIT), len(EA11_MANAGEMENT), len(TESTS_AND_DISPLAYS)] == [47, 8, 35, 39]


@named(vectors_of("MISTY1"))
def test_misty1_vector_encrypts_and_decrypts_as_published(vector: Vector) -> None:
    decoder_key = bytes.fromhex(vector.inputs["key"])
    block, ciphered = int(vector.inputs["block"], 16), int(vector.expected, 16)

    assert misty1.encrypt(decoder_key, block) == ciphered
    assert misty1.decrypt(decoder_key, ciphered) == block


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
def test_tid_vector_gives_published_tid(vector: Vector) -> None:
    assert tid_at(vector.issued_at, vector.base) == vector.expected


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
def test_ea11_unit_credit_vector_is_made_digit_for_digit(vector: Vector) -> None:
    credit = credit_in(vector)
    decoder_key = derive_decoder_key(**vector.decoder_key_arguments())

    digits = encode_credit(
        subclass=credit.subclass,
        tid=credit.tid,
        rnd=credit.rnd,
        amount_field=credit.amount_field,
        ea=11,
        decoder_key=decoder_key,
    )

    assert digits == vector.expected


@named(UNIT_CREDIT)
def test_ea11_unit_credit_vector_is_read_back(vector: Vector) -> None:
    decoder_key = derive_decoder_key(**vector.decoder_key_arguments())

    read = decode_credit(vector.expected, ea=11, decoder_key=decoder_key)

    assert read == credit_in(vector)
    assert 0 <= tenths_of(read.amount_field) - tenths_in(vector) < 1000  # rounded up to what the field carries


@named(CURRENCY_CREDIT + EA11_MANAGEMENT)
def test_ea11_vector_of_another_kind_opens_but_is_refused_as_unit_credit(vector: Vector) -> None:
    decoder_key = derive_decoder_key(**vector.decoder_key_arguments())

    token_class, body = open_token(vector.expected, ea=11, decoder_key=decoder_key)

    assert (token_class, body >> 44) == (vector.inputs["class"], vector.inputs["subclass"])
    assert body >> 16 & 0xFFFFFF == tid_at(vector.issued_at, vector.base)
    assert seal_token(token_class, body, ea=11, decoder_key=decoder_key) == vector.expected
    with pytest.raises(UnsupportedToken):
        decode_credit(vector.expected, ea=11, decoder_key=decoder_key)


@named(TESTS_AND_DISPLAYS)
def test_class_1_vector_is_framed_in_clear(vector: Vector) -> None:
    fields = vector.inputs
    mfr_bits = 16 if fields["subclass"] == 1 else 8
    body = fields["subclass"] << 44 | fields["control"] << mfr_bits | fields["mfr"]

    assert seal_token(1, body, ea=0, decoder_key=b"") == vector.expected
    assert open_token(vector.expected, ea=0, decoder_key=b"") == (1, body)


def test_every_key_change_token_under_ea11_opens_with_its_class_and_section() -> None:
    subclass_of_section = {1: 3, 2: 4, 3: 8, 4: 9}
    opened = 0
    for vector in [v for name in ("kct", "kct_section") for v in vectors_of(name) if v.inputs["ea"] == 11]:
        decoder_key = derive_decoder_key(**vector.decoder_key_arguments())
        whole_set = vector.algorithm == "kct"
        sections = (1, 2, 3, 4) if whole_set else (vector.inputs["section"],)
        for section, digits in zip(sections, vector.expected if whole_set else [vector.expected], strict=True):
            token_class, body = open_token(digits, ea=11, decoder_key=decoder_key)
            assert (token_class, body >> 44) == (2, subclass_of_section[section])
            opened += 1

    assert opened == 3 * 4 + 10


def test_ea07_token_vectors_are_refused_and_not_guessed() -> None:
    refused = 0
    for vector in vectors_of("token"):
        if vector.inputs.get("ea") == 7:
            with pytest.raises(UnsupportedAlgorithm):
                open_token(vector.expected, ea=7, decoder_key=bytes(8))
            refused += 1

    assert refused == 97 + 42


def test_decoder_keys_of_other_algorithms_are_refused_and_not_guessed() -> None:
    refused = 0
    for vector in all_vectors():
        decoder_key_of = vector.inputs.get("key")
        if not isinstance(decoder_key_of, dict) or "vk" not in decoder_key_of:
            continue
        arguments = vector.decoder_key_arguments()
        if (arguments["dkga"], arguments["ea"]) != (4, 11):
            with pytest.raises(UnsupportedAlgorithm):
                derive_decoder_key(**arguments)
            refused += 1

    assert refused == 145  # the EA 07 tokens and key-change sets, less nine that come with a decoder key


def test_dkga02_vector_is_refused_and_not_guessed() -> None:
    (vector,) = vectors_of("DKGA")
    fields = {name: vector.inputs[name] for name in ("sgc", "krn", "kt", "ti")}

    with pytest.raises(UnsupportedAlgorithm, match="DKGA 2 is not supported"):
        derive_decoder_key(
            dkga=vector.inputs["dkga"],
            secret=bytes.fromhex(vector.inputs["vk"]),
            base_date="93",
            ea=11,
            meter_pan=vector.inputs["pan"],
            **fields,
        )
