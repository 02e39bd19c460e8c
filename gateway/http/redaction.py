"""What must never stand in a log, an error page or an exception text is starred out: codes, keys, phones, secret paths.

A net below the rule that nobody writes such things, not a permission to. It masks too much rather than too little: a
decimal number of twenty digits goes, whatever it was. Meter numbers (11 and 13 digits) and vendors' message ids stay,
for without them a log is of no use. What it cannot see: a value in `bytes` notation, and objects that a handler
formats by itself (`record.request`).
"""

import logging
import re
from collections.abc import Callable

_STARS = "***"
_SHOWN_DIGITS = 3

_SENSITIVE_NAMES = (
    r"pass(?:word|wd|key|phrase)|secret|api[_-]?key|consumer[_-]?key|(?:vending|decoder|encryption)[_-]?key"
    r"|access[_-]?token|authorization|credential|\bpin(?=\b|_)"
)
_VALUE = (
    r"""(?:Basic|Bearer)\s+[^\s"',;&]+|\\["'][^"'\\]*\\["']"""
    r"""|b?"(?:[^"\\]|\\.)*"|b?'(?:[^'\\]|\\.)*'|["']?[^\s"',;&)}\]]+"""
)
_NAMED_SECRET = re.compile(rf"(?i)((?:{_SENSITIVE_NAMES})\w{{0,20}}\\?[\"']?\s{{0,3}}[:=]\s{{0,3}})({_VALUE})")
_BEARER = re.compile(r"\b((?i:Bearer|Basic) )(?=[^\s]*[0-9A-Z=])[A-Za-z0-9._~+/=-]{8,}")
_USERINFO = re.compile(r"(://[^\s/:@]{0,64}:)[^\s/@]{1,256}@")
_HOOK_SECRET = re.compile(r"(/hooks/[^/\s]{1,32}/[^/\s]{1,32}/)[^/\s?\"'&]+")
# A code in groups of four, whatever divides them: spaces, hyphens, escaped spaces, the commas and quotes of a list.
_GROUPED_CODE = re.compile(r"\d{4}(?:(?:%[0-9A-Fa-f]{2}|\W|_){0,4}\d{4}){4}")
_LONG_NUMBER = re.compile(r"\d{20,}")
# A message id of Africa's Talking is 32 hex digits too, but no secret: it is how an operator finds a message.
_HEX = re.compile(r"\bAT[A-Za-z]{1,8}_[0-9a-f]{32}\b|(?:\b|_|0x)(?=[0-9]*[A-Fa-f])[0-9A-Fa-f]{16,}(?![0-9A-Za-z])")
_HEX_PAIRS = re.compile(r"\b(?:[0-9A-Fa-f]{2}[: ]){7,}[0-9A-Fa-f]{2}\b")
# With a plus (perhaps escaped) any country; without one only forms that no meter number and no time of day has.
_PHONE = re.compile(
    r"(?:\+|%2[Bb])\d(?:[ -]?\d){7,14}(?!\d)"
    r"|(?<![0-9A-Za-z])(?:2[1-9]\d{10}|234\d{10}|0\d{9})(?![0-9A-Za-z])"
    r"|(?<![0-9A-Za-z])(?:0[17]\d\d[ -]\d{3}|2[1-9]\d[ -]\d{3}[ -]\d{3})[ -]\d{3}(?!\d)"
)


def redact(text: str) -> str:
    """`text` with every secret of a recognisable shape starred out; phone numbers keep their last three digits."""
    for pattern, replacement in _RULES:
        text = pattern.sub(replacement, text)
    return text


class RedactingFilter(logging.Filter):
    """Redacts a record's message, arguments, exception and stack, and never drops one.

    Its place is on handlers: on a logger it would not see what comes up from the loggers below. The exception is turned
    into text here, since a handler that formatted it later would print what was masked.
    """

    def filter(self, record: logging.LogRecord) -> bool:
        record.msg = redact(_message(record))
        record.args = ()
        if record.exc_info and not record.exc_text:
            record.exc_text = _FORMATTER.formatException(record.exc_info)
        record.exc_info = None
        if record.exc_text:
            record.exc_text = redact(record.exc_text)
        if record.stack_info:
            record.stack_info = redact(record.stack_info)
        return True


def _message(record: logging.LogRecord) -> str:
    try:
        return record.getMessage()
    except (TypeError, ValueError, KeyError):
        # logging would print the bad record's arguments to standard error, unredacted.
        return f"{record.msg} (its arguments did not fit)"


def _named(match: re.Match[str]) -> str:
    quote = match[2][-1] if match[2][0] == match[2][-1] and match[2][0] in "\"'" else ""
    return f"{match[1]}{quote}{_STARS}{quote}"


def _hex(match: re.Match[str]) -> str:
    return match[0] if match[0].startswith("AT") else _STARS


def _phone(match: re.Match[str]) -> str:
    digits = re.sub(r"\D", "", match[0].removeprefix("%2B").removeprefix("%2b"))
    return ".." + digits[-_SHOWN_DIGITS:]


_FORMATTER = logging.Formatter()
_RULES: tuple[tuple[re.Pattern[str], str | Callable[[re.Match[str]], str]], ...] = (
    (_USERINFO, rf"\g<1>{_STARS}@"),
    (_HOOK_SECRET, rf"\g<1>{_STARS}"),
    (_NAMED_SECRET, _named),
    (_BEARER, rf"\g<1>{_STARS}"),
    (_HEX, _hex),
    (_HEX_PAIRS, _STARS),
    (_LONG_NUMBER, _STARS),
    (_GROUPED_CODE, _STARS),
    (_PHONE, _phone),
)
