"""The software security module: published tokens, how it opens vending keys, and that none of them shows."""

import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

import pytest

from tests.support.sts_vectors import all_vectors
from vending.kernel.errors import DomainError
from vending.security.ports import CreditRequest, MeterKeyFacts, SecurityModuleUnavailable, VerifyRequest
from vending.security.software import SoftwareSecurityModule
from vending.sts.amounts import amount_for
from vending.sts.tid import tid_at

PUBLISHED_VENDING_KEY = bytes.fromhex("abababababababab949494949494949401234567")
METER = MeterKeyFacts(meter_pan="600727000000000009", ea=11, sgc="201457", krn=1, kt=2, ti=1)
REQUEST = CreditRequest("sale-1", METER, subclass=0, tid=6_586_560, rnd=5, amount_field=256)


class VendingKeyDamaged(DomainError):
    code = "vending_key_damaged"


@dataclass(frozen=True)
class ClearVendingKey:
    secret: bytes = PUBLISHED_VENDING_KEY
    base_date: str = "14"
    dkga: int = 4
    ken: int = 255


class Strongroom:
    """Opens `vending_key` for every supply group but 000000, and counts."""

    def __init__(self, vending_key: ClearVendingKey | None = None) -> None:
        self.vending_key = vending_key or ClearVendingKey()
        self.opened: list[tuple[str, int, int]] = []
        self.open_now = 0
        self.refusal: DomainError | None = None

    @contextmanager
    def open_vending_key(self, *, sgc: str, krn: int, kt: int) -> Iterator[ClearVendingKey]:
        self.opened.append((sgc, krn, kt))
        if self.refusal and sgc == "000000":
            raise self.refusal
        self.open_now += 1
        try:
            yield self.vending_key
        finally:
            self.open_now -= 1

    def module(self) -> SoftwareSecurityModule:
        return SoftwareSecurityModule(open_vending_key=self.open_vending_key)


def test_software_module_makes_every_published_token_under_the_2014_key() -> None:
    module, made = Strongroom().module(), 0
    for vector in all_vectors():
        fields = vector.inputs
        if not vector.is_token(ea=11, token_class=0) or fields["subclass"] > 3 or fields["base"] != 14:
            continue
        facts = fields["key"]
        meter = MeterKeyFacts(facts["pan"], 11, facts["sgc"], facts["krn"], facts["kt"], facts["ti"])
        tenths = int(fields["amount"].replace(".", ""))
        request = CreditRequest(
            vector.id,
            meter,
            fields["subclass"],
            tid_at(vector.issued_at, vector.base),
            fields["rnd"],
            amount_for(tenths),
        )

        assert module.credit([request]) == [vector.expected]
        made += 1

    assert made == 23


def test_software_module_opens_each_vending_key_once_for_a_batch() -> None:
    room = Strongroom()
    other = replace(METER, sgc="203557")
    requests = [replace(REQUEST, meter=meter, rnd=rnd) for rnd in range(8) for meter in (METER, other)]

    answers = room.module().credit(requests)

    assert len(set(map(str, answers))) == 16
    assert room.opened == [("201457", 1, 2), ("203557", 1, 2)]
    assert room.open_now == 0


def test_software_module_opens_no_vending_key_when_its_self_test_fails() -> None:
    room = Strongroom()
    module = SoftwareSecurityModule(open_vending_key=room.open_vending_key, known_answers=lambda: ["MISTY1", "DKGA04"])

    with pytest.raises(SecurityModuleUnavailable, match=r"^self-test failed: MISTY1, DKGA04$"):
        module.credit([REQUEST])
    assert room.opened == []


def test_software_module_tests_itself_once_and_again_when_asked_for_its_health() -> None:
    tests: list[str] = []

    def known_answers() -> list[str]:
        tests.append("run")
        return [] if len(tests) < 3 else ["MISTY1"]

    module = SoftwareSecurityModule(open_vending_key=Strongroom().open_vending_key, known_answers=known_answers)
    module.credit([REQUEST])
    module.credit([REQUEST])
    assert len(tests) == 1
    module.health()
    assert len(tests) == 2
    with pytest.raises(SecurityModuleUnavailable):
        module.health()
    with pytest.raises(SecurityModuleUnavailable):
        module.verify([])


def test_software_module_answers_the_items_of_a_vending_key_that_does_not_open() -> None:
    room = Strongroom()
    room.refusal = VendingKeyDamaged("does not open")
    closed = replace(REQUEST, meter=replace(METER, sgc="000000"))

    first, second, third = room.module().credit([closed, REQUEST, closed])

    assert first is third is room.refusal
    assert shows_nothing(room.refusal)
    assert isinstance(second, str)


def test_software_module_without_its_key_store_is_unavailable_as_a_whole() -> None:
    room = Strongroom()
    room.refusal = SecurityModuleUnavailable("no key-encryption key")

    with pytest.raises(SecurityModuleUnavailable, match="no key-encryption key"):
        room.module().credit([REQUEST, replace(REQUEST, meter=replace(METER, sgc="000000"))])
    assert room.open_now == 0


@pytest.mark.parametrize(
    ("vending_key", "code"),
    [
        (ClearVendingKey(dkga=2, secret=PUBLISHED_VENDING_KEY[:8]), "unsupported_algorithm"),
        (ClearVendingKey(secret=PUBLISHED_VENDING_KEY[:16]), "vending_key_malformed"),
        (ClearVendingKey(base_date="15"), "key_attribute_invalid"),
    ],
)
def test_software_module_with_an_unfit_vending_key_refuses_without_showing_it(
    vending_key: ClearVendingKey, code: str
) -> None:
    module = Strongroom(vending_key).module()

    (refusal,) = module.credit([REQUEST])

    assert isinstance(refusal, DomainError)
    assert refusal.code == code
    assert shows_nothing(refusal)


def test_software_module_refusals_keep_no_frames_that_hold_keys() -> None:
    module = Strongroom().module()
    wrong = [replace(METER, ea=9), replace(METER, ti=100), replace(METER, meter_pan="600727000000000001")]

    refusals = [
        *module.credit([replace(REQUEST, meter=meter) for meter in wrong]),
        *module.verify([VerifyRequest(METER, "1" * 20), VerifyRequest(METER, "")]),
    ]

    assert all(isinstance(refusal, DomainError) and shows_nothing(refusal) for refusal in refusals)
    assert repr(vars(module)).count("abab") == 0


def shows_nothing(refusal: DomainError) -> bool:
    whole = "".join(traceback.TracebackException.from_exception(refusal, capture_locals=True).format())
    linked = (refusal.__traceback__, refusal.__context__, refusal.__cause__)
    return linked == (None, None, None) and repr(PUBLISHED_VENDING_KEY[:4]) not in whole
