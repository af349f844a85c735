"""From shares as they are to shares as they should be: the trades, their cost, what they change."""

import discord

from bot import text
from bot.cards._layout import Tone, card
from engine.portfolio.rebalance import Step
from engine.reports.rebalance import RebalanceReport

_NAMES = {
    "equal": "every position the same",
    "kelly": "in proportion to each room's edge",
    "sector": "every sector the same",
    "custom": "as given",
}
_SHOWN = 10


def show(report: RebalanceReport) -> discord.Embed:
    """The plan; buttons below do its trades one by one, each asked first."""
    how = _NAMES[report.target]
    if report.missing:
        return card(
            tone=Tone.QUIET,
            title=f"No plan · {how}",
            stamp=report.stamp,
            lines=[f"n/a ({text.safe_line(report.missing, 200)})"],
        )
    rows = [_row(report, s) for s in report.steps[:_SHOWN]]
    exposure = (
        f"exposure {text.share(report.gross_before_pct)} → {text.share(report.gross_after_pct)}"
    )
    spread = f"concentration {text.plain(report.hhi_before)} → {text.plain(report.hhi_after)}"
    return card(
        tone=Tone.INFO,
        title=title(report),
        stamp=report.stamp,
        lines=[
            f"Target: {how}.",
            text.table([["", "now", "goal", "do"], *rows], "lrrr"),
            f"turnover {text.share(report.turnover_pct)} · cost {text.usd_short(report.cost_usd)}",
            f"{exposure} · {spread}",
            "-# Only what takes off is a button that closes; what adds opens a ticket first.",
        ],
    )


def title(report: RebalanceReport) -> str:
    """``Rebalance · 2 trades``."""
    n = len(report.trades)
    return f"Rebalance · {n} trade{'' if n == 1 else 's'}" if n else "Rebalance · nothing to do"


def _row(report: RebalanceReport, step: Step) -> list[str]:
    label = text.shorten(report.labels.get(step.trade_id, step.symbol), 14)
    do = f"{step.units:+,.0f}" if step.units else "-"
    return [label, f"{step.now_pct:.0f}%", f"{step.target_pct:.0f}%", do]
