"""/usage counts what people do, how it ended, and outlives a restart."""

import json
from dataclasses import replace

import pytest

from engine.domain.desk import Document
from engine.domain.errors import NotAllowed, StoreUnavailable, UserError
from engine.reports import usage
from engine.reports.usage import Tally
from tests.discord.kit import desk, plain
from tests.unit.reports.examples import frame


async def test_uses_are_counted_with_their_end_and_written_down(tmp_path, monkeypatch):
    async with desk(tmp_path, monkeypatch) as it:
        for _ in range(3):
            await (await it.slash("tom", "orders", "positions")).replied()
        await (await it.slash("tom", "orders", "trace", id="A-nobody")).replied()
        await (await it.slash("tom", "orders", "export", what="trades")).replied()
        await (await it.slash("vic", "orders", "positions")).replied()
        await it.app.usage.save()
        await (await it.slash("tom", "orders", "positions")).replied()
        found = {(t.name, t.user_id): t for t in await it.app.usage.of_days(1)}
        tom, vic = it.user("tom").user.id, it.user("vic").user.id
        assert found["export", tom].mistaken == 1
        assert found["positions", vic].refused == 1
        shown = plain((await it.slash("ada", "admin", "usage")).reply)
        assert "positions" in shown
        assert "Never used" in shown
        assert "about" in shown
        people = plain((await it.slash("ada", "admin", "usage", by="user")).reply)
        assert f"<@{tom}> 6" in people
        await it.app.usage.save()
        (kept,) = await it.app.desk.store.find(Document, where={"kind": "usage"})
        uses = [row for row in json.loads(kept.body) if row["name"] == "positions"]
        assert sorted(row["done"] + row["refused"] for row in uses) == [1, 4]


async def test_what_cannot_be_written_is_counted_later(tmp_path, monkeypatch):
    async with desk(tmp_path, monkeypatch) as it:
        it.app.usage.count("close", 7, "done", 0.004)

        async def full(*_):
            raise StoreUnavailable("disk full")

        with monkeypatch.context() as broken:
            broken.setattr(it.app.desk, "commit", full)
            with pytest.raises(StoreUnavailable):
                await it.app.usage.save()
        it.app.usage.count("close", 7, "failed", 60)
        await it.app.usage.save()
        (tally,) = [t for t in await it.app.usage.of_days(1) if t.name == "close"]
        assert (tally.n, tally.done, tally.failed) == (2, 1, 1)


async def test_books_that_refuse_the_last_word_are_not_asked_again_at_the_end(
    tmp_path, monkeypatch
):
    """P-01: a locked database makes each try wait five seconds, and ten is all there is."""
    async with desk(tmp_path, monkeypatch) as it:
        it.app.usage.count("close", 7, "done", 0.004)
        asked = []

        async def locked(*events):
            asked.append(events)
            raise StoreUnavailable("locked")

        with monkeypatch.context() as broken:
            broken.setattr(it.app.desk, "commit", locked)
            await it.app._note_end()
        assert len(asked) == 1


def test_times_are_bounds_and_what_nobody_used_is_named():
    from bot.usage import outcome_of

    assert [outcome_of(e) for e in (None, NotAllowed("x"), UserError("x"), KeyError("x"))] == [
        "done",
        "refused",
        "mistaken",
        "failed",
    ]
    fast = replace(Tally(name="close", user_id=1), done=19, times=(19, *(0,) * 11))
    slow = replace(Tally(name="close", user_id=2), failed=2, times=(*(0,) * 11, 2))
    made = usage.build(
        frame(), days=7, by="command", tallies=[fast, slow], known=["close", "buy", "close"]
    )
    (row,) = made.rows
    assert (row.n, row.failed, row.p95_ms) == (21, 2, None)
    assert row.done_pct == pytest.approx(100 * 19 / 21)
    assert made.unused == ("buy",)
    actions = usage.build(frame(), days=7, by="action", tallies=[fast], known=[])
    assert actions.rows == ()
