"""A simulator on a free loopback port of this process, for tests."""

import random
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TypeVar

from gateway.simulator.desk import Desk
from gateway.simulator.server import SimulatorServer
from gateway.simulator.world import Credentials, World
from tests.support.stub_product import ENVIRONMENT, StubProduct

_WAIT_SECONDS = 5.0
T = TypeVar("T")


@dataclass(frozen=True)
class Running:
    """One simulator that talks to one stub."""

    world: World
    url: str
    desk: Desk
    stub: StubProduct


@contextmanager
def simulating(stub: StubProduct) -> Iterator[Running]:
    """A world around the stub. Reports come at once, so that tests do not wait for them."""
    credentials = Credentials.read(ENVIRONMENT, stub.facts["paybill"])
    world = World(stub.facts, credentials, stub.base_url, clock=lambda: datetime.now(UTC), chance=random.Random(1))
    world.faults.change({"report_delay_seconds": 0.0})
    server = SimulatorServer(("127.0.0.1", 0), world)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    stub.simulator_url = server.url
    try:
        yield Running(world, server.url, Desk(server.url), stub)
    finally:
        server.shutdown()
        server.server_close()


def wait_for(look: Callable[[], T]) -> T:
    """The first thing seen that is not empty or false; fails after a few seconds."""
    ends_at = time.monotonic() + _WAIT_SECONDS
    while not (found := look()):
        assert time.monotonic() < ends_at, "nothing came"
        time.sleep(0.01)
    return found
