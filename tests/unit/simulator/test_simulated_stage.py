"""The demo's data folder and its children's settings: nothing of anybody else's is emptied or passed on."""

import json
from pathlib import Path
from typing import Any

import pytest

from gateway.simulator.launch import Children, StartError, StopSignals, read_bind
from gateway.simulator.stage import LOGS, Stage, prepare_data_folder, read_facts

# A stand-in for manage.py: writes its command and settings down, answers as the product's commands do.
MANAGE = """
import http.server, json, os, sys, time
class Portal(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"certificate of " + self.path.encode())
command = sys.argv[1]
folder = os.environ["TOKENI_DATA_DIR"]
json.dump({"argv": sys.argv[1:], "environment": dict(os.environ)}, open(f"{folder}/{command}.json", "w"))
if command == "load_demo":
    sys.exit("no key") if os.environ.get("BREAK") else print(json.dumps({"paybill": "555555"}))
elif command == "verify_books":
    print("differences: 0")
elif command == "simulator":
    host, port = sys.argv[sys.argv.index("--bind") + 1].split(":")
    portal = http.server.HTTPServer((host, int(port)), Portal)
    print(json.dumps({"event": "ready"}), flush=True)
    portal.serve_forever()
elif command != "migrate":
    print(json.dumps({"event": "ready"}), flush=True)
    time.sleep(60)
"""


def stage_in(folder: Path, environment: dict[str, str], *, stay: bool = False) -> tuple[Stage, Children]:
    (folder / "manage.py").write_text(MANAGE)
    children = Children(StopSignals())
    return Stage(children, root=folder, environment=environment, stay=stay), children


def written(folder: Path, command: str) -> dict[str, Any]:
    value: dict[str, Any] = json.loads((folder / "var" / "demo" / f"{command}.json").read_text())
    return value


def test_stage_starts_the_commands_with_the_simulator_as_every_vendor(tmp_path: Path) -> None:
    given = {
        "DATABASE_URL": "postgres://x",
        "BROKER_URL": "redis://x",
        "SECRET_KEY": "s",
        "LANG": "C",
        "no_proxy": "intranet",
    }
    stage, children = stage_in(tmp_path, given)
    try:
        stage.start()
        books = stage.verify_books()
    finally:
        children.end_all()

    product = written(tmp_path, "up")["environment"]
    assert books == (0, ["differences: 0"])
    assert product["AFRICASTALKING_BASE_URL"] == product["MPESA_BASE_URL"] == stage.simulator_url
    assert (product["TOKENI_MODE"], product["PUBLIC_BASE_URL"]) == ("demo", stage.product_url)
    assert (product["MPESA_SHORT_CODE"], product["LANG"]) == ("555555", "C")
    assert product["no_proxy"] == product["NO_PROXY"] == "intranet,127.0.0.1,localhost"
    assert {"DATABASE_URL", "BROKER_URL", "SECRET_KEY"}.isdisjoint(product)
    assert Path(product["MPESA_CERTIFICATE_FILE"]).read_text() == "certificate of /portal/certificate.pem"
    assert written(tmp_path, "up")["argv"] == ["up", "--bind", stage.product_url.removeprefix("http://")]
    assert "--memory" not in written(tmp_path, "simulator")["argv"]
    assert (tmp_path / "var" / "demo" / LOGS / "facts.json").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(("mode", "kept"), [({"TOKENI_MODE": "demo"}, True), ({}, False)])
def test_stage_that_stays_keeps_other_servers_only_in_a_mode_that_says_so(
    tmp_path: Path, mode: dict[str, str], kept: bool
) -> None:
    stage, children = stage_in(tmp_path, {"DATABASE_URL": "postgres://x"} | mode, stay=True)
    try:
        stage.start()
    finally:
        children.end_all()

    assert ("DATABASE_URL" in written(tmp_path, "up")["environment"]) == kept
    assert "--memory" in written(tmp_path, "simulator")["argv"]


def test_stage_that_stays_keeps_the_key_encryption_key_from_the_simulator(tmp_path: Path) -> None:
    keys = {"KEY_ENCRYPTION_KEY": "ab" * 32, "KEY_ENCRYPTION_KEY_FILE": "/keys"}
    stage, children = stage_in(tmp_path, {"TOKENI_MODE": "demo"} | keys, stay=True)
    try:
        stage.start()
    finally:
        children.end_all()

    assert keys.items() <= written(tmp_path, "up")["environment"].items()
    assert keys.keys().isdisjoint(written(tmp_path, "simulator")["environment"])


def test_stage_command_that_fails_is_named(tmp_path: Path) -> None:
    stage, children = stage_in(tmp_path, {"BREAK": "1"})

    with pytest.raises(StartError, match=r"(?s)load_demo ended with 1.*no key"):
        stage.start()
    children.end_all()


def test_folder_default_is_emptied_for_every_play(tmp_path: Path) -> None:
    old = tmp_path / "var" / "demo" / "tokeni.sqlite3"
    old.parent.mkdir(parents=True)
    old.touch()

    folder = prepare_data_folder(tmp_path, "", keep=False)

    assert folder == old.parent
    assert not old.exists()
    assert (folder / LOGS).is_dir()


def test_folder_is_kept_to_stay(tmp_path: Path) -> None:
    old = tmp_path / "var" / "demo" / "tokeni.sqlite3"
    old.parent.mkdir(parents=True)
    old.touch()

    prepare_data_folder(tmp_path, "", keep=True)

    assert old.exists()


def test_folder_named_with_other_data_is_refused_and_left(tmp_path: Path) -> None:
    precious = tmp_path / "data" / "tokeni.sqlite3"
    precious.parent.mkdir()
    precious.touch()

    with pytest.raises(StartError, match="no demo made"):
        prepare_data_folder(tmp_path, str(precious.parent), keep=False)
    assert precious.exists()


def test_folder_named_once_kept_with_other_data_is_still_not_emptied(tmp_path: Path) -> None:
    precious = tmp_path / "data" / "tokeni.sqlite3"
    precious.parent.mkdir()
    precious.touch()
    prepare_data_folder(tmp_path, str(precious.parent), keep=True)

    with pytest.raises(StartError, match="no demo made"):
        prepare_data_folder(tmp_path, str(precious.parent), keep=False)


def test_folder_named_that_a_demo_or_the_settings_made_is_emptied(tmp_path: Path) -> None:
    named = tmp_path / "data"
    named.mkdir()
    (named / "secret_key").touch()
    prepare_data_folder(tmp_path, str(named), keep=False)
    (named / "tokeni.sqlite3").touch()

    prepare_data_folder(tmp_path, str(named), keep=False)

    assert not (named / "tokeni.sqlite3").exists()


@pytest.mark.parametrize("lines", [[], ["[]"], ["loaded"], ["{"]])
def test_facts_that_are_no_object_are_refused(lines: list[str]) -> None:
    with pytest.raises(StartError, match="printed no object"):
        read_facts(lines)


@pytest.mark.parametrize("text", ["", "8000", ":8000", "127.0.0.1:", "127.0.0.1:x", "127.0.0.1:70000"])
def test_bind_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(StartError, match="--bind"):
        read_bind(text)


def test_bind_is_host_and_port() -> None:
    assert read_bind("127.0.0.1:8001") == ("127.0.0.1", 8001)
