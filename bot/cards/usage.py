"""What people use of the desk, and what nobody does."""

import discord

from bot import text
from bot.cards._layout import Tone, card
from engine.reports.usage import Row, UsageReport

_SHOWN = 18
_UNUSED = 30


def show(report: UsageReport) -> discord.Embed:
    """Most used first."""
    cells = [["", "uses", "done", "p95"], *(_cells(r) for r in report.rows[:_SHOWN])]
    rest = len(report.rows) - _SHOWN
    n = sum(r.n for r in report.rows)
    n_failed = sum(r.failed for r in report.rows)
    unused = ", ".join(report.unused[:_UNUSED])
    more = len(report.unused) - _UNUSED
    days = "today" if report.days == 1 else f"the last {report.days} days"
    people = " · ".join(f"<@{r.label}> {r.n}" for r in report.rows[:_SHOWN])
    return card(
        tone=Tone.BAD if n_failed else Tone.INFO if n else Tone.QUIET,
        title=f"Used {n:,} times in {days}" if n else f"Nothing was used in {days}",
        stamp=report.stamp,
        lines=[
            (people if report.by == "user" else text.table(cells, "lrrr")) if n else "",
            f"-# and {rest} more" if rest > 0 else "",
            f"⚠ {n_failed} failed by our fault; /logs has them" if n_failed else "",
            f"**Never used** {unused}" + (f" and {more} more" if more > 0 else "")
            if report.by == "command" and unused
            else "",
        ],
    )


def _cells(row: Row) -> list[str]:
    p95 = "> 15 s" if row.p95_ms is None else f"{row.p95_ms} ms"
    return [text.shorten(row.label, 18), str(row.n), f"{row.done_pct:.0f}%", p95]
