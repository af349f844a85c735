"""What is at stake and where, and how much room is left."""

import discord

from bot import text
from bot.cards._layout import Tone, card
from engine.reports import Missing
from engine.reports.exposure import ExposureReport, Row

CHART = "exposure"
PICTURE = "exposure.png"
_SHOWN = 15


def show(report: ExposureReport, *, has_picture: bool = False) -> discord.Embed:
    """Groups, largest first."""
    if not report.rows:
        return card(
            tone=Tone.QUIET,
            title="Nothing is at stake",
            stamp=report.stamp,
            lines=[f"equity {text.usd(report.equity_usd)}"],
        )
    return card(
        tone=Tone.INFO,
        title=title(report),
        stamp=report.stamp,
        lines=[*_sums(report), _table(report), _reasons(report)],
        picture=PICTURE if has_picture else "",
    )


def title(report: ExposureReport) -> str:
    """``$12,400.00 at stake · 49% of equity``."""
    share = (
        ""
        if isinstance(report.gross_pct, Missing)
        else f" · {text.share(report.gross_pct)} of equity"
    )
    return f"{text.usd(report.gross_usd)} at stake{share}"


def has_chart(report: ExposureReport) -> bool:
    """Whether there is anything to draw."""
    return bool(report.rows)


def alt(report: ExposureReport) -> str:
    """The chart in words."""
    named = [f"{r.name} {text.share(r.pct)}" for r in report.rows[:5]]
    return f"Exposure by {report.by} in percent of equity: {', '.join(named)}"


def _sums(report: ExposureReport) -> list[str]:
    parts = [f"net {text.usd(report.net_usd, sign=True)}", f"equity {text.usd(report.equity_usd)}"]
    if not isinstance(report.score, Missing):
        parts.append(f"diversification {report.score:.0f} of 100 (HHI {report.hhi:.2f})")
    return [" · ".join(parts)]


def _table(report: ExposureReport) -> str:
    has_limits = any(r.limit_pct is not None for r in report.rows)
    rows = [_cells(r, has_limits=has_limits) for r in report.rows[:_SHOWN]]
    rest = len(report.rows) - _SHOWN
    more = f"\n-# and {rest} more" if rest > 0 else ""
    head = f"**By {report.by}**{' · room up to the limit last' if has_limits else ''}"
    return f"{head}\n{text.table(rows, 'lrrr' if has_limits else 'lrr')}{more}"


def _cells(row: Row, *, has_limits: bool) -> list[str]:
    if not has_limits:
        return [text.shorten(row.name, 16), text.usd_short(row.gross_usd), text.share(row.pct)]
    room = row.headroom_pct
    left = "-" if room is None else "n/a" if isinstance(room, Missing) else f"{room:+.0f}%"
    gross = "n/a" if isinstance(row.gross_usd, Missing) else f"${row.gross_usd:,.0f}"
    return [text.shorten(row.name, 14), gross, text.share(row.pct), left]


def _reasons(report: ExposureReport) -> str:
    figures = (report.gross_usd, report.equity_usd)
    reasons = dict.fromkeys(f.reason for f in figures if isinstance(f, Missing))
    return f"-# n/a: {', '.join(reasons)}" if reasons else ""
