"""What moves together, and what one more symbol would change."""

import discord

from bot import text
from bot.cards._layout import Tone, card
from engine.reports import Figure, Missing
from engine.reports.correlation import CorrelationReport, Pair

CHART = "correlation"
PICTURE = "correlation.png"
_SHOWN = 8


def show(report: CorrelationReport, *, has_picture: bool = False) -> discord.Embed:
    """Pairs above the limit first."""
    if len(report.names) < 2:
        return card(
            tone=Tone.QUIET,
            title="Nothing to compare: fewer than two things are held",
            stamp=report.stamp,
            lines=[_added(report)],
        )
    return card(
        tone=Tone.WAIT if report.repeated else Tone.GOOD if not report.unknown else Tone.QUIET,
        title=title(report),
        stamp=report.stamp,
        lines=[
            f"diversification {_score(report.score)} · {report.days} days of daily returns",
            _pairs(report),
            _added(report),
            _unknown(report),
            f"-# closes {text.safe_line(report.source, 40)}" if report.source else "",
        ],
        picture=PICTURE if has_picture else "",
    )


def title(report: CorrelationReport) -> str:
    """``2 pairs move as one · above 0.70``."""
    n = len(report.repeated)
    if n:
        said = "pairs move" if n > 1 else "pair moves"
        return f"{n} {said} as one · above {report.limit}"
    if report.unknown:
        return "No pair is known to move as one"
    return f"No pair held the same way is above {report.limit}"


def has_chart(report: CorrelationReport) -> bool:
    """Whether there is anything to draw."""
    return len(report.names) > 1


def alt(report: CorrelationReport) -> str:
    """The chart in words."""
    ranked = _ranked(report)[:5]
    said = ", ".join(f"{p.a} and {p.b} {text.plain(p.r)}" for p in ranked)
    return f"Correlation matrix of {', '.join(report.names[:12])}: {said}"


def _ranked(report: CorrelationReport) -> list[Pair]:
    known = [p for p in report.pairs if not isinstance(p.r, Missing)]
    return sorted(known, key=lambda p: -abs(p.r) if not isinstance(p.r, Missing) else 0)


def _pairs(report: CorrelationReport) -> str:
    rows = [
        [
            f"{p.a} {p.b}",
            text.plain(p.r),
            ("hedge" if p.is_hedge else "as one") if p in report.above else "",
        ]
        for p in _ranked(report)[:_SHOWN]
    ]
    rest = len(_ranked(report)) - _SHOWN
    more = f"\n-# and {rest} weaker pairs" if rest > 0 else ""
    return f"{text.table(rows, 'lrl')}{more}" if rows else ""


def _added(report: CorrelationReport) -> str:
    if not report.adding:
        return ""
    name = text.safe_line(report.adding, 12)
    own = [p for p in report.pairs if report.adding in (p.a, p.b) and not isinstance(p.r, Missing)]
    top = max(own, key=lambda p: p.r if not isinstance(p.r, Missing) else -2, default=None)
    with_ = ""
    if top is not None:
        other = top.b if top.a == report.adding else top.a
        verdict = "would be rejected" if top in report.above else "would pass"
        with_ = f" Closest to {other} at {text.plain(top.r)}: an entry the same way {verdict}."
    return f"**With {name}** diversification {_score(report.score_with)}.{with_}"


def _unknown(report: CorrelationReport) -> str:
    reasons = dict.fromkeys(p.r.reason for p in report.unknown if isinstance(p.r, Missing))
    if not reasons:
        return ""
    return f"-# n/a for {len(report.unknown)} pairs: {text.safe_line(next(iter(reasons)), 120)}"


def _score(value: Figure) -> str:
    return (
        f"n/a ({value.reason})"
        if isinstance(value, Missing)
        else f"**{value:.2f}** (0 one bet, 1 unrelated)"
    )
