"""What must be said beside a result, and cases about single blocks and numbers."""

from typing import Any

import pytest

from tests.support.ea07_tables import needs_operational_tables, operational_tables
from tests.vectors.asking import DK07, METER, TOKEN, VK04, outcome, refusal, result
from vending.sts.sta_tables import SAMPLE_TABLES
from vending.vectors.algorithms import Outcome, compute

# What is marked


@pytest.mark.parametrize(
    ("dkga", "vk", "ea", "kt", "is_unverified"),
    [
        (1, "ab" * 8, 7, 2, True),
        (2, "ab" * 8, 7, 2, False),
        (2, "ab" * 8, 7, 3, True),
        (2, "ab" * 8, 9, 2, True),
        (3, "ab" * 16, 7, 2, True),
        (4, "ab" * 20, 7, 2, False),
        (4, "ab" * 20, 9, 2, True),
        (4, "ab" * 20, 11, 3, True),
        (4, "ab" * 20, 11, 1, False),
    ],
)
def test_what_no_vector_covers_is_computed_and_marked(
    dkga: int, vk: str, ea: int, kt: int, is_unverified: bool
) -> None:
    key = METER | {"dkga": dkga, "vk": vk, "ea": ea, "kt": kt, "base": 14}
    alone = outcome("DKGA", **key)
    made = outcome("token", **TOKEN | {"key": key}, units=1)

    assert alone == Outcome(alone.result, is_unverified=is_unverified)
    assert made == Outcome(made.result, is_unverified=is_unverified, used_sample_tables=ea == 7)
    assert outcome("token_decode", token=made.result, key=key).is_unverified is is_unverified
    assert outcome("token", **TOKEN | {"key": {"dk": alone.result, "kt": kt}, "ea": ea}, units=1).result == made.result


def test_des_algorithms_need_neither_ea_nor_base_date() -> None:
    assert result("DKGA", **METER | {"sgc": "123456"}, dkga=2, vk="ab" * 8) == "e653341f9d5bf36f"


def test_key_change_to_a_common_key_is_marked() -> None:
    assert outcome("kct", key=VK04, new_key=VK04 | {"kt": 3}, ken=255).is_unverified


def test_token_of_ea07_read_under_sample_tables_says_so_when_it_does_not_fit() -> None:
    code, text = refusal("token_decode", token="58625789986991357486", key=DK07)

    assert (code, text.endswith("EA 07 was read with the sample tables")) == ("token_crc_wrong", True)


# Single blocks


@pytest.mark.parametrize("algorithm", ["MISTY1", "STA"])
def test_block_is_decrypted_by_either_word(algorithm: str) -> None:
    case = {"key": "00112233445566778899aabbccddeeff"[: 32 if algorithm == "MISTY1" else 16]}
    block = result(algorithm, **case, block="0123456789abcdef")

    assert result(algorithm, **case, block="0123456789abcdef", direction="encrypt") == block
    assert result(algorithm, **case, block="0123456789abcdef", decrypt=False) == block
    assert result(algorithm, **case, block=block, direction="decrypt") == "0123456789abcdef"
    assert result(algorithm, **case, block=block, decrypt=True) == "0123456789abcdef"


def test_sta_tables_are_those_that_the_case_names() -> None:
    case = {"key": "0abc12def3456789", "block": "0b19eb230100c207"}

    assert outcome("STA", **case).used_sample_tables
    assert not outcome("STA", **case, tables="sample").used_sample_tables
    assert refusal("STA", **case, tables="operational")[0] == "operational_tables_needed"
    assert refusal("STA", **case, tables="mine")[0] == "input_malformed"


@needs_operational_tables
def test_sta_under_operational_tables_is_not_marked() -> None:
    case = {"key": "0abc12def3456789", "block": "0b19eb230100c207", "tables": "operational"}
    computed = compute("STA", case, sta_tables=lambda: operational_tables() or SAMPLE_TABLES)

    assert computed == Outcome(computed.result)
    assert computed.result != result("STA", **case | {"tables": "sample"})


# Numbers


@pytest.mark.parametrize(
    ("algorithm", "inputs", "answer"),
    [
        ("TID", {"issued": "2014-01-01T00:01", "base": 14}, 2),
        ("TID", {"issued": "2045-11-24T20:15", "base": 14}, (1 << 24) - 1),
        ("TID_SEQ", {"issued": "2014-01-01T00:00", "base": 14, "count": 3}, [0, 2, 3]),
        ("TID_SEQ", {"issued": "2014-01-01T00:00", "base": 14, "count": 0}, []),
        ("KEN", {"issued": "2014-01-01T00:00", "base": 14, "ken": 0}, "ok"),
        ("PAN", {"drn": "0100000000008"}, "000001000000000082"),
        ("LUHN_VALID", {"number": "00000000000"}, True),
        ("TOKEN_CRC", {"class": 0, "subclass": 0, "rnd": 5, "tid": 12593749, "field": 10000}, "1970"),
        ("CRC16", {"data": ""}, "ffff"),
    ],
)
def test_number_is_computed(algorithm: str, inputs: dict[str, Any], answer: object) -> None:
    assert outcome(algorithm, **inputs) == Outcome(answer)
