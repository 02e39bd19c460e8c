"""One line of a stream: whatever it holds, one answer in one line, with a code and without what the line held."""

import json
from typing import Any

import pytest

from vending.sts.sta_tables import SAMPLE_TABLES
from vending.vectors.lines import GREATEST_OCTETS, answer_line

GOOD = '{"id": "a", "algorithm": "LUHN", "inputs": {"body": "1234567890"}}'
DEEP = 10_000


def answer_to(line: str | bytes, *, names_ignored: bool = False) -> dict[str, Any]:
    octets = line.encode() if isinstance(line, str) else line
    text = answer_line(octets, sta_tables=lambda: SAMPLE_TABLES, names_ignored=names_ignored)
    assert text.isascii()
    assert "\n" not in text
    answer: dict[str, Any] = json.loads(text)
    return answer


@pytest.mark.parametrize("line", [GOOD, GOOD + "\n", GOOD + "\r\n", "\ufeff" + GOOD, f"  {GOOD}  "])
def test_line_with_a_case_gets_its_result(line: str) -> None:
    assert answer_to(line) == {"id": "a", "result": "3"}


@pytest.mark.parametrize("identifier", ["text", "", "\u00e9\n\U0001f600", 7, -1, 1.5, True, False, None])
def test_id_of_any_scalar_comes_back(identifier: object) -> None:
    line = json.dumps({"id": identifier, "algorithm": "LUHN", "inputs": {"body": "1234567890"}})

    assert answer_to(line) == {"id": identifier, "result": "3"}


def test_line_without_an_id_is_answered_with_none() -> None:
    assert answer_to('{"algorithm": "LUHN", "inputs": {"body": "1"}}') == {"id": None, "result": "8"}


def test_half_of_a_character_as_id_comes_back() -> None:
    assert answer_to('{"id": "\\ud800", "algorithm": "PAN", "inputs": {"drn": "00000000000"}}')["id"] == "\ud800"


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"   ",
        b"\0",
        b"no json",
        b"\xff\xfe",
        b'{"id": 1',
        b'{"id": 1} {"id": 2}',
        b"[]",
        b"null",
        b"7",
        b'"text"',
        b"[" * DEEP,
        b'{"id": 1, "inputs": ' + b'{"a":' * DEEP + b"1" + b"}" * DEEP + b"}",
        b'{"id": "\n"}',
    ],
    ids=lambda line: repr(line[:12]),
)
def test_line_that_is_no_json_object_is_refused_without_an_id(line: bytes) -> None:
    answer = answer_to(line)

    assert set(answer) == {"id", "error"}
    assert (answer["id"], answer["error"]["code"]) == (None, "line_unreadable")


@pytest.mark.parametrize(
    "inputs",
    ['{"body": "1", "body": "2"}', '{"body": NaN}', '{"body": -Infinity}', '{"x": [{"y": 1, "y": 1}]}'],
)
def test_line_with_a_name_twice_or_no_number_is_refused_with_its_id(inputs: str) -> None:
    answer = answer_to(f'{{"id": 5, "algorithm": "LUHN", "inputs": {inputs}}}')

    assert (answer["id"], answer["error"]["code"]) == (5, "line_unreadable")


def test_line_with_two_ids_is_refused_without_one() -> None:
    answer = answer_to('{"id": 1, "id": 2, "algorithm": "LUHN", "inputs": {"body": "1"}}')

    assert (answer["id"], answer["error"]["code"]) == (None, "line_unreadable")


@pytest.mark.parametrize("identifier", ["[]", "{}", "1e999", "9" * 5000])
def test_id_that_is_no_scalar_is_refused(identifier: str) -> None:
    answer = answer_to(f'{{"id": {identifier}, "algorithm": "LUHN", "inputs": {{"body": "1"}}}}')

    assert (answer["id"], answer["error"]["code"]) == (None, "input_malformed")


def test_line_of_the_greatest_length_is_read_and_one_more_octet_is_refused() -> None:
    longest = GOOD + " " * (GREATEST_OCTETS - len(GOOD))

    assert answer_to(longest) == {"id": "a", "result": "3"}
    assert answer_to(longest + " ")["error"]["code"] == "line_too_long"


@pytest.mark.parametrize(
    ("line", "code", "said"),
    [
        ('{"id": 1}', "input_missing", "algorithm is missing"),
        ('{"id": 1, "algorithm": "LUHN"}', "input_missing", "inputs is missing"),
        ('{"id": 1, "algorithm": "LUHN", "inputs": []}', "input_malformed", "inputs is an object"),
        ('{"id": 1, "algorithm": "luhn", "inputs": {}}', "algorithm_unknown", "algorithm is one of token, "),
        ('{"id": 1, "algorithm": null, "inputs": {}}', "algorithm_unknown", "algorithm is one of token, "),
        ('{"id": 1, "algorithm": ["LUHN"], "inputs": {}}', "algorithm_unknown", "algorithm is one of token, "),
    ],
)
def test_object_that_is_no_case_is_refused_by_the_name_of_what_is_wrong(line: str, code: str, said: str) -> None:
    error = answer_to(line)["error"]

    assert error["code"] == code
    assert error["message"].startswith(said)


def test_inputs_that_played_no_part_are_named_unless_they_may_be_secret() -> None:
    inputs = {"body": "1", "bodi": "2", "abababababababab": 1, "12345678901234567890": 1, "key": {"vk": "x"}}

    line = json.dumps({"id": 1, "algorithm": "LUHN", "inputs": inputs})

    assert answer_to(line) == {"id": 1, "result": "8"}
    assert answer_to(line, names_ignored=True) == {"id": 1, "result": "8", "ignored": ["?", "bodi", "key"]}


def test_what_must_be_said_beside_a_result_stands_beside_it() -> None:
    key = {"dkga": 1, "vk": "ab" * 8, "pan": "600727000000000009", "kt": 2, "sgc": "123456", "ti": 1, "krn": 1}
    inputs = {"class": 0, "subclass": 0, "tid": 5, "rnd": 5, "units": 1, "ea": 7, "key": key}
    answer = answer_to(json.dumps({"id": 1, "algorithm": "token", "inputs": inputs}))

    assert len(answer.pop("result")) == 20
    assert answer == {"id": 1, "unverified": True, "ea07_tables": "sample"}
