"""`manage.py payment_provider`: tell a mobile money operator our addresses, and try our credentials. A line each.

The secret part of an address is never printed. What the provider itself refuses is its adapter's to know.
"""

from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core.management.base import CommandError, CommandParser

from gateway.clock import now
from gateway.management.one_line import OneLineCommand
from gateway.payments.ports import Registered
from gateway.payments.registry import check_provider, get_provider


class Command(OneLineCommand):
    help = "Register our addresses at a mobile money operator, or try our credentials."

    def add_arguments(self, parser: CommandParser) -> None:
        acts = parser.add_subparsers(dest="act", required=True, metavar="ACT")
        for act, text in (
            ("register-hooks", "where the provider validates and confirms payments"),
            ("register-pull", "once: ask the provider to keep a list that can be pulled"),
            ("check", "ask for an access token"),
        ):
            acts.add_parser(act, help=text).add_argument("provider", metavar="PROVIDER")

    def handle(self, *args: Any, **options: Any) -> None:
        name = options["provider"]
        provider = get_provider(name)  # unknown: said before anything else
        if options["act"] == "check":
            self._say("credentials", name, check_provider(name))
            return
        base_url, shown = _base_url(name)
        register = provider.register_hooks if options["act"] == "register-hooks" else provider.register_pull
        self._say(f"addresses under {shown}", name, register(base_url=base_url, now=now()))

    def _say(self, subject: str, name: str, registered: Registered) -> None:
        if not registered.is_done:
            raise CommandError(f"provider_refused: {name} did not take the {subject}: {registered.code}")
        self.stdout.write(f"{name} took the {subject}: {registered.code}")


def _base_url(provider: str) -> tuple[str, str]:
    """The address that the doors' last words are put after, and what of it may be printed."""
    public = settings.PUBLIC_BASE_URL
    if settings.IS_PRODUCTION and urlsplit(public).scheme != "https":
        raise CommandError("address_not_https: PUBLIC_BASE_URL must begin with https:// before a provider is told it")
    if not settings.HOOK_SECRETS:
        raise CommandError("hook_secret_missing: HOOK_SECRETS is empty")
    hooks = f"{public}/hooks/payments/{provider}"
    return f"{hooks}/{settings.HOOK_SECRETS[0]}", f"{hooks}/***"
