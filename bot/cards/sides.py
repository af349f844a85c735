"""Trades beside trades: two that were named with all their measures, or all of a kind, short."""

import discord

from bot import text
from bot.cards._layout import Tone, apart, card, tone_of
from bot.cards.pnl import NAMES
from engine.reports import Missing
from engine.reports.performance import PerformanceReport
from engine.reports.sides import Side, SidesReport

_SHOWN = 12


def show(report: SidesReport) -> discord.Embed:
    """The card."""
    if report.is_pair:
        return _pair(report)
    when = "" if report.by == "period" else f" · {NAMES[report.period]}"
    if not report.sides:
        return card(
            tone=Tone.QUIET,
            title=f"Performance by {report.by}{when} · no closed trades yet",
            stamp=report.stamp,
            lines=["The first closed trade will show here."],
        )
    rest = len(report.sides) - _SHOWN
    return card(
        tone=Tone.INFO,
        title=f"Performance by {report.by}{when}",
        stamp=report.stamp,
        lines=[
            text.table([row for side in report.sides[:_SHOWN] for row in _rows(side)], "lr"),
            f"-# and {rest} more" if rest > 0 else "",
            f"-# name one with compare, like `{report.by}: {_like(report)}`, for all its measures",
        ],
    )


def _pair(report: SidesReport) -> discord.Embed:
    first, second = report.sides
    more = report.first_more_usd
    cells = [["", "first", "second"]]
    for left, right in zip(_measures(first.made), _measures(second.made), strict=True):
        cells.append([*left, right[1]])
    when = "" if report.by == "period" else f" · {NAMES[report.period]}"
    return card(
        tone=tone_of(more),
        title=apart("first", more) + when,
        stamp=report.stamp,
        lines=[
            f"first: **{text.safe_line(first.name, 60)}**",
            f"second: **{text.safe_line(second.name, 60)}**",
            text.table(cells, "lrr"),
            _reasons(first.made, second.made),
        ],
    )


def _rows(side: Side) -> list[list[str]]:
    made = side.made
    won = text.pct(made.win_rate_pct, sign=False, places=0)
    return [
        [side.name, text.usd_short(made.realised_usd, sign=True)],
        [f"  {text.count(made.n_closed, 'trade')} {won} won", text.r_short(made.expectancy_r)],
    ]


def _like(report: SidesReport) -> str:
    return text.shorten(text.code_safe(report.sides[0].name), 30)


def _measures(made: PerformanceReport) -> list[list[str]]:
    """Short enough for two beside each other on a phone."""
    fall = made.max_drawdown_usd
    return [
        ["net", text.usd_short(made.realised_usd, sign=True)],
        ["deposits", text.pct_short(made.return_pct, sign=True)],
        ["won/lost", f"{made.n_wins}/{made.n_losses}"],
        ["won", text.pct_short(made.win_rate_pct, sign=False)],
        ["profit f.", text.plain(made.profit_factor)],
        ["a trade", text.usd_short(made.expectancy_usd, sign=True)],
        ["in R", text.r_short(made.expectancy_r)],
        ["avg win", text.usd_short(made.average_win_usd, sign=True)],
        ["avg loss", text.usd_short(made.average_loss_usd, sign=True)],
        ["drawdown", text.usd_short(fall if isinstance(fall, Missing) else -fall)],
        ["MAE", text.r_short(made.mae_r)],
        ["MFE", text.r_short(made.mfe_r)],
        ["Sharpe", text.plain(made.sharpe)],
        ["Sortino", text.plain(made.sortino)],
    ]


def _reasons(*sides: PerformanceReport) -> str:
    figures = [f for s in sides for f in (s.profit_factor, s.expectancy_r, s.sharpe, s.mae_r)]
    reasons = dict.fromkeys(f.reason for f in figures if isinstance(f, Missing))
    return f"-# n/a: {', '.join(reasons)}" if reasons else ""
