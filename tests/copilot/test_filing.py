"""What was advised is kept once a day with its inputs, and scored a day later."""

from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from bot import advised
from bot.app import App
from bot.cards import why as why_card
from bot.config import load
from bot.demo import world
from engine.clock import ManualClock
from engine.copilot import filing
from engine.domain.desk import Document, Who
from engine.domain.errors import StoreUnavailable, UserError
from engine.domain.quote import Leg
from tests.copilot import book
from tests.live import HandFeed, config_file
from tests.unit.reports import examples as ex
from tests.unit.reports.examples import NOW

TOM = Who(user_id=7, name="tom", may_trade=True, may_approve=True)
ANN = Who(user_id=8, name="ann", may_trade=True)


@pytest.fixture
async def app(tmp_path, monkeypatch) -> Any:
    """A desk without Discord, with a clock that is moved by hand."""
    monkeypatch.setenv("TS_DISCORD_TOKEN", world.TOKEN)
    nowhere = SimpleNamespace(api_base="http://127.0.0.1:9", gateway_url="ws://127.0.0.1:9")
    path = config_file(tmp_path, nowhere)  # type: ignore[arg-type]
    made = App(load(path), feed=HandFeed(), clock=ManualClock(NOW))
    await made.store.open()
    yield made
    await made.desk.stop_tasks()
    await made.store.close()


async def test_advice_is_kept_once_and_scored_after_a_day(app: App) -> None:
    trade = ex.trade(legs=(Leg(instrument=ex.SHORT_PUT),))
    desk = app.desk
    held = ex.position(ex.SHORT_PUT, ex.lot("2", "2.55", "1.30"))
    await desk.commit(desk.event("test.opened", "A-1", trade, held))
    report = book.seen().advice
    for _ in range(2):
        await advised.file(app, TOM, report)
    found = await desk.store.find(Document, where={"kind": filing.RECOMMENDATION})
    assert len(found) == len(report.rows)
    await advised.score_due(app)
    assert all(filing.read(d)["outcome"] is None for d in await documents(app))

    app.clock.advance(timedelta(hours=25).total_seconds())  # type: ignore[attr-defined]
    price = ex.quote(ex.SHORT_PUT, "2.84", "2.84", received_at=desk.clock.now())
    app.board.put(price)
    await advised.score_due(app)
    scored = {d.subject: filing.read(d)["outcome"] for d in await documents(app)}
    assert scored["SPY"]["followed"] is False
    assert scored["SPY"]["helped"] is True, "half should have been taken at 3.16"
    assert scored["SPY"]["moved_pct"] == "-10.13"
    versions = {d.document_id: d.version for d in await documents(app)}
    await advised.score_due(app)
    assert {d.document_id: d.version for d in await documents(app)} == versions

    ref = next(d.document_id for d in await documents(app) if d.subject == "SPY")
    shown = str(why_card.show(await app.chronicle.why(ref, ANN)).description)
    assert "it was not followed" in shown
    assert "right so far" in shown
    assert "93.8%" in shown, "as it was shown then"


async def documents(app: App) -> list[Document]:
    """All recommendations."""
    return await app.desk.store.find(Document, where={"kind": filing.RECOMMENDATION})


async def test_an_answer_is_kept_with_its_facts_for_the_one_who_asked(app: App) -> None:
    async def show(embed: Any, view: Any) -> None:
        del embed, view

    report = await app.copilot.answer(TOM, "what can be done?", show, research=True)
    ref = report.stamp.ref
    kept = await app.desk.store.get(Document, ref)
    assert kept is not None
    body = filing.read(kept)
    assert body["question"] == "what can be done?"
    assert body["facts"]["pos.n"] == "0"
    assert body["model"] == ""
    assert kept.user_id == 7
    assert "what can be done?" in str((await app.chronicle.why(ref, TOM)).title)
    with pytest.raises(UserError, match="another person"):
        await app.chronicle.why(ref, ANN)
    assert app.chronicle.shown(7)[0][0] == ref
    assert app.chronicle.shown(8) == []


async def test_books_that_cannot_be_written_keep_nobody_from_an_answer(app: App) -> None:
    cards = []

    async def show(embed: Any, view: Any) -> None:
        cards.append((embed, view))

    async def broken(*events: Any) -> None:
        del events
        raise StoreUnavailable("the disk is full")

    app.desk.commit = broken  # type: ignore[method-assign]
    report = await app.copilot.answer(TOM, "what do I hold?", show, research=True)
    assert len(cards) == 1
    assert "Nothing is held" in report.plain[0].text
