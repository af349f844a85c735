"""A hypothetical order before every gate; nothing was sent."""

import discord

from bot import text
from bot.cards._layout import Tone, card
from engine.domain.order import Verdict
from engine.reports import Missing, ratio
from engine.reports.gates import GatesReport

_SHOWN = 30


def show(report: GatesReport) -> discord.Embed:
    """What would stop it first, then the figures, then every gate."""
    return card(
        tone=Tone.BAD if report.denied or report.refused else Tone.GOOD,
        title=title(report),
        stamp=report.stamp,
        lines=[
            *(f"⛔ **{_name(v)}** {text.safe_line(v.detail, 220)}" for v in report.denied[:6]),
            f"⛔ {text.safe_line(report.refused, 300)}"
            if report.refused and not report.denied
            else "",
            *(
                f"⚠ **{_name(v)}** {text.safe_line(v.detail, 200)}"
                for v in report.verdicts
                if v.is_ok and v.detail
            ),
            f"🙋 {text.safe_line(report.asks, 200)}" if report.asks and not report.denied else "",
            text.table(_figures(report), "lr") if report.label else "",
            f"-# size {text.safe_line(report.sizing, 200)}" if report.sizing else "",
            _gates(report),
            "-# nothing was sent",
        ],
    )


def title(report: GatesReport) -> str:
    """``Would pass: Buy 40 shares AAPL`` or the first gate that says no."""
    what = text.safe_line(report.label or report.asked, 120)
    if report.denied:
        n = len(report.denied)
        return f"{n} gate{'s' if n > 1 else ''} say{'' if n > 1 else 's'} no: {what}"
    return f"Not possible: {what}" if report.refused else f"Would pass: {what}"


def _figures(report: GatesReport) -> list[list[str]]:
    share = ratio(report.risk_usd, report.equity_usd, Missing("no equity"), 100)
    pct = "" if isinstance(share, Missing) else f" {share:.2f}%"
    return [
        ["lost at the stop", f"{text.usd_short(report.risk_usd)}{pct}"],
        ["tied up at worst", text.usd_short(report.value_usd)],
        ["equity", text.usd_short(report.equity_usd)],
    ]


def _gates(report: GatesReport) -> str:
    if not report.verdicts:
        return ""
    marks = [f"{_mark(v)} {_name(v)}" for v in report.verdicts[:_SHOWN]]
    half = -(-len(marks) // 2)
    right = [*marks[half:], ""]
    rows = [[left, right[i] if i < len(right) else ""] for i, left in enumerate(marks[:half])]
    return f"**{len(report.verdicts)} gates**\n{text.table(rows, 'll', width=38)}"


def _name(verdict: Verdict) -> str:
    return verdict.check.replace("_", " ")


def _mark(verdict: Verdict) -> str:
    return "✗" if not verdict.is_ok else "!" if verdict.detail else "✓"
