"""Reads the plan of a made-up market: which instruments, how they move, where they must be when."""

import json
from datetime import datetime
from decimal import Decimal
from pathlib import Path as FilePath

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from engine.clock import Clock
from engine.domain.errors import ConfigError
from engine.domain.instrument import parse_key
from engine.feeds.synthetic import Path, Plan, SyntheticFeed


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
    return SyntheticFeed(
        seed,
        clock,
        Plan(
            paths=paths,
            option_volatility=plan.option_volatility,
            option_spread_ratio=plan.option_spread_ratio,
            step_s=plan.step_s,
        ),
        starts_at=plan.starts_at,
    )
