"""One line of a stream of cases: JSON in, JSON out. Whatever the line holds, there is an answer and no exception.

The answer is `{"id", "result"}` or `{"id", "error": {"code", "message"}}`, with `"unverified": true` and
`"ea07_tables": "sample"` beside a result of which that must be said. A message never holds what an input held.
"""

import json
import math
from collections.abc import Callable
from typing import Any

from vending.kernel.errors import DomainError
from vending.sts.errors import StsError
from vending.sts.sta_tables import StaTables
from vending.vectors.algorithms import Outcome, compute
from vending.vectors.errors import InputMalformed, InputMissing, LineTooLong, LineUnreadable
from vending.vectors.inputs import HUGE

GREATEST_OCTETS = 64 * 1024

_GREATEST_DIGITS = 40
_SCALARS = (str, int, float, bool, type(None))
# `vending.sts` calls some values by other names than the inputs do.
_INPUT_NAMES = {
    "amount_field": "field",
    "base_date": "base",
    "cipher": "ea",
    "decoder_key": "key",
    "digits": "token",
    "meter_pan": "pan",
    "moment": "issued",
    "rollover": "ro",
    "secret": "vk",
    "token_class": "class",
}

Answer = dict[str, object]


def answer_line(line: bytes, *, sta_tables: Callable[[], StaTables], names_ignored: bool = False) -> str:
    """The answer to one line, with or without its line feed, as one line of ASCII without it.

    With `names_ignored` a result has `"ignored": [names]` beside it where inputs played no part: slips of the pen.
    """
    answer: Answer = {"id": None}
    try:
        case = _case_in(line, answer)
        outcome = _computed(case, sta_tables)
        answer |= outcome_as_json(outcome)
        if names_ignored and outcome.ignored:
            answer["ignored"] = list(outcome.ignored)
    except DomainError as refusal:
        answer |= refusal_as_json(refusal)
    return json.dumps(answer)


def outcome_as_json(outcome: Outcome) -> Answer:
    """A result in the words of the answer, with everything that must be said beside it."""
    answer: Answer = {"result": outcome.result}
    if outcome.is_unverified:
        answer["unverified"] = True
    if outcome.used_sample_tables:
        answer["ea07_tables"] = "sample"
    return answer


def refusal_as_json(refusal: DomainError) -> Answer:
    """A refusal in the words of the answer; the message begins with the name of the input that is wrong."""
    message, name = str(refusal), _INPUT_NAMES.get(refusal.field, refusal.field)
    if isinstance(refusal, StsError) and not message.lower().startswith(name):
        message = f"{name}: {message}"
    return {"error": {"code": refusal.code, "message": message}}


def _case_in(line: bytes, answer: Answer) -> dict[str, Any]:
    """The line's object. As soon as its id is known, the answer gets it."""
    if len(line) > GREATEST_OCTETS:
        raise LineTooLong(f"a line has at most {GREATEST_OCTETS} octets")
    faults: list[str] = []
    case = _parsed(line, faults)
    if not isinstance(case, dict):
        raise LineUnreadable("a line is one JSON object with id, algorithm and inputs")
    identifier = case.get("id")
    if not isinstance(identifier, _SCALARS):
        raise InputMalformed("id is a text, a number, true, false or null", field="id")
    if "an id twice" not in faults:
        answer["id"] = identifier
    if faults:
        raise LineUnreadable(f"a line does not hold {faults[0]}")
    return case


def _parsed(line: bytes, faults: list[str]) -> object:
    """The line's JSON. `faults` gets what Python's reader would let pass and JSON does not have or mean."""

    def object_of(pairs: list[tuple[str, object]]) -> dict[str, object]:
        found = dict(pairs)
        if len(found) < len(pairs):
            names = [name for name, _ in pairs]
            faults.append("an id twice" if names.count("id") > 1 else "a name twice in one object")
        return found

    def not_a_number(_: str) -> object:
        faults.append("NaN or Infinity")
        return HUGE

    try:
        return json.loads(
            line.decode("utf-8-sig"),
            object_pairs_hook=object_of,
            parse_constant=not_a_number,
            parse_int=lambda text: int(text) if len(text) <= _GREATEST_DIGITS else HUGE,
            parse_float=lambda text: value if math.isfinite(value := float(text)) else HUGE,
        )
    except UnicodeDecodeError:
        raise LineUnreadable("a line is UTF-8") from None
    except (ValueError, RecursionError):  # RecursionError: brackets within brackets without end
        raise LineUnreadable("a line is one JSON object") from None


def _computed(case: dict[str, Any], sta_tables: Callable[[], StaTables]) -> Outcome:
    for name in ("algorithm", "inputs"):
        if name not in case:
            raise InputMissing(f"{name} is missing", field=name)
    return compute(case["algorithm"], case["inputs"], sta_tables=sta_tables)
