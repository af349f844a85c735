"""What could be done: one line of reason per row, its dollars and urgency; the rules in small."""

import discord

from bot import text
from bot.cards._layout import Tone, card
from bot.said import sentence
from engine.reports import Missing
from engine.reports.recommendations import Advice, RecommendationsReport, Urgency

_MARK = {Urgency.NOW: "🔴", Urgency.TODAY: "🟠", Urgency.LATER: "🟢"}
_WORD = {Urgency.NOW: "now", Urgency.TODAY: "today", Urgency.LATER: "when convenient"}
_RULES_SHOWN = 8


def show(report: RecommendationsReport) -> discord.Embed:
    """The rows; the buttons below them bear the same numbers."""
    note = "" if report.risk_note is None else f"⚠ {sentence(report.risk_note)}"
    return card(
        tone=_tone(report),
        title=title(report),
        stamp=report.stamp,
        lines=[
            note,
            *(line for n, row in enumerate(report.rows, 1) for line in _row(n, row)),
            _rest(report),
            _rules(report),
        ],
    )


def title(report: RecommendationsReport) -> str:
    """``What to do · 3 things``."""
    n = report.n_in_all
    if not n:
        return f"{report.title} · nothing asks for action"
    return f"{report.title} · {n} thing{'s' if n > 1 else ''}"


def _tone(report: RecommendationsReport) -> Tone:
    if not report.rows:
        return Tone.GOOD if report.risk_note is None else Tone.WAIT
    return Tone.BAD if report.rows[0].urgency is Urgency.NOW else Tone.WAIT


def _row(n: int, row: Advice) -> list[str]:
    stake = row.at_stake_usd
    money = "" if isinstance(stake, Missing) else f" · {text.usd(abs(stake))} at stake"
    label = text.safe_line(row.label, 60)
    return [
        f"{_MARK[row.urgency]} **{n}. {label}** · {_WORD[row.urgency]}{money}",
        f"{sentence(row.reason, strong=True)} → `{text.code_safe(row.action)}`",
    ]


def _rest(report: RecommendationsReport) -> str:
    rest = report.n_in_all - len(report.rows)
    return f"-# and {rest} more" if rest > 0 else ""


def _rules(report: RecommendationsReport) -> str:
    """What was looked at; with rows, only their own rules."""
    rules = tuple(dict.fromkeys(r.rule for r in report.rows)) or report.rules
    shown = [f"-# rule: {text.safe_line(rule, 160)}" for rule in rules[:_RULES_SHOWN]]
    return "\n".join(shown)
