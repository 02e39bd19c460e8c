"""The software security module: published tokens, its self-test, its tables of EA 07, and how it opens vending keys."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime

import pytest

from tests.support.ea07_tables import needs_operational_tables, operational_tables
from tests.support.sts_vectors import Vector, all_vectors, vectors_of
from vending.kernel.errors import DomainError
from vending.security.ports import (
    CreditRequest,
    KeyChangeRequest,
    KeyTarget,
    Made,
    MeterKeyFacts,
    OpenVendingKey,
    SecurityModuleUnavailable,
    VendingKeyMissing,
    VerifyRequest,
)
from vending.security.software import SoftwareSecurityModule
from vending.sta_tables.errors import Ea07TablesMissing, Ea07TablesRefused
from vending.sts.amounts import amount_for
from vending.sts.sta_tables import SAMPLE_TABLES, StaTables
from vending.sts.tid import tid_at

PUBLISHED_VENDING_KEY = bytes.fromhex("abababababababab949494949494949401234567")
METER = MeterKeyFacts(meter_pan="600727000000000009", ea=11, sgc="201457", krn=1, kt=2, ti=1)
STA_METER = replace(METER, ea=7)
REQUEST = CreditRequest("sale-1", METER, subclass=0, tid=6_586_560, rnd=5, amount_field=256)
STA_REQUEST = replace(REQUEST, request_id="sale-2", meter=STA_METER)
KeyName = tuple[str, int, int]


class VendingKeyDamaged(DomainError):
    code = "vending_key_damaged"


@dataclass(frozen=True)
class ClearVendingKey:
    secret: bytes = PUBLISHED_VENDING_KEY
    base_date: str = "14"
    dkga: int = 4
    ken: int = 255
    check_value: str = "A1B2C3"
    active_from_at: datetime | None = None
    issue_until_at: datetime | None = None


class Strongroom:
    """Opens a vending key for every supply group but 000000, and counts."""

    def __init__(self, keys: dict[KeyName, ClearVendingKey] | None = None) -> None:
        self.keys = keys or {}
        self.opened: list[KeyName] = []
        self.open_now = 0
        self.refusal: DomainError = VendingKeyMissing("none")

    @contextmanager
    def open_vending_key(self, *, sgc: str, krn: int, kt: int) -> Iterator[OpenVendingKey]:
        self.opened.append((sgc, krn, kt))
        if sgc == "000000":
            raise self.refusal
        self.open_now += 1
        try:
            yield self.keys.get((sgc, krn, kt), ClearVendingKey())
        finally:
            self.open_now -= 1

    def module(self) -> SoftwareSecurityModule:
        return SoftwareSecurityModule(open_vending_key=self.open_vending_key)


def codes(answers: list[Made | DomainError]) -> list[str]:
    return [answer.code if isinstance(answer, DomainError) else "" for answer in answers]


def facts_in(key: dict[str, object], ea: int) -> MeterKeyFacts:
    return MeterKeyFacts(key["pan"], ea, key["sgc"], key["krn"], key["kt"], key["ti"])  # type: ignore[arg-type]


def clear_key_in(key: dict[str, object], ken: int = 255) -> ClearVendingKey:
    return ClearVendingKey(bytes.fromhex(str(key["vk"])), str(key["base"]), int(str(key["dkga"])), ken)


def test_software_module_makes_every_published_token_under_the_2014_key() -> None:
    module, made = Strongroom().module(), 0
    for vector in all_vectors():
        fields = vector.inputs
        if not vector.is_token(ea=11, token_class=0) or fields["subclass"] > 3 or fields["base"] != 14:
            continue
        tenths = int(fields["amount"].replace(".", ""))
        tid = tid_at(vector.issued_at, vector.base)
        meter, field = facts_in(fields["key"], 11), amount_for(tenths)
        request = CreditRequest(vector.id, meter, fields["subclass"], tid, fields["rnd"], field)

        assert module.credit([request]) == [Made((vector.expected,), check_value="A1B2C3")]
        made += 1

    assert made == 23


def key_changes(ea: int) -> list[Vector]:
    return [vector for vector in vectors_of("kct") if vector.inputs["ea"] == ea]


def check_key_change(vector: Vector, tables: StaTables) -> None:
    """Made from the two vending keys alone: RO and KEN are the module's own work."""
    fields, ea = vector.inputs, vector.inputs["ea"]
    old, new = fields["key"], fields["new_key"]
    keys = {
        (old["sgc"], old["krn"], old["kt"]): clear_key_in(old),
        (new["sgc"], new["krn"], new["kt"]): clear_key_in(new, fields["ken"]),
    }
    module = SoftwareSecurityModule(open_vending_key=Strongroom(keys).open_vending_key, sta_tables=lambda: tables)
    to = KeyTarget(new["sgc"], new["krn"], new["kt"], new["ti"])

    answers = module.key_change([KeyChangeRequest(vector.id, facts_in(old, ea), to, fields["three_token"])])

    assert answers == [Made(tuple(vector.expected), is_rollover=bool(fields["ro"]), check_value="A1B2C3")]


@pytest.mark.parametrize("vector", key_changes(11), ids=lambda vector: str(vector.id))
def test_software_module_makes_the_published_key_changes_of_ea11(vector: Vector) -> None:
    check_key_change(vector, SAMPLE_TABLES)


@needs_operational_tables
@pytest.mark.parametrize("vector", key_changes(7), ids=lambda vector: str(vector.id))
def test_software_module_makes_the_published_key_changes_of_ea07(vector: Vector) -> None:
    tables = operational_tables()
    assert tables is not None
    check_key_change(vector, tables)


def test_software_module_opens_each_vending_key_once_for_a_batch() -> None:
    room = Strongroom()
    other = replace(METER, sgc="203557")
    requests = [replace(REQUEST, meter=meter, rnd=rnd) for rnd in range(8) for meter in (METER, other)]

    answers = room.module().credit(requests)

    assert len({answer.digits for answer in answers if isinstance(answer, Made)}) == 16
    assert room.opened == [("201457", 1, 2), ("203557", 1, 2)]
    assert room.open_now == 0


def test_software_module_opens_the_current_and_the_new_key_once_for_a_batch_of_key_changes() -> None:
    room = Strongroom()
    requests = [
        KeyChangeRequest(f"change-{ti}-{krn}", METER, KeyTarget("203557", krn, 2, ti))
        for ti in (2, 3)
        for krn in (1, 2)
    ]

    assert codes(room.module().key_change(requests)) == [""] * 4
    assert room.opened == [("201457", 1, 2), ("203557", 1, 2), ("203557", 2, 2)]
    assert room.open_now == 0


def test_software_module_opens_no_vending_key_for_a_refused_key_type_or_a_display_token() -> None:
    room = Strongroom()
    module = room.module()

    assert codes(module.credit([replace(REQUEST, meter=replace(METER, kt=1))])) == ["key_type_not_allowed"]
    assert len(module.verify([VerifyRequest(METER, "00000000000150997584")])) == 1
    assert room.opened == []


def test_software_module_opens_no_vending_key_when_its_self_test_fails() -> None:
    room = Strongroom()
    module = SoftwareSecurityModule(
        open_vending_key=room.open_vending_key, known_answers=lambda _: ["MISTY1", "DKGA04"]
    )

    with pytest.raises(SecurityModuleUnavailable, match=r"^self-test failed: MISTY1, DKGA04$"):
        module.credit([REQUEST])
    assert room.opened == []


def test_software_module_tests_itself_once_and_again_when_asked_for_its_health() -> None:
    tests: list[str] = []

    def known_answers(_: StaTables) -> list[str]:
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


def test_software_module_tests_itself_again_under_other_tables() -> None:
    tested: list[StaTables] = []
    other = StaTables(SAMPLE_TABLES.second, SAMPLE_TABLES.first, SAMPLE_TABLES.permutation)
    in_force = [SAMPLE_TABLES, SAMPLE_TABLES, other, other]
    module = SoftwareSecurityModule(
        open_vending_key=Strongroom().open_vending_key,
        sta_tables=lambda: in_force.pop(0),
        known_answers=lambda tables: tested.append(tables) or [],  # type: ignore[func-returns-value]
    )

    made = [module.credit([STA_REQUEST]) for _ in range(4)]

    assert tested == [SAMPLE_TABLES, other]
    assert made[0] == made[1] != made[2] == made[3]


def test_software_module_without_tables_refuses_ea07_alone() -> None:
    def no_tables() -> StaTables:
        raise Ea07TablesRefused("the file has gone")

    module = SoftwareSecurityModule(open_vending_key=Strongroom().open_vending_key, sta_tables=no_tables)

    assert codes(module.credit([STA_REQUEST, REQUEST])) == ["ea07_tables_refused", ""]
    (answer,) = module.verify([VerifyRequest(STA_METER, "1" * 20)])
    assert isinstance(answer, Ea07TablesRefused)


def test_software_module_under_sample_tables_refuses_ea07_where_nothing_may_be_sold_with_them() -> None:
    def may_not_sell() -> None:
        raise Ea07TablesMissing("sample tables")

    room = Strongroom()
    digits = [answer.digits[0] for answer in room.module().credit([STA_REQUEST]) if isinstance(answer, Made)]
    module = SoftwareSecurityModule(open_vending_key=room.open_vending_key, check_may_sell=may_not_sell)
    change = KeyChangeRequest("change-1", STA_METER, KeyTarget("201457", 2, 2, 1))

    assert codes(module.credit([STA_REQUEST, REQUEST])) == ["ea07_tables_missing", ""]
    assert codes(module.key_change([change])) == ["ea07_tables_missing"]
    (read,) = module.verify([VerifyRequest(STA_METER, digits[0])])
    assert isinstance(read, Ea07TablesMissing), "a token that cannot be read is not a wrong one"


def test_software_module_answers_the_items_of_a_vending_key_that_does_not_open() -> None:
    room = Strongroom()
    room.refusal = VendingKeyDamaged("does not open")
    closed = replace(REQUEST, meter=replace(METER, sgc="000000"))

    first, second, third = room.module().credit([closed, REQUEST, closed])

    assert first is third is room.refusal
    assert isinstance(second, Made)
    assert room.opened == [("000000", 1, 2), ("201457", 1, 2)]


def test_software_module_without_its_key_store_is_unavailable_as_a_whole() -> None:
    room = Strongroom()
    room.refusal = SecurityModuleUnavailable("no key store")
    module = room.module()

    with pytest.raises(SecurityModuleUnavailable, match="no key store"):
        module.credit([REQUEST, replace(REQUEST, meter=replace(METER, sgc="000000"))])
    assert room.open_now == 0
    assert module.replay(["sale-1"]) == [None]


def test_software_module_built_alone_describes_no_keys() -> None:
    assert Strongroom().module().describe_keys() == []
