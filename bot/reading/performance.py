"""How well a period went, gathered: the closed trades asked for, and the market beside."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import Literal

from bot import text
from bot.authors import author_names
from engine.desk import Desk
from engine.domain.errors import UserError
from engine.domain.instrument import parse_key
from engine.domain.money import ZERO
from engine.domain.trade import LedgerEntry, Trade, TradeState
from engine.market import new_york_date
from engine.reports import Figure, Frame, Missing, pnl
from engine.reports import performance as measures

WAIT_S = 2.5
"""How long a report waits for daily closes; what is not there then is n/a."""

AssetChoice = Literal["all", "equity", "options", "futures", "crypto"]
ASSETS: Mapping[AssetChoice, frozenset[str]] = {
    "equity": frozenset({"stock"}),
    "options": frozenset({"option", "spread"}),
    "futures": frozenset({"future"}),
    "crypto": frozenset({"crypto"}),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Cut:
    """Which closed trades; what is left empty fits all."""

    period: pnl.Period
    asset: AssetChoice = "all"
    strategy: str = ""
    author: str = ""
    """His Discord id."""
    broker: str = ""
    is_before: bool = False
    """Those of the time of the same length that ended where the period begins."""

    def has(self, trade: Trade) -> bool:
        """Whether it is one of them, whenever it was closed."""
        return (
            trade.asset in ASSETS.get(self.asset, {trade.asset})
            and self.strategy in ("", trade.source)
            and self.author in ("", str(trade.author_id))
            and self.broker in ("", trade.broker)
        )


@dataclass(frozen=True, slots=True)
class Books:
    """Every trade that was opened and every booking, read once for all that is measured."""

    trades: list[Trade]
    entries: list[LedgerEntry]

    def must_know(self, strategy: str) -> None:
        """Somebody traded under that strategy.

        Raises:
            UserError: nobody ever did.
        """
        if strategy and strategy not in {t.source for t in self.trades}:
            shown = text.safe_line(strategy, 40)
            raise UserError(f"Nothing was traded by “{shown}” yet. Nothing was counted.")

    async def measured(
        self, desk: Desk, frame: Frame, cut: Cut, beside: Sequence[str] = ()
    ) -> measures.PerformanceReport:
        """Measures of a cut; ``beside``: symbols to compare with.

        Raises:
            UserError: there is no time before all of it.
        """
        kept = {t.trade_id: t for t in self.trades if cut.has(t)}
        is_whole = len(kept) == len(self.trades)
        entries = [e for e in self.entries if e.trade_id in kept or (is_whole and not e.trade_id)]
        if cut.is_before:
            since = pnl.since_of(cut.period, frame.now)
            if since is None:
                raise UserError("Nothing was before all of it. Nothing was counted.")
            frame = replace(frame, now=since - timedelta(microseconds=1))
            entries = [e for e in entries if e.booked_at < since]
            kept = {k: _as_of(t, since) for k, t in kept.items()}
            is_whole = False
        at_all = list(desk.book.accounts.values())
        accounts = [a for a in at_all if cut.broker in ("", a.broker)]
        made = pnl.build(
            frame,
            period=cut.period,
            trades=kept.values(),
            entries=entries,
            accounts=accounts if is_whole else (),
            positions=[p for p in desk.book.positions.values() if p.trade_id in kept],
            by="strategy",
            sectors=desk.settings.sectors,
        )
        within = ZERO if isinstance(made.realised_usd, Missing) else made.realised_usd
        ever = sum((a.realised_usd for a in accounts), ZERO)
        marks = await _benchmarks(desk, made, frame, beside)
        return measures.build(
            made,
            deposits_usd=sum((a.deposits_usd for a in accounts), ZERO)
            if accounts
            else Missing("no account"),
            realised_before_usd=ever - within if is_whole else ZERO,
            trades=kept.values(),
            sectors=desk.settings.sectors,
            benchmarks=marks,
            authors=await author_names(desk, kept.values()),
        )


async def books_of(desk: Desk) -> Books:
    """Read them."""
    closed = await desk.store.find(Trade, where={"state": (TradeState.CLOSED,)})
    return Books([*closed, *desk.book.open_trades()], list(await desk.store.find(LedgerEntry)))


async def measured(
    desk: Desk,
    frame: Frame,
    period: pnl.Period,
    *,
    asset: AssetChoice = "all",
    strategy: str = "",
    beside: Sequence[str] = (),
) -> measures.PerformanceReport:
    """Measures of the closed trades of a period; ``beside``: symbols to compare with.

    Raises:
        UserError: nothing ever traded under that strategy.
    """
    books = await books_of(desk)
    books.must_know(strategy)
    cut = Cut(period=period, asset=asset, strategy=strategy)
    return await books.measured(desk, frame, cut, beside)


def _as_of(trade: Trade, moment: datetime) -> Trade:
    """What was closed later was still open then."""
    is_later = trade.closed_at is not None and trade.closed_at >= moment
    return replace(trade, state=TradeState.OPEN) if is_later else trade


async def _benchmarks(
    desk: Desk, made: pnl.PnlReport, frame: Frame, beside: Sequence[str]
) -> list[measures.Benchmark]:
    names = list(dict.fromkeys(beside))
    if not names:
        return []
    await desk.closes.learn(names, WAIT_S)
    known = desk.closes.of(names)
    since = _first_day(made)
    found = []
    for name in names:
        if since is None:
            why: Figure = Missing("no closed trades yet")
            found.append(measures.Benchmark(symbol=name, return_pct=why))
        elif name not in known:
            why = Missing(desk.closes.why_not(name))
            found.append(measures.Benchmark(symbol=name, return_pct=why))
        else:
            mark = frame.mark(parse_key(name))
            now = None if isinstance(mark, Missing) else mark
            found.append(measures.benchmark(known[name], since, now))
    return found


def _first_day(made: pnl.PnlReport) -> date | None:
    """New York day that the period begins on; the first closing's for all of it."""
    if made.since is not None:
        return new_york_date(made.since)
    return new_york_date(made.rows[0].at) if made.rows else None


def series_name(typed: str) -> str:
    """A symbol as daily closes are asked for.

    Raises:
        UserError: it cannot be one.
    """
    plain = typed.strip().lstrip("$#").upper()
    try:
        of = parse_key(plain)
    except ValueError:
        of = None
    if of is None or of.kind not in ("stock", "crypto") or len(plain) > 12:
        raise UserError("That is no symbol of a share, fund or coin. Nothing was looked up.")
    return plain
