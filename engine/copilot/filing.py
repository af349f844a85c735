"""Answers and recommendations as documents: what was said, from which facts, by which model.

The facts are filed as the words that people saw, so that ``/why`` shows the moment itself.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from engine.copilot.answer import Composed
from engine.copilot.prompt import Words
from engine.domain.desk import Document
from engine.market import new_york_date
from engine.reports import Missing
from engine.reports._said import Said
from engine.reports.answer import AnswerReport
from engine.reports.recommendations import Advice

ANSWER, RECOMMENDATION = "answer", "recommendation"
_MOST_FACTS = 250


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """What the model took for one answer."""

    tokens_in: int = 0
    tokens_out: int = 0
    took_ms: int = 0
    n_removed: int = 0
    """Sentences and actions that the guard took out."""


def answer(
    report: AnswerReport,
    composed: Composed,
    words: Words,
    *,
    answer_id: str,
    user_id: int,
    cost: Cost,
) -> Document:
    """An answer with its inputs."""
    facts = {f.id: words(f) for f in composed.facts.values() if f.unit != "foreign"}
    body = {
        "question": report.question,
        "topics": list(composed.topics),
        "plain": [_said(s, words) for s in report.plain],
        "reading": [_said(s, words) for s in report.reading],
        "model": report.model,
        "note": report.note,
        "proposals": [
            {"id": p.id, "action": p.action, "button": p.button} for p in report.proposals
        ],
        "sources": list(report.sources),
        "confidence": report.confidence,
        "facts": dict(list(facts.items())[:_MOST_FACTS]),
        "tokens": [cost.tokens_in, cost.tokens_out],
        "took_ms": cost.took_ms,
        "n_removed": cost.n_removed,
    }
    return Document(
        document_id=answer_id,
        kind=ANSWER,
        subject=" ".join(composed.topics)[:200],
        user_id=user_id,
        filed_at=report.stamp.at,
        body=dumped(body),
    )


def recommendation(advice: Advice, words: Words, *, at: datetime, user_id: int) -> Document:
    """A recommendation as it was shown; the same one on the same day keeps its id."""
    body = {
        "key": advice.key,
        "kind": advice.kind,
        "label": advice.label,
        "action": advice.action,
        "button": advice.button,
        "reason": _said(advice.reason, words),
        "rule": advice.rule,
        "at_stake_usd": _figure(advice.at_stake_usd),
        "urgency": advice.urgency.name.lower(),
        "trade_id": advice.trade_id,
        "alert_id": advice.alert_id,
        "price": _figure(advice.price),
        "direction": advice.direction,
        "sources": list(dict.fromkeys(f.source for f in advice.reason.facts)),
        "outcome": None,
    }
    return Document(
        document_id=recommendation_id(advice, at),
        kind=RECOMMENDATION,
        subject=advice.symbol,
        user_id=user_id,
        filed_at=at,
        body=dumped(body),
    )


def recommendation_id(advice: Advice, at: datetime) -> str:
    """``R-20260130-4f9k2m7q``: a function of what is advised and of the New York day."""
    seal = hashlib.sha256(f"{advice.key}|{advice.action}".encode()).hexdigest()[:10]
    return f"R-{new_york_date(at):%Y%m%d}-{seal}"


def read(document: Document) -> dict[str, Any]:
    """The body of either kind."""
    body = json.loads(document.body)
    return body if isinstance(body, dict) else {}


def told(said: Mapping[str, Any]) -> tuple[str, dict[str, str]]:
    """Template and words of a filed sentence."""
    return str(said.get("text", "")), {str(k): str(v) for k, v in said.get("facts", {}).items()}


def _said(said: Said, words: Words) -> dict[str, Any]:
    return {"text": said.text, "facts": {f.id: words(f) for f in said.facts}}


def _figure(value: Decimal | Missing) -> str:
    return str(value) if isinstance(value, Missing) else f"{value:f}"


def number(text: object) -> Decimal | None:
    """A figure that was filed; None when it was missing."""
    try:
        found = Decimal(str(text))
    except ArithmeticError:
        return None
    return found if found.is_finite() else None


def dumped(body: Mapping[str, Any]) -> str:
    """A body as it is stored."""
    return json.dumps(body, ensure_ascii=False, sort_keys=True)
