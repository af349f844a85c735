"""Which markets are open, and until when."""

import discord

from bot import text
from bot.cards._layout import Tone, card
from engine.reports.markets import MarketLine, MarketsReport


def show(report: MarketsReport) -> discord.Embed:
    """One line per market."""
    n_open = sum(m.state == "open" for m in report.markets)
    names = ", ".join(m.name for m in report.markets if m.state == "open")
    return card(
        tone=Tone.GOOD if n_open else Tone.QUIET,
        title=f"{names} open" if n_open else "All markets are closed",
        stamp=report.stamp,
        lines=[_line(m) for m in report.markets],
    )


def _line(market: MarketLine) -> str:
    if market.changes_at is None:
        return f"🟢 **{market.name}** open around the clock"
    at = f"{text.ago(market.changes_at)} ({text.eastern(market.changes_at)})"
    if market.state == "open":
        short = " · **short day**" if market.is_short else ""
        return f"🟢 **{market.name}** open, closes {at}{short}"
    why = f" ({market.why})" if market.why else ""
    short = " · a short day" if market.is_short else ""
    return f"⚫ **{market.name}** closed{why}, opens {at}{short}"
