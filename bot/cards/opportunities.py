"""Ideas that were not taken: what, at which prices, how good by the rules, and what was against."""

import discord

from bot import text
from bot.cards._layout import Tone, card
from engine.reports import Missing
from engine.reports.opportunities import Idea, OpportunitiesReport


def show(report: OpportunitiesReport) -> discord.Embed:
    """Best first."""
    return card(
        tone=Tone.INFO if report.rows else Tone.QUIET,
        title=title(report),
        stamp=report.stamp,
        lines=[
            *(line for n, row in enumerate(report.rows, 1) for line in _row(n, row)),
            _none(report),
            *(f"-# rule: {text.safe_line(rule, 200)}" for rule in report.rules),
        ],
    )


def title(report: OpportunitiesReport) -> str:
    """``2 opportunities · score 65 or more``."""
    n = len(report.rows)
    word = "opportunity" if n == 1 else "opportunities"
    return f"{n or 'No'} {word} · score {report.min_score} or more"


def _none(report: OpportunitiesReport) -> str:
    if report.rows:
        return ""
    if report.n_in_all:
        return f"{report.n_in_all} below that score: ask with a lower min_confidence."
    return "No alert of the last day was left untaken."


def _row(n: int, row: Idea) -> list[str]:
    of = row.legs[0].instrument
    side = "long" if row.direction > 0 else "short"
    prices = [f"entry {text.price(row.entry, of)}"]
    if row.stop is not None:
        prices.append(f"stop {text.price(row.stop, of)}")
    if row.target is not None:
        prices.append(f"target {text.price(row.target, of)}")
    reward = "n/a" if isinstance(row.reward, Missing) else f"{row.reward:.1f}"
    against = f" · against: {text.safe_line(row.failed[0], 100)}" if row.failed else ""
    waits = f" · ends {text.ago(row.ends_at)}" if row.ends_at is not None else ""
    told = f"{text.safe_line(row.source, 30)}, {text.safe_line(row.author, 40)} {text.ago(row.at)}"
    why = text.safe_line(row.why, 120) or "no reason noted"
    return [
        f"**{n}. {text.safe_line(row.label, 60)}** {side} {text.qty(row.qty)} · score {row.score}",
        f"{' · '.join(prices)} · reward:risk {reward} · risk {text.usd_short(row.risk_usd)}",
        f"-# {told} · {why}{against}{waits}",
    ]
