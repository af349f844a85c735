"""How well a period went, gathered: the closed trades asked for, and the market beside."""

from collections.abc import Mapping, Sequence
from datetime import date
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

AssetChoice = Literal["all", "equity", "options", "futures"]
_ASSETS: Mapping[str, frozenset[str]] = {
    "equity": frozenset({"stock"}),
    "options": frozenset({"option", "spread"}),
    "futures": frozenset({"future"}),
}


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
    closed = await desk.store.find(Trade, where={"state": (TradeState.CLOSED,)})
    known = [*closed, *desk.book.open_trades()]
    if strategy and strategy not in {t.source for t in known}:
        shown = text.safe_line(strategy, 40)
        raise UserError(f"Nothing was traded by “{shown}” yet. Nothing was counted.")
    kept = {
        t.trade_id: t
        for t in known
        if t.asset in _ASSETS.get(asset, {t.asset}) and strategy in ("", t.source)
    }
    is_whole = len(kept) == len(known)
    entries = [
        e
        for e in await desk.store.find(LedgerEntry)
        if e.trade_id in kept or (is_whole and not e.trade_id)
    ]
    accounts = list(desk.book.accounts.values())
    made = pnl.build(
        frame,
        period=period,
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
