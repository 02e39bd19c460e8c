"""No line takes the stream down: any octets, any JSON, any value in the place of any input."""

import json
import re
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.sts_vectors import Vector, all_vectors
from vending.sts.sta_tables import SAMPLE_TABLES
from vending.vectors.algorithms import ALGORITHMS
from vending.vectors.lines import answer_line

HUGE = "a huge number"
NUMBERS = st.one_of(st.integers(-2, 300), st.integers(), st.integers(-(1 << 70), 1 << 70), st.floats(), st.just(HUGE))
TEXTS = st.one_of(
    st.text(max_size=24),
    st.text("0123456789", max_size=24),
    st.text("0123456789abcdefABCDEF", max_size=42),
    st.from_regex(r"\A-?[0-9]{1,4}(\.[0-9]{1,4})?([eE][+-]?[0-9]{1,4})?\Z"),
    st.datetimes().map(lambda moment: moment.isoformat(timespec="minutes")),
    st.just("0001-01-01T00:00+14:00"),
    st.just("9999-12-31T23:59-14:00"),
    st.sampled_from(["sample", "operational", "decrypt", "14", "35", "123456", "600727000000000009"]),
)
SCALARS = st.one_of(st.none(), st.booleans(), NUMBERS, TEXTS)
NAMES = sorted(
    {name for vector in all_vectors() for name in vector.inputs}
    | {name for vector in all_vectors() for name in vector.inputs.get("new_key", {})}
    | {"dk", "units", "count", "number", "direction", "decrypt"}
)
KEYS = st.dictionaries(st.sampled_from(NAMES), SCALARS, max_size=12)
INPUTS = st.dictionaries(st.sampled_from(NAMES), st.one_of(SCALARS, KEYS, st.lists(SCALARS, max_size=3)), max_size=14)
SECRET = re.compile(r"[0-9A-Fa-f]{16,}")


def answer_to(line: bytes) -> dict[str, Any]:
    """The answer, after the checks that hold for every line."""
    text = answer_line(line, sta_tables=lambda: SAMPLE_TABLES)
    answer: dict[str, Any] = json.loads(text)
    assert text.isascii()
    assert "\n" not in text
    assert ("result" in answer) != ("error" in answer)
    if "error" in answer:
        assert set(answer) == {"id", "error"}
        assert set(answer["error"]) == {"code", "message"}
        assert re.fullmatch(r"[a-z0-9_]+", answer["error"]["code"])
        assert not SECRET.search(answer["error"]["message"])
    return answer


@given(st.binary(max_size=200))
@settings(max_examples=300, deadline=None)
def test_any_octets_get_an_answer(line: bytes) -> None:
    answer_to(line)


@given(st.recursive(SCALARS, lambda inner: st.lists(inner) | st.dictionaries(st.text(max_size=9), inner), max_leaves=9))
@settings(max_examples=200, deadline=None)
def test_any_json_value_gets_an_answer(value: object) -> None:
    answer_to(_dumped(value))


@given(st.sampled_from(sorted(ALGORITHMS)), INPUTS)
@settings(max_examples=600, deadline=None)
def test_any_inputs_of_any_algorithm_get_an_answer(algorithm: str, inputs: dict[str, object]) -> None:
    answer_to(_dumped({"id": 1, "algorithm": algorithm, "inputs": inputs}))


@given(st.sampled_from(all_vectors()), st.data())
@settings(max_examples=600, deadline=None)
def test_published_case_with_one_input_replaced_gets_an_answer(vector: Vector, data: st.DataObject) -> None:
    inputs = json.loads(json.dumps(vector.inputs))
    parts = [inputs, *(value for value in inputs.values() if isinstance(value, dict))]
    part = data.draw(st.sampled_from(parts))
    name = data.draw(st.sampled_from(sorted(part)))
    if data.draw(st.booleans()):
        del part[name]
    else:
        part[name] = data.draw(SCALARS)

    answer = answer_to(_dumped({"id": vector.id, "algorithm": vector.algorithm, "inputs": inputs}))

    assert answer["id"] == vector.id or answer["error"]["code"] == "line_unreadable"


def _dumped(value: object) -> bytes:
    """As JSON; `HUGE` becomes a number of more digits than Python writes or reads."""
    return json.dumps(value).replace(f'"{HUGE}"', "9" * 5001).encode()
