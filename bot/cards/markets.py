"""Which markets are open, and until when."""

import discord

from bot import text
from bot.cards._layout import Tone, card
from engine.reports.markets import Extended, MarketLine, MarketsReport


def show(report: MarketsReport) -> discord.Embed:
    """One line per market."""
    n_open = sum(m.state == "open" for m in report.markets)
    names = ", ".join(m.name for m in report.markets if m.state == "open")
    return card(
        tone=Tone.GOOD if n_open else Tone.QUIET,
        title=f"{names} open" if n_open else "All markets are closed",
        stamp=report.stamp,
        lines=[line for m in report.markets for line in (_line(m), _extended(m.extended)) if line],
    )


def _extended(hours: Extended | None) -> str:
    if hours is None:
        return ""
    if hours.is_on:
        return (
            f"-# extended hours are on, until {text.eastern(hours.closes_at)}: limit orders alone"
        )
    first, last = text.eastern(hours.opens_at)[:5], text.eastern(hours.closes_at)[:5]
    return f"-# extended hours {first} to {last} ET"


def _line(market: MarketLine) -> str:
    if market.changes_at is None:
        return f"🟢 **{market.name}** open around the clock"
    at = f"{text.ago(market.changes_at)} ({text.eastern_weekday(market.changes_at)})"
    if market.state == "open":
        short = " · **short day**" if market.is_short else ""
        return f"🟢 **{market.name}** open, closes {at}{short}"
    why = f" ({market.why})" if market.why else ""
    short = " · a short day" if market.is_short else ""
    return f"⚫ **{market.name}** closed{why}, opens {at}{short}"
