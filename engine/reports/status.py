"""The desk on one screen: may it trade, is everything connected, what has today brought."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Literal

from engine.domain.desk import AlertRecord
from engine.domain.trade import Account, Position, Trade, TradeState
from engine.reports import (
    Figure,
    Frame,
    Missing,
    Stamp,
    equity,
    instruments_of,
    less,
    open_pnl,
    plus,
)
from engine.reports.limits import LimitsReport, used_pct

Condition = Literal["ok", "warn", "bad", "unknown"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One part of the desk: gateway, a broker, the feed, the store."""

    name: str
    condition: Condition
    text: str = ""
    since: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountLine:
    """One account today."""

    name: str
    broker: str
    equity_usd: Figure
    day_change_usd: Figure
    """Change of equity since the session's start, open positions included."""
    realised_today_usd: Decimal
    n_trades_today: int
    loss_streak: int


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusReport:
    """One screen."""

    stamp: Stamp
    halted: str
    """Why entries are halted; empty when they are allowed."""
    unsound: str
    """Why the books cannot carry an entry; empty when they can."""
    is_reconciled: bool
    parts: tuple[Part, ...]
    problems: tuple[tuple[str, str], ...]
    """(part, what is wrong) as the desk's own health tells it."""
    since: Mapping[str, datetime]
    """Part -> since when it is wrong."""
    queues: tuple[tuple[str, int], ...]
    n_open: int
    n_pending_entries: int
    n_approvals: int
    open_usd: Figure
    accounts: tuple[AccountLine, ...]
    pnl_today_usd: Figure
    breaker_pct: Figure
    """How much of the loss that stops entries is used up, of the account that is nearest to it."""
    tripped: str
    """Accounts whose breaker tripped today; empty when none."""
    last_alert: str
    last_alert_at: datetime | None
    version: str
    uptime: timedelta | None

    @property
    def may_trade(self) -> bool:
        """New entries are possible right now."""
        is_stored = not self.unsound and "storage" not in dict(self.problems)
        return not self.halted and self.is_reconciled and is_stored

    @property
    def is_well(self) -> bool:
        """Nothing needs a person."""
        bad = any(p.condition in ("bad", "warn") for p in self.parts)
        return self.may_trade and not self.problems and not bad


def build(
    frame: Frame,
    *,
    halted: str = "",
    unsound: str = "",
    is_reconciled: bool = True,
    parts: Iterable[Part] = (),
    problems: Mapping[str, str] | None = None,
    since: Mapping[str, datetime] | None = None,
    queues: Mapping[str, int] | None = None,
    trades: Iterable[Trade] = (),
    positions: Iterable[Position] = (),
    accounts: Iterable[Account] = (),
    n_approvals: int = 0,
    limits: LimitsReport | None = None,
    last_alert: AlertRecord | None = None,
    version: str = "",
    started_at: datetime | None = None,
) -> StatusReport:
    """The screen, from what the desk holds in memory."""
    live, held = tuple(trades), tuple(positions)
    lines = tuple(_line(a, held, frame) for a in accounts)
    today = plus(*(line.day_change_usd for line in lines)) if lines else Missing("no account")
    used = [i for t in live if t.qty_open for i in instruments_of(t.legs)]
    return StatusReport(
        stamp=frame.stamp("status", used),
        halted=halted,
        unsound=unsound,
        is_reconciled=is_reconciled,
        parts=tuple(parts),
        problems=tuple(sorted((problems or {}).items())),
        since=dict(since or {}),
        queues=tuple((queues or {}).items()),
        n_open=sum(t.state is TradeState.OPEN for t in live),
        n_pending_entries=sum(t.state is TradeState.PENDING for t in live),
        n_approvals=n_approvals,
        open_usd=open_pnl(held, frame)[0],
        accounts=lines,
        pnl_today_usd=today,
        breaker_pct=nearest(limits),
        tripped=""
        if limits is None
        else ", ".join(a.account for a in limits.accounts if a.tripped_on is not None),
        last_alert=last_alert.text if last_alert else "",
        last_alert_at=last_alert.received_at if last_alert else None,
        version=version,
        uptime=None if started_at is None else frame.now - started_at,
    )


_BREAKERS = ("lost today", "below peak")


def nearest(limits: LimitsReport | None) -> Figure:
    """Percent used of the fullest breaker; one that is not known hides what the others say."""
    accounts = () if limits is None else limits.accounts
    shares = [used_pct(g) for a in accounts for g in a.gauges if g.name in _BREAKERS]
    if not shares:
        return Missing("no account")
    known = [max(s, Decimal(0)) for s in shares if s is not None]
    return max(known) if len(known) == len(shares) else Missing("equity is not known")


def _line(account: Account, held: Iterable[Position], frame: Frame) -> AccountLine:
    worth = equity(account, held, frame)
    start: Figure = Missing("equity at the session's start is not known")
    if account.day_start_equity_usd is not None:
        start = account.day_start_equity_usd
    return AccountLine(
        name=account.name,
        broker=account.broker,
        equity_usd=worth,
        day_change_usd=less(worth, start),
        realised_today_usd=account.realised_today_usd,
        n_trades_today=account.n_trades_today,
        loss_streak=account.loss_streak,
    )
