"""Cards: each file here shows one report as a ``discord.Embed``; it formats and decides nothing.

Every card has the same places: badges (mode, made-up market) on top, the verdict as title, short
lines and narrow tables in the middle, age and origin of the figures last, the correlation id in
the footer. Colour only repeats what words and signs say. Discord's limits hold by construction:
what does not fit is cut, and the card says so.
"""

import io

import discord

from bot import text
from bot.cards import (
    alert_card,
    alerts,
    approval_card,
    closing,
    mirror,
    pnl,
    positions,
    status,
    trace,
    trade_card,
    trades,
)
from engine.domain.desk import Intake
from engine.domain.trade import Trade
from engine.reports import unit_label
from engine.reports.alert_card import AlertCard
from engine.reports.alerts import AlertsReport
from engine.reports.approval_card import ApprovalCard
from engine.reports.closing import ClosingReport
from engine.reports.pnl import PnlReport
from engine.reports.positions import PositionsReport
from engine.reports.status import StatusReport
from engine.reports.trace import TraceReport
from engine.reports.trade_card import TradeCard
from engine.reports.trades import TradesReport


class Cards:
    """All cards of one desk."""

    def __init__(self, *, mode: str = "paper") -> None:
        self._mode = mode

    def badge(self) -> str:
        """``PAPER`` or ``LIVE``, in bold."""
        return f"**{self._mode.upper()}**"

    def alert(self, report: AlertCard) -> discord.Embed:
        """One alert and how far it came."""
        return alert_card.show(report)

    def approval(self, report: ApprovalCard) -> discord.Embed:
        """One question with its exact order."""
        return approval_card.show(report)

    def trade(self, report: TradeCard) -> discord.Embed:
        """One round trip."""
        return trade_card.show(report)

    def positions(self, report: PositionsReport) -> discord.Embed:
        """Everything that is held."""
        return positions.show(report)

    def pnl(self, report: PnlReport) -> discord.Embed:
        """P&L of a period; attach the chart as ``pnl.PICTURE`` and set it as image."""
        return pnl.show(report)

    def pnl_alt(self, report: PnlReport) -> str:
        """The P&L chart in words, for those who cannot see it."""
        return pnl.alt(report)

    def status(self, report: StatusReport) -> discord.Embed:
        """The desk on one screen."""
        return status.show(report)

    def alerts(self, report: AlertsReport) -> discord.Embed:
        """A page of alerts."""
        return alerts.show(report)

    def trades(self, report: TradesReport) -> discord.Embed:
        """A page of round trips."""
        return trades.show(report)

    def trace(self, report: TraceReport) -> discord.Embed:
        """One story hop by hop."""
        return trace.show(report)

    def closing(self, report: ClosingReport) -> discord.Embed:
        """The closing table."""
        return closing.show(report)

    def mirror(self, intake: Intake) -> str:
        """One line of the all-messages feed."""
        return mirror.line(intake)

    def one_line(self, trade: Trade) -> str:
        """An open trade in one line, for lists and confirmations."""
        of = trade.legs[0].instrument
        side = "long" if trade.direction > 0 else "short"
        parts = [
            f"**{text.safe_line(unit_label(trade.legs), 60)}** {side} {text.qty(trade.qty_open)}"
        ]
        if trade.entry_price is not None:
            parts.append(f"from {text.price(trade.entry_price, of)}")
        if trade.stop is not None:
            parts.append(f"stop {text.price(trade.stop.price, of)}")
        return " · ".join(parts)

    def picture(self, png: bytes, name: str, alt: str) -> discord.File:
        """A chart ready to be sent, with its words for those who cannot see it."""
        return discord.File(io.BytesIO(png), filename=name, description=text.shorten(alt, 1024))
