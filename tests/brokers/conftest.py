"""Every adapter that has a venue on loopback, started by the test, which may prepare it first."""

import re
from collections.abc import AsyncIterator

import pytest

from engine.brokers._wire.http import READ_S
from tests.conformance.alpaca_bench import AlpacaBench
from tests.conformance.broker_bench import BROKERS, each
from tests.conformance.venue_bench import VenueBench

HANGS = re.compile("does_not_come|gives_up")


@pytest.fixture(params=each(with_paper=False))
def broker(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
async def bench(broker: str, request: pytest.FixtureRequest) -> AsyncIterator[VenueBench]:
    """As patient as ever: a busy machine may take its time. Threads alone wait in real time."""
    made = BROKERS[broker]()
    assert isinstance(made, VenueBench)
    is_short = isinstance(made, AlpacaBench) and HANGS.search(request.node.name)
    made.impatient(1.0 if is_short else READ_S)
    try:
        yield await made.start()
    finally:
        await made.stop()
