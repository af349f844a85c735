"""Desks that end with the test; a room that needs another kind makes its own."""

import pytest

from tests.scenarios import faulty_desk, outside_desk


@pytest.fixture
async def rig():
    """One whose broker fails, lies, repeats and forgets when it is told to."""
    made = await faulty_desk.make()
    yield made
    await made.close()


@pytest.fixture
async def opened():
    """Any number whose brokers keep other terms than paper."""
    rigs = []

    async def opening(*args, **more):
        rigs.append(await outside_desk.make(*args, **more))
        return rigs[-1]

    yield opening
    for rig in rigs:
        await rig.close()
