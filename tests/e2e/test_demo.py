"""`manage.py demo`, as a newcomer runs it: the whole world, and the play's last word."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
KINDS = {"ussd", "http", "sms", "meter"}


def test_demo_plays_every_step_and_ends_well(tmp_path: Path) -> None:
    environment = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    environment["TOKENI_DATA_DIR"] = str(tmp_path / "demo")
    play = subprocess.run(
        [sys.executable, str(ROOT / "manage.py"), "demo", "--json"],
        env=environment,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert play.returncode == 0, play.stderr[-2000:]
    steps = [json.loads(line) for line in play.stdout.splitlines()]
    assert all(set(step) == {"step", "kind", "from", "to", "text", "ok"} for step in steps)
    assert {step["kind"] for step in steps} == KINDS
    assert all(step["ok"] is True for step in steps)
    answers = [
        step["text"].split()[0].rstrip(",") for step in steps if step["kind"] == "meter" and step["text"][0].isalpha()
    ]
    assert answers[:3] == ["ACCEPT", "USED", "REJECT"]
