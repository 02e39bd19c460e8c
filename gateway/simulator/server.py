"""The simulator's one HTTP server: the vendors' addresses, the control API, and the page."""

import json
import socket
import sys
import time
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

from gateway.simulator.answers import HttpAnswer, json_answer
from gateway.simulator.callbacks import SENDER as MONEY
from gateway.simulator.control import Control, ControlError
from gateway.simulator.errors import WorldError
from gateway.simulator.sms_centre import SENDER as SMS
from gateway.simulator.wire import readable_form
from gateway.simulator.world import World

_MAX_BODY_OCTETS = 256 * 1024
_PAGE_FILES = {
    "/": ("page.html", "text/html; charset=utf-8"),
    "/page.js": ("page.js", "text/javascript; charset=utf-8"),
    "/page.css": ("page.css", "text/css; charset=utf-8"),
}
_DOWNLOADS = {
    "/portal/statement.csv": "text/csv; charset=utf-8",
    "/portal/certificate.pem": "application/x-pem-file",
}
_PAGE_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}


@dataclass(frozen=True)
class Request:
    """One request: header names in lower case, the last value of each query name."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes

    def form(self) -> dict[str, str]:
        return dict(parse_qsl(self.body.decode("utf-8", "replace"), keep_blank_values=True))

    def json_object(self) -> dict[str, Any]:
        """Raises `WorldError` for a body that is no JSON object."""
        try:
            value = json.loads(self.body or b"{}")
        except ValueError:
            value = None
        if not isinstance(value, dict):
            raise WorldError("that is no JSON object")
        return value


Route = Callable[[Request], HttpAnswer]


class Routes:
    """Method and path to handler: a table, so that what this world answers can be read in one place."""

    def __init__(self, world: World) -> None:
        self._world = world
        money, sms = world.money, world.sms
        self._vendors: dict[tuple[str, str], tuple[str, Route]] = {
            ("POST", "/version1/messaging"): (SMS, lambda asked: sms.send(asked.headers, asked.form())),
            ("GET", "/oauth/v1/generate"): (MONEY, lambda asked: money.issue_token(asked.headers, asked.query)),
        }
        for path in money.addresses:
            self._vendors["POST", path] = (MONEY, lambda asked: money.call(asked.path, asked.headers, asked.body))
        self._control = Control(world)

    def answer(self, request: Request) -> HttpAnswer:
        """Never raises: what breaks here is answered with 500 and printed for whoever runs this process."""
        try:
            if vendor := self._vendors.get((request.method, request.path)):
                return self._answer_as_vendor(vendor[0], vendor[1], request)
            if request.path.startswith("/control/"):
                return self._answer_control(request)
            if request.method == "GET" and request.path in _DOWNLOADS:
                return self._answer_download(request.path)
            return self._answer_page(request)
        except Exception:
            traceback.print_exc(file=sys.stderr)
            return json_answer({"error": "the simulator broke; its standard error says how"}, 500)

    def _answer_as_vendor(self, vendor: str, route: Route, request: Request) -> HttpAnswer:
        answer = route(request)
        text = request.body.decode("utf-8", "replace")
        is_form = request.headers.get("content-type", "").startswith("application/x-www-form-urlencoded")
        shown = readable_form(text) if is_form else text
        address = f"{request.path}?{urlencode(request.query)}" if request.query else request.path
        self._world.wire.add("product", vendor, request.method, address, shown, answer.status, answer.body)
        return answer

    def _answer_control(self, request: Request) -> HttpAnswer:
        try:
            if request.method == "GET" and (view := self._control.views.get(request.path)):
                return json_answer(view(request.query))
            if request.method == "POST" and (act := self._control.acts.get(request.path)):
                # A page of another site can post a form here, but not JSON without asking first.
                if request.headers.get("content-type", "").split(";")[0].strip() != "application/json":
                    return json_answer({"error": "send JSON"}, 415)
                return json_answer(act(request.json_object()))
        except ControlError as refusal:
            return json_answer({"error": str(refusal)}, 400)
        return json_answer({"error": "no such address"}, 404)

    def _answer_download(self, path: str) -> HttpAnswer:
        """What the operator's portal lets a merchant save."""
        content_type = _DOWNLOADS[path]
        money = self._world.money
        text = money.portal.statement() if content_type.startswith("text/csv") else money.seal.certificate()
        return HttpAnswer(200, text, content_type, _PAGE_HEADERS)

    def _answer_page(self, request: Request) -> HttpAnswer:
        if request.method != "GET" or request.path not in _PAGE_FILES:
            return json_answer({"error": "no such address"}, 404)
        name, content_type = _PAGE_FILES[request.path]
        text = (Path(__file__).parent / name).read_text(encoding="utf-8")
        return HttpAnswer(200, text, content_type, _PAGE_HEADERS)


class _Handler(BaseHTTPRequestHandler):
    """HTTP in and out; everything else is `Routes`."""

    protocol_version = "HTTP/1.1"
    server_version = "simulator"
    sys_version = ""
    timeout = 60
    wbufsize = -1  # head and body in one packet, or a kept connection waits for the delayed ACK
    server: "SimulatorServer"

    def do_GET(self) -> None:
        self._handle()

    def do_POST(self) -> None:
        self._handle()

    def _handle(self) -> None:
        length = self.headers.get("Content-Length", "0")
        if not length.isdecimal() or int(length) > _MAX_BODY_OCTETS:
            self.close_connection = True
            self._write(json_answer({"error": "too much"}, 413))
            return
        split = urlsplit(self.path)
        request = Request(
            method=self.command,
            path=split.path,
            query=dict(parse_qsl(split.query, keep_blank_values=True)),
            headers={name.lower(): value for name, value in self.headers.items()},
            body=self.rfile.read(int(length)),
        )
        answer = self.server.routes.answer(request)
        if answer.hold_seconds:
            time.sleep(answer.hold_seconds)
            self.close_connection = True
            return
        self._write(answer)

    def _write(self, answer: HttpAnswer) -> None:
        body = answer.body.encode()
        self.send_response(answer.status)
        self.send_header("Content-Type", answer.content_type)
        self.send_header("Content-Length", str(len(body)))
        for name, value in answer.headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)
        self.wfile.flush()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class named it
        """Say nothing: addresses may hold secrets, and the wire log has everything."""


class SimulatorServer(ThreadingHTTPServer):
    """Serves one world; a thread a connection, all of them daemons."""

    daemon_threads = True
    request_queue_size = 128
    allow_reuse_address = True

    def __init__(self, address: tuple[str, int], world: World) -> None:
        self.routes = Routes(world)
        super().__init__(address, _Handler)

    def server_bind(self) -> None:
        """Bind without asking the name service for the host, which takes seconds on a machine without a network."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.bind(self.server_address)
        self.server_address = self.socket.getsockname()
        self.server_name, self.server_port = str(self.server_address[0]), int(self.server_address[1])

    def handle_error(self, request: object, client_address: object) -> None:
        """A caller that hung up is its own affair."""
        if not isinstance(sys.exception(), OSError):
            traceback.print_exc(file=sys.stderr)

    @property
    def url(self) -> str:
        host = self.server_name if self.server_name not in ("0.0.0.0", "") else "127.0.0.1"  # noqa: S104
        return f"http://{host}:{self.server_port}"
