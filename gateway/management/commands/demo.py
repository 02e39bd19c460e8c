"""`manage.py demo`: the product and the simulator as separate processes, and the play between them.

With `--stay` nothing is played: everything is started, its addresses are printed, and it runs until Ctrl-C.
"""

import json
import os
import secrets
import shutil
import sys
import time
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from gateway.management.commands.simulator import read_bind
from gateway.simulator.desk import Desk
from gateway.simulator.launch import Children, StartError, Stopped, StopSignals, free_port
from gateway.simulator.scenario import Play, StepError
from gateway.simulator.transcript import HumanTranscript, JsonTranscript, Transcript

START_SECONDS = 60.0
_ROOT = Path(settings.BASE_DIR)
_MARKER = ".tokeni-demo"
_MADE_BY_SETTINGS = {"secret_key", "hook_secret"}
_LOGS = "demo-logs"
_STAY_PORTS = tuple(range(8000, 8020))
_SMS_NUMBER, _PAYBILL = "22384", "400200"
# The play begins the same every time: on the embedded profile, with secrets of its own. To stay on other servers takes
# a mode that says so: without one these may be the settings of a production host.
_NOT_INHERITED = (
    "BROKER_URL",
    "DATABASE_URL",
    "HOOK_SECRETS",
    "KEY_ENCRYPTION_KEY_FILE",
    "REDIS_URL",
    "SECRET_KEY",
    "TOKENI_FAILPOINT",
)


class Command(BaseCommand):
    help = "Play the first sale, end to end, against simulated phones, SMS, mobile money and meters."
    requires_system_checks = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--json", action="store_true", help="a JSON object a line")
        parser.add_argument("--stay", action="store_true", help="play nothing; run until Ctrl-C and keep the data")
        parser.add_argument("--bind", metavar="HOST:PORT", help="where the product listens; else a free port")

    def handle(self, **options: Any) -> None:
        # Unset is a fresh checkout, and every process of the demo gets `demo`; said aloud, production is meant.
        if os.environ.get("TOKENI_MODE") == "production":
            raise CommandError("the demo runs in demo and test only: set TOKENI_MODE=demo")
        signals = StopSignals()
        children = Children(signals)
        transcript = (JsonTranscript if options["json"] else HumanTranscript)(self._print)
        exit_code = 0
        try:
            signals.watch()
            stage = Stage(children, stay=options["stay"], bind=options["bind"])
            stage.start()
            exit_code = self._stay(stage, options["json"]) if options["stay"] else self._play(stage, transcript)
        except StartError as error:
            transcript.line("start", "http", "demo", "product", str(error), ok=False)
            exit_code = 1
        except BrokenPipeError:  # whoever read the transcript has left; Python would complain once more at its end
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            exit_code = 1
        except Stopped as stopped:
            exit_code = 0 if options["stay"] else stopped.exit_code
        finally:
            children.end_all()
        if exit_code:
            sys.exit(exit_code)

    def _print(self, text: str) -> None:
        self.stdout.write(text, ending="")
        self.stdout.flush()

    def _play(self, stage: "Stage", transcript: Transcript) -> int:
        try:
            Play(Desk(stage.simulator_url), stage.facts, transcript, stage.verify_books).run()
        except StepError as failed:
            transcript.line(failed.step, "http", "demo", "person", str(failed), ok=False)
            return 1
        if isinstance(transcript, HumanTranscript):
            self._print("\nEvery step showed what it had to.\n")
        return 0

    def _stay(self, stage: "Stage", as_json: bool) -> int:
        operator = stage.facts["operator"]
        if as_json:
            ready = {"event": "ready", "simulator": stage.simulator_url, "url": stage.product_url, "operator": operator}
            self._print(json.dumps(ready) + "\n")
        else:
            self._print(
                "\nTokeni runs, and a world around it.\n\n"
                f"  Phone and meter  {stage.simulator_url}/\n"
                f"  Operator page    {operator['url']}\n"
                f"                   user {operator['username']}  password {operator['password']}\n\n"
                "Ctrl-C ends it; the data stay.\n"
            )
        while (dead := stage.children.first_dead()) is None:
            time.sleep(0.5)
        raise StartError(f"{dead.name} ended with {dead.process.returncode}; see {dead.log_file}")


class Stage:
    """The processes of one run and where they listen."""

    def __init__(self, children: Children, *, stay: bool, bind: str | None) -> None:
        self.children = children
        self._stay = stay
        host, port = read_bind(bind) if bind else ("127.0.0.1", 0)
        wanted = _STAY_PORTS if stay else ()
        port = port or free_port(host, wanted)
        simulator_port = free_port(host, [other for other in wanted if other != port])
        shown_host = "127.0.0.1" if host == "0.0.0.0" else host  # noqa: S104 - only looked at
        self._bind, self._simulator_bind = f"{host}:{port}", f"{host}:{simulator_port}"
        self.product_url = f"http://{shown_host}:{port}"
        self.simulator_url = f"http://{shown_host}:{simulator_port}"
        self.facts: dict[str, Any] = {}

    def start(self) -> None:
        """Raises `StartError`."""
        self._data = prepare_data_folder(keep=self._stay)
        self._environment = self._build_environment()
        loading = self._manage("load_demo", "--json")
        self.facts = loading.read_object(START_SECONDS)
        code, _ = loading.read_to_end(START_SECONDS)
        if code:
            raise StartError(f"load_demo ended with {code}; see {loading.log_file}")
        self.children.forget(loading)
        facts_file = self._data / _LOGS / "facts.json"
        facts_file.touch(mode=0o600)
        facts_file.write_text(json.dumps(self.facts), encoding="utf-8")
        self._environment["MPESA_SHORT_CODE"] = str(self.facts["paybill"])
        product = self._manage("up", "--bind", self._bind)
        memory = ("--memory", str(self._data / "simulator-meters.json")) if self._stay else ()
        simulator = self._manage(
            "simulator",
            "--bind",
            self._simulator_bind,
            "--product",
            self.product_url,
            "--facts",
            str(facts_file),
            *memory,
        )
        simulator.read_object(START_SECONDS)
        product.read_object(START_SECONDS)

    def verify_books(self) -> tuple[int, str]:
        """Exit code and last line of the product's own check. Raises `StepError` when it does not end."""
        checking = self._manage("verify_books")
        try:
            code, lines = checking.read_to_end(START_SECONDS)
        except StartError as error:
            raise StepError("books", str(error)) from None
        return code, lines[-1] if lines else ""

    def _manage(self, command: str, *arguments: str) -> Any:
        program = (sys.executable, str(_ROOT / "manage.py"), command, *arguments)
        return self.children.start(command, program, self._environment, self._data / _LOGS)

    def _build_environment(self) -> dict[str, str]:
        dropped = () if self._stay and os.environ.get("TOKENI_MODE") in ("demo", "test") else _NOT_INHERITED
        inherited = {name: value for name, value in os.environ.items() if name not in dropped}
        return inherited | {
            "TOKENI_MODE": "demo",
            "TOKENI_DATA_DIR": str(self._data),
            "PUBLIC_BASE_URL": self.product_url,
            "AFRICASTALKING_BASE_URL": self.simulator_url,
            "AFRICASTALKING_USERNAME": "tokeni-demo",
            "AFRICASTALKING_API_KEY": f"atsk_{secrets.token_hex(24)}",
            "AFRICASTALKING_SENDER_ID": _SMS_NUMBER,
            "MPESA_BASE_URL": self.simulator_url,
            "MPESA_CONSUMER_KEY": secrets.token_hex(16),
            "MPESA_CONSUMER_SECRET": secrets.token_hex(16),
            "MPESA_PASSKEY": secrets.token_hex(32),
            "MPESA_SHORT_CODE": _PAYBILL,
        }


def prepare_data_folder(*, keep: bool) -> Path:
    """`TOKENI_DATA_DIR`, else var/demo: emptied unless kept. Refuses to empty a folder that no demo has made."""
    default = _ROOT / "var" / "demo"
    folder = Path(os.environ.get("TOKENI_DATA_DIR") or default).resolve()
    marker = folder / _MARKER
    if not keep and folder.exists():
        found = {entry.name for entry in folder.iterdir()}
        if folder != default and not marker.exists() and not found <= _MADE_BY_SETTINGS:
            raise StartError(f"{folder} holds data that no demo made; name another TOKENI_DATA_DIR")
        shutil.rmtree(folder)
    (folder / _LOGS).mkdir(parents=True, exist_ok=True)
    if not keep or not any(name not in {_LOGS, *_MADE_BY_SETTINGS} for name in os.listdir(folder)):
        marker.touch()
    return folder
