"""Every adapter that has a venue on loopback, started by the test, which may prepare it first."""

from collections.abc import AsyncIterator, Callable

import pytest

from tests.conformance.broker_bench import BROKERS
from tests.conformance.venue_bench import VenueBench

VENUES = sorted(set(BROKERS) - {"paper"})

World = Callable[..., "VenueBench"]


@pytest.fixture(params=VENUES)
def broker(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
async def bench(broker: str) -> AsyncIterator[VenueBench]:
    """Impatient, so that a broker that never answers does not hold the test up."""
    made = BROKERS[broker]()
    assert isinstance(made, VenueBench)
    made.impatient()
    try:
        yield await made.start()
    finally:
        await made.stop()
