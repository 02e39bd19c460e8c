"""`manage.py demo`: the product and the simulator as separate processes, and the play between them.

With `--stay` nothing is played: everything is started, its addresses are printed, and it runs until Ctrl-C.
"""

import json
import os
import sys
import time
from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from gateway.simulator.desk import Desk
from gateway.simulator.launch import Children, StartError, Stopped, StopSignals, read_bind
from gateway.simulator.scenario import Play, StepError
from gateway.simulator.stage import Stage
from gateway.simulator.transcript import HumanTranscript, JsonTranscript, Transcript

_LOOK_SECONDS = 0.5


class Command(BaseCommand):
    help = "Play the first sale, end to end, against simulated phones, SMS, mobile money and meters."
    requires_system_checks = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--json", action="store_true", help="a JSON object a line")
        parser.add_argument("--stay", action="store_true", help="play nothing; run until Ctrl-C and keep the data")
        parser.add_argument("--bind", default="127.0.0.1:0", metavar="HOST:PORT", help="where the product listens")

    def handle(self, **options: Any) -> None:
        # Unset is a fresh checkout, and every process of the demo gets `demo`; said aloud, production is meant.
        if os.environ.get("TOKENI_MODE") == "production":
            raise CommandError("the demo runs in demo and test only: set TOKENI_MODE=demo")
        signals = StopSignals()
        children = Children(signals)
        transcript = (JsonTranscript if options["json"] else HumanTranscript)(self._print)
        stays = options["stay"]
        exit_code = 1
        try:
            signals.watch()
            bind = read_bind(options["bind"])
            stage = Stage(children, root=settings.BASE_DIR, environment=os.environ, stay=stays, bind=bind)
            stage.start()
            exit_code = self._stay(stage, options["json"]) if stays else self._play(stage, transcript)
        except StartError as error:
            transcript.line("start", "http", "demo", "product", str(error), ok=False)
        except BrokenPipeError:  # whoever read the transcript has left; Python would complain once more at its end
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        except Stopped as stopped:
            exit_code = 0 if stays else stopped.exit_code
        finally:
            children.end_all()
        if exit_code:
            sys.exit(exit_code)

    def _print(self, text: str) -> None:
        self.stdout.write(text, ending="")
        self.stdout.flush()

    def _play(self, stage: Stage, transcript: Transcript) -> int:
        try:
            Play(Desk(stage.simulator_url), stage.facts, transcript, stage.verify_books).run()
        except StepError as failed:
            transcript.line(failed.step, "http", "demo", "person", str(failed), ok=False)
            return 1
        if isinstance(transcript, HumanTranscript):
            self._print("\nEvery step showed what it had to.\n")
        return 0

    def _stay(self, stage: Stage, as_json: bool) -> int:
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
            time.sleep(_LOOK_SECONDS)
        raise StartError(f"{dead.name} ended with {dead.process.returncode}{dead.last_words()}")
