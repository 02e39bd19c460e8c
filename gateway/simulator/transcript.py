"""The demo's play in words: for a person, screen by screen, or as one JSON object a line for a program."""

import json
import re
import textwrap
from collections.abc import Callable, Mapping
from typing import Any, Protocol

_WIDTH = 112
_INDENT = " " * 9
_SCREENS = ("CON ", "END ")
_BETWEEN_FIELDS = re.compile(r"&(?=[A-Za-z]+=)")


class Transcript(Protocol):
    def title(self, text: str) -> None:
        """A new scene begins."""
        ...

    def line(self, step: str, kind: str, sender: str, receiver: str, text: str, *, ok: bool = True) -> None:
        """One thing that was said (ussd, http, sms, meter), by whom to whom. Not ok: it is not what had to be said."""
        ...

    def wire(self, step: str, message: Mapping[str, Any]) -> None:
        """One HTTP request and its answer, as the wire log keeps them."""
        ...


class JsonTranscript:
    """One object a line, nothing else."""

    def __init__(self, write: Callable[[str], object]) -> None:
        self._write = write

    def title(self, text: str) -> None:
        """Programs find scenes by the step."""

    def line(self, step: str, kind: str, sender: str, receiver: str, text: str, *, ok: bool = True) -> None:
        value = {"step": step, "kind": kind, "from": sender, "to": receiver, "text": text, "ok": ok}
        self._write(json.dumps(value) + "\n")

    def wire(self, step: str, message: Mapping[str, Any]) -> None:
        request = f"{message['method']} {message['path']} {message['body']}".rstrip()
        text = f"{request} -> {_answer_of(message)}"
        self.line(step, "http", message["sender"], message["receiver"], text)


class HumanTranscript:
    """Screens and messages in frames; wire messages as address, fields, answer."""

    def __init__(self, write: Callable[[str], object]) -> None:
        self._write = write

    def title(self, text: str) -> None:
        self._write(f"\n== {text} ==\n\n")

    def line(self, step: str, kind: str, sender: str, receiver: str, text: str, *, ok: bool = True) -> None:
        if not ok:
            self._write(f"\nFAILED at step {step!r}: {text}\n")
        elif "\n" not in text and kind != "sms" and not text.startswith(_SCREENS):
            self._write(f"{kind:>7}  {sender} -> {receiver}: {text}\n")
        else:
            self._write(f"{kind:>7}  {sender} -> {receiver}\n{_framed(text)}")

    def wire(self, step: str, message: Mapping[str, Any]) -> None:
        head = f"   wire  {message['sender']} -> {message['receiver']}  {message['method']} {message['path']}\n"
        body = _wrapped(_BETWEEN_FIELDS.sub("  ", message["body"])) if message["body"] else ""
        self._write(head + body + _wrapped(f"<- {_answer_of(message)}"))


def _answer_of(message: Mapping[str, Any]) -> str:
    return f"{message['status']} {message['answer']}".rstrip() if message["status"] else "no answer"


def _wrapped(text: str) -> str:
    lines = textwrap.wrap(
        text.replace("\n", " / "), _WIDTH - len(_INDENT), replace_whitespace=False, break_on_hyphens=False
    )
    return "".join(f"{_INDENT}{line}\n" for line in lines)


def _framed(text: str) -> str:
    lines = [part for line in text.split("\n") for part in (textwrap.wrap(line, 60) or [""])]
    width = max((len(line) for line in lines), default=0)
    rule = f"{_INDENT}+{'-' * (width + 2)}+\n"
    return rule + "".join(f"{_INDENT}| {line:<{width}} |\n" for line in lines) + rule
