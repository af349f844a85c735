"""The live panel: the desk in two seconds, from the same reports that the commands show."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Literal

from engine.domain.desk import Intake
from engine.reports import Figure, Frame, Missing, Stamp, less, plus, ratio
from engine.reports.alerts import AlertsReport
from engine.reports.limits import LimitsReport
from engine.reports.monitor import Room
from engine.reports.pnl import PnlReport
from engine.reports.positions import PositionsReport
from engine.reports.status import StatusReport
from engine.reports.trades import TradesReport

Section = Literal["positions", "trades", "alerts", "messages", "brokers", "chart"]
SECTIONS: tuple[Section, ...] = ("positions", "trades", "alerts", "messages", "brokers", "chart")
STANDARD: tuple[Section, ...] = ("positions", "alerts", "brokers", "chart")
"""What a panel shows below its figures until a desk chooses."""

_HELD = "positions"


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard:
    """One message of an alert room."""

    at: datetime
    author_name: str
    text: str
    verdict: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PanelReport:
    """One pinned message."""

    stamp: Stamp
    sections: tuple[Section, ...]
    status: StatusReport
    equity_usd: Figure
    day_pct: Figure
    n_positions: Figure
    max_positions: Figure
    win_rate_pct: Figure
    n_closed: int
    rooms: tuple[Room, ...]
    stopped: str
    """Why no alert is acted on at all; empty while any is."""
    paused: str
    """Why all entries are frozen; empty while they are not."""
    positions: PositionsReport | None
    trades: TradesReport | None
    alerts: AlertsReport | None
    heard: tuple[Heard, ...]
    pnl: PnlReport | None
    """Of today, for the chart."""


def build(
    frame: Frame,
    *,
    sections: Sequence[Section] = STANDARD,
    status: StatusReport,
    limits: LimitsReport,
    rooms: Iterable[Room] = (),
    stopped: str = "",
    paused: str = "",
    positions: PositionsReport | None = None,
    trades: TradesReport | None = None,
    alerts: AlertsReport | None = None,
    intake: Iterable[Intake] = (),
    pnl: PnlReport | None = None,
) -> PanelReport:
    """The panel as it is now; sections that were not gathered stay away."""
    gauges = [g for account in limits.accounts for g in account.gauges]
    return PanelReport(
        stamp=frame.stamp("panel"),
        sections=tuple(sections),
        status=status,
        equity_usd=equity_of(status),
        day_pct=day_pct(status),
        n_positions=_sum(g.now for g in gauges if g.name == _HELD),
        max_positions=_sum(g.limit for g in gauges if g.name == _HELD),
        win_rate_pct=Missing("not read yet") if pnl is None else pnl.win_rate_pct,
        n_closed=0 if pnl is None else pnl.n_closed,
        rooms=tuple(rooms),
        stopped=stopped,
        paused=paused,
        positions=positions,
        trades=trades,
        alerts=alerts,
        heard=tuple(_heard(i) for i in intake),
        pnl=pnl,
    )


_NO_ACCOUNT = Missing("no account")


def equity_of(status: StatusReport) -> Figure:
    """All accounts together."""
    return plus(*(a.equity_usd for a in status.accounts)) if status.accounts else _NO_ACCOUNT


def day_pct(status: StatusReport) -> Figure:
    """Change of the day in percent of the day's opening equity, all accounts."""
    worth, change = equity_of(status), status.pnl_today_usd
    return ratio(change, less(worth, change), Missing("the day began with nothing"), 100)


def _sum(values: Iterable[Decimal | None]) -> Figure:
    known = list(values)
    if not known:
        return _NO_ACCOUNT
    if any(v is None for v in known):
        return Missing("not known yet")
    return sum((v for v in known if v is not None), Decimal(0))


def _heard(intake: Intake) -> Heard:
    message = intake.message
    return Heard(
        at=message.received_at,
        author_name=message.author_name,
        text=message.text or next((e.title or e.description for e in message.embeds), ""),
        verdict=intake.verdict,
    )
