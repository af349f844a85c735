"""The watchlist, what was done to it, and who did what."""

from collections.abc import Sequence

import discord

from bot import text
from bot.cards._layout import Tone, card
from engine.flows.common.watchlist import Change, Outcome
from engine.reports import Missing, Stamp
from engine.reports.watchlist import Row, WatchlistReport

_SHOWN = 20


def show(report: WatchlistReport) -> discord.Embed:
    """Pinned first; ● is held."""
    if not report.rows:
        return card(
            tone=Tone.QUIET,
            title="The watchlist is empty",
            stamp=report.stamp,
            lines=["`/watchlist add SPY` puts the first symbol on it."],
        )
    movers = report.movers
    best = f" · best {movers[0].symbol} {text.pct(movers[0].day_pct)}" if movers else ""
    rows = report.rows[:_SHOWN]
    tables = [
        text.table([["", "last", "day", "vs SPY"], *(_cells(r) for r in rows[n : n + 10])], "lrrr")
        for n in range(0, len(rows), 10)
    ]
    return card(
        tone=Tone.INFO,
        title=f"Watchlist · {len(report.rows)} symbols{best}",
        stamp=report.stamp,
        lines=[
            *tables,
            _rest(report.rows[_SHOWN:]),
            _missing(report.rows),
            "-# ● held · * pinned · vs SPY: percentage points over 20 days",
        ],
    )


def _cells(row: Row) -> list[str]:
    mark = "●" if row.is_held else " "
    pin = "*" if row.is_pinned else ""
    strength = row.strength_pct
    return [
        f"{mark}{row.symbol}{pin}",
        text.price_tight(row.last, row.instrument),
        text.pct_short(row.day_pct),
        "n/a" if isinstance(strength, Missing) else f"{strength:+.1f}",
    ]


def _rest(rows: Sequence[Row]) -> str:
    if not rows:
        return ""
    said = " · ".join(f"{r.symbol} {text.pct_short(r.day_pct)}" for r in rows)
    return f"and {said}"


def _missing(rows: Sequence[Row]) -> str:
    """Why figures are missing, each reason once."""
    whys: dict[str, list[str]] = {}
    for row in rows:
        if isinstance(row.last, Missing):
            whys.setdefault(_why(row.last.reason, row.symbol), []).append(row.symbol)
    return "\n".join(
        f"-# no price of {text.shorten(', '.join(names), 60)}: {text.safe_line(why, 90)}"
        for why, names in list(whys.items())[:3]
    )


def _why(reason: str, symbol: str) -> str:
    """The same words for every symbol, so that one line says it for all."""
    source, has_no, _ = reason.partition(" has no ")  # by the name of its contract, say /MESZ26
    return f"{source} does not have it" if has_no else reason.replace(symbol, "it")


def outcomes(told: Sequence[Outcome], n_on_it: int, stamp: Stamp) -> discord.Embed:
    """One line per symbol."""
    done = sum(o.is_done for o in told)
    return card(
        tone=Tone.GOOD if done == len(told) else Tone.WAIT,
        title=f"Watchlist · {done} of {len(told)} changed · {n_on_it} on it",
        stamp=stamp,
        lines=[
            f"{'✔' if o.is_done else '⚠'} **{text.safe_line(o.symbol, 24)}** "
            f"{text.safe_line(o.said, 160)}"
            for o in told
        ],
    )


def history(changes: Sequence[Change], days: int, stamp: Stamp) -> discord.Embed:
    """Newest first."""
    lines = [_change(c) for c in changes[:25]]
    return card(
        tone=Tone.INFO if changes else Tone.QUIET,
        title=f"Watchlist · {text.count(len(changes), 'change')} in {days} days",
        stamp=stamp,
        lines=lines or ["Nobody changed it."],
    )


def _change(change: Change) -> str:
    who = f"<@{change.actor[5:]}>" if change.actor.startswith("user:") else "the desk"
    what = ", ".join(change.symbols) or "nothing"
    why = f" · {text.safe_line(change.why, 80)}" if change.why else ""
    return f"{text.ago(change.at)} {who} {change.what} {text.safe_line(what, 120)}{why}"
