"""Rooms played again: what one would have made, two beside each other, all that were played."""

from collections.abc import Sequence

import discord

from bot import text
from bot.cards._layout import Tone, apart, card, signed, tone_of
from engine.reports import Figure, Frame, Missing
from engine.reports.backtest import STAKE_USD, BacktestReport, Beside, Part, difference

PICTURE = "backtest.png"
FALL = "equity.png"
BESIDE = "backtests.png"
_KEPT_OUT = 6
_UNPRICED = 4
_COSTS = {
    "default": "usual spread, slippage and fees",
    "zero": "no spread, slippage or fees",
    "stress": "three times the usual spread, slippage and fees",
}


def show(report: BacktestReport, *, has_picture: bool = False) -> discord.Embed:
    """One of them."""
    n_closed = report.performance.n_closed
    return card(
        tone=tone_of(report.net_usd) if n_closed else Tone.QUIET,
        title=f"{named(report)} · {signed(report.net_usd)}" if n_closed else named(report),
        stamp=report.stamp,
        lines=[
            _ways(report),
            "**As the desk would have sized it**" if report.performance.n_closed else "",
            _table(report),
            _reasons(report),
            _parts(report),
            _kept_out(report),
            _left(report),
            _assumed(report),
        ],
        picture=PICTURE if has_picture else "",
    )


def named(report: BacktestReport) -> str:
    """``Backtest of options-room · 2 Nov to 20 Nov``."""
    asked = report.asked
    return f"Backtest of {text.safe_line(asked.room, 40)} · {asked.begin} to {asked.end}"


def alt(report: BacktestReport) -> str:
    """The picture in words."""
    replay = report.replay
    return ", ".join(
        f"{name} {text.usd(line.total_usd, sign=True)}"
        for name, line in (
            ("As alerted", replay.alerted),
            ("as could be had", replay.achievable),
            ("with our guards", replay.ours),
        )
    )


def compared(report: Beside, *, has_picture: bool = False) -> discord.Embed:
    """Two beside each other, and what the second has more."""
    one, other = report.one, report.other
    cells = [["", "first", "second"]]
    for left, right in zip(_measures(one), _measures(other), strict=True):
        cells.append([*left, right[1]])
    more = difference(one.net_usd, other.net_usd)
    return card(
        tone=tone_of(more),
        title=apart("second", more),
        stamp=report.stamp,
        lines=[
            f"first: {_line(one)}",
            f"second: {_line(other)}",
            text.table(cells, "lrr"),
            _unlike(one, other),
        ],
        picture=BESIDE if has_picture else "",
    )


def listed(reports: Sequence[BacktestReport], running: str, frame: Frame) -> discord.Embed:
    """Newest first."""
    return card(
        tone=Tone.INFO if reports else Tone.QUIET,
        title=text.count(len(reports), "backtest") if reports else "No backtests yet",
        stamp=frame.stamp("backtest list"),
        lines=[
            f"▶ {running}" if running else "",
            *(_line(report) for report in reports),
            "" if reports else "`/backtest run` plays a room's alerts again.",
        ],
    )


def _line(report: BacktestReport) -> str:
    asked = report.asked
    net = signed(report.net_usd) if report.performance.n_closed else "nothing closed"
    room = text.safe_line(asked.room, 30)
    return f"`{report.stamp.ref}` {room} · {asked.begin} to {asked.end} · {asked.costs} · {net}"


def _ways(report: BacktestReport) -> str:
    replay = report.replay
    if not replay.n:
        left = text.count(replay.n_left_out, "trade")
        return f"Nothing was followed to its end: {left} without a price or an exit."
    rows = [
        ["as alerted", text.usd(replay.alerted.total_usd, sign=True)],
        ["as could be had", text.usd(replay.achievable.total_usd, sign=True)],
        ["with our guards", text.usd(replay.ours.total_usd, sign=True)],
    ]
    said = [f"{text.usd(STAKE_USD)} in each of {text.count(replay.n, 'trade')}, before fees"]
    if replay.n_skipped:
        said.append(f"{replay.n_skipped} kept out by guards")
    if replay.n_left_out:
        said.append(f"{replay.n_left_out} left out, not closed or without a price")
    return text.table(rows, "lr") + "\n-# " + " · ".join(said)


def _table(report: BacktestReport) -> str:
    return text.table(_measures(report), "lr") if report.performance.n_closed else ""


def _measures(report: BacktestReport) -> list[list[str]]:
    """Short enough for two beside each other on a phone."""
    made = report.performance
    fall = made.max_drawdown_usd
    return [
        ["net", text.usd_short(report.net_usd, sign=True)],
        ["of cash", text.pct_short(report.return_pct, sign=True)],
        ["won/lost", f"{made.n_wins}/{made.n_losses}"],
        ["won", text.pct_short(made.win_rate_pct, sign=False)],
        ["profit f.", text.plain(made.profit_factor)],
        ["a trade", text.usd_short(made.expectancy_usd, sign=True)],
        ["drawdown", text.usd_short(fall if isinstance(fall, Missing) else -fall)],
        ["Sharpe", text.plain(made.sharpe)],
        ["exposed", text.pct_short(report.exposure_pct, sign=False)],
        ["fees", text.usd_short(report.fees_usd)],
    ]


def _reasons(report: BacktestReport) -> str:
    made = report.performance
    figures = (report.return_pct, made.profit_factor, made.sharpe, report.exposure_pct)
    reasons = dict.fromkeys(f.reason for f in figures if isinstance(f, Missing))
    return f"-# n/a: {', '.join(reasons)}" if reasons and made.n_closed else ""


def _parts(report: BacktestReport) -> str:
    if not report.earlier.n or not report.later.n:
        return ""
    return (
        f"First two thirds {_per(report.earlier)}, last third {_per(report.later)}; "
        "nothing was fitted to either."
    )


def _per(part: Part) -> str:
    return f"{text.usd(_cents(part.per_trade_usd), sign=True)} a trade ({part.n})"


def _cents(value: Figure) -> Figure:
    return value if isinstance(value, Missing) else round(value, 2)


def _kept_out(report: BacktestReport) -> str:
    if not report.kept_out:
        return ""
    rows = [
        f"{kept.n} × {text.safe_line(kept.code, 60)}: "
        f"{'saved' if kept.usd <= 0 else 'cost'} {text.usd(abs(kept.usd))}"
        for kept in sorted(report.kept_out, key=lambda k: k.usd)[:_KEPT_OUT]
    ]
    return "\n".join([f"**Kept out**, of {text.usd(STAKE_USD)} in each", *rows])


def _left(report: BacktestReport) -> str:
    said = []
    if report.n_open:
        said.append(f"⚠ {report.n_open} still open at the end: what is held then is not valued.")
    if report.unpriced:
        shown = "; ".join(text.safe_line(u, 80) for u in report.unpriced[:_UNPRICED])
        rest = len(report.unpriced) - _UNPRICED
        said.append(f"⚠ No prices: {shown}" + (f" and {rest} more" if rest > 0 else ""))
    return "\n".join(said)


def _assumed(report: BacktestReport) -> str:
    asked = report.asked
    return (
        f"-# As if the room were on auto, with {text.usd(asked.cash_usd)} and the desk's limits of "
        f"now. {text.count(report.n_messages, 'message')}; {_COSTS[asked.costs]}. The order of "
        "prices within a minute and the spread are assumed, the worse first. The past promises "
        "nothing."
    )


def _unlike(one: BacktestReport, other: BacktestReport) -> str:
    names = ("begin", "end", "costs", "cash_usd")
    unlike = [n for n in names if getattr(one.asked, n) != getattr(other.asked, n)]
    return f"-# Not the same: {', '.join(unlike).replace('cash_usd', 'cash')}" if unlike else ""
