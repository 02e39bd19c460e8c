"""`manage.py tariffs`: see the prices, see what new ones would do, propose them, and decide on a proposal.

A proposal is a file in JSON (`vending.tariffs.files`); its effect on last month's sales is printed before anybody says
yes. Two persons: who proposes cannot approve. They log in as at `vending_keys` (`gateway.management.custodians`).
"""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import CommandError, CommandParser

from fleet.approvals.lifecycle import ApprovalState
from fleet.approvals.models import Approval
from fleet.approvals.queries import get_approval, list_waiting
from fleet.sites.models import Site
from gateway.chance import random_nibble
from gateway.clock import now
from gateway.desk.services import DeskTools, Kind, approve, propose, refuse
from gateway.management.custodians import log_in
from gateway.management.one_line import OneLineCommand
from vending.kernel.money import format_energy, format_minor
from vending.tariffs.describing import details_of, headline_of
from vending.tariffs.files import read_file, read_site_code
from vending.tariffs.queries import facts_of, list_versions
from vending.tariffs.services import check_can_publish
from vending.tariffs.terms import TariffFacts, read_terms, terms_of
from vending.vends.previewing import Side, TariffPreview, preview_tariff

_MOST_OCTETS = 65_536
_MOST_WAITING = 1_000


class Command(OneLineCommand):
    help = "List tariffs, preview and propose a new version, approve or refuse a proposal."

    def add_arguments(self, parser: CommandParser) -> None:
        acts = parser.add_subparsers(dest="act", required=True, metavar="ACT")
        acts.add_parser("list", help="every version, and the proposals that wait")
        _add_file(acts.add_parser("preview", help="what a file's tariff would have made of last month's sales"))
        proposing = acts.add_parser("propose", help="ask a second person to publish a file's tariff")
        _add_file(proposing)
        proposing.add_argument("--reason", required=True, help="for the second person, at most 200 characters")
        approving = acts.add_parser("approve", help="publish what another person proposed")
        refusing = acts.add_parser("refuse", help="do not publish what another person proposed")
        for deciding in (approving, refusing):
            deciding.add_argument("id", type=int, metavar="ID", help="the number of the proposal")
        refusing.add_argument("--answer", required=True, help="why not, at most 200 characters")
        for parser_of_act in (proposing, approving, refusing):
            parser_of_act.add_argument(
                "--operator", metavar="NAME", help="whose login it is: only the password is asked"
            )

    def handle(self, *args: Any, **options: Any) -> None:
        acts: dict[str, Callable[[dict[str, Any]], None]] = {
            "list": self._list,
            "preview": self._preview,
            "propose": self._propose,
            "approve": self._approve,
            "refuse": self._refuse,
        }
        acts[options["act"]](options)

    def _list(self, options: dict[str, Any]) -> None:
        for tariff in list_versions():
            self._write_version(f"tariff {tariff.pk}", tariff.site, facts_of(tariff))
        for approval in list_waiting(limit=_MOST_WAITING):
            if approval.kind == Kind.TARIFF_PUBLISH:
                self._write_version(*_proposal(approval))

    def _preview(self, options: dict[str, Any]) -> None:
        site, facts = _read(options["file"])
        self._show("preview", site, facts)

    def _propose(self, options: dict[str, Any]) -> None:
        site, facts = _read(options["file"])
        self._show("proposal", site, facts)
        actor, operator_id = _log_in(options)
        approval = propose(
            kind=Kind.TARIFF_PUBLISH,
            subject_id=site.pk,
            terms=terms_of(facts),
            reason=options["reason"],
            maker_id=operator_id,
            actor=actor,
            now=now(),
        )
        until = approval.expires_at
        self.stdout.write(f"proposal {approval.pk} waits for a second person until {until:%Y-%m-%d %H:%M} UTC")

    def _approve(self, options: dict[str, Any]) -> None:
        approval = _get_proposal(options["id"])
        if approval.state == ApprovalState.WAITING:
            self._show(*_proposal(approval))
        actor, operator_id = _log_in(options)
        tools = DeskTools(random_nibble=random_nibble, look_ahead_minutes=settings.TID_LOOK_AHEAD_MINUTES)
        approve(approval_id=approval.pk, checker_id=operator_id, tools=tools, actor=actor, now=now())
        self.stdout.write("approved and published")

    def _refuse(self, options: dict[str, Any]) -> None:
        approval = _get_proposal(options["id"])
        actor, operator_id = _log_in(options)
        refuse(approval_id=approval.pk, checker_id=operator_id, answer=options["answer"], actor=actor, now=now())
        self.stdout.write("refused; nothing was published")

    def _show(self, what: str, site: Site, facts: TariffFacts) -> None:
        """The version and its effect. Refused before anybody is asked: what could not be published."""
        check_can_publish(site_id=site.pk, facts=facts, now=now())
        self._write_version(what, site, facts)
        for line in _effect_lines(preview_tariff(site=site, facts=facts, now=now())):
            self.stdout.write(line)

    def _write_version(self, what: str, site: Site, facts: TariffFacts) -> None:
        self.stdout.write(f"{what}: site {site.code}, {headline_of(facts, site.timezone)}")
        for line in details_of(facts):
            self.stdout.write(f"  {line}")


def _add_file(parser: CommandParser) -> None:
    parser.add_argument("file", metavar="FILE", help="the tariff in JSON, amounts in whole units as text")


def _read(file: str) -> tuple[Site, TariffFacts]:
    content = _content_of(file)
    site = Site.objects.filter(code=read_site_code(content)).first()
    if site is None:
        raise CommandError("there is no site with this code")
    return site, read_file(content, currency=site.currency, timezone=site.timezone)


def _content_of(file: str) -> object:
    try:
        with Path(file).open("rb") as stream:
            octets = stream.read(_MOST_OCTETS + 1)
        if len(octets) > _MOST_OCTETS:
            raise CommandError(f"the file has more than {_MOST_OCTETS} octets")
        content: object = json.loads(octets)
    except OSError:
        raise CommandError("the file cannot be read") from None
    except (ValueError, RecursionError):
        raise CommandError("the file is no JSON in UTF-8") from None
    return content


def _log_in(options: dict[str, Any]) -> tuple[str, int]:
    """The actor and the operator's id."""
    actor = log_in("operator", now(), username=options["operator"] or "")
    return actor, int(actor.removeprefix("operator:"))


def _get_proposal(approval_id: int) -> Approval:
    approval = get_approval(approval_id)
    if approval is None or approval.kind != Kind.TARIFF_PUBLISH:
        raise CommandError("there is no proposal of a tariff with this number")
    return approval


def _proposal(approval: Approval) -> tuple[str, Site, TariffFacts]:
    site = Site.objects.get(pk=int(approval.subject.removeprefix("site:")))
    what = f"proposal {approval.pk} by {approval.maker.username} ({approval.reason})"
    return what, site, read_terms(approval.terms)


def _effect_lines(preview: TariffPreview) -> list[str]:
    lines = [
        f"effect on the sales of {preview.month_date:%Y-%m} (customers: {preview.customers}): as sold -> as proposed"
    ]
    for name, text in _FIGURES.items():
        lines.append(f"  {name}: {text(preview, preview.before)} -> {text(preview, preview.after)}")
    if preview.losers:
        lines.append("  who loses most, in units for the same money:")
    for loss in preview.losers:
        before, after = format_energy(loss.energy_before_kwh_tenths), format_energy(loss.energy_after_kwh_tenths)
        lines.append(f"    meter {loss.drn}: {before} -> {after}")
    return lines


_FIGURES: dict[str, Callable[[TariffPreview, Side], str]] = {
    "sales": lambda _, side: str(side.sales),
    "units": lambda _, side: format_energy(side.energy_kwh_tenths),
    "units per customer": lambda preview, side: format_energy(preview.average_kwh_tenths(side)),
    "revenue": lambda preview, side: f"{preview.currency} {format_minor(side.revenue_minor, preview.currency)}",
    "taxes": lambda preview, side: f"{preview.currency} {format_minor(side.taxes_minor, preview.currency)}",
}
