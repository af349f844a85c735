"""Circles of garbage are taken away in quiet moments, and only then."""

import gc
import weakref
from typing import Any

import pytest

from bot.garbage import Garbage
from tests import rig as desks


@pytest.fixture
def looks(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Generations that were looked through."""
    found: list[Any] = []
    monkeypatch.setattr(gc, "collect", lambda *generation: found.append(generation))
    return found


async def test_nothing_is_looked_through_while_something_is_written_or_sent(
    looks: list[Any],
) -> None:
    rig = await desks.start()
    garbage = Garbage(rig.desk)
    try:
        await garbage.look()
        assert looks == []  # the start was written since the last look, of which there was none
        await garbage.look()
        assert looks == [(0,)]
        await rig.say("anything")
        await garbage.look()
        rig.desk.in_flight.add("TS1")
        await garbage.look()
        assert looks == [(0,)]
        rig.desk.in_flight.clear()
        await garbage.look()
        assert looks == [(0,), (0,)]
    finally:
        await rig.close()


async def test_what_has_survived_is_looked_through_now_and_then(looks: list[Any]) -> None:
    rig = await desks.start()
    garbage = Garbage(rig.desk)
    try:
        for _ in range(301):
            await garbage.look()
    finally:
        await rig.close()
    assert (looks.count((0,)), looks.count((1,)), looks.count(())) == (280, 19, 1)


async def test_a_circle_that_nobody_reaches_is_gone_after_a_quiet_moment() -> None:
    class Knot:
        me: Any = None

    rig = await desks.start()
    garbage = Garbage(rig.desk)
    try:
        await garbage.look()
        knot = Knot()
        knot.me, gone = knot, weakref.ref(knot)
        del knot
        await garbage.look()
        assert gone() is None
    finally:
        await rig.close()
