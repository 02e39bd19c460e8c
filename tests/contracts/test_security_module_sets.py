"""What every security module promises of management tokens, key-change sets and meter tests."""

from collections.abc import Sequence
from dataclasses import replace

import pytest

from tests.support.security_modules import (
    METER,
    MODULES,
    OTHER_METER,
    REQUEST,
    SGC,
    STA_METER,
    STEADY_MODULES,
    TID,
    code_of,
    made_of,
)
from vending.security.ports import (
    DecodedToken,
    KeyChangeRequest,
    KeyTarget,
    Made,
    ManagementRequest,
    MeterKeyFacts,
    MeterTestRequest,
    SecurityModule,
    VerifyRequest,
)
from vending.sts.key_change import Section1, Section2, Section3, Section4
from vending.sts.management import Management
from vending.sts.meter_test import MeterTest

MANAGEMENT = ManagementRequest("manage-1", METER, subclass=1, tid=TID, rnd=5, field=0xFFFF)
TO_ANOTHER_TI = KeyChangeRequest("change-1", METER, KeyTarget(SGC, krn=1, kt=2, ti=7))
TO_2035 = KeyChangeRequest("change-2", METER, KeyTarget(SGC, krn=6, kt=2, ti=7))
METER_TEST = MeterTestRequest("test-1", subclass=0, control=1 << 17, mfr=60)
# SGC 201457 as 24 bits: 0x0312F1
SGC_LOW, SGC_HIGH = 0x2F1, 0x031


@pytest.fixture(params=MODULES)
def module(request: pytest.FixtureRequest) -> SecurityModule:
    return MODULES[request.param]()


@pytest.fixture(params=STEADY_MODULES)
def steady_module(request: pytest.FixtureRequest) -> SecurityModule:
    return MODULES[request.param]()


def read(module: SecurityModule, meter: MeterKeyFacts, made: Made) -> Sequence[DecodedToken]:
    answers = module.verify([VerifyRequest(meter, digits) for digits in made.digits])
    return [answer for answer in answers if not isinstance(answer, Exception)]


@pytest.mark.parametrize(
    ("subclass", "field"), [(0, 0x1234), (1, 0xFFFF), (2, 9), (5, 0), (6, 0x1234), (7, 9), (10, 0xFC00)]
)
@pytest.mark.parametrize("meter", [METER, STA_METER, replace(METER, kt=1)])
def test_management_is_read_as_it_was_asked_for(
    module: SecurityModule, meter: MeterKeyFacts, subclass: int, field: int
) -> None:
    made = made_of(module.management([replace(MANAGEMENT, meter=meter, subclass=subclass, field=field)]))
    tid = TID if made.tid is None else made.tid
    rnd = 0 if "rnd" in module.unread_fields else 5

    assert read(module, meter, made) == [Management(subclass, tid, rnd, field)]


@pytest.mark.parametrize(
    ("request_", "code"),
    [
        (replace(MANAGEMENT, subclass=3), "unsupported_token"),
        (replace(MANAGEMENT, subclass=11), "unsupported_token"),
        (replace(MANAGEMENT, field=8), "field_out_of_range"),
        (replace(MANAGEMENT, rnd=16), "field_out_of_range"),
        (replace(MANAGEMENT, tid=1 << 24), "field_out_of_range"),
        (replace(MANAGEMENT, meter=replace(METER, kt=0)), "key_type_not_allowed"),
        (replace(MANAGEMENT, meter=replace(METER, kt=3)), "unverified_algorithm"),
        (replace(MANAGEMENT, meter=replace(METER, krn=3), tid=101 << 16), "key_expired"),
        (replace(MANAGEMENT, meter=replace(METER, krn=2), tid=1), "vending_key_not_active"),
        (replace(MANAGEMENT, meter=replace(METER, sgc="999999")), "vending_key_missing"),
    ],
)
def test_management_that_may_not_be_made_is_refused(
    steady_module: SecurityModule, request_: ManagementRequest, code: str
) -> None:
    assert code_of(steady_module.management([request_])) == code


def test_key_change_of_an_ea11_meter_is_four_tokens_under_its_current_key(module: SecurityModule) -> None:
    made = made_of(module.key_change([TO_ANOTHER_TI]))

    assert read(module, METER, made) == [
        Section1(kenho=15, krn=1, ro=0, kt=2, kct3=0, key_part=0),
        Section2(kenlo=15, ti=7, key_part=0),
        Section3(sgc_part=SGC_LOW, key_part=0),
        Section4(sgc_part=SGC_HIGH, key_part=0),
    ]
    assert read(module, replace(METER, ti=7), made) == []
    assert (made.tid, made.is_rollover, made.check_value in {"A1B2C3", ""}) == (None, False, True)


def test_key_change_of_an_ea07_meter_is_two_tokens(module: SecurityModule) -> None:
    made = made_of(module.key_change([replace(TO_ANOTHER_TI, meter=STA_METER)]))

    assert read(module, STA_METER, made) == [Section1(15, 1, 0, 2, 0, 0), Section2(15, 7, 0)]


def test_key_change_of_an_ea07_meter_that_learns_its_sgc_is_three_tokens(module: SecurityModule) -> None:
    made = made_of(module.key_change([replace(TO_ANOTHER_TI, meter=STA_METER, three_token=True)]))

    assert read(module, STA_METER, made) == [Section1(15, 1, 0, 2, 1, 0), Section2(15, 7, 0), Section3(int(SGC), 0)]


def test_key_change_to_a_later_base_date_is_a_rollover_with_the_new_keys_ken(module: SecurityModule) -> None:
    made = made_of(module.key_change([TO_2035]))

    assert made.is_rollover
    assert made.check_value in {"D4E5F6", ""}
    assert read(module, METER, made)[:2] == [Section1(170 >> 4, 6, 1, 2, 0, 0), Section2(170 & 15, 7, 0)]


def test_key_change_from_a_default_key_is_made(module: SecurityModule) -> None:
    under_default_key = replace(METER, kt=1)

    made = made_of(module.key_change([replace(TO_ANOTHER_TI, meter=under_default_key)]))

    assert len(read(module, under_default_key, made)) == 4


def test_key_change_asked_again_gives_the_same_set(module: SecurityModule) -> None:
    made = made_of(module.key_change([TO_2035]))

    assert made_of(module.key_change([TO_2035])) == made
    assert module.replay(["change-2", "change-1"]) == [made, None]


def test_key_changes_of_a_batch_are_answered_in_order(module: SecurityModule) -> None:
    elsewhere = replace(TO_2035, request_id="change-3", meter=OTHER_METER)
    missing = replace(TO_2035, request_id="change-4", to=replace(TO_2035.to, sgc="999999"))

    answers = module.key_change([TO_2035, missing, elsewhere, TO_ANOTHER_TI])

    assert code_of([answers[1]]) == "vending_key_missing"
    made = [made_of([answers[place]]) for place in (0, 2, 3)]
    assert made == [made_of(module.key_change([request])) for request in (TO_2035, elsewhere, TO_ANOTHER_TI)]
    assert len({digits for one in made for digits in one.digits}) == 12


@pytest.mark.parametrize(
    ("request_", "code"),
    [
        (replace(TO_2035, meter=replace(METER, sgc="999999")), "vending_key_missing"),
        (replace(TO_2035, to=replace(TO_2035.to, krn=9)), "vending_key_missing"),
        (replace(TO_2035, meter=replace(METER, kt=0)), "key_type_not_allowed"),
        (replace(TO_2035, meter=replace(METER, kt=3)), "unverified_algorithm"),
        (replace(TO_2035, to=replace(TO_2035.to, krn=1, kt=1)), "key_change_not_allowed"),
        (replace(TO_2035, meter=replace(METER, krn=6), to=TO_ANOTHER_TI.to), "key_change_not_allowed"),
        (replace(TO_2035, to=replace(TO_2035.to, krn=5)), "unverified_algorithm"),
        (replace(TO_2035, to=replace(TO_2035.to, krn=4)), "unsupported_algorithm"),  # DKGA 02 has no key for EA 11
        (replace(TO_2035, meter=replace(METER, ea=9)), "unverified_algorithm"),
        (replace(TO_2035, three_token=True), "unsupported_algorithm"),
        (replace(TO_2035, to=replace(TO_2035.to, ti=100)), "key_attribute_invalid"),
        (replace(TO_2035, meter=replace(METER, meter_pan="1")), "meter_number_invalid"),
    ],
)
def test_key_change_that_may_not_be_made_is_refused(
    module: SecurityModule, request_: KeyChangeRequest, code: str
) -> None:
    assert code_of(module.key_change([request_])) == code


def test_key_change_shows_neither_digits_nor_a_part_of_the_new_key(module: SecurityModule) -> None:
    made = made_of(module.key_change([TO_2035]))
    tokens = read(module, METER, made)

    assert not any(digits in repr(made) for digits in made.digits)
    assert [getattr(token, "key_part", None) for token in tokens] == [0, 0, 0, 0]


@pytest.mark.parametrize("request_", [METER_TEST, MeterTestRequest("test-2", 1, 0xFFFFFFF, 0x0064)])
def test_display_token_is_read_without_any_vending_key(module: SecurityModule, request_: MeterTestRequest) -> None:
    made = made_of(module.test_display([request_]))

    expected = MeterTest(request_.subclass, request_.control, request_.mfr)
    for meter in (METER, replace(METER, sgc="999999", kt=1), replace(METER, ea=9)):
        assert read(module, meter, made) == [expected]
    assert (made.tid, made.check_value) == (None, "")


@pytest.mark.parametrize(
    ("request_", "code"),
    [
        (replace(METER_TEST, subclass=3), "unsupported_token"),
        (replace(METER_TEST, mfr=256), "field_out_of_range"),
        (replace(METER_TEST, control=1 << 36), "field_out_of_range"),
        (replace(METER_TEST, subclass=1, control=1 << 28), "field_out_of_range"),
    ],
)
def test_display_token_that_is_none_is_refused(module: SecurityModule, request_: MeterTestRequest, code: str) -> None:
    assert code_of(module.test_display([request_])) == code


def test_tokens_of_every_kind_are_read_in_one_batch(module: SecurityModule) -> None:
    made = [
        made_of(module.test_display([METER_TEST])),
        made_of(module.credit([REQUEST])),
        made_of(module.key_change([TO_2035])),
        made_of(module.management([MANAGEMENT])),
    ]
    digits = [one for answer in made for one in answer.digits]

    answers = module.verify([VerifyRequest(METER, one) for one in digits])

    assert [type(answer).__name__ for answer in answers] == [
        "MeterTest",
        "UnitCredit",
        "Section1",
        "Section2",
        "Section3",
        "Section4",
        "Management",
    ]
