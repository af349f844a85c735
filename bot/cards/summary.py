"""The accounts on one screen."""

import discord

from bot import text
from bot.cards._layout import Tone, card, signed, tone_of
from engine.domain.refusal import Gauge
from engine.reports import Missing
from engine.reports.summary import SummaryReport

CHART = "allocation"
PICTURE = "allocation.png"
_SECTORS = 6


def show(report: SummaryReport, *, has_picture: bool = False) -> discord.Embed:
    """Equity and the day first, then how much is at work, then what is unwell."""
    stakes = report.stakes
    day = stakes.day_change_usd
    flags = [f"⚠ {text.safe_line(f, 140)}" for f in report.flags[:5]]
    return card(
        tone=Tone.BAD if report.flags else tone_of(day),
        title=f"Equity {text.usd(stakes.equity_usd)} · today {signed(day)}",
        stamp=report.stamp,
        lines=[
            *flags,
            text.table(_figures(report), "lr"),
            _sectors(report),
            "" if flags else "✓ nothing is unwell",
            _reasons(report),
        ],
        picture=PICTURE if has_picture else "",
    )


def _figures(report: SummaryReport) -> list[list[str]]:
    stakes, day = report.stakes, report.stakes.day_change_usd
    start = (
        None
        if isinstance(day, Missing) or isinstance(stakes.equity_usd, Missing)
        else stakes.equity_usd - day
    )
    pct = (
        "" if not start or isinstance(day, Missing) else f" {text.pct(day / start * 100, places=2)}"
    )
    return [
        ["today", f"{text.usd_short(day, sign=True)}{pct}"],
        ["open P&L", text.usd_short(stakes.open_usd, sign=True)],
        ["cash", f"{text.usd_short(stakes.cash_usd)} {text.share(report.cash_pct)}"],
        ["buying power", text.usd_short(report.buying_power_usd)],
        *_limits(report),
        ["at stake", f"{text.usd_short(stakes.gross_usd)} {text.share(stakes.gross_pct)}"],
        ["largest", _largest(report)],
        ["beta to SPY", text.plain(report.beta)],
    ]


def _limits(report: SummaryReport) -> list[list[str]]:
    """Of one account as they are; of several the sum, and the fullest against its own limit."""
    most, at_work = _gauge(report.positions, ""), _gauge(report.at_work, "%")
    if report.n_accounts < 2:
        return [["positions", most], ["at work", at_work]]
    n = report.n_positions
    return [
        ["positions", "n/a" if isinstance(n, Missing) else text.qty(n)],
        ["in one account", most],
        ["at work in one", at_work],
    ]


def _gauge(gauge: Gauge | None, unit: str) -> str:
    if gauge is None or gauge.now is None:
        return "n/a"
    return f"{gauge.now:.0f}{unit} of {gauge.limit:.0f}{unit}"


def _largest(report: SummaryReport) -> str:
    row = report.largest
    return "nothing" if row is None else f"{text.shorten(row.name, 16)} {text.share(row.pct)}"


def _sectors(report: SummaryReport) -> str:
    rows = [[text.shorten(r.name, 22), text.share(r.pct)] for r in report.stakes.rows[:_SECTORS]]
    return f"**Sectors**\n{text.table(rows, 'lr')}" if rows else ""


def _reasons(report: SummaryReport) -> str:
    stakes = report.stakes
    figures = (stakes.gross_usd, stakes.equity_usd, stakes.day_change_usd, report.beta)
    reasons = dict.fromkeys(f.reason for f in figures if isinstance(f, Missing))
    return f"-# n/a: {text.safe_line(', '.join(reasons), 240)}" if reasons else ""


def has_chart(report: SummaryReport) -> bool:
    """Whether there is anything to draw."""
    return bool(report.stakes.rows or report.equity_line)


def alt(report: SummaryReport) -> str:
    """The picture in words."""
    rows = report.stakes.rows[:_SECTORS]
    parts = ", ".join(f"{r.name} {text.share(r.pct)}" for r in rows) or "nothing at stake"
    line = report.equity_line
    went = f"; in a month from {text.usd(line[0][1])} to {text.usd(line[-1][1])}" if line else ""
    return f"Equity {text.usd(report.stakes.equity_usd)}: {parts}{went}"
