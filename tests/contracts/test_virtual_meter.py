"""The virtual meter against published vectors, by itself: what it accepts is the standard's, not merely ours."""

import math
from decimal import Decimal
from itertools import permutations
from typing import Any

import pytest

from gateway.simulator.meter import VirtualMeter, Word
from gateway.simulator.meter.ciphers import BlockCipher, build_cipher
from gateway.simulator.meter.decoder_key import derive_decoder_key
from gateway.simulator.meter.frames import crc_8005, frame_crc, join_token
from gateway.simulator.meter.misty1 import Misty1
from gateway.simulator.meter.sta import Sta
from gateway.simulator.meter.sta_tables import SAMPLE_TABLES
from gateway.simulator.meter.tokens import Currency, DisplayRequest, Order, Section, Token, Units, read_token
from tests.support.meter_vectors import meter_of, papers_of, tables_for_vectors, tid_of, vectors_of

UNITS = vectors_of("token", **{"class": (0,), "subclass": range(4)})
CURRENCY = vectors_of("token", **{"class": (0,), "subclass": range(4, 8)})
DISPLAYS = vectors_of("token", **{"class": (1,)})
ORDERS = vectors_of("token", **{"class": (2,)})
SETS = vectors_of("kct")
SECTIONS = vectors_of("kct_section")
UNIT_STEPS, CURRENCY_STEPS = [10**e for e in range(4)], [10**e for e in range(32)]
NAMES = {"sgc": "201457", "krn": 1, "kt": 2, "ti": 1, "base": 14}
Vector = dict[str, Any]


def cipher_of(inputs: dict[str, Any]) -> BlockCipher:
    if decoder_key := inputs["key"].get("dk"):
        return build_cipher(inputs["ea"], bytes.fromhex(decoder_key), tables_for_vectors())
    return meter_of(inputs).cipher


def read(vector: Vector) -> Token | None:
    return read_token(vector["expected"], cipher_of(vector["inputs"]))


def carried(amount: int, steps: list[int]) -> int:
    """What a token really says for an amount: rounded towards plus infinity to what a field holds."""
    starts = [16384 * sum(steps[:e]) for e in range(len(steps))]
    if amount < 0:
        start, step = max((start, step) for start, step in zip(starts, steps, strict=True) if start <= -amount)
        return -(start + min((-amount - start) // step, 16383) * step)
    for start, step in zip(starts, steps, strict=True):
        mantissa = max(-(-(amount - start) // step), 0)
        if mantissa <= 16383:
            return start + mantissa * step
    raise AssertionError("more than a token can say")


def whole(amount: str, parts: int) -> int:
    """In the smallest unit, a finer amount rounded up."""
    return math.ceil(Decimal(amount) * parts)


def tenths_of(inputs: dict[str, Any]) -> int:
    return int(inputs["units"]) if "units" in inputs else whole(inputs["amount"], 10)


def test_published_vectors_are_all_here() -> None:
    counted = [len(vectors) for vectors in (UNITS, CURRENCY, DISPLAYS, ORDERS, SETS, SECTIONS)]

    assert counted == [127, 25, 39, 77, 8, 20]


@pytest.mark.parametrize("vector", UNITS)
def test_units_of_a_published_token_say_minute_random_bits_and_amount(vector: Vector) -> None:
    inputs, token = vector["inputs"], read(vector)

    assert isinstance(token, Units)
    assert (token.subclass, token.tid, token.rnd) == (inputs["subclass"], tid_of(inputs), inputs["rnd"])
    assert token.tenths == carried(tenths_of(inputs), UNIT_STEPS)


@pytest.mark.parametrize("vector", CURRENCY)
def test_currency_of_a_published_token_says_minute_and_amount(vector: Vector) -> None:
    inputs, token = vector["inputs"], read(vector)

    assert isinstance(token, Currency)
    assert (token.subclass, token.tid) == (inputs["subclass"], tid_of(inputs))
    assert token.hundred_thousandths == carried(whole(inputs["amount"], 100_000), CURRENCY_STEPS)


@pytest.mark.parametrize("vector", [each for each in UNITS + CURRENCY if "vk" in each.values[0]["inputs"]["key"]])
def test_meter_published_credit_is_accepted_once_into_its_register(vector: Vector) -> None:
    inputs, meter = vector["inputs"], meter_of(vector["inputs"])
    token = read(vector)
    amount = token.tenths if isinstance(token, Units) else token.hundred_thousandths  # type: ignore[union-attr]
    energy = amount if inputs["subclass"] == 0 else 0

    first, second = meter.type_digits(vector["expected"]), meter.type_digits(vector["expected"])

    assert (first.word, first.energy_kwh_tenths, first.balance_tenths) == (Word.ACCEPT, energy, energy)
    assert (second.word, second.energy_kwh_tenths, second.balance_tenths) == (Word.USED, 0, energy)
    registers = meter.registers.units + meter.registers.currency
    assert registers == [amount if place == inputs["subclass"] else 0 for place in range(8)]


@pytest.mark.parametrize("vector", [each for each in UNITS + ORDERS if "vk" in each.values[0]["inputs"]["key"]])
def test_meter_of_another_supply_group_rejects_published_token(vector: Vector) -> None:
    answer = meter_of(vector["inputs"], sgc="654321").type_digits(vector["expected"])

    assert (answer.word, answer.energy_kwh_tenths, answer.balance_tenths) == (Word.REJECT, 0, 0)


@pytest.mark.parametrize("vector", DISPLAYS)
def test_display_token_published_says_what_is_asked_and_is_answered(vector: Vector) -> None:
    inputs = vector["inputs"]
    meter = meter_of({"ea": 11, "key": {"dkga": 4, "vk": "00" * 20, "pan": "600727000000000009"} | NAMES})

    token = read_token(vector["expected"], meter.cipher)

    assert token == DisplayRequest(inputs["subclass"], inputs["control"], inputs["mfr"])
    assert meter.type_digits(vector["expected"]).word == Word.ACCEPT


@pytest.mark.parametrize("vector", ORDERS)
def test_order_published_says_minute_random_bits_and_field(vector: Vector) -> None:
    inputs, token = vector["inputs"], read(vector)

    assert isinstance(token, Order)
    assert (token.subclass, token.tid, token.rnd) == (inputs["subclass"], tid_of(inputs), inputs["rnd"])
    if "field" in inputs:
        assert token.field == inputs["field"]


@pytest.mark.parametrize("vector", [each for each in ORDERS if "vk" in each.values[0]["inputs"]["key"]])
def test_meter_published_order_is_obeyed_once(vector: Vector) -> None:
    inputs, meter = vector["inputs"], meter_of(vector["inputs"])
    meter.tamper()
    meter.registers.units, meter.registers.currency = [1, 2, 3, 4], [5, 6, 7, 8]

    words = [meter.type_digits(vector["expected"]).word for _ in range(2)]

    assert words == [Word.ACCEPT, Word.USED]
    assert_obeyed(meter, inputs)


def assert_obeyed(meter: VirtualMeter, inputs: dict[str, Any]) -> None:
    found, field, subclass = meter.registers, int(inputs.get("field", 0)), inputs["subclass"]
    assert found.is_tampered == (subclass != 5)
    if subclass == 1:
        credit = [0 if field in (place, 0xFFFF) else place + 1 for place in range(8)]
        assert found.units + found.currency == credit
    if subclass == 10:
        index, rest = divmod(field, 1024)
        assert (found.flags, found.controls) == (({rest >> 1: rest & 1}, {}) if index == 63 else ({}, {index: rest}))
    if "power_w" in inputs:
        watts = carried(inputs["power_w"], UNIT_STEPS)
        assert watts == (found.power_limit_watts if subclass == 0 else found.phase_unbalance_limit_watts)


@pytest.mark.parametrize("vector", SETS)
def test_meter_published_key_change_in_any_order_gives_the_new_key(vector: Vector) -> None:
    inputs = vector["inputs"]
    to = papers_of(inputs["new_key"], inputs["ea"], inputs["ken"])
    new_key = derive_decoder_key(bytes.fromhex(inputs["new_key"]["vk"]), to)
    shown_sgc = to.sgc if inputs["ea"] == 11 else inputs["key"]["sgc"]

    for order in permutations(vector["expected"]):
        meter = meter_of(inputs)
        old_key = meter.held.decoder_key
        for digits in order[:-1]:
            assert meter.type_digits(digits).word == Word.ACCEPT
            assert meter.held.decoder_key == old_key
        assert meter.type_digits(order[-1]).word == Word.ACCEPT
        held = meter.held
        assert held.decoder_key == new_key
        assert (held.krn, held.kt, held.ti, held.ken, held.sgc) == (to.krn, to.kt, to.ti, to.ken, shown_sgc)
        assert {meter.type_digits(digits).word for digits in order} == {Word.REJECT}


@pytest.mark.parametrize("vector", SECTIONS)
def test_section_published_says_its_part_of_key_and_attributes(vector: Vector) -> None:
    inputs, section = vector["inputs"], read(vector)
    to = papers_of(inputs["new_key"], inputs["ea"])
    key = derive_decoder_key(bytes.fromhex(inputs["new_key"]["vk"]), to)
    place = {1: 0, 2: len(key) - 4, 3: 4, 4: 8}[inputs["section"]]

    assert isinstance(section, Section)
    assert section.number == inputs["section"]
    assert section.key_part == int.from_bytes(key[place : place + 4], "big")
    if section.number == 1:
        said = (section.ken_part, section.krn, section.clears_tids, section.kt, section.is_of_three)
        assert said == tuple(inputs[name] for name in ("kenho", "krn", "ro", "kt", "kct3"))
    elif section.number == 2:
        assert (section.ken_part, section.ti) == (inputs["kenlo"], inputs["ti"])
    else:
        low, high = int(inputs["sgc"]) & 0xFFF, int(inputs["sgc"]) >> 12
        assert section.sgc_part == (low if section.number == 3 else high)


@pytest.mark.parametrize("vector", vectors_of("token_decode"))
def test_currency_token_without_its_minute_says_at_least_its_amount(vector: Vector) -> None:
    inputs = vector["inputs"]
    token = read_token(inputs["token"], cipher_of(inputs))

    assert isinstance(token, Currency)
    asked = whole(vector["expected"]["amount"], 100_000)
    assert (token.subclass, token.hundred_thousandths) == (4, carried(asked, CURRENCY_STEPS))


@pytest.mark.parametrize("vector", vectors_of("KEN"))
def test_key_expiry_published_is_the_meters_too(vector: Vector) -> None:
    inputs = vector["inputs"]
    held = VirtualMeter(papers_of(NAMES | {"dkga": 4, "pan": "0" * 18}, 11, inputs["ken"]), b"\0" * 20).held

    assert held.has_expired_for(tid_of(inputs)) == (vector["expected"] == "expired")


@pytest.mark.parametrize("vector", vectors_of("DKGA"))
def test_decoder_key_published_is_derived(vector: Vector) -> None:
    inputs = vector["inputs"]

    assert derive_decoder_key(bytes.fromhex(inputs["vk"]), papers_of(inputs, 7)).hex() == vector["expected"]


@pytest.mark.parametrize("vector", vectors_of("STA"))
def test_cipher_sta_sample_block_of_the_standard_goes_there_and_back(vector: Vector) -> None:
    inputs = vector["inputs"]
    cipher, block = Sta(bytes.fromhex(inputs["key"]), SAMPLE_TABLES), int(inputs["block"], 16)

    assert int(join_token(0, cipher.encrypt(block))) == int(vector["expected"]["token66_hex"], 16)
    assert cipher.decrypt(cipher.encrypt(block)) == block


@pytest.mark.parametrize("vector", vectors_of("MISTY1"))
def test_cipher_rfc_2994_block_goes_there_and_back(vector: Vector) -> None:
    cipher = Misty1(bytes.fromhex(vector["inputs"]["key"]))
    plain, enciphered = int(vector["inputs"]["block"], 16), int(vector["expected"], 16)

    assert (cipher.encrypt(plain), cipher.decrypt(enciphered)) == (enciphered, plain)


@pytest.mark.parametrize("vector", vectors_of("TOKEN_CRC"))
def test_crc_of_the_associations_own_example(vector: Vector) -> None:
    said = vector["inputs"]
    upper = said["subclass"] << 44 | said["rnd"] << 40 | said["tid"] << 16 | said["field"]

    assert frame_crc(said["class"], upper) == int(vector["expected"], 16)


@pytest.mark.parametrize("vector", vectors_of("CRC16"))
def test_crc_of_octets_is_printed_low_octet_first(vector: Vector) -> None:
    assert crc_8005(bytes.fromhex(vector["inputs"]["data"])).to_bytes(2, "little").hex() == vector["expected"]
