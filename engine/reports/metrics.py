"""How the process itself does: memory, processor, lag of its loop, answers of the books."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from engine.reports import Frame, Stamp

LAG_MS, STORE_MS, RSS_MB, REPLY_MS = 250.0, 100.0, 512.0, 2_000.0
"""Above these somebody should look: a late loop delays every order."""


def p95(values: Iterable[float]) -> float | None:
    """What 95 of 100 stay below, the nearest rank; None of nothing."""
    ranked = sorted(values)
    return ranked[-(-len(ranked) * 95 // 100) - 1] if ranked else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """One look; ``lag_ms`` is the worst since the look before."""

    at: datetime
    rss_mb: float
    cpu_pct: float
    """Of one core."""
    lag_ms: float
    store_ms: float
    """One read of the books, behind whatever they were busy with."""
    n_threads: int
    reply_ms: float | None = None
    """p95 of the newest replies; None: nobody has asked for anything yet."""
    api_ms: float | None = None
    """p95 of the slowest provider's newest answers; None: nothing outside was called."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Vital:
    """One figure over time."""

    name: str
    unit: str
    now: float
    median: float
    worst: float
    limit: float | None
    """Above it somebody should look; None: no limit."""

    @property
    def is_well(self) -> bool:
        """Whether the newest figure is below its limit."""
        return self.limit is None or self.now <= self.limit


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricsReport:
    """Newest last."""

    stamp: Stamp
    up_for: timedelta
    every_s: float
    samples: tuple[Sample, ...]
    vitals: tuple[Vital, ...]


def build(
    frame: Frame, samples: Sequence[Sample], *, up_since: datetime, every_s: float
) -> MetricsReport:
    """``samples``: oldest first, perhaps none yet."""
    vitals = [
        _vital("memory", "MB", [s.rss_mb for s in samples], RSS_MB),
        _vital("processor", "%", [s.cpu_pct for s in samples], None),
        _vital("loop lag", "ms", [s.lag_ms for s in samples], LAG_MS),
        _vital("books", "ms", [s.store_ms for s in samples], STORE_MS),
        _vital("reply p95", "ms", _known(s.reply_ms for s in samples), REPLY_MS),
        _vital("API p95", "ms", _known(s.api_ms for s in samples), None),
    ]
    return MetricsReport(
        stamp=frame.stamp("metrics"),
        up_for=frame.now - up_since,
        every_s=every_s,
        samples=tuple(samples),
        vitals=tuple(v for v in vitals if v is not None),
    )


def _known(values: Iterable[float | None]) -> list[float]:
    return [v for v in values if v is not None]


def _vital(name: str, unit: str, values: list[float], limit: float | None) -> Vital | None:
    if not values:
        return None
    return Vital(
        name=name,
        unit=unit,
        now=values[-1],
        median=sorted(values)[len(values) // 2],
        worst=max(values),
        limit=limit,
    )
