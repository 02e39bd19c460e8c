"""The virtual meter against published vectors, by itself: what it accepts is the standard's, not merely ours."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from gateway.simulator.frames import crc16, frame_crc, read_credit
from gateway.simulator.meter import MeterFacts, VirtualMeter, Word
from gateway.simulator.misty1 import Misty1

VECTORS = json.loads((Path(__file__).parents[1] / "vectors" / "virtual_meter.json").read_text())["vectors"]
BASE_YEARS = {93: 1993, 14: 2014, 35: 2035}


def vectors_of(algorithm: str) -> list[Any]:
    return [pytest.param(each, id=each["id"]) for each in VECTORS if each["algorithm"] == algorithm]


def meter_of(inputs: dict[str, Any], *, sgc: str | None = None) -> VirtualMeter:
    named = inputs["key"]
    facts = MeterFacts(
        drn="",
        meter_pan=named["pan"],
        sgc=sgc or named["sgc"],
        krn=named["krn"],
        kt=named["kt"],
        ti=named["ti"],
        base=named["base"],
    )
    return VirtualMeter(facts, bytes.fromhex(named["vk"]))


def carried_tenths(amount: str) -> int:
    """What a token for this amount really gives: what the field cannot say is rounded up, for the customer."""
    tenths = int(amount.replace(".", ""))
    for start, step in ((0, 1), (16384, 10), (180224, 100), (1818624, 1000)):
        mantissa = -(-(tenths - start) // step)
        if mantissa <= 16383:
            return start + mantissa * step if mantissa >= 0 else start
    raise AssertionError("more than a token can say")


def tid_of(inputs: dict[str, Any]) -> int:
    issued = datetime.fromisoformat(inputs["issued"]).replace(tzinfo=UTC)
    return (issued - datetime(BASE_YEARS[inputs["base"]], 1, 1, tzinfo=UTC)) // timedelta(minutes=1)


def test_published_token_vectors_are_at_least_ten() -> None:
    assert len(vectors_of("token")) == 15


@pytest.mark.parametrize("vector", vectors_of("token"))
def test_meter_published_token_is_accepted_once(vector: dict[str, Any]) -> None:
    meter = meter_of(vector["inputs"])
    energy = carried_tenths(vector["inputs"]["amount"])

    first, second = meter.type_digits(vector["expected"]), meter.type_digits(vector["expected"])

    assert (first.word, first.energy_kwh_tenths, first.balance_tenths) == (Word.ACCEPT, energy, energy)
    assert (second.word, second.energy_kwh_tenths, second.balance_tenths) == (Word.USED, 0, energy)


@pytest.mark.parametrize("vector", vectors_of("token"))
def test_meter_published_token_says_its_minute_and_its_random_bits(vector: dict[str, Any]) -> None:
    frame = read_credit(vector["expected"], meter_of(vector["inputs"]).cipher)

    assert frame is not None
    assert (frame.tid, frame.rnd) == (tid_of(vector["inputs"]), vector["inputs"]["rnd"])


@pytest.mark.parametrize("vector", vectors_of("token"))
def test_meter_of_another_supply_group_rejects_published_token(vector: dict[str, Any]) -> None:
    answer = meter_of(vector["inputs"], sgc="654321").type_digits(vector["expected"])

    assert (answer.word, answer.energy_kwh_tenths, answer.balance_tenths) == (Word.REJECT, 0, 0)


@pytest.mark.parametrize("vector", vectors_of("MISTY1"))
def test_cipher_rfc_2994_block_goes_there_and_back(vector: dict[str, Any]) -> None:
    cipher = Misty1(bytes.fromhex(vector["inputs"]["key"]))
    plain, enciphered = int(vector["inputs"]["block"], 16), int(vector["expected"], 16)

    assert (cipher.encrypt(plain), cipher.decrypt(enciphered)) == (enciphered, plain)


@pytest.mark.parametrize("vector", vectors_of("TOKEN_CRC"))
def test_crc_of_the_associations_own_example(vector: dict[str, Any]) -> None:
    said = vector["inputs"]
    upper = said["subclass"] << 44 | said["rnd"] << 40 | said["tid"] << 16 | said["field"]

    assert frame_crc(said["class"], upper) == int(vector["expected"], 16)


@pytest.mark.parametrize("vector", vectors_of("CRC16"))
def test_crc_of_octets_is_printed_low_octet_first(vector: dict[str, Any]) -> None:
    assert crc16(bytes.fromhex(vector["inputs"]["data"])).to_bytes(2, "little").hex() == vector["expected"]
