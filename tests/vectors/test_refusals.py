"""Whatever is wrong with an input is refused with a code and by the input's name."""

from typing import Any

import pytest

from tests.vectors.asking import DK11, METER, TOKEN, VK04, outcome, refusal
from vending.kernel.errors import DomainError


@pytest.mark.parametrize(
    ("inputs", "field"),
    [
        ({"amount": "0.1", "units": 2}, "amount"),
        ({"units": 1, "ea": 7}, "ea"),
        ({"units": 1, "issued": "2014-03-01T13:01", "base": 14}, "tid"),
        ({"units": 1, "key": DK11 | {"vk": "00"}}, "key.dk"),
    ],
)
def test_inputs_that_contradict_each_other_are_refused(inputs: dict[str, Any], field: str) -> None:
    code, text = refusal("token", **(TOKEN | inputs))

    assert code == "inputs_contradict"
    assert field in text


@pytest.mark.parametrize(
    ("inputs", "text"),
    [({"tid": None, "units": 1}, "tid or issued is missing"), ({"class": 2, "subclass": 5}, "field is missing")],
)
def test_missing_input_names_every_way_to_give_it(inputs: dict[str, Any], text: str) -> None:
    given = {name: value for name, value in (TOKEN | inputs).items() if value is not None}

    assert refusal("token", **given) == ("input_missing", text)


# What is wrong is named


@pytest.mark.parametrize(
    ("algorithm", "inputs", "code", "field"),
    [
        ("token", {"key": None}, "input_missing", "key"),
        ("token", {"key": []}, "input_malformed", "key"),
        ("token", {"key": {"ea": 11}}, "input_missing", "key.dkga"),
        ("token", {"key": DK11 | {"dk": "00" * 8}}, "decoder_key_malformed", "key.dk"),
        ("token", {"key": DK11 | {"dk": "zz" * 16}}, "input_malformed", "key.dk"),
        ("token", {"key": DK11 | {"dk": "0" * 31}}, "input_malformed", "key.dk"),
        ("token", {"key": DK11 | {"dk": 12}}, "input_malformed", "key.dk"),
        ("token", {"key": DK11 | {"ea": 10}}, "unsupported_algorithm", "ea"),
        ("token", {"key": {"dk": DK11["dk"]}}, "input_missing", "ea"),
        ("token", {"key": VK04 | {"vk": "ab" * 8}}, "vending_key_malformed", "secret"),
        ("token", {"key": VK04 | {"pan": "600727000000000008"}}, "check_digit_wrong", "meter_pan"),
        ("token", {"key": VK04 | {"sgc": "2014571"}}, "key_attribute_invalid", "sgc"),
        ("token", {"key": VK04 | {"krn": 0}}, "key_attribute_invalid", "krn"),
        ("token", {"key": VK04 | {"kt": 4}}, "key_attribute_invalid", "kt"),
        ("token", {"key": VK04 | {"ti": 100}}, "key_attribute_invalid", "ti"),
        ("token", {"key": VK04 | {"base": 13}}, "key_attribute_invalid", "base_date"),
        ("token", {"key": VK04 | {"dkga": 5}}, "unsupported_algorithm", "dkga"),
        ("token", {"tid": 1 << 24}, "field_out_of_range", "tid"),
        ("token", {"tid": -1}, "field_out_of_range", "tid"),
        ("token", {"tid": 1 << 65}, "field_out_of_range", "tid"),
        ("token", {"tid": "5"}, "input_malformed", "tid"),
        ("token", {"tid": 5.0}, "input_malformed", "tid"),
        ("token", {"tid": True}, "input_malformed", "tid"),
        ("token", {"tid": None}, "input_missing", "issued"),
        ("token", {"rnd": 16}, "field_out_of_range", "rnd"),
        ("token", {"rnd": None}, "input_missing", "rnd"),
        ("token", {"class": None}, "input_missing", "class"),
        ("token", {"units": 18_201_625}, "amount_out_of_range", "amount"),
        ("token", {"units": None, "field": 1 << 16}, "field_out_of_range", "amount_field"),
        ("token", {"units": None}, "input_missing", "amount"),
        ("token", {"units": None, "amount": 5}, "input_malformed", "amount"),
        ("token", {"ken": 256}, "key_attribute_invalid", "ken"),
        ("token_decode", {"token": "5862578998699135748"}, "token_malformed", "digits"),
        ("token_decode", {"token": "586257899869913574866"}, "token_malformed", "digits"),
        ("token_decode", {"token": "5862578998699135748x"}, "token_malformed", "digits"),
        ("token_decode", {"token": "58625789986991357487"}, "token_crc_wrong", "digits"),
        ("token_decode", {"token": str(1 << 66)}, "token_malformed", "digits"),
        ("token_decode", {"token": "9" * 20}, "token_malformed", "digits"),
        ("token_decode", {"token": ""}, "token_malformed", "digits"),
        ("token_decode", {"token": 58625789986991357486}, "input_malformed", "token"),
        ("token_decode", {"token": "58625789986991357486", "key": None}, "input_missing", "key"),
        ("TID", {"issued": "2014-02-30T00:00", "base": 14}, "input_malformed", "issued"),
        ("TID", {"issued": "2014-03-01", "base": 14}, "input_malformed", "issued"),
        ("TID", {"issued": "2013-12-31T23:59", "base": 14}, "moment_out_of_range", "moment"),
        ("TID", {"issued": "0001-01-01T00:00+14:00", "base": 14}, "moment_out_of_range", "moment"),
        ("TID", {"issued": "2045-11-24T20:16", "base": 14}, "tid_exhausted", "tid"),
        ("TID_SEQ", {"issued": "2014-01-01T00:00", "base": 14, "count": 10_001}, "field_out_of_range", "count"),
        ("LUHN", {"body": ""}, "input_malformed", "body"),
        ("LUHN", {"body": "12a"}, "input_malformed", "body"),
        ("LUHN", {"body": "\u0661"}, "input_malformed", "body"),
        ("PAN", {"drn": "00000000001"}, "check_digit_wrong", "meter_pan"),
        ("PAN", {"drn": "1"}, "meter_number_invalid", "meter_pan"),
        ("CRC16", {"data": "0"}, "input_malformed", "data"),
        ("MISTY1", {"key": "00", "block": "00" * 8}, "input_malformed", "key"),
        ("MISTY1", {"key": "00" * 16, "block": "00" * 9}, "input_malformed", "block"),
        ("STA", {"key": "00" * 8, "block": "00" * 8, "direction": "up"}, "input_malformed", "direction"),
        ("STA", {"key": "00" * 8, "block": "00" * 8, "class": 4}, "field_out_of_range", "token_class"),
        ("TOKEN_CRC", {"class": 4, "subclass": 0, "field": 0}, "field_out_of_range", "class"),
        ("kct", {"new_key": DK11, "ken": 1}, "input_missing", "new_key.sgc"),
        ("kct", {"new_key": VK04, "ken": 256}, "key_attribute_invalid", "ken"),
        ("kct", {"new_key": VK04 | {"ea": 7}, "ken": 1, "ro": 0}, "decoder_key_malformed", "new_key"),
        ("kct", {"new_key": METER | DK11 | {"base": 14}, "ken": 1}, "input_missing", "key.base"),
        ("kct", {"key": VK04, "new_key": METER | DK11, "ken": 1}, "input_missing", "new_key.base"),
        ("kct", {"new_key": VK04, "ken": 1, "ro": 1}, "key_attribute_invalid", "rollover"),
        ("kct", {"new_key": VK04, "ken": 1, "ro": 2}, "input_malformed", "ro"),
        ("kct", {"new_key": VK04, "ken": 1, "ro": 1.0}, "input_malformed", "ro"),
        (
            "kct",
            {"new_key": VK04 | {"ti": 2}, "ken": 1, "ro": 0, "three_token": True},
            "unsupported_algorithm",
            "three_token",
        ),
    ],
)
def test_wrong_input_is_refused_by_its_name(algorithm: str, inputs: dict[str, Any], code: str, field: str) -> None:
    all_inputs = (TOKEN | {"units": 1} | inputs) if algorithm.startswith(("token", "TOKEN", "kct")) else inputs
    given = {name: value for name, value in all_inputs.items() if value is not None}
    with pytest.raises(DomainError) as refused:
        outcome(algorithm, **given)

    assert (refused.value.code, refused.value.field) == (code, field)
