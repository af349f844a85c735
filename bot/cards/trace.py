"""The path of one story, hop by hop, from the journal."""

from datetime import timedelta

import discord

from bot import text
from bot.cards._layout import Tone, card
from bot.cards.audit import who
from engine.reports.trace import Hop, TraceReport

_SHOWN = 24


def show(report: TraceReport) -> discord.Embed:
    """First hops and, when there are too many, the last ones."""
    hops = report.hops
    left_out = 0
    if len(hops) > _SHOWN:
        left_out = len(hops) - _SHOWN
        hops = (*hops[: _SHOWN // 2], *hops[-_SHOWN // 2 :])
    lines = [_hop(h) for h in hops]
    if left_out:
        lines.insert(_SHOWN // 2, f"-# … {left_out} hops between are left out")
    asked = text.safe_line(report.asked, 60)
    return card(
        tone=Tone.INFO,
        title=f"Trace {asked} · {report.n_in_all} hops in {_long(report.took)}",
        stamp=report.stamp,
        lines=lines,
    )


def _hop(hop: Hop) -> str:
    """Number, time, what; then what it said and which rows it changed."""
    actor = "" if hop.actor == "desk" else f" by {who(hop.actor)}"
    after = f" +{_long(hop.after)}" if hop.after else ""
    head = f"`{hop.seq}` {text.eastern(hop.at)}{after} **{text.safe_line(hop.kind, 40)}**{actor}"
    rows = ", ".join(hop.rows[:4]) + (f" and {len(hop.rows) - 4} more" if len(hop.rows) > 4 else "")
    below = [text.safe_line(part, 150) for part in (hop.detail, rows) if part]
    return "\n".join([head, *(f"-# {line}" for line in below)])


def _long(span: timedelta) -> str:
    """Short spans to the millisecond."""
    seconds = span.total_seconds()
    if seconds < 1:
        return f"{seconds * 1000:.0f} ms"
    return f"{seconds:.1f} s" if seconds < 60 else text.span(span)
