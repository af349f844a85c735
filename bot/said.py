"""Sentences with their figures: the one place where facts become words, on cards and in prompts."""

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal

from bot import text
from engine.reports import Missing
from engine.reports._said import PLACEHOLDER, Fact, Said

_LONGEST_WORDS = 160


def words(fact: Fact) -> str:
    """A fact for a card: safe to show, times that Discord keeps counting."""
    value = fact.value
    if isinstance(value, Missing):
        return text.safe_line(str(value), 120)
    if isinstance(value, datetime):
        return text.ago(value)
    if isinstance(value, str):
        shown = text.safe_line(value, _LONGEST_WORDS)
        return f"“{shown}”" if fact.unit == "foreign" else shown
    return _figure(fact, value)


def plain(fact: Fact) -> str:
    """The same for where no markdown is read: prompts and what is filed."""
    value = fact.value
    if isinstance(value, datetime):
        return f"{text.eastern_day(value)} ET"
    if isinstance(value, str):
        return " ".join(text.visible(value).split())[:_LONGEST_WORDS]
    return str(value) if isinstance(value, Missing) else _figure(fact, value)


def _figure(fact: Fact, value: Decimal) -> str:
    unit = fact.unit
    if unit in ("usd", "pnl"):
        return text.usd(value, sign=unit == "pnl")
    if unit == "r":
        return text.r(value)
    if unit in ("pct", "change"):
        return text.pct(value, sign=unit == "change")
    if unit == "price":
        return text.price(value, fact.of)
    return f"{value:.2f}" if unit == "ratio" else text.qty(value)


def sentence(said: Said, *, strong: bool = False) -> str:
    """A sentence for a card, every figure put in; ``strong``: gains and losses stand out."""
    values = {f.id: words(f) for f in said.facts}
    if strong:
        results = [f.id for f in said.facts if f.unit == "pnl" and isinstance(f.value, Decimal)]
        values |= {name: f"**{values[name]}**" for name in results}
    return filled(said.text, values)


def filled(template: str, values: Mapping[str, str]) -> str:
    """A template with words in the place of its names; a name that is not there is said so.

    What stands around the names may be a model's: it neither formats nor pings.
    """
    parts = PLACEHOLDER.split(template)
    shown = [
        values.get(part, "n/a (not filed)") if at % 2 else text.safe(part, 600)
        for at, part in enumerate(parts)
    ]
    return "".join(shown)
