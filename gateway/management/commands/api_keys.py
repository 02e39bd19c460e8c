"""`manage.py api_keys`: make, list and revoke the keys of the API. A key is shown whole once, when it is made."""

import secrets
from typing import Any

from django.core.management.base import CommandParser

from gateway.api.queries import list_api_keys
from gateway.api.services import make_api_key, revoke_api_key
from gateway.clock import now
from gateway.management.one_line import OneLineCommand

_ACTOR = "system:api_keys"


class Command(OneLineCommand):
    help = "Make, list and revoke the keys of the API."

    def add_arguments(self, parser: CommandParser) -> None:
        acts = parser.add_subparsers(dest="act", required=True, metavar="ACT")
        acts.add_parser("make", help="a new key: printed whole, once").add_argument("name", metavar="NAME")
        acts.add_parser("list", help="every key: its first part, when it was made, used and revoked")
        acts.add_parser("revoke", help="end a key, for good").add_argument("name", metavar="NAME")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["act"] == "make":
            random_octets = secrets.token_bytes
            whole = make_api_key(name=options["name"], random_octets=random_octets, actor=_ACTOR, now=now())
            self.stdout.write(whole)
            self.stderr.write("Keep it now: it is not shown again.")
        elif options["act"] == "list":
            self._list()
        else:
            is_new = revoke_api_key(name=options["name"], actor=_ACTOR, now=now())
            self.stdout.write("revoked" if is_new else "it was revoked already")

    def _list(self) -> None:
        for row in list_api_keys():
            used = f"used {row.last_used_at:%Y-%m-%d %H:%M} UTC" if row.last_used_at else "never used"
            revoked = f", revoked {row.revoked_at:%Y-%m-%d %H:%M} UTC" if row.revoked_at else ""
            self.stdout.write(f"{row.name}: {row.prefix}..., made {row.made_at:%Y-%m-%d %H:%M} UTC, {used}{revoked}")
