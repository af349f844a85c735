"""How well a period went: the measures that traders ask for, two short tables."""

import discord

from bot import text
from bot.cards._layout import Tone, card, tone_of
from bot.cards.pnl import NAMES
from engine.reports import Missing
from engine.reports.performance import PerformanceReport
from engine.reports.pnl import Group, Row

CHART = "equity"
PICTURE = "equity.png"
_GROUPS = 8


def show(report: PerformanceReport, *, has_picture: bool = False) -> discord.Embed:
    """The card; ``has_picture`` when the equity chart is attached."""
    name = NAMES[report.period]
    if not report.n_closed:
        return card(
            tone=Tone.QUIET,
            title=f"Performance {name} · no closed trades yet",
            stamp=report.stamp,
            lines=["The first closed trade will show here."],
        )
    return card(
        tone=tone_of(report.realised_usd),
        title=title(report),
        stamp=report.stamp,
        lines=[
            text.table(_measures(report), "lr"),
            _beside(report),
            _named("Best", report.best),
            _named("Worst", report.worst),
            *(_attributed(by, groups) for by, groups in report.attribution),
            "" if report.attribution else _groups(report),
            _reasons(report),
        ],
        picture=PICTURE if has_picture else "",
    )


def title(report: PerformanceReport) -> str:
    """``Performance this month · +$412.30 · 58% won``."""
    won = text.pct(report.win_rate_pct, sign=False, places=0)
    total = text.usd(report.realised_usd, sign=True)
    return f"Performance {NAMES[report.period]} · {total} · {won} won"


def has_chart(report: PerformanceReport) -> bool:
    """Whether there is anything to draw."""
    return bool(report.days)


def alt(report: PerformanceReport) -> str:
    """The chart in words."""
    fall = report.max_drawdown_usd
    deepest = "" if isinstance(fall, Missing) else f", deepest fall by trade {text.usd(-fall)}"
    total = text.usd(report.realised_usd, sign=True)
    return (
        f"Realised P&L by day over {text.count(len(report.days), 'trading day')}: {total}{deepest}"
    )


def _measures(report: PerformanceReport) -> list[list[str]]:
    return [
        ["return on deposits", text.pct_short(report.return_pct, sign=True)],
        ["trades", f"{report.n_wins} won {report.n_losses} lost"],
        ["profit factor", text.plain(report.profit_factor)],
        ["per trade", text.usd_short(report.expectancy_usd, sign=True)],
        ["per trade in R", text.r_short(report.expectancy_r)],
        ["average win", text.usd_short(report.average_win_usd, sign=True)],
        ["average loss", text.usd_short(report.average_loss_usd, sign=True)],
        ["max drawdown", _fall(report)],
        ["longest below peak", f"{report.max_drawdown_days} d"],
        ["worst moment (MAE)", text.r_short(report.mae_r)],
        ["best moment (MFE)", text.r_short(report.mfe_r)],
        ["losses in a row", str(report.losing_streak)],
        ["Sharpe, a year", text.plain(report.sharpe)],
        ["Sortino, a year", text.plain(report.sortino)],
    ]


def _fall(report: PerformanceReport) -> str:
    fall = report.max_drawdown_usd
    return "n/a" if isinstance(fall, Missing) else text.usd_short(-fall)


def _named(word: str, rows: tuple[Row, ...]) -> str:
    if not rows:
        return ""
    said = (f"{text.safe_line(r.label, 40)} {text.usd(r.realised_usd, sign=True)}" for r in rows)
    return f"**{word}** {' · '.join(said)}"


def _beside(report: PerformanceReport) -> str:
    """Ours beside what the market made in the same time."""
    if not report.benchmarks:
        return ""
    parts = [f"ours {text.pct_short(report.return_pct, sign=True)}"]
    parts += [
        f"{text.safe_line(b.symbol, 12)} {text.pct_short(b.return_pct, sign=True)}"
        for b in report.benchmarks
    ]
    return f"**Return** {' · '.join(parts)}"


def _attributed(by: str, groups: tuple[Group, ...]) -> str:
    """Who earned it, one line: the two best and the two worst."""
    if not groups:
        return ""
    shown = groups if len(groups) <= 4 else (*groups[:2], *groups[-2:])
    said = " · ".join(
        f"{text.safe_line(g.name, 24)} {text.usd_short(g.realised_usd, sign=True)}" for g in shown
    )
    more = f" · {len(groups) - 4} more" if len(groups) > 4 else ""
    return f"**By {by}** {said}{more}"


def _groups(report: PerformanceReport) -> str:
    if not report.groups:
        return ""
    rows = [
        [text.shorten(g.name, 16), str(g.n), text.usd_short(g.realised_usd, sign=True)]
        for g in report.groups[:_GROUPS]
    ]
    rest = len(report.groups) - _GROUPS
    more = f"\n-# and {rest} more" if rest > 0 else ""
    return f"**By {report.by}**\n{text.table(rows, 'lrr')}{more}"


def _reasons(report: PerformanceReport) -> str:
    figures = (
        *(report.profit_factor, report.expectancy_r, report.sharpe, report.sortino, report.mae_r),
        *(b.return_pct for b in report.benchmarks),
    )
    reasons = dict.fromkeys(f.reason for f in figures if isinstance(f, Missing))
    return f"-# n/a: {', '.join(reasons)}" if reasons else ""
