"""A question to the copilot: facts at once, filed; then a model's reading, guarded, filed as well.

Nothing here changes anything but the file of answers and the count of tokens.
"""

import logging
import re
from collections.abc import Callable
from dataclasses import dataclass

from engine.copilot import filing, prompt
from engine.copilot.answer import Composed, compose
from engine.copilot.budget import FACT, Budget, tokens_of
from engine.copilot.draft import guard
from engine.copilot.model import Model, ModelDown, Spent
from engine.copilot.prompt import Words
from engine.copilot.question import Asked
from engine.copilot.seen import Seen
from engine.desk import Desk
from engine.domain.desk import Document, Who
from engine.domain.errors import Conflict, StoreUnavailable
from engine.domain.record import Record, changed
from engine.market import new_york_date
from engine.reports import answer as answers
from engine.reports._said import Said
from engine.reports.answer import AnswerReport

log = logging.getLogger(__name__)

NO_MODEL = "no model is configured"
_OUT_OF = 3
"""A question may take a first answer, a second try, and look-ups: so many answers are set aside."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asking:
    """One question under way."""

    asked: Asked
    seen: Seen
    composed: Composed
    report: AnswerReport
    document: Document
    who: Who


async def begin(
    desk: Desk, asked: Asked, seen: Seen, who: Who, words: Words, note: str = ""
) -> Asking:
    """The answer that needs no model, filed.

    ``note``: why no model will read it; empty when one is about to.
    """
    composed = compose(asked, seen)
    answer_id = desk.ids.new("Q")
    report = answers.build(
        seen.frame,
        answer_id=answer_id,
        question=asked.text,
        plain=composed.plain,
        proposals=composed.proposals,
        note=note,
        is_stale=seen.positions.stamp.is_stale,
    )
    cost = filing.Cost()
    document = filing.answer(
        report, composed, words, answer_id=answer_id, user_id=who.user_id, cost=cost
    )
    await _file(desk, who, "copilot.answered", document)
    return Asking(
        asked=asked, seen=seen, composed=composed, report=report, document=document, who=who
    )


async def interpret(
    desk: Desk,
    asking: Asking,
    model: Model,
    budget: Budget,
    words: Words,
    *,
    research: bool,
    is_harmful: re.Pattern[str] | None = None,
) -> AnswerReport:
    """The same answer with a model's reading, or with the reason why there is none."""
    composed, began = asking.composed, desk.clock.monotonic()
    spent, n_removed, note = Spent(), 0, ""
    reading: tuple[Said, ...] = ()
    proposals = composed.proposals
    talk = prompt.messages(asking.asked, composed, words)
    size = sum(tokens_of(m["content"]) for m in talk)
    reserved = (size * _OUT_OF, model.max_tokens * _OUT_OF)
    day = new_york_date(desk.clock.now()).isoformat()
    refused = budget.reserve(day, asking.who.user_id, *reserved)
    if refused:
        note = f"no reading: {refused}"
    else:
        try:
            draft = await model.interpret(
                talk, _look_up(composed, words) if research else None, spent
            )
        except ModelDown as error:
            note = f"no reading by {model.name}: {error}"
        else:
            offered = [p.id for p in composed.proposals]
            theirs = [asking.asked.text, *_foreign(composed)]
            kept = guard(draft, composed.facts, offered, is_harmful, theirs)
            reading, n_removed = kept.reading, kept.n_removed
            first = [p for i in kept.proposals for p in composed.proposals if p.id == i]
            proposals = tuple(dict.fromkeys((*first, *composed.proposals)))
            note = _note(len(reading), n_removed)
        finally:
            budget.settle(asking.who.user_id, reserved, (spent.tokens_in, spent.tokens_out))
    report = answers.build(
        asking.seen.frame,
        answer_id=asking.report.stamp.ref,
        question=asking.report.question,
        plain=asking.report.plain,
        reading=reading,
        model=model.name,
        note=note,
        proposals=proposals,
        is_stale=asking.report.confidence == "low",
    )
    took_ms = int((desk.clock.monotonic() - began) * 1000)
    cost = filing.Cost(
        tokens_in=spent.tokens_in,
        tokens_out=spent.tokens_out,
        took_ms=took_ms,
        n_removed=n_removed,
    )
    written = filing.answer(
        report,
        composed,
        words,
        answer_id=asking.document.document_id,
        user_id=asking.who.user_id,
        cost=cost,
    )
    document = changed(asking.document, body=written.body)
    async with desk.lock("copilot"):
        used = desk.fact(FACT, budget.dump())
        await _file(desk, asking.who, "copilot.read", document, used)
    return report


def _foreign(composed: Composed) -> list[str]:
    """Other people's words among the facts."""
    return [str(f.value) for f in composed.facts.values() if f.unit == "foreign"]


def _look_up(composed: Composed, words: Words) -> Callable[[str], str]:
    return lambda topic: prompt.looked_up(topic, composed.facts, words)


def _note(n_kept: int, n_removed: int) -> str:
    if not n_kept:
        return "no reading: nothing of it could be shown"
    return "a part of its reading was taken out" if n_removed else ""


async def _file(desk: Desk, who: Who, kind: str, document: Document, *more: Record) -> None:
    """The journal keeps that there was an answer; its words stay in the document.

    Books that cannot be written keep nobody from being answered.
    """
    event = desk.event(kind, document.document_id, document, *more, actor=f"user:{who.user_id}")
    try:
        await desk.commit(event)
    except (StoreUnavailable, Conflict) as error:
        log.warning("answer %s was not filed: %s", document.document_id, error)


def known_symbols(desk: Desk) -> tuple[str, ...]:
    """Symbols that a question may mean: held, alerted, traded lately."""
    book = desk.book
    names = [t.symbol for t in book.open_trades()]
    names += [t.legs[0].instrument.symbol for t in book.open_trades()]
    names += [t.symbol for t in list(book.round_trips.values())[-200:]]
    names += [a.symbol for a in list(book.alerts.values())[-200:] if a.symbol]
    return tuple(dict.fromkeys(names))
