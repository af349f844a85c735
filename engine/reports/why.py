"""What stood behind a recommendation, an answer or a decision: inputs, checks, model, outcome.

Recommendations and answers are read from their own documents, as they were filed; a decision about
an alert from its intents.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from engine.domain.order import Verdict
from engine.reports import Frame, Stamp
from engine.reports.alert_card import AlertCard


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A filed sentence: its template, and the words that stood in it."""

    text: str
    values: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class WhyReport:
    """What is on file."""

    stamp: Stamp
    kind: str
    """``answer``, ``recommendation`` or ``decision``."""
    title: str
    """A question, or what was advised; may hold other people's words."""
    at: datetime | None
    lines: tuple[Line, ...]
    reading: tuple[Line, ...]
    inputs: tuple[tuple[str, str], ...]
    """Names of facts and their words at that moment."""
    verdicts: tuple[Verdict, ...]
    notes: tuple[str, ...]
    """Sizing, guard, rule: how it was decided."""
    sources: tuple[str, ...]
    model: str
    confidence: str
    outcome: Mapping[str, Any] | None
    """Of a recommendation, once it is a day old."""


def build(frame: Frame, *, ref: str, kind: str, at: datetime, body: Mapping[str, Any]) -> WhyReport:
    """From a document of the copilot."""
    is_advice = kind == "recommendation"
    lines = [body.get("reason", {})] if is_advice else body.get("plain", [])
    title = f"{body.get('label', '')} → {body.get('action', '')}"
    notes = (f"rule: {body.get('rule', '')}", f"urgency: {body.get('urgency', '')}")
    return WhyReport(
        stamp=frame.stamp(ref),
        kind=kind,
        title=title if is_advice else str(body.get("question", "")),
        at=at,
        lines=tuple(_line(line) for line in lines),
        reading=tuple(_line(line) for line in body.get("reading", [])),
        inputs=tuple((str(k), str(v)) for k, v in _inputs(body, lines).items()),
        verdicts=(),
        notes=notes if is_advice else tuple(n for n in (str(body.get("note", "")),) if n),
        sources=tuple(str(s) for s in body.get("sources", ())),
        model=str(body.get("model", "")),
        confidence=str(body.get("confidence", "")),
        outcome=body.get("outcome"),
    )


def decision(card: AlertCard) -> WhyReport:
    """What the desk decided about an alert, and by which checks."""
    first = card.leanings[0] if card.leanings else None
    notes = (card.reason,) if first is None else (card.reason, first.sizing, first.guard)
    return WhyReport(
        stamp=card.stamp,
        kind="decision",
        title=first.words if first is not None else card.raw_text,
        at=card.received_at,
        lines=(),
        reading=(),
        inputs=(),
        verdicts=() if first is None else first.verdicts,
        notes=tuple(n for n in notes if n),
        sources=("/alerts show", "/trace"),
        model="",
        confidence="",
        outcome=None,
    )


def _line(filed: Mapping[str, Any]) -> Line:
    values = filed.get("facts", {})
    return Line(text=str(filed.get("text", "")), values={str(k): str(v) for k, v in values.items()})


def _inputs(body: Mapping[str, Any], lines: Any) -> dict[str, Any]:
    """The facts that the sentences name first, then all others that were known."""
    said = [*lines, *body.get("reading", [])]
    named = {k: v for line in said for k, v in line.get("facts", {}).items()}
    others = body.get("facts")
    return named | (others if isinstance(others, dict) else {})
