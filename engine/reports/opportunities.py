"""Trades that alerts have asked for and the desk has not taken, best score first."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from engine.domain.quote import Leg
from engine.reports import Figure, Frame, Stamp


@dataclass(frozen=True, slots=True, kw_only=True)
class Idea:
    """One entry that was worked out and not sent."""

    trade_id: str
    alert_id: str
    intent_id: str
    approval_id: str
    """The question that waits for a person; empty when none does."""
    ends_at: datetime | None
    symbol: str
    label: str
    legs: tuple[Leg, ...]
    source: str
    author: str
    """Display name; other people's words."""
    direction: int
    qty: Decimal
    entry: Figure
    last: Figure
    """What it would cost to enter now."""
    stop: Decimal | None
    target: Decimal | None
    reward: Figure
    """What the first target pays for each dollar at risk."""
    risk_usd: Figure
    cost_usd: Figure
    score: int
    """0-100, by the rules of :mod:`engine.copilot.ideas`."""
    why: str
    """Why it was not taken, as recorded."""
    failed: tuple[str, ...]
    """What the checks had against it."""
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class OpportunitiesReport:
    """Ideas above the asked score."""

    stamp: Stamp
    rows: tuple[Idea, ...]
    n_in_all: int
    """Before the score was asked for."""
    min_score: int
    rules: tuple[str, ...]


def build(
    frame: Frame,
    *,
    ideas: Iterable[Idea],
    rules: Iterable[str],
    min_score: int = 65,
    limit: int = 5,
    source: str = "",
) -> OpportunitiesReport:
    """The best ``limit`` of at least ``min_score``, of one room when ``source`` is given."""
    found = [i for i in ideas if not source or i.source == source]
    good = sorted(
        (i for i in found if i.score >= min_score), key=lambda i: (-i.score, i.at, i.trade_id)
    )
    instruments = [leg.instrument for i in good[:limit] for leg in i.legs]
    return OpportunitiesReport(
        stamp=frame.stamp("opportunities", instruments),
        rows=tuple(good[:limit]),
        n_in_all=len(found),
        min_score=min_score,
        rules=tuple(rules),
    )
