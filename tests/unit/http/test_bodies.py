import re
from decimal import Decimal

import pytest

from gateway.http.bodies import as_object, as_text, as_word, read_form, read_json_object, storable
from gateway.http.inbound import MAX_BODY_OCTETS, UnreadableCallback


def test_read_form_blank_values_and_escapes_kept() -> None:
    assert read_form(b"text=&phoneNumber=%2B2547&serviceCode=%2A384%2A96%23&a=1+2") == {
        "text": "",
        "phoneNumber": "+2547",
        "serviceCode": "*384*96#",
        "a": "1 2",
    }


def test_read_form_stray_newline_at_the_end_ignored() -> None:
    assert read_form(b"id=1&text=\r\n") == {"id": "1", "text": ""}


def test_read_form_badly_escaped_octet_replaced() -> None:
    assert read_form(b"text=caf%E9") == {"text": "caf\ufffd"}


def test_read_form_empty_body_no_fields() -> None:
    assert read_form(b"") == {}


@pytest.mark.parametrize(
    "body", [b"a=1&a=2", b"\xff=1", b"&".join(b"f%d=1" % n for n in range(65)), b"a=" + b"1" * MAX_BODY_OCTETS]
)
def test_read_form_unreadable_body_refused(body: bytes) -> None:
    with pytest.raises(UnreadableCallback):
        read_form(body)


def test_read_json_object_numbers_stay_exact() -> None:
    document = read_json_object(b'\xef\xbb\xbf{"a": 1.10, "b": 2, "c": "3", "d": {"e": [1e3]}}')
    assert document == {"a": Decimal("1.10"), "b": 2, "c": "3", "d": {"e": [Decimal(1000)]}}
    assert isinstance(document["a"], Decimal)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b"[]",
        b"1",
        b"{",
        b"\xff{}",
        b'{"a": NaN}',
        b'{"a": Infinity}',
        b'{"a": -Infinity}',
        b'{"a": 1, "a": 1}',
        b'{"b": {"a": 1, "a": 2}}',
        b'{"a": ' + b"9" * 5000 + b"}",
        b'{"a": 1e99999999999999999999}',
        b'{"a": ' + b"[" * 30000 + b"]" * 30000 + b"}",
        b'{"a":' * 10000,
        b'{"a": "' + b"x" * MAX_BODY_OCTETS + b'"}',
    ],
)
def test_read_json_object_unreadable_body_refused(body: bytes) -> None:
    with pytest.raises(UnreadableCallback):
        read_json_object(body)


def test_as_object_object_is_itself() -> None:
    assert as_object({"a": 1}) == {"a": 1}


@pytest.mark.parametrize("value", [None, [], "a", 1])
def test_as_object_anything_else_refused(value: object) -> None:
    with pytest.raises(UnreadableCallback):
        as_object(value)


@pytest.mark.parametrize(
    ("value", "text"),
    [("a b", "a b"), (" 5 ", "5"), (0, "0"), (-3, "-3"), (Decimal("20.0"), "20"), (Decimal("0.0"), "0")],
)
def test_as_text_text_or_whole_number_as_text(value: object, text: str) -> None:
    assert as_text(value) == text


@pytest.mark.parametrize("value", [None, True, False, [], {}, Decimal("1.5"), Decimal("1e400"), Decimal("1e-400")])
def test_as_text_anything_else_refused(value: object) -> None:
    with pytest.raises(UnreadableCallback):
        as_text(value)


def test_as_word_whole_text_must_match() -> None:
    assert as_word("12", re.compile("[0-9]+")) == "12"
    for value in ("12a", "1 2", "", "\u0661"):
        with pytest.raises(UnreadableCallback):
            as_word(value, re.compile("[0-9]+"))


def test_storable_cuts_and_replaces_what_no_database_keeps() -> None:
    assert storable("a\0b\ud800c\udfff", 10) == "a\ufffdb\ufffdc\ufffd"
    assert storable("abcdef", 3) == "abc"
    assert storable("\U0001f600", 3).encode() == "\U0001f600".encode()
