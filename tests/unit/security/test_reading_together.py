"""A large batch is read together: the same answers as one by one, whatever stands between."""

import random
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import pytest

from vending.kernel.errors import DomainError
from vending.security.ports import (
    DecodedToken,
    MeterKeyFacts,
    OpenVendingKey,
    SecurityModuleUnavailable,
    VendingKeyMissing,
    VerifyRequest,
)
from vending.security.software import SoftwareSecurityModule, module, reading
from vending.sta_tables.errors import Ea07TablesMissing
from vending.sts.bulk import LEAST_BATCH
from vending.sts.check_digits import luhn_digit
from vending.sts.ciphers import cipher_of
from vending.sts.decoder_keys import derive_decoder_key
from vending.sts.frame import seal_token
from vending.sts.key_change import Section1, Section2, Section3, Section4

CHANCE = random.Random(62055)


@dataclass(frozen=True)
class ClearVendingKey:
    secret: bytes = bytes.fromhex("abababababababab949494949494949401234567")
    base_date: str = "14"
    dkga: int = 4
    ken: int = 255
    check_value: str = "A1B2C3"
    active_from_at: datetime | None = None
    issue_until_at: datetime | None = None


class Strongroom:
    """Opens one vending key for every supply group but 000000, and counts."""

    def __init__(self, refusal: DomainError | None = None) -> None:
        self.opened: list[str] = []
        self._refusal = refusal or VendingKeyMissing("none")

    @contextmanager
    def open_vending_key(self, *, sgc: str, krn: int, kt: int) -> Iterator[OpenVendingKey]:
        self.opened.append(sgc)
        if sgc == "000000":
            raise self._refusal
        yield ClearVendingKey()


def _software(strongroom: Strongroom, check_may_sell: Callable[[], None] = lambda: None) -> SoftwareSecurityModule:
    return SoftwareSecurityModule(open_vending_key=strongroom.open_vending_key, check_may_sell=check_may_sell)


def _requests(count: int, **facts: Any) -> list[VerifyRequest]:
    """Tokens of random classes and bodies; every seventh has a wrong digit, some are no numbers of the standard."""
    requests = []
    for number in range(count):
        body = f"600727{CHANCE.randrange(10**11):011d}"
        pan = body + luhn_digit(body)
        meter = replace(MeterKeyFacts(meter_pan=pan, ea=11, sgc="201457", krn=1, kt=2, ti=1), **facts)
        key = ClearVendingKey()
        decoder_key = derive_decoder_key(
            dkga=key.dkga,
            secret=key.secret,
            base_date=key.base_date,
            ea=meter.ea,
            meter_pan=pan,
            sgc=meter.sgc,
            krn=meter.krn,
            kt=meter.kt,
            ti=meter.ti,
        )
        token_class, fields = CHANCE.randrange(3), CHANCE.getrandbits(48)
        digits = seal_token(token_class, fields, cipher=cipher_of(meter.ea), decoder_key=decoder_key)
        if number % 7 == 0:
            digits = digits[:-1] + str((int(digits[-1]) + 1) % 10)
        requests.append(VerifyRequest(meter, digits if number % 50 else "9" * 20))
    return requests


def _told(answers: Sequence[DecodedToken | DomainError]) -> list[object]:
    return [(type(one), str(one), one.field) if isinstance(one, DomainError) else one for one in answers]


def _assert_as_one_by_one(requests: Sequence[VerifyRequest], software: SoftwareSecurityModule) -> None:
    one_by_one = [answer for request in requests for answer in software.verify([request])]

    assert _told(software.verify(requests)) == _told(one_by_one)


@pytest.fixture
def nothing_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    def alone(*_: object) -> None:
        raise AssertionError("read alone")

    monkeypatch.setattr(module, "read_token", alone)


@pytest.mark.parametrize("ea", [7, 11])
def test_large_batch_is_read_as_one_by_one(ea: int) -> None:
    _assert_as_one_by_one(_requests(2 * LEAST_BATCH, ea=ea), _software(Strongroom()))


@pytest.mark.usefixtures("nothing_alone")
def test_large_batch_is_read_together_and_opens_its_key_once() -> None:
    strongroom = Strongroom()
    requests = _requests(LEAST_BATCH)

    answers = _software(strongroom).verify(requests)

    assert strongroom.opened == ["201457"]
    sections = [one for one in answers if isinstance(one, Section1 | Section2 | Section3 | Section4)]
    assert sections
    assert {section.key_part for section in sections} == {0}


@pytest.mark.parametrize(
    "facts", [{"kt": 1}, {"kt": 3}, {"sgc": "000000"}, {"ti": 100}, {"krn": 0}, {"ea": 9}, {"ea": 10}]
)
def test_large_batch_that_a_fact_stands_against_is_read_as_one_by_one(facts: dict[str, Any]) -> None:
    requests = [replace(one, meter=replace(one.meter, **facts)) for one in _requests(LEAST_BATCH)]

    _assert_as_one_by_one(requests, _software(Strongroom()))


def test_large_batch_of_several_keys_and_a_wrong_pan_is_read_as_one_by_one() -> None:
    several = _requests(LEAST_BATCH) + _requests(LEAST_BATCH, ti=2) + _requests(3, krn=2) + _requests(LEAST_BATCH, ea=7)
    CHANCE.shuffle(several)
    several[11] = replace(several[11], meter=replace(several[11].meter, meter_pan="600727000000000008"))
    several[12] = replace(several[12], meter=replace(several[12].meter, sgc="000000"))

    _assert_as_one_by_one(several, _software(Strongroom()))


def test_large_batch_without_its_tables_is_refused_one_by_one() -> None:
    def refuse() -> None:
        raise Ea07TablesMissing("sample tables only")

    answers = _software(Strongroom(), refuse).verify(_requests(LEAST_BATCH, ea=7))

    read = [answer for answer in answers if not isinstance(answer, DomainError)]
    assert {answer.code for answer in answers if isinstance(answer, Ea07TablesMissing)} == {"ea07_tables_missing"}
    assert {token.token_class for token in read} == {1}  # tests need no cipher


def test_large_batch_ends_when_the_module_cannot_work() -> None:
    strongroom = Strongroom(SecurityModuleUnavailable("away"))
    requests = [replace(one, meter=replace(one.meter, sgc="000000")) for one in _requests(LEAST_BATCH)]

    with pytest.raises(SecurityModuleUnavailable, match="away") as refusal:
        _software(strongroom).verify(requests)

    assert strongroom.opened == ["000000"]
    assert refusal.value.__cause__ is None


def test_large_batch_in_which_reading_together_fails_is_read_one_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise RuntimeError("a fault")

    requests = _requests(LEAST_BATCH)
    software = _software(Strongroom())
    together = _told(software.verify(requests))
    monkeypatch.setattr(reading, "decode_tokens", fail)

    assert _told(software.verify(requests)) == together
