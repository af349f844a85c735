"""The process's own figures."""

import discord

from bot import text
from bot.cards._layout import Tone, card
from engine.reports.metrics import MetricsReport

PICTURE = "metrics.png"


def show(report: MetricsReport, *, has_picture: bool = False) -> discord.Embed:
    """Each figure now, usually, and at its worst."""
    if not report.vitals:
        return card(
            tone=Tone.QUIET,
            title="No figures of the process yet",
            stamp=report.stamp,
            lines=[f"The first look is taken {report.every_s:.0f} s after the start."],
        )
    ill = [v.name for v in report.vitals if not v.is_well]
    rows = [["", "now", "median", "worst"]]
    rows += [
        [f"{v.name} {v.unit}", f"{v.now:,.0f}", f"{v.median:,.0f}", f"{v.worst:,.0f}"]
        for v in report.vitals
    ]
    return card(
        tone=Tone.BAD if ill else Tone.GOOD,
        title=f"Look at {', '.join(ill)}" if ill else "The process is well",
        stamp=report.stamp,
        lines=[
            text.table(rows, "lrrr"),
            _foot(report),
        ],
        picture=PICTURE if has_picture else "",
    )


def _foot(report: MetricsReport) -> str:
    n, threads = len(report.samples), report.samples[-1].n_threads
    apart = f"{n} looks, {report.every_s:.0f} s apart"
    return f"-# up for {text.span(report.up_for)} · {apart} · {threads} threads"


def alt(report: MetricsReport) -> str:
    """The picture in words."""
    said = ", ".join(
        f"{v.name} {v.now:,.0f} {v.unit} (worst {v.worst:,.0f})" for v in report.vitals
    )
    return f"The process over {len(report.samples)} looks: {said}"
