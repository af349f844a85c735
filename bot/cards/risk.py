"""What is at risk: the few figures that matter, the limits, what moves together, what to do."""

import discord

from bot import text
from bot.cards._layout import Tone, card
from bot.cards.limits import gauge_row
from engine.reports import Figure, Missing
from engine.reports.limits import used_pct
from engine.reports.risk import Heat, RiskReport

CHART = "risk_heatmap"
PICTURE = "risk_heatmap.png"
_GATES, _SECTORS = 6, 5
_NEAR = 80


def show(report: RiskReport, *, has_picture: bool = False) -> discord.Embed:
    """The whole book on one card."""
    return card(
        tone=_tone(report),
        title=title(report),
        stamp=report.stamp,
        lines=[
            text.table(_figures(report), "lr"),
            _gates(report),
            _sectors(report),
            _pairs(report),
            _todo(report),
            _reasons(report),
        ],
        picture=PICTURE if has_picture else "",
    )


def title(report: RiskReport) -> str:
    """``At risk to the stops $1,240.00 · 2.5% of equity``."""
    if not report.heat:
        return "Nothing is held, nothing is at risk"
    risk, pct = report.open_risk_usd, report.open_risk_pct
    if isinstance(risk, Missing):
        return f"Open risk n/a · {text.shorten(risk.reason, 60)}"
    share = "" if isinstance(pct, Missing) else f" · {text.small_pct(pct)} of equity"
    return f"At risk to the stops {text.usd(risk)}{share}"


def has_chart(report: RiskReport) -> bool:
    """Whether there is anything to draw."""
    return bool(report.heat)


def alt(report: RiskReport) -> str:
    """The chart in words."""
    named = [
        f"{h.label}: {text.plain(h.size_pct, 1, '%')} of equity, {text.r_short(h.risk_r)}"
        for h in report.heat
    ]
    return f"Risk by position. {'; '.join(named[:6])}"


def detail(report: RiskReport, heat: Heat) -> discord.Embed:
    """One position of the heat map, in words."""
    close = (
        f"{heat.closest} at {heat.closest_r:.2f}"
        if not isinstance(heat.closest_r, Missing)
        else str(heat.closest_r)
    )
    return card(
        tone=Tone.INFO,
        title=f"{heat.label} · {heat.sector or 'sector n/a'}",
        stamp=report.stamp,
        lines=[
            text.table(
                [
                    ["of equity", text.plain(heat.size_pct, 1, "%")],
                    ["at risk", text.usd_short(heat.risk_usd)],
                    ["in R", text.r_short(heat.risk_r)],
                    ["of equity at risk", text.plain(heat.risk_pct, 1, "%")],
                    ["beta to SPY", text.plain(heat.beta)],
                ],
                "lr",
            ),
            f"**Moves with** {close}",
            _why(heat.risk_usd, heat.beta, heat.size_pct),
        ],
    )


def _tone(report: RiskReport) -> Tone:
    if not report.limits.may_enter:
        return Tone.BAD
    if report.suggestions:
        return Tone.WAIT
    return Tone.GOOD if report.heat else Tone.QUIET


def _figures(report: RiskReport) -> list[list[str]]:
    return [
        ["bad day (VaR 95)", _money_pct(report.var_usd, report.var_pct)],
        ["mean of such days", text.usd_short(report.shortfall_usd)],
        ["open risk in R", text.plain(report.open_risk_r, 2, "R")],
        ["beta to SPY", text.plain(report.beta)],
        ["concentration (HHI)", text.plain(report.hhi)],
        ["diversification", text.plain(report.diversification)],
    ]


def _gates(report: RiskReport) -> str:
    """Of each limit the account where it is fullest; /risk-limits shows them all."""
    fullest = {g.name: g for g in reversed(report.gates)}
    rows = [
        gauge_row(g)
        for g in report.gates
        if fullest[g.name] is g and (used_pct(g) is None or (used_pct(g) or 0) > 0)
    ]
    shown = rows[:_GATES]
    return f"**Limits**\n{text.table(shown, 'llr')}" if shown else ""


def _sectors(report: RiskReport) -> str:
    rows = [
        [text.shorten(name, 22), text.plain(pct, 1, "%")] for name, pct in report.sectors[:_SECTORS]
    ]
    return f"**Sectors**\n{text.table(rows, 'lr')}" if rows else ""


def _pairs(report: RiskReport) -> str:
    if not report.pairs:
        return ""
    said = " · ".join(f"{p.a} {p.b} {p.r:.2f}" for p in report.pairs[:4] if p.r)
    return f"**Move as one** {said}"


def _todo(report: RiskReport) -> str:
    lines = [f"• {text.safe_line(s, 120)}" for s in report.suggestions]
    return "\n".join(["**Look at**", *lines]) if lines else ""


def _reasons(report: RiskReport) -> str:
    figures = (report.var_usd, report.beta, report.diversification, report.open_risk_r)
    return _why(*figures)


def _why(*figures: Figure) -> str:
    reasons = list(dict.fromkeys(f.reason for f in figures if isinstance(f, Missing)))
    return f"-# n/a: {text.safe_line(', '.join(reasons[:3]), 240)}" if reasons else ""


def _money_pct(usd: Figure, pct: Figure) -> str:
    share = "" if isinstance(pct, Missing) else f" {text.small_pct(pct)}"
    return f"{text.usd_short(usd)}{share}"
