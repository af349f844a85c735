"""An answer: the desk's facts first, a model's reading below and named as such, then sources."""

import discord

from bot import text
from bot.cards._layout import Tone, card
from bot.said import sentence
from engine.reports.answer import AnswerReport

_TITLE = 80
_CONFIDENCE = {
    "high": "every figure is known",
    "medium": "a figure is missing",
    "low": "prices are old",
}


def show(report: AnswerReport, *, is_reading: bool = False) -> discord.Embed:
    """The card; ``is_reading``: a model is at it, and the card will be edited."""
    asked = text.shorten(" ".join(text.visible(report.question).split()), _TITLE)
    return card(
        tone=Tone.WAIT if is_reading else Tone.INFO,
        title=f"💬 {text.safe_line(asked, _TITLE * 2)}",
        stamp=report.stamp,
        lines=[
            *(sentence(said, strong=True) for said in report.plain),
            *_reading(report, is_reading=is_reading),
            _foot(report, is_reading=is_reading),
        ],
    )


def _reading(report: AnswerReport, *, is_reading: bool) -> list[str]:
    if is_reading:
        return ["", "⏳ *the model is reading these facts …*"]
    if not report.reading:
        return []
    head = f"**Reading by {text.safe_line(report.model, 60)}** (figures are the desk's)"
    return [head, *(f"> {sentence(said)}" for said in report.reading)]


def _foot(report: AnswerReport, *, is_reading: bool) -> str:
    sources = " ".join(f"`{text.code_safe(s)}`" for s in report.sources[:8])
    model = "" if is_reading else f"model {report.model or 'none'}"
    note = "" if is_reading else text.safe_line(report.note, 160)
    sure = f"confidence {report.confidence}: {_CONFIDENCE[report.confidence]}"
    parts = [p for p in (f"from {sources}" if sources else "", sure, model, note) if p]
    return f"-# {' · '.join(parts)}"
