"""Reports as a card with its picture; in words alone when it cannot be drawn (D-16)."""

import io
import logging
from typing import TYPE_CHECKING

import discord

from bot.cards import alert_stats as stats_card
from bot.cards import correlation as correlation_card
from bot.cards import exposure as exposure_card
from bot.cards import performance as performance_card
from bot.cards import pnl as pnl_card
from bot.cards import risk as risk_card
from bot.cards import stress as stress_card
from bot.cards import summary as summary_card
from bot.charts import ChartError, Theme
from engine.reports.alert_stats import AlertStats
from engine.reports.correlation import CorrelationReport
from engine.reports.exposure import ExposureReport
from engine.reports.performance import PerformanceReport
from engine.reports.pnl import PnlReport
from engine.reports.risk import RiskReport
from engine.reports.stress import StressReport
from engine.reports.summary import SummaryReport

if TYPE_CHECKING:
    from bot.app import App

log = logging.getLogger(__name__)

Shown = tuple[discord.Embed, tuple[discord.File, ...]]


async def drawn(
    app: "App", chart: str, report: object, theme: Theme, name: str, alt: str
) -> tuple[discord.File, ...]:
    """The picture as a file of that name; none when it cannot be drawn."""
    try:
        png = await app.charts.render(chart, report, theme)
    except ChartError as error:
        log.warning("no %s chart: %s", chart, error)
        return ()
    return (discord.File(io.BytesIO(png), name, description=alt[:1024]),)


async def pnl_with_chart(app: "App", report: PnlReport, theme: Theme) -> Shown:
    """Profit and loss with its line."""
    alt = f"Cumulative realised P&L and each trade: {pnl_card.title(report)}"
    files = await drawn(app, "pnl", report, theme, "pnl.png", alt)
    embed = pnl_card.show(report, has_picture=bool(files))
    if files:
        embed.set_image(url="attachment://pnl.png")
    return embed, files


async def performance_with_chart(app: "App", report: PerformanceReport, theme: Theme) -> Shown:
    """Performance with the equity line."""
    if not report.days:
        return performance_card.show(report), ()
    files = await drawn(
        app, "equity", report, theme, performance_card.PICTURE, performance_card.alt(report)
    )
    return performance_card.show(report, has_picture=bool(files)), files


async def exposure_with_chart(app: "App", report: ExposureReport, theme: Theme) -> Shown:
    """What is at stake with its bars."""
    if not report.rows:
        return exposure_card.show(report), ()
    files = await drawn(
        app, "exposure", report, theme, exposure_card.PICTURE, exposure_card.alt(report)
    )
    return exposure_card.show(report, has_picture=bool(files)), files


async def alerts_with_chart(app: "App", report: AlertStats, theme: Theme) -> Shown:
    """What became of alerts with its funnel."""
    if not report.funnel[0][1]:
        return stats_card.show(report), ()
    files = await drawn(app, "alerts", report, theme, stats_card.PICTURE, stats_card.alt(report))
    return stats_card.show(report, has_picture=bool(files)), files


async def risk_with_chart(app: "App", report: RiskReport, theme: Theme) -> Shown:
    """What is at risk with its heat map."""
    if not report.heat:
        return risk_card.show(report), ()
    files = await drawn(
        app, "risk_heatmap", report, theme, risk_card.PICTURE, risk_card.alt(report)
    )
    return risk_card.show(report, has_picture=bool(files)), files


async def summary_with_chart(app: "App", report: SummaryReport, theme: Theme) -> Shown:
    """The accounts on one screen with what they are made of and how they went."""
    if not report.stakes.rows and not report.equity_line:
        return summary_card.show(report), ()
    files = await drawn(
        app, "allocation", report, theme, summary_card.PICTURE, summary_card.alt(report)
    )
    return summary_card.show(report, has_picture=bool(files)), files


async def correlation_with_chart(app: "App", report: CorrelationReport, theme: Theme) -> Shown:
    """What moves together with its matrix."""
    if len(report.names) < 2:
        return correlation_card.show(report), ()
    files = await drawn(
        app, "correlation", report, theme, correlation_card.PICTURE, correlation_card.alt(report)
    )
    return correlation_card.show(report, has_picture=bool(files)), files


async def stress_with_chart(app: "App", report: StressReport, theme: Theme) -> Shown:
    """A scenario with its waterfall."""
    if not report.rows:
        return stress_card.show(report), ()
    files = await drawn(app, "stress", report, theme, stress_card.PICTURE, stress_card.alt(report))
    return stress_card.show(report, has_picture=bool(files)), files
