"""Recent round trips as a table."""

from collections.abc import Sequence

import discord

from bot import text
from bot.cards._layout import Tone, card, tone_of
from engine.domain.trade import TradeState
from engine.reports import Missing
from engine.reports.trades import Row, TradesReport

_STATE = {TradeState.OPEN: "open", TradeState.PENDING: "waiting", TradeState.VOID: "void"}


def show(report: TradesReport) -> discord.Embed:
    """One page of trades."""
    sought = text.safe_line(report.sought, 60)
    if not report.rows:
        return card(
            tone=Tone.QUIET,
            title=f"{report.title} · none that fit"
            if sought
            else f"{report.title} · no trades yet",
            stamp=report.stamp,
            lines=[f"Looked for: {sought}." if sought else "The first fill will show here."],
        )
    more = report.n_in_all - len(report.rows)
    total = text.usd_short(report.net_usd, sign=True)
    return card(
        tone=tone_of(report.net_usd),
        title=f"{report.title} · {text.count(len(report.rows), 'trade')} {total}",
        stamp=report.stamp,
        lines=[
            table(report.rows),
            _missing(report),
            f"-# {more} older not shown" if more > 0 else "",
        ],
    )


def table(rows: Sequence[Row]) -> str:
    """Two short lines per trade: what and result, then prices, reason and R; days above.

    Where they are of several accounts a third line says of which.
    """
    is_at_several = len({row.account for row in rows}) > 1
    cells: list[list[str]] = []
    day = ""
    for row in rows:
        if day != (day := text.eastern_date(row.at)):
            cells.append([f"-- {day} --", ""])
        side = "+" if row.direction > 0 else "-"
        is_filled = row.state in _HELD
        cells.append(
            [
                f"{side}{_units(row)} {row.label}",
                text.usd_short(row.net_usd, sign=True) if is_filled else "",
            ]
        )
        cells.append([f"  {_prices(row)}{_word(row)}", text.r_short(row.r) if is_filled else ""])
        if is_at_several:
            cells.append([f"  in {text.shorten(row.account, 20)}", ""])
    return text.table(cells, "lr")


def _units(row: Row) -> str:
    """``36``, and ``18/36`` when a part was closed."""
    is_part = row.state is TradeState.OPEN and row.qty_open != row.qty
    return f"{text.qty(row.qty_open)}/{text.qty(row.qty)}" if is_part else text.qty(row.qty)


_HELD = (TradeState.OPEN, TradeState.CLOSED)


def _prices(row: Row) -> str:
    if row.state not in _HELD:
        return ""
    entry = text.price_tight(row.entry, row.price_of)
    return f"{entry}→{text.price_tight(row.leave, row.price_of)} "


def _word(row: Row) -> str:
    if row.state is TradeState.CLOSED:
        return text.shorten(row.why.split(":")[0], 14)
    return _STATE[row.state]


def _missing(report: TradesReport) -> str:
    reasons = dict.fromkeys(r.net_usd.reason for r in report.rows if isinstance(r.net_usd, Missing))
    reasons.pop("not filled", None)
    return "-# n/a: " + ", ".join(text.safe_line(r, 80) for r in reasons) if reasons else ""
