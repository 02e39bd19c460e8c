"""The root of commands that answer what goes wrong in one line, also to a tired person.

Only what is foreseen gets a line: a refusal of ours by its code, a database that is away, broken or not migrated,
Ctrl-C, and typed octets that are no text. A fault of ours still shows where it was.
"""

from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import DatabaseError

from vending.kernel.errors import DomainError

_INTERRUPTED = 130


class OneLineCommand(BaseCommand):
    def execute(self, *args: Any, **options: Any) -> str | None:
        try:
            return super().execute(*args, **options)
        except DomainError as refusal:
            raise CommandError(f"{refusal.code}: {refusal}") from None
        except DatabaseError as error:
            raise CommandError(_about_the_database(error)) from None
        except UnicodeEncodeError:
            raise CommandError("what was typed is not UTF-8") from None
        except KeyboardInterrupt:
            raise CommandError("broken off", returncode=_INTERRUPTED) from None


def _about_the_database(error: DatabaseError) -> str:
    """The first line is the database's own word; PostgreSQL shows the statement below it."""
    first_line = str(error).partition("\n")[0]
    return f"the database does not answer, or `manage.py migrate` was not run: {first_line}"
