"""`manage.py simulator`: the world in a box as a process of its own. Demo and test only."""

import json
import os
import random
import signal
import sys
from argparse import ArgumentParser
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from gateway.simulator.errors import WorldError
from gateway.simulator.launch import StartError, read_bind
from gateway.simulator.meter.sta_tables import SAMPLE_TABLES, SubstitutionTables
from gateway.simulator.meter.tid_store import USUAL_DEPTH
from gateway.simulator.meter_shelf import Factory
from gateway.simulator.server import SimulatorServer
from gateway.simulator.world import Credentials, World


class Command(BaseCommand):
    help = "Phones, SMS centre, mobile money and meters for the demo, on loopback HTTP."
    requires_system_checks = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--bind", default="127.0.0.1:0", metavar="HOST:PORT")
        parser.add_argument("--product", required=True, metavar="URL", help="where the product answers")
        parser.add_argument(
            "--facts", default="-", metavar="FILE", help="what load_demo --json printed; - is standard input"
        )
        parser.add_argument(
            "--tid-store-depth", type=int, default=USUAL_DEPTH, metavar="N", help="how many tokens a meter remembers"
        )
        parser.add_argument("--memory", metavar="FILE", help="where meters keep their used tokens over a restart")

    def handle(self, **options: Any) -> None:
        if settings.TOKENI_MODE not in ("demo", "test"):
            raise CommandError("the simulator runs in demo and test only: set TOKENI_MODE")
        # Every thread is a daemon and nothing is kept here, so ending is leaving the main thread.
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
        signal.signal(signal.SIGINT, lambda *_: sys.exit(130))
        try:
            server = SimulatorServer(read_bind(options["bind"]), _build_world(options))
        except (OSError, StartError, WorldError) as error:
            raise CommandError(f"the simulator cannot start: {error}") from None
        self.stdout.write(json.dumps({"event": "ready", "url": server.url}))
        self.stdout.flush()
        server.serve_forever()


def _build_world(options: dict[str, Any]) -> World:
    source = options["facts"]
    try:
        facts = json.loads(sys.stdin.read() if source == "-" else Path(source).read_text(encoding="utf-8"))
        credentials = Credentials.read(os.environ, str(facts["paybill"]))
        return World(
            facts,
            credentials,
            options["product"],
            clock=lambda: datetime.now(UTC),
            chance=random.SystemRandom(),
            meter_memory_file=Path(options["memory"]) if options["memory"] else None,
            factory=Factory(options["tid_store_depth"], _read_sta_tables(os.environ.get("STS_EA07_TABLES", ""))),
        )
    except (ValueError, TypeError, KeyError) as error:
        raise WorldError(f"the facts are not what load_demo --json prints: {error!r}") from None


def _read_sta_tables(name: str) -> SubstitutionTables:
    """The operator's licensed tables when a file is named, as the product reads them too; else the sample tables."""
    if not name:
        return SAMPLE_TABLES
    try:
        return SubstitutionTables.read(Path(name))
    except (OSError, ValueError) as error:
        raise WorldError(f"STS_EA07_TABLES: {error}") from None
