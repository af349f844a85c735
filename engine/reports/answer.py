"""An answer: the desk's facts in plain sentences, a model's reading of them, and what may be done.

The sentences name facts and hold no figure of their own; the card puts the figures in.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from engine.reports import Frame, Missing, Stamp
from engine.reports._said import Fact, Said

Confidence = Literal["high", "medium", "low"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """Something that a button offers; pressing it asks the ordinary confirmation."""

    id: str
    """``a1``: how a model points at it."""
    action: str
    """One line of the # grammar."""
    button: str
    why: Said | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerReport:
    """One answer as people see it."""

    stamp: Stamp
    question: str
    """As it was typed."""
    plain: tuple[Said, ...]
    """From the desk's own reports, without a model."""
    reading: tuple[Said, ...]
    """A model's interpretation; () when none was asked or none could be used."""
    model: str
    """Name of the model behind ``reading``; empty: no model."""
    note: str
    """Why there is no reading, or what of it was taken out."""
    proposals: tuple[Proposal, ...]
    sources: tuple[str, ...]
    """Commands that show the same figures."""
    confidence: Confidence
    """high: every figure named is known and fresh; medium: one is missing; low: old prices."""


def build(
    frame: Frame,
    *,
    answer_id: str,
    question: str,
    plain: Iterable[Said],
    reading: Iterable[Said] = (),
    model: str = "",
    note: str = "",
    proposals: Iterable[Proposal] = (),
    is_stale: bool = False,
) -> AnswerReport:
    """The answer; its sources are those of the facts that it names."""
    said, read = tuple(plain), tuple(reading)
    used = [f for s in (*said, *read) for f in s.facts]
    return AnswerReport(
        stamp=frame.stamp(answer_id),
        question=question,
        plain=said,
        reading=read,
        model=model if read else "",
        note=note,
        proposals=tuple(proposals),
        sources=tuple(dict.fromkeys(f.source for f in used if f.source)),
        confidence="low" if is_stale else confidence(used),
    )


def confidence(used: Iterable[Fact]) -> Confidence:
    """``medium`` as soon as one named figure is not known."""
    return "medium" if any(isinstance(f.value, Missing) for f in used) else "high"
