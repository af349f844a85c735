"""P&L of a period by trade: the line, the bars, the totals, and the proof that they add up."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Literal

from engine.domain.money import ZERO
from engine.domain.trade import Account, LedgerEntry, Position, Trade, TradeState
from engine.market import NEW_YORK
from engine.portfolio.sectors import sector_of
from engine.reports import (
    Figure,
    Frame,
    Missing,
    Stamp,
    equity,
    less,
    open_pnl,
    plus,
    ratio,
    unit_label,
    unit_value,
)

Period = Literal["today", "week", "month", "ytd", "all", "1d", "1w", "1m", "3m"]
By = Literal[
    "trade",
    "symbol",
    "source",
    "asset",
    "account",
    "broker",
    "author",
    "position",
    "strategy",
    "sector",
]
"""``position`` is ``trade`` and ``strategy`` is ``source`` in the commands' words."""
_ROLLING = {"1d": 0, "1w": 6, "1m": 29, "3m": 90}
"""Days before today that the period begins."""

NO_TRADES = Missing("no trades yet")
NONE_CLOSED = Missing("no closed trades yet")


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """What one trade realised within the period, in order of its last booking there."""

    trade_id: str
    symbol: str
    label: str
    source: str
    direction: int
    is_closed: bool
    """False: part of it was closed in the period, the rest is still held."""
    at: datetime
    realised_usd: Decimal
    r: Figure
    cumulative_usd: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """Rows that share a symbol, source, asset, account, broker or author."""

    name: str
    n: int
    realised_usd: Decimal
    win_rate_pct: Figure


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawdown:
    """Deepest fall of the cumulative line: rows ``peak`` to ``trough`` (-1: the start at 0)."""

    usd: Decimal
    peak: int
    trough: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Reconciliation:
    """Does what the trades made equal what the accounts gained, since the first deposit?"""

    trades_usd: Figure
    """Realised of every trade ever, plus open P&L, less the opening fees of what is held."""
    equity_change_usd: Figure
    """Equity now less all deposits."""
    difference_usd: Figure

    @property
    def is_ok(self) -> bool | None:
        """True to the cent; None while a mark is missing."""
        if isinstance(self.difference_usd, Missing):
            return None
        return abs(self.difference_usd) < Decimal("0.005")


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """The same closed trades at the alerted prices, at the touch, and as we filled them.

    Gross of fees: an alert has none. Only trades whose prices are all known are compared.
    """

    n: int
    n_left_out: int
    alerted_usd: Figure
    achievable_usd: Figure
    filled_usd: Figure


@dataclass(frozen=True, slots=True, kw_only=True)
class PnlReport:
    """P&L of one period over the given accounts."""

    stamp: Stamp
    period: Period
    since: datetime | None
    """None: from the first trade."""
    rows: tuple[Row, ...]
    groups: tuple[Group, ...]
    by: By
    realised_usd: Figure
    open_usd: Figure
    """Of everything held now, whenever it was opened."""
    open_fees_usd: Decimal
    fees_usd: Figure
    """Paid within the period."""
    net_usd: Figure
    n_closed: int
    n_wins: int
    n_losses: int
    n_open: int
    win_rate_pct: Figure
    """Closed trades with a realised P&L above 0, of all closed ones."""
    best: Row | None
    worst: Row | None
    drawdown: Drawdown | None
    check: Reconciliation
    compared: Comparison


def since_of(period: Period, now: datetime) -> datetime | None:
    """Start of the period: midnight in New York of today, Monday, the 1st, or January 1st.

    The rolling ones are so many calendar days, today included: 1, 7, 30, 91.
    """
    today = now.astimezone(NEW_YORK).date()
    first: dict[Period, date] = {
        "today": today,
        "week": today - timedelta(days=today.weekday()),
        "month": today.replace(day=1),
        "ytd": today.replace(month=1, day=1),
    }
    if period in _ROLLING:
        first[period] = today - timedelta(days=_ROLLING[period])
    if period not in first:
        return None
    return datetime.combine(first[period], time(), NEW_YORK).astimezone(UTC)


def build(
    frame: Frame,
    *,
    period: Period = "today",
    trades: Iterable[Trade],
    entries: Iterable[LedgerEntry],
    accounts: Iterable[Account] = (),
    positions: Iterable[Position] = (),
    by: By = "trade",
    sectors: Mapping[str, str] | None = None,
    authors: Mapping[int, str] | None = None,
) -> PnlReport:
    """P&L of the period.

    ``entries``: bookings of the accounts, oldest first, at least those since :func:`since_of`;
    all of them for ``all``. ``trades``: at least those that the entries name, and all open ones.
    ``authors``: their names by Discord id.
    """
    since = since_of(period, frame.now)
    booked = tuple(entries)
    known = {t.trade_id: t for t in trades}
    held = [p for p in positions if p.lots]
    within = [e for e in booked if since is None or e.booked_at >= since]
    rows = _rows(within, known)
    closed = [r for r in rows if r.is_closed]
    n_wins = sum(r.realised_usd > 0 for r in closed)
    n_open = sum(t.state is TradeState.OPEN for t in known.values())
    open_usd, open_fees = open_pnl(held, frame)
    accounts = tuple(accounts)
    has_any = any(e.trade_id for e in booked) or any(a.n_closed for a in accounts) or bool(held)
    ever = sum((e.realised_usd for e in booked), ZERO)
    if since is not None:
        ever = sum((a.realised_usd for a in accounts), ZERO)
    realised: Figure = sum((e.realised_usd for e in within), ZERO) if has_any else NO_TRADES
    return PnlReport(
        stamp=frame.stamp(f"pnl-{period}", [p.instrument for p in held]),
        period=period,
        since=since,
        rows=rows,
        groups=grouped(rows, known, by, sectors, authors),
        by=by,
        realised_usd=realised,
        open_usd=open_usd if has_any else NO_TRADES,
        open_fees_usd=open_fees,
        fees_usd=frame.fees(
            sum((e.fee_usd for e in within), ZERO), (a.broker for a in accounts if a.n_closed)
        )
        if has_any
        else NO_TRADES,
        net_usd=less(plus(realised, open_usd), open_fees),
        n_closed=len(closed),
        n_wins=n_wins,
        n_losses=sum(r.realised_usd < 0 for r in closed),
        n_open=n_open,
        win_rate_pct=ratio(Decimal(n_wins), Decimal(len(closed)), NONE_CLOSED, 100),
        best=max(rows, key=lambda r: r.realised_usd, default=None),
        worst=min(rows, key=lambda r: r.realised_usd, default=None),
        drawdown=drawdown([r.cumulative_usd for r in rows]),
        check=_reconcile(ever, tuple(accounts), held, open_usd, open_fees, frame),
        compared=compare([known[r.trade_id] for r in rows if r.is_closed and r.trade_id in known]),
    )


def _rows(within: Sequence[LedgerEntry], trades: Mapping[str, Trade]) -> tuple[Row, ...]:
    """One row per trade that closed something in the period."""
    sums: dict[str, Decimal] = {}
    last_at: dict[str, datetime] = {}
    for entry in within:
        if not entry.trade_id or entry.closed_qty == 0:
            continue
        sums[entry.trade_id] = sums.pop(entry.trade_id, ZERO) + entry.realised_usd
        last_at[entry.trade_id] = entry.booked_at
    rows: list[Row] = []
    total = ZERO
    for trade_id, realised in sums.items():
        trade = trades.get(trade_id)
        total += realised
        risk = trade.risk_usd if trade else None
        rows.append(
            Row(
                trade_id=trade_id,
                symbol=trade.symbol if trade else trade_id,
                label=unit_label(trade.legs) if trade else trade_id,
                source=trade.source if trade else "",
                direction=trade.direction if trade else 1,
                is_closed=trade is not None and trade.state is TradeState.CLOSED,
                at=last_at[trade_id],
                realised_usd=realised,
                r=ratio(realised, risk, Missing("no stop at entry")),
                cumulative_usd=total,
            )
        )
    return tuple(rows)


def drawdown(line: Sequence[Decimal]) -> Drawdown | None:
    """Deepest fall of a cumulative line that starts at 0; None when it never falls."""
    worst: Drawdown | None = None
    peak, peak_at = ZERO, -1
    for at, value in enumerate(line):
        if value > peak:
            peak, peak_at = value, at
        elif peak - value > (worst.usd if worst else ZERO):
            worst = Drawdown(usd=peak - value, peak=peak_at, trough=at)
    return worst


_GROUP_OF: dict[By, Callable[[Trade], str]] = {
    "trade": lambda t: t.trade_id,
    "symbol": lambda t: t.symbol,
    "source": lambda t: t.source,
    "asset": lambda t: t.asset,
    "account": lambda t: t.account,
    "broker": lambda t: t.broker,
    "author": lambda t: "unknown" if t.author_id is None else str(t.author_id),
    "position": lambda t: t.trade_id,
    "strategy": lambda t: t.source,
}


def group_of(
    trade: Trade,
    by: By,
    sectors: Mapping[str, str] | None = None,
) -> str:
    """What a trade is counted under; its author by his id."""
    if by == "sector":
        of = trade.legs[0].instrument
        return sector_of(of.symbol, of.kind, sectors)
    return _GROUP_OF[by](trade)


def grouped(
    rows: Sequence[Row],
    trades: Mapping[str, Trade],
    by: By,
    sectors: Mapping[str, str] | None = None,
    authors: Mapping[int, str] | None = None,
) -> tuple[Group, ...]:
    """Rows in groups, most earned first; none by trade. Authors by name, two of a name apart."""
    if by in ("trade", "position"):
        return ()
    found: dict[str, list[Row]] = {}
    for row in rows:
        trade = trades.get(row.trade_id)
        name = group_of(trade, by, sectors) if trade else "unknown"
        found.setdefault(name, []).append(row)
    groups = []
    for key, members in found.items():
        name = author_name(key, found, authors or {}) if by == "author" else key
        closed = [r for r in members if r.is_closed]
        wins = Decimal(sum(r.realised_usd > 0 for r in closed))
        groups.append(
            Group(
                name=name,
                n=len(members),
                realised_usd=sum((r.realised_usd for r in members), ZERO),
                win_rate_pct=ratio(wins, Decimal(len(closed)), NONE_CLOSED, 100),
            )
        )
    return tuple(sorted(groups, key=lambda g: (-g.realised_usd, g.name)))


def author_name(key: str, keys: Iterable[str], names: Mapping[int, str]) -> str:
    """His name; with the end of his id where another has the same or nobody knows it."""
    if not key.isdigit():
        return key
    name = names.get(int(key), "")
    others = (names.get(int(k)) for k in keys if k.isdigit() and k != key)
    return name if name and name not in others else f"{name or 'author'} …{key[-4:]}"


def _reconcile(
    realised: Decimal,
    accounts: Sequence[Account],
    held: Sequence[Position],
    open_usd: Figure,
    open_fees: Decimal,
    frame: Frame,
) -> Reconciliation:
    """I-03: equity - deposits = realised + open P&L - open fees, from independent sums."""
    by_trades = less(plus(realised, open_usd), open_fees)
    change: Figure = Missing("no account given")
    if accounts:
        change = plus(*(less(equity(a, held, frame), a.deposits_usd) for a in accounts))
    return Reconciliation(
        trades_usd=by_trades,
        equity_change_usd=change,
        difference_usd=less(by_trades, change),
    )


def compare(closed: Sequence[Trade]) -> Comparison:
    """Alerted against achievable against filled, over the trades where all three are known."""
    full = [t for t in closed if _is_comparable(t)]
    if not full:
        why = NONE_CLOSED if not closed else Missing("no trade has both alerted prices")
        return Comparison(
            n=0,
            n_left_out=len(closed),
            alerted_usd=why,
            achievable_usd=why,
            filled_usd=why,
        )
    return Comparison(
        n=len(full),
        n_left_out=len(closed) - len(full),
        alerted_usd=sum((gross(t, t.alerted_price, t.alerted_exit) for t in full), ZERO),
        achievable_usd=sum((gross(t, t.achievable_price, t.achievable_exit) for t in full), ZERO),
        filled_usd=sum((gross(t, t.entry_price, t.exit_price) for t in full), ZERO),
    )


def _is_comparable(trade: Trade) -> bool:
    prices = (
        trade.alerted_price,
        trade.alerted_exit,
        trade.achievable_price,
        trade.achievable_exit,
        trade.entry_price,
        trade.exit_price,
    )
    return None not in prices


def gross(trade: Trade, entry: Decimal | None, leave: Decimal | None) -> Decimal:
    """P&L of the opened quantity between two unit prices, before fees; both must be known."""
    if entry is None or leave is None:
        raise ValueError("gross P&L needs both prices")
    return unit_value(trade.legs, (leave - entry) * trade.direction, trade.qty_opened)
