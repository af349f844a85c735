"""What stood behind advice, an answer or a decision, as it was filed."""

from collections.abc import Mapping
from typing import Any

import discord

from bot import text
from bot.cards._layout import Tone, card
from bot.said import filled
from engine.reports.why import Line, WhyReport

_INPUTS = 12
_WORDS = {"answer": "Answer", "recommendation": "Advice", "decision": "Decision"}


def show(report: WhyReport) -> discord.Embed:
    """The card."""
    asked = text.safe_line(report.title, 160)
    when = "" if report.at is None else text.ago(report.at)
    return card(
        tone=Tone.INFO,
        title=f"{_WORDS.get(report.kind, 'Why')} · {asked}",
        stamp=report.stamp,
        lines=[
            f"-# filed {when}" if when else "",
            *(_line(line) for line in report.lines),
            *_reading(report),
            *(f"· {text.safe_line(note, 300)}" for note in report.notes),
            _verdicts(report),
            _inputs(report),
            _outcome(report.outcome),
            _foot(report),
        ],
    )


def _line(line: Line) -> str:
    return filled(line.text, {k: text.safe_line(v, 160) for k, v in line.values.items()})


def _reading(report: WhyReport) -> list[str]:
    if not report.reading:
        return []
    head = f"**Reading by {text.safe_line(report.model, 60)}**"
    return [head, *(f"> {_line(line)}" for line in report.reading)]


def _verdicts(report: WhyReport) -> str:
    if not report.verdicts:
        return ""
    failed = [v for v in report.verdicts if not v.is_ok]
    n_ok = len(report.verdicts) - len(failed)
    lines = [f"**Checks** {n_ok} passed, {len(failed)} against"]
    lines += [
        f"✖ **{text.safe_line(v.check.replace('_', ' '), 40)}** {text.safe_line(v.detail, 160)}"
        for v in failed[:8]
    ]
    near = [v for v in report.verdicts if v.is_ok and v.detail]
    lines += [
        f"⚠ **{text.safe_line(v.check.replace('_', ' '), 40)}** {text.safe_line(v.detail, 160)}"
        for v in near[:4]
    ]
    return "\n".join(lines)


def _inputs(report: WhyReport) -> str:
    """The inputs as they were then."""
    if not report.inputs:
        return ""
    rows = [
        [text.shorten(_input(name), 16), text.shorten(value, 16)]
        for name, value in report.inputs[:_INPUTS]
    ]
    rest = len(report.inputs) - len(rows)
    more = f"\n-# and {rest} more" if rest > 0 else ""
    return f"**Inputs**\n{text.table(rows, 'lr')}{more}"


def _input(name: str) -> str:
    """``pos.t2.to_stop`` as ``t2 to stop``."""
    return name.partition(".")[2].replace(".", " ").replace("_", " ") or name


def _outcome(outcome: Mapping[str, Any] | None) -> str:
    if outcome is None:
        return ""
    followed, helped = outcome.get("followed"), outcome.get("helped")
    parts = []
    if followed is not None:
        parts.append("it was followed" if followed else "it was not followed")
    if outcome.get("moved_pct") is not None:
        parts.append(f"the price moved {text.safe_line(str(outcome['moved_pct']), 12)}% since")
    if helped is not None:
        parts.append("right so far" if helped else "wrong so far")
    return f"**After a day** {', '.join(parts) or 'n/a (no price to measure by)'}"


def _foot(report: WhyReport) -> str:
    sources = " ".join(f"`{text.code_safe(s)}`" for s in report.sources[:8])
    parts = [f"from {sources}" if sources else ""]
    if report.kind != "decision":
        parts.append(f"model {text.safe_line(report.model, 60) or 'none'}")
    if report.confidence:
        parts.append(f"confidence {text.safe_line(report.confidence, 10)}")
    shown = " · ".join(p for p in parts if p)
    return f"-# {shown}" if shown else ""
