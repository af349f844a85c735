"""Reports about the whole book as a card with its picture; in words alone when it fails."""

from typing import TYPE_CHECKING

from bot.cards import correlation as correlation_card
from bot.cards import exposure as exposure_card
from bot.cards import risk as risk_card
from bot.cards import stress as stress_card
from bot.cards import summary as summary_card
from bot.charts import Theme
from bot.render import Shown, drawn
from engine.reports.correlation import CorrelationReport
from engine.reports.risk import RiskReport
from engine.reports.stress import StressReport
from engine.reports.summary import SummaryReport

if TYPE_CHECKING:
    from bot.app import App


async def risk_with_chart(app: "App", report: RiskReport, theme: Theme) -> Shown:
    """What is at risk with its heat map."""
    if not report.heat:
        return risk_card.show(report), ()
    files = await drawn(
        app, "risk_heatmap", report, theme, risk_card.PICTURE, risk_card.alt(report)
    )
    return risk_card.show(report, has_picture=bool(files)), files


async def summary_with_chart(app: "App", report: SummaryReport, theme: Theme) -> Shown:
    """The accounts on one screen with their sectors as bars."""
    stakes = report.stakes
    if not stakes.rows:
        return summary_card.show(report), ()
    files = await drawn(
        app, "exposure", stakes, theme, exposure_card.PICTURE, exposure_card.alt(stakes)
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
