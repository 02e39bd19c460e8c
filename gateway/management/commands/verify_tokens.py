"""`manage.py verify_tokens`: decode every stored token and compare it with its row.

A line for each wrong token, by row ids, then for each vending key how many of its tokens could not be decoded and why,
and last `wrong: N`. Exit 1 unless every token was decoded and is right. It writes nothing, stops no key and prints no
digits. The process needs the key-encryption key, as the tokens worker does.
"""

import json
import resource
from collections import Counter
from datetime import UTC, date, datetime, time
from typing import Any

from django.conf import settings
from django.core.management.base import CommandError, CommandParser

from gateway.management.commands.load_demo import ensure_demo_key_encryption_key
from gateway.management.one_line import OneLineCommand
from vending.security.registry import get_security_module
from vending.tokens.auditing import Audited, audit_tokens
from vending.tokens.errors import VerifyFailed


class Command(OneLineCommand):
    help = "Decode every stored token and compare it with its row."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--since", metavar="DATE", help="only tokens that were granted on this day (UTC) or later: 2026-11-20"
        )
        parser.add_argument("--json", action="store_true", help="print JSON objects, one a line")

    def handle(self, *args: Any, **options: Any) -> None:
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        since = _read_day(options["since"]) if options["since"] else None
        if not settings.IS_PRODUCTION:
            ensure_demo_key_encryption_key()
        self._audit(since, options["json"])

    def _audit(self, since: datetime | None, as_json: bool) -> None:
        tokens = wrong = 0
        unread: Counter[tuple[int, str]] = Counter()
        for audited in audit_tokens(get_security_module(), since=since):
            tokens += 1
            if isinstance(audited.verdict, VerifyFailed):
                wrong += 1
                self.stdout.write(_wrong_line(audited, audited.verdict, as_json))
            elif audited.verdict:
                unread[audited.vending_key_id, audited.verdict.code] += 1
        for (vending_key_id, code), count in sorted(unread.items()):
            self.stdout.write(_unread_line(vending_key_id, code, count, as_json))
        self.stdout.write(json.dumps({"tokens": tokens, "wrong": wrong}) if as_json else f"wrong: {wrong}")
        if wrong or unread:
            raise SystemExit(1)


def _wrong_line(audited: Audited, verdict: VerifyFailed, as_json: bool) -> str:
    if as_json:
        return json.dumps(
            {
                "token": audited.token_id,
                "meter": audited.meter_id,
                "vending_key": audited.vending_key_id,
                "code": verdict.code,
                "field": verdict.field,
            }
        )
    return f"{verdict} (meter {audited.meter_id}, vending key {audited.vending_key_id})"


def _unread_line(vending_key_id: int, code: str, count: int, as_json: bool) -> str:
    if as_json:
        return json.dumps({"vending_key": vending_key_id, "code": code, "not_decoded": count})
    return f"vending key {vending_key_id}: {count} not decoded, {code}"


def _read_day(text: str) -> datetime:
    try:
        day = date.fromisoformat(text)
    except ValueError:
        raise CommandError("--since is no day; write it as 2026-11-20") from None
    return datetime.combine(day, time(), UTC)
