"""Recommendations that people were shown, kept with their inputs, scored a day later."""

import logging
from datetime import timedelta
from typing import TYPE_CHECKING

from bot import said
from engine.copilot import filing, score
from engine.domain.desk import Document, Who
from engine.domain.errors import Conflict, StoreUnavailable
from engine.domain.record import changed
from engine.reports.recommendations import RecommendationsReport

if TYPE_CHECKING:
    from bot.app import App

log = logging.getLogger(__name__)

SCORE_S = 900.0
"""So often it is looked which recommendations are a day old."""
_AGE = timedelta(days=1)
_OLDEST = timedelta(days=7)
_MOST = 200


async def file(app: "App", who: Who, report: RecommendationsReport) -> None:
    """Keep what was shown; the same recommendation of the same day once.

    Books that cannot be written keep nobody from being advised.
    """
    desk = app.desk
    new: list[Document] = []
    for row in report.rows:
        made = filing.recommendation(row, said.plain, at=report.stamp.at, user_id=who.user_id)
        app.chronicle.remember(who.user_id, made.document_id, f"{row.label} {row.action}")
        if await desk.store.get(Document, made.document_id) is None:
            new.append(made)
    if not new:
        return
    events = [
        desk.event("copilot.advised", d.document_id, d, actor=f"user:{who.user_id}") for d in new
    ]
    try:
        await desk.commit(*events)
    except (StoreUnavailable, Conflict) as error:
        log.warning("%s recommendations were not filed: %s", len(new), error)


async def score_due(app: "App") -> None:
    """Score what was advised a day ago or more and is not scored yet."""
    desk = app.desk
    now = desk.clock.now()
    found = await desk.store.find(
        Document, where={"kind": filing.RECOMMENDATION}, since=("filed_at", now - _OLDEST)
    )
    for document in found[:_MOST]:
        body = filing.read(document)
        if body.get("outcome") is not None or now - document.filed_at < _AGE:
            continue
        trade = await desk.trade(str(body.get("trade_id", "")))
        unit = None if trade is None else app.reading.frame().unit(trade.legs)
        outcome = score.outcome(body, document.filed_at, now, trade, unit)
        if outcome is None:
            continue
        after = changed(document, body=filing.dumped(body | {"outcome": outcome}))
        await desk.commit(desk.event("copilot.scored", document.document_id, after))
