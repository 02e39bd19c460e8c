import io
import json
import logging

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.http.redaction import RedactingFilter, redact

TOKEN = "12345678901234567890"
GROUPS = ["1234", "5678", "9012", "3456", "7890"]
SECRET = "0123456789abcdef0123456789abcdef"


@pytest.mark.parametrize(
    "code",
    [
        TOKEN,
        " ".join(GROUPS),
        "-".join(GROUPS),
        "+".join(GROUPS),
        "%20".join(GROUPS),
        "\u00a0".join(GROUPS),
        "\n".join(GROUPS),
        json.dumps(GROUPS),
        repr(GROUPS),
        f"{TOKEN}{TOKEN}",
        f"Token: {' '.join(GROUPS)}\nUnits 6.4",
    ],
)
def test_redact_code_in_any_grouping_gone(code: str) -> None:
    redacted = redact(f"sent {code} to the phone")
    assert not any(group in redacted for group in GROUPS)
    assert redacted.startswith("sent ")
    assert redacted.endswith(" to the phone")


@pytest.mark.parametrize(
    ("text", "redacted"),
    [
        ("from +254711000111 now", "from ..111 now"),
        ("from +254 711 000 111 now", "from ..111 now"),
        ("phoneNumber=%2B254711000111&x", "phoneNumber=..111&x"),
        ("msisdn 254711000111.", "msisdn ..111."),
        ("0711000111", "..111"),
        ("0711 000 111", "..111"),
        ("254 711 000 111", "..111"),
        ("(+255655123456)", "(..456)"),
        ("2348031234567", "..567"),
    ],
)
def test_redact_phone_keeps_three_digits(text: str, redacted: str) -> None:
    assert redact(text) == redacted


@pytest.mark.parametrize(
    ("text", "redacted"),
    [
        (f"POST /hooks/payments/daraja/{SECRET}/stk/ 200", "POST /hooks/payments/daraja/***/stk/ 200"),
        ("GET /hooks/ussd/africastalking/guess?x=1", "GET /hooks/ussd/africastalking/***?x=1"),
        (f"/hooks/ussd/africastalking/{SECRET}/events/", "/hooks/ussd/africastalking/***/events/"),
        (f"secrets {SECRET}", "secrets ***"),
        ("vk abababababababab949494949494949401234567", "vk ***"),
        ("decoder 0123456789ABCDEF end", "decoder *** end"),
        ("0x0123456789abcdef", "***"),
        ("bytes ab:cd:ef:01:23:45:67:89", "bytes ***"),
        ("apiKey=atsk_1234, next", "apiKey=***, next"),
        ("{'apiKey': 'atsk_1234', 'Accept': 'x'}", "{'apiKey': '***', 'Accept': 'x'}"),
        ('{"password": "p w\\"d", "a": 1}', '{"password": "***", "a": 1}'),
        ('{\\"passkey\\": \\"abc def\\", 1}', '{\\"passkey\\": ***, 1}'),
        ("passkey: b'abc'", "passkey: ***"),
        ("MPESA_CONSUMER_SECRET=abc", "MPESA_CONSUMER_SECRET=***"),
        ("password='never closed", "password=*** closed"),
        ("Authorization: Basic dXNlcjpwYXNz", "Authorization: ***"),
        ("sent Bearer c9SQxWWhmdVRlyh0zh8gZDTkubVF", "sent Bearer ***"),
        ("PIN: 1234", "PIN: ***"),
        ("redis://:hunter2@127.0.0.1:6379/0", "redis://:***@127.0.0.1:6379/0"),
        ("postgres://tokeni:p:w@db/x", "postgres://tokeni:***@db/x"),
    ],
)
def test_redact_secret_of_each_shape_gone(text: str, redacted: str) -> None:
    assert redact(text) == redacted


@pytest.mark.parametrize(
    "text",
    [
        "",
        "meter 37000123457 and 0123456789012 sold 6.4 units for 200.00",
        "2026-11-03 12:34:56.123456+00:00 ready",
        "http://127.0.0.1:8000/health/live",
        "message ATXid_af55810d4d7c07ed9ad5f887096487ea accepted",
        "receipt RKL51ZDR4F at 20231121121325",
        "ping: ok, pinned: ok",
        "basic authentication failed",
        "/hooks/ussd/africastalking/",
    ],
)
def test_redact_harmless_text_unchanged(text: str) -> None:
    assert redact(text) == text


@given(st.text(), st.text(), st.sampled_from(["", " ", "-", ", ", "\t", "%20", "_"]))
def test_redact_code_in_any_surroundings_gone(before: str, after: str, divider: str) -> None:
    assert divider.join(GROUPS) not in redact(before + divider.join(GROUPS) + after)


def test_redact_long_hostile_text_ends_soon() -> None:
    for piece in ("a", "0", "1234 ", "0:", "+1 ", "_", '"', "password", "%20", "://", "/hooks/", "1234%"):
        redact(piece * (60_000 // len(piece)))


def _logged(message: object, *arguments: object, exception: Exception | None = None) -> str:
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.addFilter(RedactingFilter())
    logger = logging.Logger("redaction")
    logger.addHandler(handler)
    logger.error(message, *arguments, exc_info=exception, stack_info=exception is not None)
    return stream.getvalue()


def test_filter_secret_in_arguments_redacted() -> None:
    assert _logged("to %s: %s", "+254711000111", TOKEN) == "to ..111: ***\n"
    assert _logged("%(phone)s", {"phone": "0711000111"}) == "..111\n"


def test_filter_secret_made_of_message_and_argument_redacted() -> None:
    assert _logged("password=%s", "hunter2") == "password=***\n"


def test_filter_exception_and_its_cause_redacted() -> None:
    error = ValueError(f"bad token {TOKEN}")
    error.__cause__ = KeyError("+254711000111")
    logged = _logged("failed", exception=error)
    assert TOKEN not in logged
    assert "+254711000111" not in logged
    assert "ValueError: bad token ***" in logged
    assert "Stack (most recent call last)" in logged


def test_filter_message_that_does_not_fit_its_arguments_still_redacted() -> None:
    assert _logged("%d meters for +254711000111", "x") == "%d meters for ..111 (its arguments did not fit)\n"


def test_filter_object_as_message_redacted() -> None:
    assert _logged(RuntimeError("call +254711000111")) == "call ..111\n"


def test_filter_record_seen_twice_is_the_same() -> None:
    record = logging.LogRecord("x", logging.INFO, "f", 1, "100%% of %s", ("+254711000111",), None)
    for _ in range(2):
        assert RedactingFilter().filter(record)
        assert record.getMessage() == "100% of ..111"
