"""Every adapter that has a venue on loopback, started by the test, which may prepare it first."""

import re
from collections.abc import AsyncIterator

import pytest

from tests.conformance.broker_bench import BROKERS, each
from tests.conformance.venue_bench import VenueBench

HANGS = re.compile("hang|does_not_come|gives_up")


@pytest.fixture(params=each(with_paper=False))
def broker(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
async def bench(broker: str, request: pytest.FixtureRequest) -> AsyncIterator[VenueBench]:
    """Impatient where an answer never comes; elsewhere a busy machine may take its time."""
    made = BROKERS[broker]()
    assert isinstance(made, VenueBench)
    made.impatient(1.0 if HANGS.search(request.node.name) else 8.0)
    try:
        yield await made.start()
    finally:
        await made.stop()
