"""Everything the copilot may know: reports of this moment, and nothing else.

No key, no prompt, no other person's conversation is in here, so none can be told.
"""

from dataclasses import dataclass

from engine.copilot.correlator import Impact
from engine.reports import Figure, Frame
from engine.reports.day import DayReport
from engine.reports.exposure import ExposureReport
from engine.reports.limits import LimitsReport
from engine.reports.markets import MarketsReport
from engine.reports.orders import OrdersReport
from engine.reports.performance import PerformanceReport
from engine.reports.positions import PositionsReport
from engine.reports.recommendations import RecommendationsReport
from engine.reports.trades import TradesReport


@dataclass(frozen=True, slots=True, kw_only=True)
class Headline:
    """One piece of news; other people's words."""

    symbol: str
    text: str
    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Jotting:
    """A note of the journal; a person's words."""

    about: str
    """Label of its trade; empty: about none."""
    text: str
    by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Move:
    """How a symbol changed from close to close on its last finished day."""

    symbol: str
    change_pct: Figure


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """The desk's own reports, gathered for one question."""

    frame: Frame
    today: DayReport
    yesterday: DayReport
    """The last trading day before today."""
    recent: TradesReport
    """Trades that were opened or closed within 24 hours."""
    positions: PositionsReport
    exposure: ExposureReport
    sectors: ExposureReport | None
    limits: LimitsReport
    markets: MarketsReport
    orders: OrdersReport
    n_approvals: int
    advice: RecommendationsReport
    performance: PerformanceReport | None = None
    """Of the period that was asked for."""
    impact: Impact | None = None
    """What the supposed event would do."""
    then: DayReport | None = None
    """Other days, where the question names some."""
    moves: tuple[Move, ...] = ()
    jottings: tuple[Jotting, ...] = ()
    """Newest notes of the journal."""
    news: tuple[Headline, ...] = ()
    no_news: str = "no news source is read here"
    """Why there are none: other people's headlines are shown by /news, and to people alone."""
