"""`manage.py after_restore`: run once after the database came back from a backup, before any worker starts.

Moves the last TID of every meter past all that may have been issued since the backup (docs/operations/
after-a-restore.md). Prints a line for each base date. May be run again: nothing moves twice, and nothing moves back.
"""

from datetime import UTC, datetime, timedelta
from typing import Any

from django.conf import settings
from django.core.management.base import CommandError, CommandParser

from gateway.clock import now
from gateway.management.one_line import OneLineCommand
from vending.sts.base_dates import BaseDate
from vending.tokens.restoring import Moved, move_tids_past

ACTOR = "system:after_restore"
# TIDs that are skipped are gone: a slip of the pen in the year must not take them all.
MOST_AHEAD = timedelta(days=1)


class Command(OneLineCommand):
    help = "Move every meter's last TID past what may have been issued since the backup."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--stopped-at",
            metavar="MOMENT",
            help="when the lost installation stopped selling, with its zone: 2026-11-20T09:00+03:00 (default: now)",
        )
        parser.add_argument("--dry-run", action="store_true", help="count, and write nothing")

    def handle(self, *args: Any, **options: Any) -> None:
        at = now()
        stopped_at = _read_moment(options["stopped_at"], at) if options["stopped_at"] is not None else at
        moved = move_tids_past(
            stopped_at=stopped_at,
            look_ahead_minutes=settings.TID_LOOK_AHEAD_MINUTES,
            dry_run=options["dry_run"],
            actor=ACTOR,
            now=at,
        )
        for row in moved:
            self.stdout.write(_words(row))
        done = "would be moved" if options["dry_run"] else "moved"
        self.stdout.write(f"{done}: {sum(row.moved for row in moved)}")


def _read_moment(text: str, at: datetime) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
        in_utc = moment.astimezone(UTC)
    except (ValueError, OverflowError):
        raise CommandError("--stopped-at is no moment; write it as 2026-11-20T09:00+03:00") from None
    if moment.tzinfo is None:
        raise CommandError("--stopped-at needs its zone: +03:00, or Z for UTC")
    if in_utc > at + MOST_AHEAD:
        raise CommandError("--stopped-at is more than a day ahead of this machine's clock")
    return in_utc


def _words(row: Moved) -> str:
    until = BaseDate.of(row.base_date).starts_at + timedelta(minutes=row.last_tid)
    past = f"TID {row.last_tid} ({until:%Y-%m-%d %H:%M} UTC)"
    return f"base date {row.base_date}: {row.moved} of {row.meters} meters moved to {past}"
