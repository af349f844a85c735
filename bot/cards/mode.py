"""Paper or live: which, since when, and what stands in between."""

import discord

from bot import text
from bot.cards._layout import Tone, card, one_line
from engine.reports.mode import ModeReport, Readiness


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
            *map(_fact, report.readiness),
            _capital(report),
            "**Record so far**" if report.record else "",
            *map(_fact, report.record),
            "-# the record stops nobody: two admins decide" if report.record else "",
        ],
    )


def _fact(fact: Readiness) -> str:
    mark = "✓" if fact.is_ok else "✗"
    return f"{mark} {text.safe_line(fact.name, 60)} · {text.safe_line(fact.detail, 120)}"


def _capital(report: ModeReport) -> str:
    most = report.capital_usd
    if most is None:
        return "⚠ real money has no cap of its own: `/risk set limit:risk.allocation.live_max_usd`"
    return f"✓ real money · at most {text.usd(most)} at work in each account"
