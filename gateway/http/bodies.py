"""Strict readers of what vendors post: a form or a JSON object into plain values, or `UnreadableCallback`. Pure.

Whatever octets arrive, nothing else is raised: not a decoding error, not a recursion error, not an arithmetic one.
"""

import json
import re
from collections.abc import Callable
from decimal import Decimal
from typing import TypeVar
from urllib.parse import parse_qsl

from gateway.http.inbound import MAX_BODY_OCTETS, UnreadableCallback

_MOST_FIELDS = 64
_MOST_DIGITS = 24

Value = TypeVar("Value")


def read_form(body: bytes) -> dict[str, str]:
    """The fields of `application/x-www-form-urlencoded`, blank ones included. A name that comes twice is refused.

    A badly escaped octet becomes U+FFFD in its value: the rest of a customer's message still counts.
    """
    _check_size(body)
    try:
        # White space is always escaped inside a form: what stands raw at its ends is a sender's stray newline.
        text = body.decode("utf-8").strip(" \t\r\n")
        pairs = parse_qsl(text, keep_blank_values=True, max_num_fields=_MOST_FIELDS, errors="replace")
    except ValueError:
        raise UnreadableCallback("not a form") from None
    return _unique(pairs)


def read_json_object(body: bytes) -> dict[str, object]:
    """One JSON object; numbers with a point are `Decimal`. NaN, infinity and a name that comes twice are refused."""
    _check_size(body)
    return _json_object(body, _unique)


def read_long_json_object(body: bytes) -> dict[str, object]:
    """The same for an answer that we asked for: whoever fetched it bounded its length. Of a name that comes twice the
    last counts, so that one odd row of a long list does not hide the others.
    """
    return _json_object(body, dict)


def _json_object(body: bytes, as_fields: Callable[[list[tuple[str, object]]], dict[str, object]]) -> dict[str, object]:
    try:
        document = json.loads(
            body.decode("utf-8-sig"), parse_float=Decimal, parse_constant=_refuse_constant, object_pairs_hook=as_fields
        )
    except (ValueError, ArithmeticError, RecursionError):
        raise UnreadableCallback("not JSON") from None
    if not isinstance(document, dict):
        raise UnreadableCallback("not a JSON object")
    return document


def as_object(value: object) -> dict[str, object]:
    """A value inside a JSON document that has to be an object."""
    if not isinstance(value, dict):
        raise UnreadableCallback("not an object")
    return value


def as_text(value: object) -> str:
    """A JSON text or whole number as stripped text: Daraja and MTN write one field now as `0`, now as `"0"`."""
    if isinstance(value, Decimal) and abs(value.adjusted()) < _MOST_DIGITS and value == int(value):
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise UnreadableCallback("neither text nor a whole number")
    return str(value).strip()


def as_word(value: object, pattern: re.Pattern[str]) -> str:
    """`as_text` of a field that matters: all of it must match `pattern`."""
    text = as_text(value)
    if pattern.fullmatch(text) is None:
        raise UnreadableCallback("a field that matters is not what it should be")
    return text


def storable(text: str, longest: int) -> str:
    """`text` cut to `longest` characters; NUL and lone surrogates, which a database cannot keep, become U+FFFD."""
    whole = text[:longest].replace("\0", "\ufffd")
    return "".join("\ufffd" if "\ud800" <= character <= "\udfff" else character for character in whole)


def _check_size(body: bytes) -> None:
    if len(body) > MAX_BODY_OCTETS:
        raise UnreadableCallback("too long")


def _unique(pairs: list[tuple[str, Value]]) -> dict[str, Value]:
    fields = dict(pairs)
    if len(fields) != len(pairs):
        raise UnreadableCallback("a field comes twice")
    return fields


def _refuse_constant(name: str) -> object:
    raise UnreadableCallback(f"not a number: {name}")
