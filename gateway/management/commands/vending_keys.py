"""`manage.py vending_keys`: custody of vending keys, by persons. No octet of a key is printed or taken as an option.

`load` is run by two custodians, one after the other, each with a component. What they are asked and how they say who
they are: `gateway.management.custodians`. What they do: `vending.keys`.
"""

import argparse
import resource
import secrets
from collections.abc import Callable, Iterable
from dataclasses import fields
from datetime import datetime
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import CommandError, CommandParser

from fleet.operators.queries import list_usernames
from gateway.clock import now
from gateway.management.commands.load_demo import ensure_demo_key_encryption_key
from gateway.management.custodians import ask, log_in
from gateway.management.one_line import OneLineCommand
from gateway.management.vending_key_list import as_json, as_text
from vending.keys.attributes import KeyAttributes, check_attributes, name_of
from vending.keys.check_values import check_value_of
from vending.keys.components import check_component, check_value_from_entry, component_from_entry, joined, octets_of
from vending.keys.errors import VendingKeyMissing, VendingKeyStopped
from vending.keys.key_encryption import read_key_encryption_keys
from vending.keys.models import VendingKey
from vending.keys.queries import describe_keys, list_vending_keys, list_waiting_components
from vending.keys.services import forget_component, load_component, rotate_vending_keys
from vending.keys.stopping import STARTED_AGAIN, start_vending_key, stop_vending_key
from vending.vends.services import wake_held_vends

_NONCE_OCTETS = 12


class Command(OneLineCommand):
    help = "Load vending keys by two custodians, list, stop and start them, and seal them anew."

    def add_arguments(self, parser: CommandParser) -> None:
        acts = parser.add_subparsers(dest="act", required=True, metavar="ACT")
        loading = acts.add_parser("load", help="enter your component; the second custodian's makes the key")
        _add_attributes(loading)
        _add_component_file(loading)
        listing = acts.add_parser("list", help="every vending key and every component that waits")
        listing.add_argument("--json", action="store_true", help="print one JSON object")
        _add_name(acts.add_parser("forget", help="give up a loading that waits for the second custodian"))
        stopping = acts.add_parser("stop", help="let a vending key make no more tokens")
        _add_name(stopping)
        stopping.add_argument("--reason", required=True, help="a few words, at most 40 characters")
        starting = acts.add_parser("start", help="let a stopped vending key work again: two custodians")
        _add_name(starting)
        starting.add_argument("--outcome", default=STARTED_AGAIN, help="what was found; it closes the key's cases")
        acts.add_parser("rotate", help="seal everything under the first key-encryption key")
        checking = acts.add_parser("check-value", help="the check value of a component, or of two and their key")
        checking.add_argument("--dkga", type=int, required=True)
        _add_component_file(checking)

    def handle(self, *args: Any, **options: Any) -> None:
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        if not settings.IS_PRODUCTION:
            ensure_demo_key_encryption_key()
        acts: dict[str, Callable[[dict[str, Any]], None]] = {
            "load": self._load,
            "list": self._list,
            "forget": self._forget,
            "stop": self._stop,
            "start": self._start,
            "rotate": self._rotate,
            "check-value": self._check_value,
        }
        acts[options["act"]](options)

    def _load(self, options: dict[str, Any]) -> None:
        attributes = KeyAttributes(**{attribute.name: options[attribute.name] for attribute in fields(KeyAttributes)})
        check_attributes(attributes)
        octets_of(attributes.dkga)
        key_check_value = check_value_from_entry(options["check_value"])
        read_key_encryption_keys()  # missing: said before anybody types a component
        actor = log_in("custodian", now())
        component = self._component("component", options["component_file"])
        check_component(component, attributes.dkga)
        self.stdout.write(f"check value of your component: {check_value_of(component)}")
        if ask("is it the one on your sheet (yes or no)").strip().lower() != "yes":
            raise CommandError("nothing was loaded")
        loading = load_component(
            attributes=attributes,
            key_check_value=key_check_value,
            component=component,
            nonce=secrets.token_bytes(_NONCE_OCTETS),
            actor=actor,
            now=now(),
        )
        if loading.vending_key:
            wake_held_vends(reasons=[VendingKeyMissing.code], now=now())
            self.stdout.write(f"loaded: {attributes.name}, check value {loading.vending_key.check_value}")
        else:
            until = loading.waits_until_at
            self.stdout.write(f"kept until {until:%Y-%m-%d %H:%M} UTC: now the other custodian, with the same options")

    def _list(self, options: dict[str, Any]) -> None:
        at = now()
        keys, waiting = describe_keys(), list_waiting_components(at)
        if options["json"]:
            self.stdout.write(as_json(keys, waiting, at))
            return
        for line in as_text(keys, waiting, _names_of(row.custodian for row in waiting), at):
            self.stdout.write(line)

    def _forget(self, options: dict[str, Any]) -> None:
        actor = log_in("custodian", now())
        was_there = forget_component(**_name_in(options), actor=actor, now=now())
        self.stdout.write("forgotten" if was_there else "no component waits under this name")

    def _stop(self, options: dict[str, Any]) -> None:
        row = _vending_key(options)
        actor = log_in("operator", now())
        is_new = stop_vending_key(vending_key_id=row.pk, reason=options["reason"], actor=actor, now=now())
        self.stdout.write("stopped" if is_new else "it was stopped already")

    def _start(self, options: dict[str, Any]) -> None:
        row = _vending_key(options)
        if row.stopped_at is None:
            self.stdout.write("it was not stopped")
            return
        self.stdout.write(f"stopped since {row.stopped_at:%Y-%m-%d %H:%M} UTC: {row.stopped_reason}")
        actors = log_in("first custodian", now()), log_in("second custodian", now())
        is_new = start_vending_key(
            vending_key_id=row.pk,
            actors=actors,
            now=now(),
            outcome=options["outcome"],
            stopped_at=row.stopped_at,
        )
        woken = wake_held_vends(reasons=[VendingKeyStopped.code], now=now())
        self.stdout.write(f"started; sales that go on: {woken}" if is_new else "it was not stopped")

    def _rotate(self, options: dict[str, Any]) -> None:
        read_key_encryption_keys()
        actor = log_in("operator", now())
        done = rotate_vending_keys(random_octets=secrets.token_bytes, actor=actor, now=now())
        self.stdout.write(
            f"sealed anew under {done.sealed_by}: {done.vending_keys} vending keys, {done.components} components; "
            f"unchanged: {done.unchanged}"
        )

    def _check_value(self, options: dict[str, Any]) -> None:
        dkga = options["dkga"]
        octets_of(dkga)
        first = self._component("first component", options["component_file"])
        check_component(first, dkga)
        self.stdout.write(f"check value of the component: {check_value_of(first)}")
        typed = ask("second component (nothing: only the one)", is_hidden=True)
        if not typed.strip():
            return
        second = component_from_entry(typed)
        check_component(second, dkga)
        self.stdout.write(f"check value of the second component: {check_value_of(second)}")
        self.stdout.write(f"check value of the key: {check_value_of(joined(first, second, dkga=dkga))}")

    def _component(self, question: str, file: str) -> bytes:
        if not file:
            return component_from_entry(ask(question, is_hidden=True))
        try:
            return component_from_entry(Path(file).read_text())
        except (OSError, UnicodeDecodeError):
            raise CommandError("the file of the component cannot be read") from None


def _vending_key(options: dict[str, Any]) -> VendingKey:
    name = (options["sgc"], options["krn"], options["kt"])
    row = list_vending_keys([name]).get(name)
    if row is None:
        raise VendingKeyMissing(f"no vending key for {name_of(*name)}")
    return row


def _names_of(actors: Iterable[str]) -> dict[str, str]:
    """The user name of each actor "operator:7"."""
    usernames = list_usernames({int(actor.removeprefix("operator:")) for actor in actors})
    return {f"operator:{pk}": username for pk, username in usernames.items()}


def _name_in(options: dict[str, Any]) -> dict[str, Any]:
    return {name: options[name] for name in ("sgc", "krn", "kt")}


def _add_name(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--sgc", required=True, help="six digits")
    parser.add_argument("--krn", type=int, required=True)
    parser.add_argument("--kt", type=int, required=True)


def _add_attributes(parser: argparse.ArgumentParser) -> None:
    _add_name(parser)
    parser.add_argument("--base", dest="base_date", required=True, metavar="YEAR", help="base date: 93, 14 or 35")
    parser.add_argument("--dkga", type=int, required=True, help="1, 2, 3 or 4")
    parser.add_argument("--ken", type=int, default=255, help="0 to 255 (default: 255, never expires)")
    parser.add_argument("--active-from", dest="active_from_at", type=_moment, metavar="MOMENT", help="ACT")
    parser.add_argument("--issue-until", dest="issue_until_at", type=_moment, metavar="MOMENT", help="IUT")
    parser.add_argument("--check-value", required=True, help="of the whole key, six hexadecimal digits")


def _add_component_file(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--component-file", default="", metavar="FILE", help="read the component, do not ask for it")


def _moment(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        moment = datetime.min  # noqa: DTZ901 -- refused below, as a moment without a zone is
    if moment.tzinfo is None:
        raise argparse.ArgumentTypeError("a moment looks like 2026-01-31T00:00Z, with its time zone")
    return moment
