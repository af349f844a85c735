from collections.abc import AsyncIterator

import pytest

from tests.conformance.broker_bench import BROKERS, Bench, each


@pytest.fixture(params=each())
async def bench(request: pytest.FixtureRequest) -> AsyncIterator[Bench]:
    """A connected broker in a world of its own, once per adapter and kind of contract."""
    started = BROKERS[request.param]()
    try:
        await started.start()
        yield started
    finally:
        await started.stop()
