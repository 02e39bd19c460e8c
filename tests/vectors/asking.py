"""Cases and meters for the tests of `vending.vectors`, under the sample tables."""

from typing import Any

import pytest

from vending.kernel.errors import DomainError
from vending.sts.sta_tables import SAMPLE_TABLES
from vending.vectors.algorithms import Outcome, compute

DK11 = {"dk": "929bd3a415c9420a05ec5ee9f3ce91c3", "ea": 11}
DK07 = {"dk": "0123456789abcdef", "ea": 7}
DK09 = {"dk": "0123456789abcdef", "ea": 9}
METER = {"pan": "600727000000000009", "kt": 2, "sgc": "201457", "ti": 1, "krn": 1}
VK04 = METER | {"dkga": 4, "vk": "abababababababab949494949494949401234567", "base": 14, "ea": 11}
TOKEN = {"class": 0, "subclass": 0, "tid": 85740, "rnd": 5, "key": DK11}
MANAGEMENT = {"class": 2, "tid": 85740, "rnd": 5, "key": DK11}


def outcome(algorithm: str, **inputs: Any) -> Outcome:
    return compute(algorithm, inputs, sta_tables=lambda: SAMPLE_TABLES)


def result(algorithm: str, **inputs: Any) -> Any:
    return outcome(algorithm, **inputs).result


def refusal(algorithm: str, **inputs: Any) -> tuple[str, str]:
    """Code and text."""
    with pytest.raises(DomainError) as refused:
        outcome(algorithm, **inputs)
    return refused.value.code, str(refused.value)


def read(digits: str, key: dict[str, object]) -> dict[str, object]:
    fields: dict[str, object] = result("token_decode", token=digits, key=key)
    return fields
