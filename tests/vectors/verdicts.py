"""A published vector through `vending.vectors`, the very function behind `manage.py sts`, and the verdict on it."""

import json
from collections.abc import Callable
from typing import Any, Literal

from tests.support.ea07_tables import operational_tables
from tests.support.sts_vectors import Vector
from vending.sts.sta_tables import SAMPLE_TABLES, StaTables
from vending.vectors.lines import answer_line

Verdict = Literal["passed", "failed", "skipped"]

# The source prints the amount that was asked for; the token carries the next greater one that its field can hold.
_CARRIED = {"kf-curr": {"class": 0, "subclass": 4, "amount": "100.00624"}}


def line_of(vector: Vector) -> bytes:
    """The vector as a line of a stream."""
    return json.dumps({"id": vector.id, "algorithm": vector.algorithm, "inputs": vector.inputs}).encode()


def answer_to(vector: Vector, sta_tables: Callable[[], StaTables]) -> dict[str, Any]:
    answer: dict[str, Any] = json.loads(answer_line(line_of(vector), sta_tables=sta_tables))
    return answer


def is_as_published(vector: Vector, answer: dict[str, Any]) -> bool:
    """Whether the answer is a result with all that the source prints, and nothing had to be said beside it."""
    expected = _CARRIED.get(vector.id, vector.expected)
    if set(answer) != {"id", "result"} or answer["id"] != vector.id:
        return False
    if vector.algorithm == "token_decode":  # sources print some of the fields
        return all(answer["result"][name] == value for name, value in expected.items())
    return bool(answer["result"] == expected)


def needs_tables(vector: Vector) -> bool:
    """Whether the vector asks for the tables of this installation: all of EA 07 but the standard's worked block."""
    asked = []

    def tables() -> StaTables:
        asked.append(True)
        return SAMPLE_TABLES

    answer_to(vector, tables)
    return bool(asked)


def verdict_on(vector: Vector) -> Verdict:
    tables = operational_tables()
    if tables is None and needs_tables(vector):
        return "skipped"
    return "passed" if is_as_published(vector, answer_to(vector, lambda: tables or SAMPLE_TABLES)) else "failed"
