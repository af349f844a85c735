"""A whole desk at TopStepX: configured, started, and aware of its firm's rules."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from bot.app import App
from bot.config import load
from engine.clock import SystemClock
from engine.domain.errors import ConfigError
from tests.conformance.broker_bench import MemoryVault
from tests.conformance.venue_bench import VENUE
from tests.live import HandFeed
from tests.venues.topstepx import TopstepxVenue


@pytest.fixture
async def venue() -> AsyncIterator[TopstepxVenue]:
    terms = {"start_cash_usd": {"41001": VENUE.start_cash_usd["main"]}, "latency_ms": 0}
    made = TopstepxVenue(SystemClock(), MemoryVault(), VENUE.__class__(**terms))  # type: ignore[arg-type]
    await made.start()
    yield made
    await made.stop()
    assert made.log.violations == []


def made(tmp_path: Path, venue: TopstepxVenue, monkeypatch: pytest.MonkeyPatch, **more: Any) -> App:
    monkeypatch.setenv("TS_TOPSTEPX_USER", venue.user)
    monkeypatch.setenv("TS_TOPSTEPX_KEY", venue.key)
    monkeypatch.setenv("TS_ACCOUNT_COMBINE", "41001")
    file = tmp_path / "config.yaml"
    broker = {
        "own_machine": True,
        "rest_url": venue.url,
        "user_hub_url": f"{venue.ws_url}/hubs/user",
    }
    firm = {"start_balance_usd": 100_000, "max_loss_usd": 3000, "max_contracts": 10}
    values = {
        "accounts": {
            "main": {"broker": "paper"},
            "combine": {"broker": "topstepx", "prop_firm": firm},
        },
        "brokers": {"topstepx": broker | more},
        "storage": {"url": "sqlite:///desk.db"},
        "health": {"port": None},
        "jobs": {"monitor_s": 0.05},
    }
    file.write_text(yaml.safe_dump(values))
    return App(load(file), feed=HandFeed())


async def test_a_desk_does_not_start_on_a_machine_that_nobody_vouches_for(
    tmp_path: Path, venue: TopstepxVenue, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(ConfigError, match=r"brokers\.topstepx\.own_machine: must be true"):
        made(tmp_path, venue, monkeypatch, own_machine=False)


async def test_a_desk_starts_there_and_knows_its_firms_floor(
    tmp_path: Path, venue: TopstepxVenue, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = made(tmp_path, venue, monkeypatch)
    try:
        await app.start_desk()
        desk = app.desk
        async with asyncio.timeout(10):
            while "prop:combine" not in desk.book.facts or desk.gate("topstepx"):  # noqa: ASYNC110 - the sweep tells nobody
                await asyncio.sleep(0.02)
        assert '"peak_usd": "100000"' in desk.book.facts["prop:combine"].value
        assert desk.settings.prop_firms["combine"].max_loss_usd == 3000
        assert venue.n_open_hubs == 1
        assert venue.log.n_acts == 0
    finally:
        await app.stop()
