"""The self-test of the standard's arithmetic notices what is wrong."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from tests.support.ea07_tables import needs_operational_tables, operational_tables
from vending.sts import known_answers
from vending.sts.ciphers import DEA, MISTY1, Cipher, sta
from vending.sts.credit import UnitCredit
from vending.sts.known_answers import wrong_answers
from vending.sts.sta_tables import SAMPLE_TABLES, StaTables

DKGA04_AND_TOKEN = ["DKGA04 for EA11", "credit token under EA11"]


def test_known_answers_are_right() -> None:
    assert wrong_answers() == []


@needs_operational_tables
def test_known_answers_under_the_operational_tables_are_right() -> None:
    tables = operational_tables()

    assert tables is not None
    assert wrong_answers(tables) == []


@needs_operational_tables
def test_known_answers_under_the_operational_tables_notice_a_wrong_cipher(monkeypatch: pytest.MonkeyPatch) -> None:
    tables = operational_tables()
    assert tables is not None
    monkeypatch.setattr(known_answers, "sta", lambda _tables: sta(SAMPLE_TABLES))

    assert wrong_answers(tables) == ["credit token under EA07"]


@pytest.mark.parametrize(
    ("constant", "wrong_value", "names"),
    [
        ("_MISTY1_CIPHERED", 0, ["MISTY1"]),
        ("_DES_CIPHERED", 0, ["DEA"]),
        ("_STA_CIPHERED", 0, ["STA"]),
        ("_CRC", 0x7019, ["CRC"]),
        ("_VENDING_KEY_02", bytes(8), ["DKGA02"]),
        ("_VENDING_KEY_04", bytes(20), ["DKGA04 for EA07", "DKGA04 for EA11"]),
        ("_DECODER_KEY_04_EA07", bytes(8), ["DKGA04 for EA07"]),
        ("_DECODER_KEY_04_EA11", bytes(16), DKGA04_AND_TOKEN),
        ("_CREDIT", UnitCredit(subclass=0, tid=85_741, rnd=5, amount_field=1), ["credit token under EA11"]),
    ],
)
def test_known_answers_name_what_is_wrong(
    monkeypatch: pytest.MonkeyPatch, constant: str, wrong_value: object, names: list[str]
) -> None:
    monkeypatch.setattr(known_answers, constant, wrong_value)

    assert wrong_answers() == names


def block_is_lost(_decoder_key: bytes, block: int) -> int:
    return block


def library_is_broken(*_: Any, **__: Any) -> Any:
    raise ZeroDivisionError


@pytest.mark.parametrize("broken", [block_is_lost, library_is_broken])
@pytest.mark.parametrize("direction", ["encrypt", "decrypt"])
@pytest.mark.parametrize(
    ("name", "cipher", "names"),
    [("MISTY1", MISTY1, ["MISTY1", "credit token under EA11"]), ("DEA", DEA, ["DEA"])],
)
def test_known_answers_notice_a_wrong_direction_of_a_cipher(
    monkeypatch: pytest.MonkeyPatch,
    broken: Callable[[bytes, int], int],
    direction: str,
    name: str,
    cipher: Cipher,
    names: list[str],
) -> None:
    change: dict[str, Any] = {direction: broken}
    monkeypatch.setattr(known_answers, name, replace(cipher, **change))

    assert wrong_answers() == names


def test_known_answers_notice_what_raises(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(known_answers, "derive_decoder_key", library_is_broken)

    assert wrong_answers() == ["DKGA02", "DKGA04 for EA07", "DKGA04 for EA11"]


@pytest.mark.parametrize(
    "tables",
    [StaTables(SAMPLE_TABLES.second, SAMPLE_TABLES.first, SAMPLE_TABLES.permutation), None, [], "sample"],
)
def test_known_answers_notice_other_tables(tables: Any) -> None:
    assert wrong_answers(tables) == ["EA07 tables"]
