"""The plan file of the made-up market: read, refused, and read again when it changes."""

import json
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from bot.market_plan import synthetic_feed
from engine.clock import ManualClock
from engine.domain.errors import ConfigError
from engine.domain.instrument import stock

START = datetime(2026, 1, 30, 15, 0, tzinfo=UTC)
SPY = stock("SPY")


def write(file, waypoints=(), **more):
    path = {"instrument": "SPY", "price": "600", "volatility": 0, "waypoints": list(waypoints)}
    plan = {"starts_at": START.isoformat(), "paths": [path], **more}
    draft = file.with_suffix(".new")
    draft.write_text(json.dumps(plan))
    draft.replace(file)


async def turns(clock, seconds):
    """Let the watcher look as often as it would in so many seconds."""
    import asyncio

    for _ in range(round(seconds / 0.1)):
        await asyncio.sleep(0)
        clock.advance(0.1)
        await asyncio.sleep(0)


async def test_a_changed_plan_leads_the_running_market(tmp_path) -> None:
    file, clock = tmp_path / "market.json", ManualClock(START)
    write(file)
    feed = synthetic_feed(file, 7, clock)
    await feed.connect()
    await turns(clock, 1)
    assert (await feed.quote(SPY)).mid == Decimal(600)
    write(file, [[2, "600"], [4, "610"]])
    await turns(clock, 4)
    assert (await feed.quote(SPY)).mid == Decimal(610)
    await feed.close()


async def test_a_broken_change_leaves_the_market_as_it_was(tmp_path, caplog) -> None:
    file, clock = tmp_path / "market.json", ManualClock(START)
    write(file, [[5, "605"]])
    feed = synthetic_feed(file, 7, clock)
    await feed.connect()
    await turns(clock, 0.5)
    file.with_suffix(".new").write_text("{")
    file.with_suffix(".new").replace(file)
    await turns(clock, 1)
    write(file, step_s=1.0)
    await turns(clock, 5)
    assert (await feed.quote(SPY)).mid == Decimal(605)
    assert len(caplog.records) == 2
    await feed.close()


def test_a_plan_that_cannot_be_one_is_refused_by_name(tmp_path) -> None:
    file = tmp_path / "market.json"
    write(file, [[5, "605"], [4, "600"]])
    with pytest.raises(ConfigError, match="SPY"):
        synthetic_feed(file, 7, ManualClock(START))
