"""What is at stake and where; and the accounts on one screen."""

import discord

from bot import text
from bot.cards._layout import Tone, card, signed, tone_of
from engine.reports import Figure, Missing
from engine.reports.exposure import ExposureReport, Row

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


def summary(report: ExposureReport, *, has_picture: bool = False) -> discord.Embed:
    """Equity, cash, the day, and how much of it is at work."""
    day = report.day_change_usd
    return card(
        tone=tone_of(day),
        title=f"Equity {text.usd(report.equity_usd)} · today {signed(day)}",
        stamp=report.stamp,
        lines=[
            text.table(
                [
                    ["cash", text.usd_short(report.cash_usd)],
                    ["open P&L", text.usd_short(report.open_usd, sign=True)],
                    ["open trades", str(report.n_open)],
                    ["at stake", f"{text.usd_short(report.gross_usd)} {_pct(report.gross_pct)}"],
                    ["largest", _largest(report)],
                ],
                "lr",
            ),
            _table(report) if report.rows else "",
            _reasons(report),
        ],
        picture=PICTURE if has_picture else "",
    )


def title(report: ExposureReport) -> str:
    """``$12,400.00 at stake · 49% of equity``."""
    share = (
        "" if isinstance(report.gross_pct, Missing) else f" · {_pct(report.gross_pct)} of equity"
    )
    return f"{text.usd(report.gross_usd)} at stake{share}"


def alt(report: ExposureReport) -> str:
    """The chart in words."""
    named = [f"{r.name} {_pct(r.pct)}" for r in report.rows[:5]]
    return f"Exposure by {report.by} in percent of equity: {', '.join(named)}"


def _sums(report: ExposureReport) -> list[str]:
    parts = [f"net {text.usd(report.net_usd, sign=True)}", f"equity {text.usd(report.equity_usd)}"]
    if not isinstance(report.hhi, Missing):
        parts.append(f"concentration {report.hhi:.2f}")
    return [" · ".join(parts)]


def _table(report: ExposureReport) -> str:
    rows = [
        [text.shorten(r.name, 12), text.usd_short(r.gross_usd), _pct(r.pct)]
        for r in report.rows[:_SHOWN]
    ]
    rest = len(report.rows) - _SHOWN
    more = f"\n-# and {rest} more" if rest > 0 else ""
    return f"**By {report.by}**\n{text.table(rows, 'lrr')}{more}"


def _largest(report: ExposureReport) -> str:
    row: Row | None = report.largest
    return "nothing" if row is None else f"{text.shorten(row.name, 12)} {_pct(row.pct)}"


def _pct(value: Figure) -> str:
    return "n/a" if isinstance(value, Missing) else f"{value:.0f}%"


def _reasons(report: ExposureReport) -> str:
    figures = (report.gross_usd, report.equity_usd, report.day_change_usd)
    reasons = dict.fromkeys(f.reason for f in figures if isinstance(f, Missing))
    return f"-# n/a: {', '.join(reasons)}" if reasons else ""
