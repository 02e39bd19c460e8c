"""`manage.py sts_tables`: install the operator's licensed EA 07 tables, or show which are in force.

No number of a table is ever printed: a set is named by its fingerprint.
"""

from pathlib import Path
from typing import Any

from django.core.management import call_command
from django.core.management.base import CommandParser

from gateway.clock import now
from gateway.management.one_line import OneLineCommand
from vending.sta_tables.errors import Ea07TablesMissing, Ea07TablesRefused
from vending.sta_tables.queries import get_tables, get_tables_source
from vending.sta_tables.services import install_tables
from vending.vends.services import wake_held_vends

_SOURCES = {
    "STS_EA07_TABLES": "the file that STS_EA07_TABLES names",
    "installed": "installed",
    "sample": "none installed: the standard's sample tables",
}


class Command(OneLineCommand):
    help = "Install the operator's EA 07 tables from a file, or show which tables are in force."

    def add_arguments(self, parser: CommandParser) -> None:
        commands = parser.add_subparsers(dest="command", required=True, metavar="install | show")
        install = commands.add_parser("install", help="copy a file's tables into the data folder")
        install.add_argument("file", type=Path, metavar="FILE", help="JSON with sub1, sub2 and perm")
        commands.add_parser("show", help="where the tables come from, and their fingerprint")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["command"] == "install":
            _install(options["file"])
        self._show()

    def _show(self) -> None:
        tables = get_tables()
        self.stdout.write(f"EA 07 tables: {_SOURCES[get_tables_source()]}")
        self.stdout.write(f"SHA-256: {tables.sha256}")
        if not tables.is_operational:
            self.stdout.write("These are the standard's SAMPLE tables: no real meter takes a token that they make.")


def _install(path: Path) -> None:
    """The audit trail is in the database: on a new machine this is what makes it, as `up` does."""
    call_command("migrate", interactive=False, verbosity=0)
    install_tables(path=path, actor="system:sts_tables", now=now())
    wake_held_vends(reasons=[Ea07TablesMissing.code, Ea07TablesRefused.code], now=now())
