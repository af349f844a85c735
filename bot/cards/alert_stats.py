"""The funnel of alerts, why some came to nothing, whose were good."""

from datetime import timedelta
from decimal import Decimal

import discord

from bot import text
from bot.cards._layout import Tone, card
from engine.reports import Figure, Missing
from engine.reports.alert_stats import AlertStats

CHART = "alerts"
PICTURE = "alerts.png"
_AUTHORS = 8


def show(report: AlertStats, *, has_picture: bool = False) -> discord.Embed:
    """With ``has_picture`` the funnel is drawn, not written."""
    received = report.funnel[0][1]
    return card(
        tone=Tone.INFO if received else Tone.QUIET,
        title=title(report),
        stamp=report.stamp,
        lines=[
            "" if has_picture or not received else _funnel(report),
            _speed(report),
            _reasons(report),
            _authors(report),
        ],
        picture=PICTURE if has_picture else "",
    )


def title(report: AlertStats) -> str:
    """``23 alerts in 7 days · 9 filled``."""
    received, filled = report.funnel[0][1], report.funnel[-1][1]
    if not received:
        return f"No alerts in {report.days} days"
    return f"{text.count(received, 'alert')} in {report.days} days · {filled} filled"


def has_chart(report: AlertStats) -> bool:
    """Whether there is anything to draw."""
    return bool(report.funnel[0][1])


def alt(report: AlertStats) -> str:
    """The picture in words."""
    return "Alerts: " + ", ".join(f"{n} {name}" for name, n in report.funnel)


def _funnel(report: AlertStats) -> str:
    most = max(report.funnel[0][1], 1)
    rows = [[name, "█" * (n * 10 // most), f"{n}"] for name, n in report.funnel]
    return text.table(rows, "llr")


def _speed(report: AlertStats) -> str:
    if isinstance(report.p50_s, Missing):
        return f"-# latency n/a ({report.p50_s.reason})"
    return f"alert to order: {_s(report.p50_s)} (median) · {_s(report.p95_s)} (p95)"


def _s(value: Figure) -> str:
    if isinstance(value, Missing):
        return str(value)
    if value < 1:
        return f"{value * 1000:.0f}{text.NBSP}ms"
    return text.span(timedelta(seconds=int(value))) if value >= 60 else f"{value:.1f}{text.NBSP}s"


def _reasons(report: AlertStats) -> str:
    if not report.reasons:
        return ""
    rows = [f"{n} × {text.safe_line(why, 70)}" for why, n in report.reasons]
    return "\n".join(["**Came to nothing**", *rows])


def _authors(report: AlertStats) -> str:
    if not report.authors:
        return ""
    rows = [["author", "n", "won", "R", "net $"]]
    for one in report.authors[:_AUTHORS]:
        won = "n/a" if isinstance(one.win_pct, Missing) else f"{one.win_pct:.0f}%"
        mean = "n/a" if isinstance(one.mean_r, Missing) else f"{one.mean_r:+.1f}"
        rows.append([one.author, f"{one.n_alerts}", won, mean, _net(one.net_usd)])
    return text.table(rows, "lrrrr")


def _net(value: Figure) -> str:
    return "n/a" if isinstance(value, Missing) else f"{value.quantize(Decimal(1)):+,}"
