"""/backtest as people use it: a room of the past, played by the desk's own code in a process."""

import asyncio
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from functools import partial
from typing import Any

import pytest
import pytest_asyncio

from engine.clock import SystemClock
from engine.domain.alert import RawAlert
from engine.domain.candle import Candle, Candles, began_at, no_candles
from engine.domain.desk import Document, Intake
from tests.discord.kit import AAPL, Desk, desk, plain

D = Decimal
pytestmark = pytest.mark.asyncio(loop_scope="module")
START = began_at(SystemClock().now() - timedelta(hours=30), "1h")


class Past:
    """One share, minute by minute: 190, an hour later 195, then 180."""

    name = "made-up past"

    async def bars(self, instrument: Any, timeframe: str, n: int, until: Any = None) -> Candles:
        end = until or SystemClock().now()
        if instrument != AAPL:
            return no_candles(instrument, "1m", self.name, end, "nobody knows it")
        at, found = START - timedelta(hours=1), []
        while at < min(end, START + timedelta(hours=3)):
            hours = (at - START) / timedelta(hours=1)
            price = D(190) if hours < 1 else D(195) if hours < 2 else D(180)
            found.append(Candle(at=at, open=price, high=price, low=price, close=price))
            at += timedelta(minutes=1)
        return Candles(
            instrument=instrument,
            timeframe="1m",
            candles=tuple(found[-n:]),
            source=self.name,
            as_of=end,
            is_synthetic=True,
        )


async def heard(it: Desk, number: int, after: timedelta, text: str, who: str = "mike") -> None:
    """As if it had been said in the stocks room then."""
    room = it.sandbox.channel("stocks-room").id
    (profile,) = [p for p in it.app.desk.settings.sources.values() if p.channel_id == room]
    at: datetime = START + after
    message = RawAlert(
        guild_id=1,
        channel_id=room,
        message_id=900 + number,
        author_id=it.user(who).user.id,
        author_name=who,
        posted_at=at,
        received_at=at,
        text=text,
    )
    intake = Intake(source=profile.name, message=message, content_hash="x", verdict="alert")
    await it.app.desk.commit(it.app.desk.event("told", intake.key, intake))


def room_of(it: Desk) -> str:
    room = it.sandbox.channel("stocks-room").id
    (name,) = [n for n, p in it.app.desk.settings.sources.items() if p.channel_id == room]
    return name


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def it(tmp_path_factory: Any) -> Any:
    with pytest.MonkeyPatch.context() as patch:
        risk = {"cooldown": {"after_exit_min": 0}, "entry_window": {"stock": None}}
        async with desk(tmp_path_factory.mktemp("backtest"), patch, risk=risk) as made:
            patch.setattr(made.app.pace, "count", lambda *_, **__: None)
            made.app.history._archive = Past()
            minute = timedelta(minutes=1)
            await heard(made, 1, 5 * minute, "BUY 10 AAPL @ 190 stop 185")
            await heard(made, 2, 70 * minute, "Sold AAPL 195")
            await heard(made, 3, 80 * minute, "BUY 10 AAPL @ 195 stop 190")
            await heard(made, 4, 85 * minute, "BUY 10 AAPL @ 150 stop 140")
            await heard(made, 5, 90 * minute, "BUY 1000 AAPL @ 190 stop 185", who="tom")
            await heard(made, 6, 95 * minute, "BUY 10 ZZZZ @ 10 stop 9")
            await made.app.charts.warm()
            yield made


async def look(it: Desk, command: str, **options: Any) -> Any:
    return await it.user("tom").slash("orders", f"backtest {command}", **options).replied(60)


async def played(it: Desk, **options: Any) -> Any:
    """Run, and what it came to."""
    first = str(START.date() - timedelta(days=1))
    used = it.user("tom").slash(
        "orders", "backtest run", strategy=room_of(it), start=first, **options
    )
    await it.until(lambda: used.original and "Backtest of" in plain(used.original), 60)
    return used


async def test_a_room_is_played_again_to_the_cent(it: Desk) -> None:
    filed = partial(it.app.desk.store.count, Document, where={"kind": "backtest"})
    before = len(it.book.trades), await filed()
    used = await played(it, cash="50000")
    said = plain(used.original)
    # bought at the ask 190.02, sold at the bid 194.98; the second one's stop meets 180 at 179.98
    first = (D("194.98") - D("190.02")) * 10
    second = (D("179.98") - D("195.02")) * 10
    assert f"{first + second:+,.2f}".replace("-", "-$") in said
    assert "1/1" in said
    assert "1 left out" in said, "the one far from its price was never closed"
    assert "ZZZZ: nobody knows it" in said
    assert "6 messages" not in said, "nobody follows strangers"
    assert "5 messages" in said
    assert "SYNTHETIC" in said
    assert len(it.book.trades) == before[0], "nothing was traded"
    assert await filed() == before[1] + 1
    names = [a.filename for a in used.original.attachments]
    assert names == ["backtest.png", "equity.png", "backtest.csv"]
    assert "$1,000.00 in each of 2 trades" in said
    per_thousand = D("4.96") / D("190.02") * 1000 - D("15.04") / D("195.02") * 1000
    assert f"{per_thousand:,.2f}".replace("-", "-$") in said, "three ways, whatever the size"
    rows = used.original.attachments[2].data.decode()
    assert rows.count(",AAPL,") == 3, "the one that guards kept out, too"
    assert "at most 2" in rows


async def test_what_was_played_is_kept_and_set_beside_another(it: Desk) -> None:
    await played(it)
    await played(it, costs="stress")
    newest = await it.app.backtests.newest(5)
    stress, usual = (r.stamp.ref for r in newest[:2])
    again = await look(it, "results", id=usual)
    assert "Backtest of" in plain(again.reply)
    both = (await look(it, "compare", id=usual, other=stress)).reply
    assert [a.filename for a in both.attachments] == ["backtests.png"]
    beside = plain(both)
    assert "The second made" in beside
    assert "Not the same: costs" in beside
    listed = plain((await look(it, "list")).reply)
    assert usual in listed
    assert stress in listed
    none = await look(it, "results", id="BT-none")
    assert "no backtest of that name" in none.text


async def test_a_source_that_tells_few_candles_at_once_is_asked_on(
    it: Desk, monkeypatch: Any
) -> None:
    """What lay before its first answer was taken for silence."""
    await played(it)
    (whole,) = await it.app.backtests.newest(1)
    asked = replace(whole.asked, costs="default", cash_usd=D(50_000))
    plain_bars = Past.bars

    async def few(self: Past, *what: Any) -> Candles:
        page = await plain_bars(self, *what)
        return replace(page, candles=page.candles[-50:])

    async def quiet(_: str) -> None:
        return None

    one = await it.app.backtests.run(asked, 1, quiet)
    it.app.history._kept.clear()
    monkeypatch.setattr(Past, "bars", few)
    other = await it.app.backtests.run(asked, 1, quiet)
    assert other.cases == one.cases
    assert len(other.cases) == 3
    assert other.stamp.is_synthetic


async def test_the_end_of_the_bot_ends_it_too(it: Desk, monkeypatch: Any) -> None:
    """Only who calls it off is answered."""
    await played(it)
    (before,) = await it.app.backtests.newest(1)
    begun = asyncio.Event()

    async def told(_: str) -> None:
        begun.set()

    monkeypatch.setattr(Past, "bars", lambda *_: asyncio.Event().wait())
    it.app.history._kept.clear()
    task = asyncio.create_task(it.app.backtests.run(before.asked, 1, told))
    await begun.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert it.app.backtests.running is None


async def test_one_at_a_time_and_it_can_be_called_off(it: Desk, monkeypatch: Any) -> None:
    plain_bars = Past.bars

    async def slow(self: Past, *asked: Any) -> Candles:
        await asyncio.sleep(1)
        return await plain_bars(self, *asked)

    it.app.history._kept.clear()
    monkeypatch.setattr(Past, "bars", slow)
    first = str(START.date() - timedelta(days=1))
    used = it.user("tom").slash("orders", "backtest run", strategy=room_of(it), start=first)
    await it.until(lambda: it.app.backtests.running is not None)
    second = await look(it, "run", strategy=room_of(it), start=first)
    assert "One at a time; nothing was started" in second.text
    off = await look(it, "cancel")
    assert "is called off" in off.text
    await it.until(lambda: any("was called off" in plain(m) for m in used.followups))
    assert it.app.backtests.running is None


async def test_what_cannot_be_played_is_said(it: Desk) -> None:
    for options, said in (
        ({"strategy": "nowhere"}, "is no alert room"),
        ({"start": "yesterday"}, "is not a day"),
        ({"start": "2099-01-01"}, "come in this order"),
        ({"start": "2020-01-01", "end": "2020-12-31"}, "At most 31 days"),
        ({"cash": "many"}, "is not a number"),
        ({"cash": "5"}, "from 100 to"),
        ({"start": "2020-01-01", "end": "2020-01-02"}, "nothing to play"),
    ):
        used = await look(it, "run", **({"strategy": room_of(it)} | options))
        assert said in used.text, options
