"""Limits as bars: how much of each is used; and the breaker."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from decimal import Decimal

import discord

from bot import text
from bot.cards._layout import Tone, card
from engine.domain.refusal import Gauge
from engine.flows.acts.breaker import Past
from engine.reports.limits import AccountLimits, LimitsReport, used_pct

_CELLS = 5
_NEAR = 80


def show(report: LimitsReport, more: Sequence[str] = ()) -> discord.Embed:
    """All accounts; ``more``: further lines."""
    near = [g for a in report.accounts for g in a.gauges if (used_pct(g) or 0) >= _NEAR]
    unknown = [g for a in report.accounts for g in a.gauges if used_pct(g) is None]
    tone = Tone.WAIT if near or unknown else Tone.GOOD
    return card(
        tone=tone if report.may_enter else Tone.BAD,
        title=_title(report, len(near)),
        stamp=report.stamp,
        lines=[_off(report), *(_account(a, len(report.accounts)) for a in report.accounts), *more],
    )


def told(past: Iterable[Past]) -> list[str]:
    """Trips, resets, tests and halts, newest first."""
    rows = [f"• {text.ago(p.at)} {text.safe_line(p.what, 140)}" for p in past]
    return ["**History**", *rows] if rows else ["-# it has never tripped"]


def drill(report: LimitsReport, tried: Sequence[tuple[bool, str]]) -> discord.Embed:
    """What a test of the breaker found; nothing was changed by it."""
    is_ok = bool(tried) and all(ok for ok, _ in tried)
    return card(
        tone=Tone.GOOD if is_ok else Tone.BAD,
        title="The breaker works" if is_ok else "The breaker would not trip everywhere",
        stamp=report.stamp,
        lines=[
            *(f"{'✓' if ok else '✗'} {text.safe_line(words, 160)}" for ok, words in tried),
            "Exits, stops and cancels pass whatever it says.",
            "-# a test: nothing was changed, no order was touched",
        ],
    )


_BREAKERS = ("lost today", "below peak")


def breaker(report: LimitsReport) -> LimitsReport:
    """The report with nothing but what halts the desk by itself."""
    accounts = (
        replace(a, gauges=tuple(g for g in a.gauges if g.name in _BREAKERS))
        for a in report.accounts
    )
    return replace(report, accounts=tuple(accounts))


def _title(report: LimitsReport, n_near: int) -> str:
    if not report.may_enter:
        return "No entries: a limit or a halt is in force"
    return f"{n_near} limits are near" if n_near else "All limits have room"


def _off(report: LimitsReport) -> str:
    why = report.halted or report.unsound
    return f"🛑 {text.safe_line(why, 200)}" if why else ""


def _account(of: AccountLimits, n_accounts: int) -> str:
    lines = [f"**{text.safe_line(of.account, 40)}**"] if n_accounts > 1 else []
    if of.tripped_on is not None:
        lines.append("🛑 **tripped today**: no entries until the next session")
    rows = [gauge_row(g) for g in of.gauges]
    lines.append(text.table(rows, "llr"))
    lines += [f"⚠ {text.safe_line(w, 150)}" for w in of.warnings[:5]]
    return "\n".join(lines)


def gauge_row(gauge: Gauge) -> list[str]:
    """Name, bar and figures of one limit."""
    return [gauge.name, _bar(gauge), _figures(gauge)]


def _bar(gauge: Gauge) -> str:
    used = used_pct(gauge)
    if used is None:
        return "?" * 3
    full = min(int(used * _CELLS / 100), _CELLS)
    return "█" * full + "░" * (_CELLS - full)


def _figures(gauge: Gauge) -> str:
    now = "n/a" if gauge.now is None else _value(gauge, gauge.now)
    return f"{now}/{_value(gauge, gauge.limit)}"


def _value(gauge: Gauge, value: Decimal) -> str:
    if gauge.unit == "$":
        return f"${value:,.0f}"
    return f"{value:.0f}%" if gauge.unit == "%" else f"{value:.0f}"
