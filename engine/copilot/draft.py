"""What a model may hand in, and the guard that lets nothing else through.

A sentence of a model is kept only when every figure in it is a fact of the context, put there by
code, and every word between is one of :mod:`engine.copilot.vocabulary`: no digit, no number word of
any language, no link, mention, command or key. Actions are names of proposals that code has made.
"""

import re
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

from pydantic import BaseModel, ConfigDict

from engine.copilot.vocabulary import strange
from engine.reports._said import PLACEHOLDER, Fact, Said, names_in, say

MOST_SENTENCES = 8
_LONGEST = 400
_RUN = 4
"""So many words in a row that stand in a foreign text as well are a quotation."""


class Draft(BaseModel):
    """A model's interpretation."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    sentences: list[str]
    """Plain sentences; figures only as names of facts in braces."""
    proposals: list[str]
    """Ids of offered actions that fit, most fitting first."""
    confidence: Literal["high", "medium", "low"]


class LookUp(BaseModel):
    """Read more facts of one subject of the desk's book. Changes nothing."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    topic: Literal[
        "alerts",
        "day",
        "exposure",
        "market",
        "moves",
        "news",
        "notes",
        "orders",
        "performance",
        "plan",
        "positions",
        "risk",
        "what_if",
    ]
    """A file of ``engine/copilot/topics``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Guarded:
    """What is left of a draft."""

    reading: tuple[Said, ...]
    proposals: tuple[str, ...]
    """Ids that exist, in the model's order."""
    n_removed: int
    """Sentences and actions that were taken out."""


_ONE = re.compile(r"\b(?:this|that|no|which|each|any|every|the) one\b", re.IGNORECASE)
"""Where "one" stands for a thing and counts none."""
_OWN = re.compile(r"(?<=\s)['’]s\b")
"""What a placeholder leaves behind of its possessive."""
_COUNTING = frozenset(
    {"ONE", "TWO", "SIX", "TEN", "FIVE", "HALF", "BOTH", "PAIR", "ZERO", "MM", "K"}
)
_GLUED = re.compile(
    r"[-+−–—*/x^.,\w]\{|\}\s*[-+−–—*/^{]|\}\w|\}[.,:]\S|[-+−–—]\s+\{"
    r"|\}\s+(?:point|times|by|over|and a half)\s+\{"
)
"""A sign, a letter or another fact that would make another figure of a fact."""
_LINK = re.compile(r"://|www\.|\b[\w-]+\.[a-z]{2,}\b|@|<|>|`|\[|\]", re.IGNORECASE)
_COMMAND = re.compile(r"#\w|(?<![\w.])/[a-z]")
_SECRET = re.compile(
    r"\b(api[ _-]?keys?|tokens?|passwords?|secrets?|private keys?|system prompt)\b", re.IGNORECASE
)


def guard(
    draft: Draft,
    facts: Mapping[str, Fact],
    offered: Iterable[str],
    is_harmful: re.Pattern[str] | None = None,
    foreign: Iterable[str] = (),
) -> Guarded:
    """What may be shown of a draft; ``offered``: ids of the proposals that code has made.

    ``is_harmful``: anything else that must not be shown, such as the shapes of keys; ``foreign``:
    other people's words, which a model may not pass on as its own.
    """
    allowed, theirs = set(offered), {run for text in foreign for run in _runs(text)}
    kept: list[Said] = []
    for sentence in draft.sentences[:MOST_SENTENCES]:
        text = " ".join(sentence.split())
        is_bad = why_not(text, facts) or (is_harmful and is_harmful.search(text))
        if not is_bad and not theirs & set(_runs(text)):
            kept.append(say(text, facts))
    chosen = [a for a in dict.fromkeys(draft.proposals) if a in allowed]
    n_removed = len(draft.sentences) - len(kept) + len(draft.proposals) - len(chosen)
    return Guarded(reading=tuple(kept), proposals=tuple(chosen), n_removed=n_removed)


def why_not(sentence: str, facts: Mapping[str, Fact]) -> str:
    """Why a sentence may not be shown; empty when it may."""
    if not sentence or len(sentence) > _LONGEST:
        return "empty or too long"
    named = [facts.get(name) for name in names_in(sentence)]
    if any(fact is None or fact.unit == "foreign" for fact in named):
        return "names a fact that is not there, or other people's words"
    bare = PLACEHOLDER.sub(" ", sentence)
    rest = unicodedata.normalize("NFKC", bare)
    if any(unicodedata.category(c) in _NO_CHARACTERS for c in sentence):
        return "hidden characters"
    if any(unicodedata.category(c).startswith("N") for c in bare + rest):
        return "a figure of its own"
    if _GLUED.search(sentence):
        return "a figure made of facts and signs"
    if "{" in rest or "}" in rest or "$" in rest or "%" in rest:
        return "a broken placeholder or a currency without a fact"
    if _LINK.search(rest):
        return "a link or mention"
    if _COMMAND.search(rest):
        return "a command"
    if _SECRET.search(rest):
        return "about secrets"
    odd = strange(_OWN.sub(" ", _ONE.sub(" ", bare)), _symbols(facts))
    return f"no plain word: {odd}" if odd else ""


def _symbols(facts: Mapping[str, Fact]) -> frozenset[str]:
    """Tickers of the book, as they are written; a ticker that is a word of counting is none."""
    return frozenset(
        f.symbol for f in facts.values() if f.symbol.isalpha() and f.symbol not in _COUNTING
    )


def _runs(text: str) -> list[tuple[str, ...]]:
    """Every run of so many words, whatever stands between them; a shorter text is one run."""
    plain = unicodedata.normalize("NFKC", text).casefold()
    words = re.findall(r"[^\W_]+", plain)
    if len(words) <= _RUN:
        return [tuple(words)] if words else []
    return [tuple(words[i : i + _RUN]) for i in range(len(words) - _RUN + 1)]


_NO_CHARACTERS = frozenset({"Cf", "Co", "Cs", "Cn", "Cc"})
