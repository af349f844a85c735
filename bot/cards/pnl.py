"""P&L of a period: what was made, whether it adds up, and what the alerts promised."""

import discord

from bot import text
from bot.cards._layout import Tone, card, one_line, signed, tone_of
from engine.reports import Missing
from engine.reports.pnl import Comparison, Period, PnlReport, Reconciliation, Row

NAMES: dict[Period, str] = {
    "today": "today",
    "week": "this week",
    "month": "this month",
    "ytd": "this year",
    "all": "since the start",
    "1d": "1 day",
    "1w": "1 week",
    "1m": "1 month",
    "3m": "3 months",
}
CHART = "pnl"
PICTURE = "pnl.png"
_SHOWN = 8


def show(report: PnlReport, *, has_picture: bool = False) -> discord.Embed:
    """The card of one period; ``has_picture`` when the chart is attached as :data:`PICTURE`."""
    name = NAMES[report.period]
    if isinstance(report.realised_usd, Missing):
        return card(
            tone=Tone.QUIET,
            title=f"P&L {name} · {report.realised_usd.reason}",
            stamp=report.stamp,
            lines=["The first fill will show here."],
            picture=PICTURE if has_picture else "",
        )
    headline = report.realised_usd if isinstance(report.net_usd, Missing) else report.net_usd
    return card(
        tone=tone_of(headline),
        title=title(report),
        stamp=report.stamp,
        lines=[
            _record(report),
            totals(report),
            _groups(report) or _rows(report),
            _extremes(report),
            compared(report.compared),
            check(report.check),
        ],
        picture=PICTURE if has_picture else "",
    )


def has_chart(report: PnlReport) -> bool:
    """Whether there is anything to draw."""
    del report  # a flat line says that nothing was closed
    return True


def alt(report: PnlReport) -> str:
    """The chart in words."""
    if not report.rows:
        return f"P&L {NAMES[report.period]}: no closed trades yet"
    total = text.usd(report.rows[-1].cumulative_usd, sign=True)
    parts = [f"Realised P&L {NAMES[report.period]} of {len(report.rows)} trades: {total}"]
    if not isinstance(report.win_rate_pct, Missing):
        parts.append(f"{text.pct(report.win_rate_pct, sign=False, places=0)} of them won")
    if report.drawdown is not None:
        parts.append(f"deepest fall {text.usd(-report.drawdown.usd)}")
    return ", ".join(parts)


def title(report: PnlReport) -> str:
    """``P&L today · ▲ +$412.30 net``; realised alone when a mark is missing."""
    name = NAMES[report.period]
    if isinstance(report.net_usd, Missing):
        return f"P&L {name} · {signed(report.realised_usd)} realised, open n/a"
    return f"P&L {name} · {signed(report.net_usd)} net"


def _record(report: PnlReport) -> str:
    parts = []
    if report.n_closed:
        rate = text.pct(report.win_rate_pct, sign=False, places=0)
        parts.append(f"**{report.n_wins:,} of {report.n_closed:,}** closed trades won ({rate})")
    else:
        parts.append("no closed trades yet")
    if report.n_open:
        parts.append(f"{report.n_open} open")
    return " · ".join(parts)


def totals(report: PnlReport) -> str:
    """Realised (net of its fees); with something open, what else makes up the net."""
    rows = [["realised", text.usd_short(report.realised_usd, sign=True)]]
    if report.n_open or isinstance(report.open_usd, Missing) or report.open_usd != 0:
        rows.append(["open", text.usd_short(report.open_usd, sign=True)])
        rows.append(["open fees", text.usd(-report.open_fees_usd, sign=True)])
        rows.append(["net", text.usd_short(report.net_usd, sign=True)])
    rows.append(["fees paid", text.usd_short(report.fees_usd)])
    why = ""
    if isinstance(report.open_usd, Missing):
        why = f"\n-# n/a: {text.safe_line(report.open_usd.reason, 120)}"
    return text.table(rows, "lr") + why


def _rows(report: PnlReport) -> str:
    shown = report.rows[-_SHOWN:]
    if not shown:
        return ""
    rows = [_row(r) for r in reversed(shown)]
    more = len(report.rows) - len(shown)
    note = f"newest first, {more:,} earlier" if more else "newest first"
    return f"{text.table(rows, 'lrr')}\n-# {note}"


def _row(row: Row) -> list[str]:
    part = "" if row.is_closed else " (part)"
    return [
        f"{row.label}{part}",
        text.usd(row.realised_usd, sign=True),
        text.r_short(row.r),
    ]


def _groups(report: PnlReport) -> str:
    if not report.groups:
        return ""
    rows = [
        [
            g.name,
            str(g.n),
            text.usd(g.realised_usd, sign=True),
            text.pct_short(g.win_rate_pct, sign=False),
        ]
        for g in report.groups[:12]
    ]
    more = len(report.groups) - len(rows)
    return text.table([[report.by, "n", "realised", "won"], *rows], "lrrr") + (
        f"\n-# and {more} more" if more else ""
    )


def _extremes(report: PnlReport) -> str:
    if len(report.rows) < 2 or report.best is None or report.worst is None:
        return ""
    parts = [
        f"best {report.best.label} {text.usd(report.best.realised_usd, sign=True)}",
        f"worst {report.worst.label} {text.usd(report.worst.realised_usd, sign=True)}",
    ]
    if report.drawdown is not None:
        parts.append(f"max drawdown {text.usd(-report.drawdown.usd)}")
    return " · ".join(parts)


def compared(comparison: Comparison) -> str:
    """What the same trades made at the alerted prices, at the touch, and as filled."""
    if isinstance(comparison.alerted_usd, Missing):
        return ""
    rows = [
        ["as alerted", text.usd_short(comparison.alerted_usd, sign=True)],
        ["as achievable", text.usd_short(comparison.achievable_usd, sign=True)],
        ["as filled", text.usd_short(comparison.filled_usd, sign=True)],
    ]
    left = comparison.n_left_out
    note = f"-# the same {comparison.n:,} trades before fees"
    note += f"; {left} left out, a price is not known" if left else ""
    return text.table(rows, "lr") + "\n" + note


def check(proof: Reconciliation) -> str:
    """``Σ trades +$412.30 = Δ equity +$412.30 ✓``."""
    if proof.is_ok is None:
        reason = proof.difference_usd
        return one_line("Reconciliation", text.safe_line(str(reason), 160))
    trades = text.usd(proof.trades_usd, sign=True)
    equity = text.usd(proof.equity_change_usd, sign=True)
    if proof.is_ok:
        return f"✓ **Adds up** Σ trades {trades} = Δ equity {equity}"
    gap = text.usd(proof.difference_usd, sign=True)
    return f"✗ **DOES NOT ADD UP** Σ trades {trades} ≠ Δ equity {equity} (off by {gap})"
