"""Reads the plan of a made-up market: which instruments, how they move, where they must be when.

The file may change while the market runs: whoever leads a demo leads its prices that way.
"""

import asyncio
import json
import logging
from datetime import datetime
from decimal import Decimal
from pathlib import Path as FilePath

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from engine.clock import Clock
from engine.domain.errors import ConfigError
from engine.domain.instrument import parse_key
from engine.feeds.synthetic import Path, Plan, SyntheticFeed

log = logging.getLogger(__name__)

_LOOK_S = 0.1
"""How often the file is looked at."""


class _PathFile(BaseModel):
    model_config = ConfigDict(extra="forbid")

    instrument: str
    price: Decimal = Field(gt=0)
    volatility: float = Field(default=0.2, ge=0)
    spread: Decimal = Field(default=Decimal("0.02"), gt=0)
    size: int | None = 50
    waypoints: tuple[tuple[float, Decimal], ...] = ()


class _PlanFile(BaseModel):
    model_config = ConfigDict(extra="forbid")

    starts_at: datetime | None = None
    option_volatility: float = 0.25
    option_spread_ratio: float = 0.02
    step_s: float = Field(default=0.25, gt=0)
    paths: tuple[_PathFile, ...]


def synthetic_feed(file: FilePath, seed: int, clock: Clock) -> SyntheticFeed:
    """The market of a plan file; a restart finds it where it would be by then.

    Raises:
        ConfigError: names the file and the key that is wrong.
    """
    return PlannedMarket(file, seed, clock)


class PlannedMarket(SyntheticFeed):
    """The market of a plan file that is read again whenever the file changes."""

    def __init__(self, file: FilePath, seed: int, clock: Clock) -> None:
        self._file, self._stamp = file, _stamp(file)
        plan, starts_at = _read(file)
        super().__init__(seed, clock, plan, starts_at=starts_at)
        self._watcher: asyncio.Task[None] | None = None

    async def connect(self) -> None:
        """Watch the file from now on."""
        await super().connect()
        self._watcher = asyncio.create_task(self._watch_file(), name="market plan")

    async def close(self) -> None:
        """End the stream and leave the file alone."""
        if self._watcher is not None:
            self._watcher.cancel()
            await asyncio.gather(self._watcher, return_exceptions=True)
        await super().close()

    async def _watch_file(self) -> None:
        while True:
            await self._clock.sleep(_LOOK_S)
            if (stamp := _stamp(self._file)) != self._stamp:
                self._stamp = stamp
                try:
                    self.follow(_read(self._file)[0])
                except ConfigError as error:
                    log.warning("the market goes on as it was: %s", error)


def _stamp(file: FilePath) -> tuple[int, int]:
    """What tells one version of the file from the next."""
    try:
        seen = file.stat()
    except OSError:
        return 0, 0
    return seen.st_mtime_ns, seen.st_ino


def _read(file: FilePath) -> tuple[Plan, datetime | None]:
    try:
        plan = _PlanFile.model_validate(json.loads(file.read_text(encoding="utf-8")))
        paths = tuple(
            Path(
                instrument=parse_key(path.instrument),
                price=path.price,
                volatility=path.volatility,
                spread=path.spread,
                size=path.size,
                waypoints=path.waypoints,
            )
            for path in plan.paths
        )
    except (OSError, ValueError, ValidationError) as error:
        raise ConfigError(f"feed.plan: {file}: {error}") from None
    planned = Plan(
        paths=paths,
        option_volatility=plan.option_volatility,
        option_spread_ratio=plan.option_spread_ratio,
        step_s=plan.step_s,
    )
    return planned, plan.starts_at
