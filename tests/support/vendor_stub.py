"""A vendor's HTTP server on loopback that does what a test tells it to, bad manners included."""

import socket
import struct
import threading
from collections import defaultdict, deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Self
from urllib.parse import parse_qsl, urlsplit

_LONGEST_HANG_SECONDS = 20.0


@dataclass(frozen=True)
class Received:
    """One request as it came."""

    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def form(self) -> dict[str, str]:
        return dict(parse_qsl(self.body.decode(), keep_blank_values=True, strict_parsing=True))


@dataclass(frozen=True)
class Say:
    """An answer. `promised_octets` over the body's length leaves the client waiting when the connection closes."""

    body: str | bytes = ""
    status: int = 200
    content_type: str = "application/json"
    headers: Mapping[str, str] = field(default_factory=dict)
    promised_octets: int | None = None


@dataclass(frozen=True)
class Drip:
    """An answer of `octets` spaces that comes octet by octet."""

    octets: int
    pause_seconds: float


@dataclass(frozen=True)
class Hang:
    """Reads the request and says nothing until the stub ends."""


@dataclass(frozen=True)
class Reset:
    """Reads the request and resets the connection."""


Act = Say | Drip | Hang | Reset
Script = Act | Callable[[Received], Act]


class VendorStub:
    """`with VendorStub() as stub:` serves at `stub.url`; every request is kept in `stub.received`."""

    def __init__(self) -> None:
        self.received: list[Received] = []
        self.connections = 0
        self.is_over = threading.Event()
        self._scripts: dict[str, deque[Script]] = defaultdict(deque)
        self._habits: dict[str, Script] = {}
        stub = self

        class Handler(_Handler):
            vendor = stub

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._server.block_on_close = False
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def next(self, path: str, *scripts: Script) -> None:
        """What the next requests to `path` get, one each."""
        self._scripts[path].extend(scripts)

    def always(self, path: str, script: Script) -> None:
        """What a request to `path` gets when nothing else was scripted."""
        self._habits[path] = script

    def received_at(self, path: str) -> list[Received]:
        return [request for request in self.received if request.path == path]

    def act(self, request: Received) -> Act:
        self.received.append(request)
        script = self._scripts[request.path]
        chosen = script.popleft() if script else self._habits.get(request.path, Say("no such page", 404, "text/plain"))
        return chosen if isinstance(chosen, Act) else chosen(request)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.is_over.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(5)


class _Handler(BaseHTTPRequestHandler):
    vendor: VendorStub
    protocol_version = "HTTP/1.1"

    def setup(self) -> None:
        super().setup()
        self.vendor.connections += 1

    def do_GET(self) -> None:
        self._serve()

    def do_POST(self) -> None:
        self._serve()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the standard library's name
        """Nothing: tests print nothing."""

    def _serve(self) -> None:
        address = urlsplit(self.path)
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        act = self.vendor.act(Received(self.command, address.path, address.query, dict(self.headers.items()), body))
        with suppress(OSError):
            self._perform(act)

    def _perform(self, act: Act) -> None:
        match act:
            case Say():
                self._say(act)
            case Drip():
                self._drip(act)
            case Hang():
                self.vendor.is_over.wait(_LONGEST_HANG_SECONDS)
                self.close_connection = True
            case Reset():
                self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                self.connection.close()
                self.close_connection = True

    def _say(self, act: Say) -> None:
        body = act.body.encode() if isinstance(act.body, str) else act.body
        self.send_response(act.status)
        self.send_header("Content-Type", act.content_type)
        self.send_header("Content-Length", str(act.promised_octets or len(body)))
        for name, value in act.headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)
        self.close_connection = self.close_connection or act.promised_octets is not None

    def _drip(self, act: Drip) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(act.octets))
        self.end_headers()
        for _ in range(act.octets):
            self.wfile.write(b" ")
            self.wfile.flush()
            if self.vendor.is_over.wait(act.pause_seconds):
                break


def closed_address() -> str:
    """An address on loopback at which nothing listens."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{listener.getsockname()[1]}"


@contextmanager
def deaf_address() -> Iterator[str]:
    """An address on loopback that lets nobody connect and refuses nobody: its queue is full and never served."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        callers = [socket.socket() for _ in range(4)]
        for caller in callers:
            caller.setblocking(False)
            caller.connect_ex(listener.getsockname())
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            for caller in callers:
                caller.close()
