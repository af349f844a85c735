"""How good the quotes are: letters, what is behind them, and the sources."""

import discord

from bot import text
from bot.cards._layout import Tone, card
from engine.quality import Grade
from engine.reports.data import DataReport, Row, Source

PICTURE = "quality.png"
_NONE = "The first quote will show here."
_NO_SAMPLE = "n/a (no sample was taken)"
_SHOWN = 15
_BLOCKS = "▁▂▃▄▅▆▇█"
_POINTS = 10
LAST = {"1h": "the last hour", "6h": "the last 6 hours", "1d": "the last day"}
"""Period -> as people say it."""
_NAMES = {
    "freshness": "fresh",
    "completeness": "complete",
    "agreement": "agreed",
    "range": "no outlier",
    "uptime": "uptime",
}


def show(report: DataReport) -> discord.Embed:
    """Every symbol, worst first."""
    rest = len(report.rows) - _SHOWN
    cells = [
        [r.graded.grade.value, text.shorten(r.label, 16), f"{r.graded.score:.0f}", spark(r.trend)]
        for r in report.rows[:_SHOWN]
    ]
    return card(
        tone=Tone.BAD if report.n_poor else Tone.GOOD if report.rows else Tone.QUIET,
        title=_title(report),
        stamp=report.stamp,
        lines=[
            text.table(cells, "llrl") if cells else "" if report.source else _NONE,
            f"-# {_blocks(report)}" if cells else "",
            f"-# and {rest} more" if rest > 0 else "",
            *(_source(s) for s in report.sources[:8]),
            "-# From D down nothing new is opened; exits go on.",
        ],
    )


def one(report: DataReport, *, has_picture: bool = False) -> discord.Embed:
    """One symbol in full."""
    (row,) = report.rows
    return card(
        tone=Tone.GOOD if row.graded.grade.allows_entries else Tone.BAD,
        title=f"{text.safe_line(row.label, 60)} · {row.graded.grade} "
        f"({row.graded.score:.0f} of 100)",
        stamp=report.stamp,
        lines=[
            text.table(_parts(row), "lr"),
            "-# agreed n/a: one source alone" if row.graded.parts.get("agreement") is None else "",
            f"used: {text.safe_line(', '.join(row.graded.sources), 120)}",
            "🛑 trading in it is halted" if row.graded.is_halted else "",
            "🛑 set aside: of grade F within the last minute" if row.graded.is_quarantined else "",
            "" if has_picture else f"{LAST[report.period]} {spark(row.trend) or _NO_SAMPLE}",
        ],
        picture=PICTURE if has_picture else "",
    )


def alt(report: DataReport) -> str:
    """The picture of one symbol in words."""
    (row,) = report.rows
    low, high = min(row.trend, default=0.0), max(row.trend, default=0.0)
    return (
        f"Quality of {row.label}'s quotes over {LAST[report.period]}: now {row.graded.grade.value} "
        f"({row.graded.score:.0f} of 100), between {low:.0f} and {high:.0f}"
    )


def sources(report: DataReport) -> discord.Embed:
    """Who delivers, and who does not."""
    lost = sum(bool(s.down) for s in report.sources)
    is_ill = any(s.trouble for s in report.sources)
    return card(
        tone=Tone.WAIT if lost or is_ill else Tone.GOOD if report.sources else Tone.QUIET,
        title=_delivery(lost, len(report.sources)),
        stamp=report.stamp,
        lines=[_source(s) for s in report.sources[:20]] or ["No source was heard yet."],
    )


def spark(scores: tuple[float, ...]) -> str:
    """Scores as small blocks, oldest first; a full one is 100."""
    if not scores:
        return ""
    step = max(len(scores) // _POINTS, 1)
    picked = scores[::-1][::step][:_POINTS][::-1]
    top = len(_BLOCKS) - 1
    return "".join(_BLOCKS[min(max(int(s / 100 * top), 0), top)] for s in picked)


def _blocks(report: DataReport) -> str:
    if any(row.trend for row in report.rows):
        return f"blocks: {LAST[report.period]}, a full one is 100"
    return f"{LAST[report.period]}: {_NO_SAMPLE}"


def _title(report: DataReport) -> str:
    if report.worst is None:
        by = text.safe_line(report.source, 40)
        return f"{by} has quoted nothing yet" if by else "No quotes yet"
    by = f" by {text.safe_line(report.source, 40)}" if report.source else ""
    if report.n_poor:
        return f"Too poor to trade: {report.n_poor} of {len(report.rows)} symbols{by}"
    worst = Grade(report.worst)
    return f"Data is good: {text.count(len(report.rows), 'symbol')}{by}, none below {worst}"


def _delivery(lost: int, n: int) -> str:
    if not n:
        return "No sources yet"
    return f"{lost} of {n} sources down" if lost else f"All sources deliver ({n})"


def _parts(row: Row) -> list[list[str]]:
    rows = []
    for name, word in _NAMES.items():
        value = row.graded.parts.get(name)
        rows.append([word, "n/a" if value is None else f"{value:.0%}"])
    return rows


def _source(source: Source) -> str:
    name = text.safe_line(source.name, 40)
    if source.down:
        return f"✗ **{name}** {text.safe_line(source.down, 150)}"
    up = f"**{name}** up {source.uptime:.1%} of the day"
    return f"⚠ {up} · {text.safe_line(source.trouble, 150)}" if source.trouble else f"✓ {up}"
