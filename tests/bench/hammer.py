"""A load generator: POST after POST on persistent connections, as fast as the server answers. A process of its own.

Reads one JSON job from standard input, prints one JSON result. Bodies are the job's `body` with a serial number put in
for `SERIAL`, so that every request is a new one. Standard library only: it starts fast and costs little beside the
server.
"""

import json
import selectors
import socket
import sys
import time
from dataclasses import dataclass, field

SERIAL = "SERIAL0000"
_DRAIN_SECONDS = 10.0


@dataclass(frozen=True)
class Job:
    """`seconds` of load on `connections`, serial numbers from `first_serial` on."""

    port: int
    path: str
    body: str
    first_serial: int
    seconds: float
    connections: int


@dataclass
class Hammer:
    """The connections of one job and what came back. `in_time` counts answers within the job's seconds."""

    job: Job
    sent: int = 0
    answered: int = 0
    in_time: int = 0
    refused: int = 0
    _selector: selectors.BaseSelector = field(default_factory=selectors.DefaultSelector)

    def run(self) -> None:
        before, after = self._request_parts()
        for _ in range(self.job.connections):
            connection = socket.create_connection(("127.0.0.1", self.job.port), timeout=_DRAIN_SECONDS)
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._selector.register(connection, selectors.EVENT_READ, bytearray())
        ends_at = time.perf_counter() + self.job.seconds
        for key in list(self._selector.get_map().values()):
            self._send(key, before, after)
        while self.answered + self.refused < self.sent:
            ready = self._selector.select(_DRAIN_SECONDS)
            if not ready:
                return
            is_in_time = time.perf_counter() < ends_at
            for key, _ in ready:
                if self._receive(key):
                    self.in_time += is_in_time
                    if is_in_time:
                        self._send(key, before, after)

    def _request_parts(self) -> tuple[bytes, bytes]:
        head = (
            f"POST {self.job.path} HTTP/1.1\r\nHost: 127.0.0.1:{self.job.port}\r\nContent-Type: application/json\r\n"
            f"Content-Length: {len(self.job.body.encode())}\r\n\r\n"
        )
        before, _, after = (head + self.job.body).partition(SERIAL)
        return before.encode(), after.encode()

    def _send(self, key: selectors.SelectorKey, before: bytes, after: bytes) -> None:
        serial = b"B%09d" % (self.job.first_serial + self.sent)
        self._socket(key).sendall(before + serial + after)
        self.sent += 1

    def _receive(self, key: selectors.SelectorKey) -> bool:
        """True once the answer is whole and was 200."""
        octets = self._socket(key).recv(65536)
        answer: bytearray = key.data
        answer += octets
        if octets and not _is_whole(bytes(answer)):
            return False
        is_good = answer.startswith(b"HTTP/1.1 200 ")
        self.answered += is_good
        self.refused += not is_good
        answer.clear()
        if not octets:
            self._selector.unregister(key.fileobj)
        return is_good

    def _socket(self, key: selectors.SelectorKey) -> socket.socket:
        assert isinstance(key.fileobj, socket.socket)
        return key.fileobj


def _is_whole(answer: bytes) -> bool:
    """Whether head and body are there, the body by its length or in chunks."""
    head, separator, body = answer.partition(b"\r\n\r\n")
    if not separator:
        return False
    headers = head.lower()
    if b"transfer-encoding: chunked" in headers:
        return body.endswith(b"0\r\n\r\n")
    _, _, length = headers.partition(b"content-length: ")
    return len(body) >= int(length.partition(b"\r\n")[0] or 0)


if __name__ == "__main__":
    hammer = Hammer(Job(**json.load(sys.stdin)))
    hammer.run()
    print(json.dumps({"answered": hammer.answered, "in_time": hammer.in_time, "lost": hammer.sent - hammer.answered}))
