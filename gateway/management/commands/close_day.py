"""`manage.py close_day DATE`: freeze the books of a day, by a person who is asked for name and password."""

from datetime import date
from typing import Any

from django.core.management.base import CommandError, CommandParser
from django.utils.dateparse import parse_date

from gateway.clock import now
from gateway.management.custodians import log_in
from gateway.management.one_line import OneLineCommand
from gateway.reconciliation.closing import close_day, find_day_problem


class Command(OneLineCommand):
    help = "Close a day of the books, once every difference from the providers' lists is explained."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("date", help="the day, such as 2026-01-31, by BOOKS_TIMEZONE")
        parser.add_argument(
            "--operator", default="", metavar="NAME", help="whose login it is; asked for when not given"
        )
        parser.add_argument("--check", action="store_true", help="only say whether it could be closed now")

    def handle(self, *args: Any, **options: Any) -> None:
        day_date = _day(options["date"])
        if options["check"]:
            if problem := find_day_problem(day_date, now()):
                raise problem
            self.stdout.write(f"{day_date} can be closed")
            return
        actor = log_in("operator", now(), options["operator"])
        operator_id = int(actor.removeprefix("operator:"))
        closed = close_day(day_date=day_date, operator_id=operator_id, actor=actor, now=now())
        self.stdout.write(f"{closed.day_date} is closed")


def _day(text: str) -> date:
    try:
        day_date = parse_date(text)
    except ValueError:
        day_date = None
    if day_date is None:
        raise CommandError("a day looks like 2026-01-31")
    return day_date
