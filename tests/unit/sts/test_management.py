"""Management tokens: class 2 with a TID."""

from typing import Any

import pytest

from vending.sts.ciphers import MISTY1
from vending.sts.errors import FieldOutOfRange, StsError, UnsupportedToken
from vending.sts.frame import open_token
from vending.sts.management import (
    ALL_REGISTERS,
    FLAGS_INDEX,
    Management,
    ManagementSubclass,
    encode_management,
    extended_field,
    extended_flag_field,
    management_in,
)
from vending.sts.tokens import decode_token

METER: dict[str, Any] = {"cipher": MISTY1, "decoder_key": bytes.fromhex("929bd3a415c9420a05ec5ee9f3ce91c3")}
LIMIT: dict[str, Any] = {"subclass": 0, "tid": 0xABCDEF, "rnd": 5, "field": 256}


def test_management_subclasses_have_the_numbers_of_the_standard() -> None:
    assert {kind.name: kind.value for kind in ManagementSubclass} == {
        "SET_MAXIMUM_POWER_LIMIT": 0,
        "CLEAR_CREDIT": 1,
        "SET_TARIFF_RATE": 2,
        "CLEAR_TAMPER_CONDITION": 5,
        "SET_MAXIMUM_PHASE_POWER_UNBALANCE_LIMIT": 6,
        "SET_WATER_METER_FACTOR": 7,
        "EXTENDED_SET": 10,
    }


@pytest.mark.parametrize("subclass", list(ManagementSubclass))
def test_management_fields_are_where_the_standard_has_them(subclass: ManagementSubclass) -> None:
    field = 0 if subclass is ManagementSubclass.CLEAR_TAMPER_CONDITION else 7
    digits = encode_management(subclass=subclass, tid=0xABCDEF, rnd=0x9, field=field, **METER)

    assert open_token(digits, **METER) == (2, subclass << 44 | 0x9 << 40 | 0xABCDEF << 16 | field)
    read = decode_token(digits, **METER)
    assert read == Management(subclass=subclass, tid=0xABCDEF, rnd=0x9, field=field)
    assert read.token_class == 2


@pytest.mark.parametrize("register", [*range(8), ALL_REGISTERS])
def test_clear_credit_takes_every_register_of_the_standard(register: int) -> None:
    digits = encode_management(**LIMIT | {"subclass": 1, "field": register}, **METER)

    assert open_token(digits, **METER)[1] & 0xFFFF == register


@pytest.mark.parametrize(
    ("change", "code", "field"),
    [
        ({"subclass": 1, "field": 8}, "field_out_of_range", "field"),
        ({"subclass": 1, "field": 0xFFFE}, "field_out_of_range", "field"),
        ({"subclass": 5, "field": 1}, "field_out_of_range", "field"),
        ({"field": -1}, "field_out_of_range", "field"),
        ({"field": 1 << 16}, "field_out_of_range", "field"),
        ({"tid": -1}, "field_out_of_range", "tid"),
        ({"tid": 1 << 24}, "field_out_of_range", "tid"),
        ({"rnd": 16}, "field_out_of_range", "rnd"),
        ({"subclass": 3}, "unsupported_token", "subclass"),
        ({"subclass": 4}, "unsupported_token", "subclass"),
        ({"subclass": 8}, "unsupported_token", "subclass"),
        ({"subclass": 9}, "unsupported_token", "subclass"),
        ({"subclass": 11}, "unsupported_token", "subclass"),
        ({"subclass": -1}, "unsupported_token", "subclass"),
    ],
)
def test_management_with_a_wrong_field_is_refused(change: dict[str, Any], code: str, field: str) -> None:
    with pytest.raises(StsError) as refusal:
        encode_management(**LIMIT | METER | change)

    assert (refusal.value.code, refusal.value.field) == (code, field)


def test_extended_field_is_index_and_value() -> None:
    """STS 531-1, CTSA24: the fields 64512 and 64513 are a flag off and on, 123 a control's value."""
    assert extended_flag_field(flag=0, is_on=False) == 64_512
    assert extended_flag_field(flag=0, is_on=True) == 64_513
    assert extended_field(index=0, value=123) == 123
    assert extended_flag_field(flag=0x1FF, is_on=True) == extended_field(index=FLAGS_INDEX, value=0x3FF) == 0xFFFF


@pytest.mark.parametrize(("index", "value", "field"), [(64, 0, "index"), (-1, 0, "index"), (0, 1024, "value")])
def test_extended_field_with_too_many_bits_is_refused(index: int, value: int, field: str) -> None:
    with pytest.raises(FieldOutOfRange) as refusal:
        extended_field(index=index, value=value)

    assert refusal.value.field == field


@pytest.mark.parametrize(("flag", "is_on", "field"), [(512, True, "flag"), (-1, True, "flag"), (0, 1, "is_on")])
def test_extended_flag_field_of_no_flag_is_refused(flag: int, is_on: bool, field: str) -> None:
    with pytest.raises(FieldOutOfRange) as refusal:
        extended_flag_field(flag=flag, is_on=is_on)

    assert refusal.value.field == field


@pytest.mark.parametrize("subclass", [3, 4, 8, 9, 11, 15])
def test_management_of_a_body_of_another_kind_is_refused(subclass: int) -> None:
    with pytest.raises(UnsupportedToken):
        management_in(subclass << 44)
