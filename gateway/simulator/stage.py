"""The demo's stage: a data folder, the product and the simulator as processes, and where they listen."""

import json
import os
import secrets
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from gateway.simulator.desk import Desk, DeskError
from gateway.simulator.launch import Child, Children, StartError, free_port

START_SECONDS = 60.0
LOGS = "demo-logs"
_MARKER = ".tokeni-demo"
_MADE_BY_SETTINGS = frozenset({"secret_key", "hook_secret"})
_STAY_PORTS = tuple(range(8000, 8020))
_SMS_NUMBER, _PAYBILL = "22384", "400200"
_KEY_ENCRYPTION_KEYS = frozenset({"KEY_ENCRYPTION_KEY", "KEY_ENCRYPTION_KEY_FILE"})
# The play begins the same every time: on the embedded profile, with secrets of its own. To stay on other servers takes
# a mode that says so: without one these may be the settings of a production host.
_NOT_INHERITED = _KEY_ENCRYPTION_KEYS | {
    "BROKER_URL",
    "DATABASE_URL",
    "HOOK_SECRETS",
    "REDIS_URL",
    "SECRET_KEY",
    "TOKENI_FAILPOINT",
}


class Stage:
    """The processes of one run. `root` is the folder of manage.py, `environment` what this process was given."""

    def __init__(
        self,
        children: Children,
        *,
        root: Path,
        environment: Mapping[str, str],
        stay: bool,
        bind: tuple[str, int] = ("127.0.0.1", 0),
    ) -> None:
        """With `stay` the data are kept and the usual ports are tried first; a port of 0 is any free one."""
        self.children = children
        self._root, self._given, self._stay = root, environment, stay
        host, port = bind
        wanted = _STAY_PORTS if stay else ()
        port = port or free_port(host, wanted)
        simulator_port = free_port(host, [other for other in wanted if other != port])
        shown_host = "127.0.0.1" if host == "0.0.0.0" else host  # noqa: S104 - only looked at
        self._bind, self._simulator_bind = f"{host}:{port}", f"{host}:{simulator_port}"
        self.product_url = f"http://{shown_host}:{port}"
        self.simulator_url = f"http://{shown_host}:{simulator_port}"
        self.facts: dict[str, Any] = {}

    def start(self) -> None:
        """Everything up and ready. Raises `StartError`."""
        self._data = prepare_data_folder(self._root, self._given.get("TOKENI_DATA_DIR", ""), keep=self._stay)
        self._environment = self._inherited() | self._vendors() | {"PUBLIC_BASE_URL": self.product_url}
        self._environment |= {"TOKENI_MODE": "demo", "TOKENI_DATA_DIR": str(self._data)}
        self._run("migrate", "--verbosity", "0")
        self.facts = read_facts(self._run("load_demo", "--json"))
        self._environment["MPESA_SHORT_CODE"] = str(self.facts["paybill"])
        self._start_simulator().read_object(START_SECONDS)
        self._keep_certificate()
        self._manage("up", "--bind", self._bind).read_object(START_SECONDS)

    def verify_books(self) -> tuple[int, list[str]]:
        """Exit code and lines of the product's own check. Raises `StartError` when it does not end."""
        return self._manage("verify_books").read_to_end(START_SECONDS)

    def _start_simulator(self) -> Child:
        facts_file = self._data / LOGS / "facts.json"
        facts_file.touch(mode=0o600)
        facts_file.write_text(json.dumps(self.facts), encoding="utf-8")
        arguments = ["--bind", self._simulator_bind, "--product", self.product_url, "--facts", str(facts_file)]
        if self._stay:
            arguments += ["--memory", str(self._data / "simulator-meters.json")]
        return self._manage("simulator", *arguments)

    def _keep_certificate(self) -> None:
        """The operator's certificate, as a merchant saves it from the portal. Raises `StartError`."""
        path = self._data / "mpesa-certificate.pem"
        try:
            path.write_text(Desk(self.simulator_url).download("portal/certificate.pem"), encoding="ascii")
        except DeskError as error:
            raise StartError(str(error)) from None
        self._environment["MPESA_CERTIFICATE_FILE"] = str(path)

    def _run(self, command: str, *arguments: str) -> list[str]:
        """The lines that a command printed. Raises `StartError` unless it ends with 0."""
        child = self._manage(command, *arguments)
        code, lines = child.read_to_end(START_SECONDS)
        if code:
            raise StartError(f"{command} ended with {code}{child.last_words()}")
        self.children.forget(child)
        return lines

    def _manage(self, command: str, *arguments: str) -> Child:
        program = (sys.executable, str(self._root / "manage.py"), command, *arguments)
        withheld = _KEY_ENCRYPTION_KEYS if command == "simulator" else frozenset[str]()
        environment = {name: value for name, value in self._environment.items() if name not in withheld}
        return self.children.start(command, program, environment, self._data / LOGS)

    def _inherited(self) -> dict[str, str]:
        keeps_all = self._stay and self._given.get("TOKENI_MODE") in ("demo", "test")
        dropped = frozenset[str]() if keeps_all else _NOT_INHERITED
        kept = {name: value for name, value in self._given.items() if name not in dropped}
        # A proxy of the developer's must not be asked for addresses of this machine.
        direct = ",".join(filter(None, (kept.get("NO_PROXY") or kept.get("no_proxy"), "127.0.0.1,localhost")))
        return kept | {"NO_PROXY": direct, "no_proxy": direct}

    def _vendors(self) -> dict[str, str]:
        return {
            "AFRICASTALKING_BASE_URL": self.simulator_url,
            "AFRICASTALKING_USERNAME": "tokeni-demo",
            "AFRICASTALKING_API_KEY": f"atsk_{secrets.token_hex(24)}",
            "AFRICASTALKING_SENDER_ID": _SMS_NUMBER,
            "MPESA_BASE_URL": self.simulator_url,
            "MPESA_CONSUMER_KEY": secrets.token_hex(16),
            "MPESA_CONSUMER_SECRET": secrets.token_hex(16),
            "MPESA_PASSKEY": secrets.token_hex(32),
            "MPESA_SHORT_CODE": _PAYBILL,
            "MPESA_INITIATOR_NAME": "demo-initiator",
            "MPESA_INITIATOR_PASSWORD": secrets.token_hex(16),
        }


def read_facts(lines: list[str]) -> dict[str, Any]:
    """The one object that `load_demo --json` prints. Raises `StartError`."""
    try:
        facts = json.loads("\n".join(lines))
    except ValueError:
        facts = None
    if not isinstance(facts, dict):
        raise StartError("load_demo --json printed no object")
    return facts


def prepare_data_folder(root: Path, named: str, *, keep: bool) -> Path:
    """The folder `named`, else var/demo: emptied unless kept. Refuses to empty a folder that no demo has made."""
    default = root / "var" / "demo"
    folder = Path(named).resolve() if named else default
    marker = folder / _MARKER
    found = set(os.listdir(folder)) if folder.exists() else set()
    is_ours = marker.exists() or found <= _MADE_BY_SETTINGS
    if not keep and found:
        if folder != default and not is_ours:
            raise StartError(f"{folder} holds data that no demo made; name another TOKENI_DATA_DIR")
        shutil.rmtree(folder)
    (folder / LOGS).mkdir(parents=True, exist_ok=True)
    if is_ours or folder == default:
        marker.touch()
    return folder
