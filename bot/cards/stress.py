"""What would happen to the book in one scenario."""

import discord

from bot import text
from bot.cards._layout import Tone, card, tone_of
from engine.reports import Missing
from engine.reports.stress import Row, StressReport

CHART = "stress"
PICTURE = "stress.png"
_SHOWN = 10


def show(report: StressReport, *, has_picture: bool = False) -> discord.Embed:
    """Positions, worst first; stops, what is left, an idea."""
    if not report.rows:
        return card(
            tone=Tone.QUIET,
            title=f"If {report.words}: nothing is held",
            stamp=report.stamp,
            lines=[f"equity {text.usd(report.equity_usd)}"],
        )
    stops = f"{report.n_stops} stop{'' if report.n_stops == 1 else 's'} would be passed"
    return card(
        tone=tone_of(report.total_usd),
        title=title(report),
        stamp=report.stamp,
        lines=[
            _table(report),
            text.table(
                [
                    ["equity then", text.usd_short(report.equity_after_usd)],
                    ["at work now", text.share(report.at_work_pct)],
                    ["at work then", text.share(report.at_work_after_pct)],
                ],
                "lr",
            ),
            f"🔒 {stops}: below their prices the loss is larger than planned"
            if report.n_stops
            else "",
            f"**Idea** {report.hedge}" if report.hedge else "",
            _reasons(report),
            "-# options priced anew (delta, gamma, vega, rho); shares by beta",
        ],
        picture=PICTURE if has_picture else "",
    )


def title(report: StressReport) -> str:
    """``If SPY falls 10% · -$1,500.00 (-3.0%)``."""
    total = report.total_usd
    if isinstance(total, Missing):
        return f"If {report.words} · n/a"
    share = "" if isinstance(report.total_pct, Missing) else f" ({text.pct(report.total_pct)})"
    return f"If {report.words} · {text.usd(total, sign=True)}{share}"


def has_chart(report: StressReport) -> bool:
    """Whether there is anything to draw."""
    return bool(report.rows)


def alt(report: StressReport) -> str:
    """The chart in words."""
    named = [f"{r.symbol} {text.usd_short(r.pnl_usd, sign=True)}" for r in report.rows[:6]]
    return f"{title(report)}. By position: {', '.join(named)}"


def _table(report: StressReport) -> str:
    rows = [
        [text.shorten(r.label, 15), _move(r), text.usd_short(r.pnl_usd, sign=True) + _mark(r)]
        for r in report.rows[:_SHOWN]
    ]
    rest = len(report.rows) - _SHOWN
    more = f"\n-# and {rest} more" if rest > 0 else ""
    return f"{text.table(rows, 'lrr')}{more}"


def _mark(row: Row) -> str:
    return " S" if row.hits_stop else ""


def _move(row: Row) -> str:
    return "n/a" if isinstance(row.move_pct, Missing) else f"{row.move_pct:+.1f}%"


def _reasons(report: StressReport) -> str:
    found = [r.pnl_usd.reason for r in report.rows if isinstance(r.pnl_usd, Missing)]
    found += [f.reason for f in (report.equity_usd, report.hedge_usd) if isinstance(f, Missing)]
    reasons = list(dict.fromkeys(found))
    return f"-# n/a: {text.safe_line(', '.join(reasons[:3]), 200)}" if reasons else ""
