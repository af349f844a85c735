"""Paper or live: which, since when, and what stands in between."""

import discord

from bot import text
from bot.cards._layout import Tone, card, one_line
from engine.reports.mode import ModeReport


def show(report: ModeReport) -> discord.Embed:
    """The mode with its readiness facts."""
    is_live = report.mode == "live"
    since = f" since {text.ago(report.since)}" if report.since is not None else ""
    by = f" by {text.safe_line(report.by, 40)}" if report.by else ""
    asked = ""
    if report.asked_by and report.asked_until is not None:
        asked = (
            f"⚠ **{text.safe_line(report.asked_by, 40)} asks for LIVE**: a second admin confirms "
            f"with /mode live until {text.ago(report.asked_until)}"
        )
    return card(
        tone=Tone.BAD if is_live else Tone.INFO,
        title="LIVE: entries trade real money" if is_live else "PAPER: no entry of real money",
        stamp=report.stamp,
        lines=[
            f"{report.mode.upper()}{since}{by}" if since or by else "",
            one_line("Why", text.safe_line(report.reason, 200)),
            asked,
            "**Before real money**",
            *(
                f"{'✓' if r.is_ok else '✗'} {text.safe_line(r.name, 60)} "
                f"-# {text.safe_line(r.detail, 120)}".replace(" -# ", " · ")
                for r in report.readiness
            ),
        ],
    )
