"""`manage.py sts`: tokens and test vectors, for an engineer. No database, no settings but the EA 07 tables.

Without a command it is a stream for programs: JSON lines in, JSON lines out, in order. `encode` and `decode` are for a
person, and do the same by options.
"""

import json
import os
import sys
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from gateway.chance import random_nibble
from gateway.clock import now
from gateway.management.sts_command.cases import (
    Inputs,
    Options,
    is_vending_key,
    key_change_inputs,
    key_inputs,
    meter_test_inputs,
    token_inputs,
)
from gateway.management.sts_command.key_entry import check_vending_key, key_from
from gateway.management.sts_command.options import add_commands
from gateway.management.sts_command.stream import answer_stream
from gateway.management.sts_command.words import grouped, remarks_on, table_of
from vending.kernel.errors import DomainError
from vending.sta_tables.queries import get_tables
from vending.sts.frame import TEST_CLASS, split_digits
from vending.vectors.algorithms import Outcome, compute
from vending.vectors.lines import outcome_as_json, refusal_as_json

_INTERRUPTED = 130


class Command(BaseCommand):
    help = "Make and read STS tokens: test vectors as JSON lines on standard input, or one token by encode and decode."
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--ignored", action="store_true", help="beside a result, name the inputs that played no part"
        )
        add_commands(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            match options["command"]:
                case "encode":
                    self._encode(options)
                case "decode":
                    self._decode(options)
                case _:
                    _answer_stream(names_ignored=options["ignored"])
        except DomainError as refusal:
            raise CommandError(_in_one_line(refusal)) from None
        except KeyboardInterrupt:
            raise SystemExit(_INTERRUPTED) from None

    def _encode(self, options: Options) -> None:
        algorithm, cases = _cases(options)
        for inputs in cases:
            outcome = compute(algorithm, inputs, sta_tables=get_tables)
            if options["json"]:
                self.stdout.write(json.dumps(outcome_as_json(outcome)))
                continue
            made = outcome.result if isinstance(outcome.result, list) else [outcome.result]
            for digits in made:
                self.stdout.write(f"token: {grouped(digits)}")
                self._print(_read(digits, inputs), options)
            self._remark(outcome)

    def _decode(self, options: Options) -> None:
        digits = "".join(options["digits"]).replace(" ", "").replace("-", "")
        token_class, _ = split_digits(digits)
        outcome = _read(digits, {} if token_class == TEST_CLASS else {"key": _key(options)})
        if options["json"]:
            self.stdout.write(json.dumps(outcome_as_json(outcome)))
        else:
            self._print(outcome, options)
            self._remark(outcome)

    def _print(self, decoded: Outcome, options: Options) -> None:
        for line in table_of(decoded.result, options.get("base")):
            self.stdout.write(f"  {line}")

    def _remark(self, outcome: Outcome) -> None:
        for remark in remarks_on(outcome):
            self.stdout.write(f"NOTE: {remark}")


def _answer_stream(*, names_ignored: bool) -> None:
    if sys.stdin is None or sys.stdout is None:  # closed by whoever started us
        return
    try:
        answer_stream(sys.stdin.buffer, sys.stdout.buffer, sta_tables=get_tables, names_ignored=names_ignored)
    except BrokenPipeError:  # nobody reads any more
        _write_no_more()
    except OSError as refusal:  # a full disk
        _write_no_more()
        raise CommandError(f"standard input or output failed: {refusal.strerror}") from None


def _write_no_more() -> None:
    """What Python would still write at its end must not fail too."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _cases(options: Options) -> tuple[str, list[Inputs]]:
    if options["kind"] == "meter-test":
        return "token", meter_test_inputs(options)
    key = _key(options)
    if options["kind"] == "key-change":
        return "kct", [key_change_inputs(options, key, _new_secret(options))]
    return "token", [token_inputs(options, key, rnd=random_nibble(), now=now())]


def _key(options: Options) -> Inputs:
    if not is_vending_key(options):
        return key_inputs(options, key_from(options["decoder_key_file"], "Decoder key of the meter"))
    secret = key_from(options["vending_key_file"], "Vending key")
    check_vending_key(options["dkga"], secret)
    return key_inputs(options, secret)


def _new_secret(options: Options) -> str | None:
    """The new vending key, or the present one; the new decoder key, which a key change without one cannot be."""
    if is_vending_key(options):
        file_name = options["to_vending_key_file"]
        return None if file_name is None else key_from(file_name, "")
    return key_from(options["to_decoder_key_file"], "New decoder key")


def _read(digits: str, inputs: Inputs) -> Outcome:
    key = {"key": inputs["key"]} if "key" in inputs else {}
    return compute("token_decode", {"token": digits} | key, sta_tables=get_tables)


def _in_one_line(refusal: DomainError) -> str:
    error: Any = refusal_as_json(refusal)["error"]
    return f"{error['code']}: {error['message']}"
