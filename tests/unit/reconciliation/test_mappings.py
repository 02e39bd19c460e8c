"""Layouts as data: what a saved one may say, and what it may not."""

import json

import pytest

from gateway.reconciliation.errors import MappingInvalid
from gateway.reconciliation.mappings import BUILT_IN, check_mapping_name, read_layout, values_of

LEAST = {"receipt": "Ref", "completed_at": "When", "paid_in": "Amount"}


@pytest.mark.parametrize("name", BUILT_IN)
def test_built_in_layout_comes_back_from_json(name: str) -> None:
    assert read_layout(json.loads(json.dumps(values_of(BUILT_IN[name])))) == BUILT_IN[name]


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"receipt": ""}, "receipt"),
        ({"paid_in": 7}, "paid_in"),
        ({"colour": "red"}, "colour"),
        ({"withdrawn": ["a"]}, "withdrawn"),
        ({"date_forms": "%Y"}, "date_forms"),
        ({"date_forms": []}, "date_forms"),
        ({"date_forms": ["%H:%M"]}, "date_forms"),
        ({"date_forms": ["%Y-%m-%d %Y"]}, "date_forms"),
        ({"date_forms": ["%Q(("]}, "date_forms"),
        ({"payment_words": ["x"] * 21}, "payment_words"),
        ({"charge_words": [None]}, "charge_words"),
        ({"status": "x" * 61}, "status"),
        ({"decimal_mark": "'"}, "decimal_mark"),
        ({"timezone": "Mars/Base"}, "timezone"),
        ({"timezone": "../etc/passwd"}, "timezone"),
        ({"timezone": ""}, "timezone"),
        ({"withdrawn": "amount"}, ""),
        ({"withdrawn": "..."}, ""),
    ],
)
def test_layout_that_cannot_be_used_is_refused_with_its_part(change: dict[str, object], field: str) -> None:
    with pytest.raises(MappingInvalid) as refused:
        read_layout(LEAST | change)

    assert refused.value.field == field


@pytest.mark.parametrize("values", [None, [], "x", {}, {"receipt": "Ref"}])
def test_what_is_no_layout_is_refused(values: object) -> None:
    with pytest.raises(MappingInvalid):
        read_layout(values)


@pytest.mark.parametrize("name", ["", "org-portal", "Upper", "a b", "x" * 41, "-x"])
def test_name_that_cannot_be_saved_is_refused(name: str) -> None:
    with pytest.raises(MappingInvalid):
        check_mapping_name(name)
