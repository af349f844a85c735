"""The closing table: every trade, the sums, and the checks that prove them."""

import discord

from bot import text
from bot.cards._layout import Tone, card, signed, tone_of
from bot.cards.pnl import compared, totals
from bot.cards.trades import table
from engine.reports import Missing
from engine.reports.closing import Check, ClosingReport

_SHOWN = 15


def show(report: ClosingReport) -> discord.Embed:
    """The end of a day or of the demo."""
    pnl = report.pnl
    shown = report.rows[-_SHOWN:]
    left_out = len(report.rows) - len(shown)
    return card(
        tone=Tone.BAD if not report.is_ok else tone_of(pnl.net_usd),
        title=title(report),
        stamp=report.stamp,
        lines=[
            _record(report),
            f"-# {left_out} earlier trades are in the sums only" if left_out else "",
            table(shown) if shown else "",
            totals(pnl) if shown else "",
            _equity(report),
            compared(pnl.compared),
            *(check_line(c) for c in report.checks),
        ],
    )


def title(report: ClosingReport) -> str:
    """``Closing · ▲ +$412.30 net``."""
    if not report.is_ok:
        return "Closing · THE BOOKS DO NOT AGREE"
    if isinstance(report.pnl.realised_usd, Missing):
        return f"Closing · {report.pnl.realised_usd.reason}"
    return f"Closing · {signed(report.pnl.net_usd)} net"


def _record(report: ClosingReport) -> str:
    pnl = report.pnl
    parts = [f"{pnl.n_closed} closed", f"{pnl.n_open} open"]
    if report.n_void:
        parts.append(f"{report.n_void} never filled")
    if pnl.n_closed:
        parts.append(f"{text.pct(pnl.win_rate_pct, sign=False, places=0)} won")
    return " · ".join(parts)


def _equity(report: ClosingReport) -> str:
    return f"equity **{text.usd(report.equity_usd)}**, deposited {text.usd(report.deposits_usd)}"


def check_line(check: Check) -> str:
    """``✓ journal: 214 events, chain whole``."""
    mark = {True: "✓", False: "✗", None: "?"}[check.is_ok]
    return f"{mark} {text.safe_line(check.name, 40)}: {text.safe_line(check.text, 200)}"
