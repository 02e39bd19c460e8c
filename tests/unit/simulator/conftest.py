"""A world on a free loopback port, and a stub of the product for it to talk to."""

from collections.abc import Iterator

import pytest

from tests.support.running_simulator import Running, simulating
from tests.support.stub_product import StubProduct, demo_facts, serving


@pytest.fixture
def stub() -> Iterator[StubProduct]:
    with serving(StubProduct(demo_facts())) as stub:
        yield stub


@pytest.fixture
def running(stub: StubProduct) -> Iterator[Running]:
    with simulating(stub) as running:
        yield running
