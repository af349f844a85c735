"""Sentences whose figures code fills in: a template, and the facts that its placeholders name.

No sentence, ours or a model's, carries a figure of its own: it says ``{day.realised}``, and the
surface puts the fact there with its sign, currency and decimals. What has no fact cannot be said.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from typing import Literal

from engine.domain.instrument import Instrument
from engine.reports import Missing

Unit = Literal["usd", "pnl", "r", "pct", "change", "price", "n", "ratio", "at", "words", "foreign"]
"""usd: dollars; pnl: dollars with their sign; pct: 0-100; change: percent with its sign; n: a
count or quantity; ratio: two decimals; words: ours; foreign: other people's, no instruction."""
Value = Decimal | Missing | str | datetime

PLACEHOLDER = re.compile(r"\{([a-z][a-z0-9_.-]{0,63})\}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    """One figure or name of the book, with where it can be looked up."""

    id: str
    """Lower case, with dots: ``day.realised``, ``pos.t1.r``."""
    what: str
    """What it is, in plain words."""
    value: Value
    unit: Unit
    source: str
    """The command that shows it too: ``/profit-loss``."""
    symbol: str = ""
    """What it is about, when it is about one symbol."""
    of: Instrument | None = None
    """For prices: whose tick they are written with."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """A sentence and the facts that it names."""

    text: str
    facts: tuple[Fact, ...] = ()

    @property
    def unknown(self) -> tuple[str, ...]:
        """Placeholders that no fact stands behind."""
        known = {f.id for f in self.facts}
        return tuple(name for name in names_in(self.text) if name not in known)


def names_in(text: str) -> tuple[str, ...]:
    """The placeholders of a template, in order, each once."""
    return tuple(dict.fromkeys(PLACEHOLDER.findall(text)))


def say(text: str, facts: Mapping[str, Fact]) -> Said:
    """A sentence with exactly the facts that it names.

    Raises:
        KeyError: it names one that is not there.
    """
    return Said(text=text, facts=tuple(facts[name] for name in names_in(text)))


def under(said: Said, prefix: str) -> Said:
    """The same sentence with ids of its own: ``pos.net`` becomes ``do.n1.net`` under ``do.n1``.

    So that two sentences made by one rule can stand in one context.
    """
    new = {f.id: f"{prefix}.{f.id.rpartition('.')[2]}" for f in said.facts}
    text = PLACEHOLDER.sub(lambda found: f"{{{new.get(found[1], found[1])}}}", said.text)
    return Said(text=text, facts=tuple(replace(f, id=new[f.id]) for f in said.facts))


def by_id(facts: Iterable[Fact]) -> dict[str, Fact]:
    """Facts by their id; the first of a name stays."""
    found: dict[str, Fact] = {}
    for fact in facts:
        found.setdefault(fact.id, fact)
    return found


def number(
    id_: str,
    what: str,
    value: Decimal | int | Missing | None,
    unit: Unit,
    source: str,
    *,
    symbol: str = "",
    of: Instrument | None = None,
    why: str = "not known",
) -> Fact:
    """A figure; ``why`` it is missing when it is None."""
    figure = Decimal(value) if isinstance(value, int) else value
    known: Value = Missing(why) if figure is None else figure
    return Fact(id=id_, what=what, value=known, unit=unit, source=source, symbol=symbol, of=of)


def words(id_: str, what: str, value: str, source: str, *, symbol: str = "") -> Fact:
    """A name or a sentence of ours, as the desk writes it."""
    return Fact(id=id_, what=what, value=value, unit="words", source=source, symbol=symbol)


def foreign(id_: str, what: str, value: str, source: str, *, symbol: str = "") -> Fact:
    """Words of somebody else: an alert, a headline, a note."""
    return Fact(id=id_, what=what, value=value, unit="foreign", source=source, symbol=symbol)


def moment(id_: str, what: str, value: datetime | None, source: str, why: str) -> Fact:
    """A point in time."""
    known: Value = Missing(why) if value is None else value
    return Fact(id=id_, what=what, value=known, unit="at", source=source)
