"""The real bot in this process, against the loopback Discord, with quotes given by hand."""

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import yaml

from bot.app import App
from bot.config import load
from bot.config.layers import merged
from bot.demo import world
from bot.process import Process
from bot.sandbox import Sandbox
from engine.domain.instrument import Instrument
from engine.domain.quote import Quote

SPEC = Path(__file__).parents[2] / "shared/data/specs/discord/openapi.json"


class HandFeed:
    """A made-up market moved by the test alone; never closes."""

    name = "test"
    is_synthetic = True

    async def connect(self) -> None:
        """Nothing to do."""

    async def close(self) -> None:
        """Nothing to do."""

    async def quote(self, instrument: Instrument) -> Quote | None:
        """Only the board knows."""
        return None

    async def watch(self, instruments: Iterable[Instrument]) -> None:
        """Nothing to do."""

    async def stream(self) -> AsyncIterator[Quote]:
        """Silent."""
        await asyncio.Event().wait()
        yield  # type: ignore[misc]


@dataclass
class Live:
    """A running bot and the world around it."""

    app: App
    sandbox: Sandbox

    def quote(self, instrument: Instrument, bid: str, ask: str) -> None:
        """A new quote, now."""
        now = self.app.clock.now()
        self.app.board.put(
            Quote(
                instrument=instrument,
                bid=Decimal(bid),
                ask=Decimal(ask),
                exchange_at=now,
                received_at=now,
                source="test",
            )
        )

    async def until(self, check: Any, timeout_s: float = 30.0) -> Any:
        """Wait for something to be true; its value."""
        return await self.sandbox.until(check, timeout_s)


def config_file(folder: Path, sandbox: Sandbox, **overrides: Any) -> Path:
    """A config.yaml for this sandbox in a folder of its own."""
    values = merged(
        world.settings(sandbox.api_base, sandbox.gateway_url),
        {
            "accounts": {"main": {"broker": "paper"}},
            "storage": {"url": "sqlite:///desk.db"},
            "brokers": {"paper": {"latency_ms": 20, "slippage_ticks": 0}},
            "health": {"port": None},
            "risk": {
                "entry_window": {"stock": None, "option": None, "future": None, "crypto": None}
            },
        },
        overrides,
    )
    path = folder / "config.yaml"
    path.write_text(yaml.safe_dump(values), encoding="utf-8")
    return path


async def _later() -> None:
    """Draw no example of every chart: few tests look at a picture, and that one loads its own."""


@asynccontextmanager
async def live(
    folder: Path, monkeypatch: Any, *, sandbox: Sandbox | None = None, **overrides: Any
) -> AsyncIterator[Live]:
    """Start everything; stop everything; the sandbox must have nothing to complain of."""
    monkeypatch.setenv("TS_DISCORD_TOKEN", world.TOKEN)
    own = sandbox is None
    sandbox = sandbox or await Sandbox.start(
        world.world(), spec=SPEC if SPEC.exists() else None, token=world.TOKEN
    )
    app = App(load(config_file(folder, sandbox, **overrides)), feed=HandFeed())
    try:
        await app.start_desk()
        with monkeypatch.context() as start:
            start.setattr(app.charts, "warm", _later)
            Process(app).show()
        await sandbox.online()
        await sandbox.until(app.bot.is_ready)
        yield Live(app, sandbox)
    finally:
        await app.stop()
        problems = list(sandbox.problems)
        if own:
            await sandbox.stop()
    assert not problems, problems
