from collections.abc import AsyncIterator

import pytest

from tests.conformance.broker_bench import BROKERS, Bench


@pytest.fixture(params=sorted(BROKERS))
async def bench(request: pytest.FixtureRequest) -> AsyncIterator[Bench]:
    """A connected broker in a world of its own, once per adapter."""
    started = await BROKERS[request.param]().start()
    yield started
    await started.stop()
