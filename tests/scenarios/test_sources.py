"""What a source of quotes does not deliver is shown and told, and nothing stale counts as new."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import date, timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from bot.reading.outside import OutsideReading
from engine.brokers._wire.usage import Usage
from engine.domain.instrument import Instrument, future, stock
from engine.domain.quote import Quote
from engine.feeds._several import Several
from engine.flows.common.sources import WITHOUT_S, Sources
from engine.quality import Quality
from tests import rig as desks
from tests.rig import AAPL, Rig, spy


def feed(name: str, **more: Any) -> Any:
    """A feed that is said to be well."""
    return SimpleNamespace(name=name, kinds=frozenset({"stock"}), trouble="", limit="", **more)


@pytest.fixture
async def rig() -> AsyncIterator[Rig]:
    rig = await desks.start()
    yield rig
    await rig.close()


async def test_a_source_that_is_lost_is_told_once_and_so_is_its_return(rig: Rig) -> None:
    several = Several([feed("alpaca"), feed("tastytrade")], rig.clock)
    rig.desk.feed, sources = several, Sources(rig.desk)
    several.down = {"alpaca": "BrokerUnavailable: alpaca delivers nothing any more"}
    await sources.look()
    assert not rig.notes(), "it may be back in a moment"
    for _ in range(3):
        rig.clock.advance(WITHOUT_S)
        await sources.look()
    (told,) = rig.notes()
    assert told.startswith("⚠ Quotes of alpaca: BrokerUnavailable: alpaca delivers nothing")
    assert set(rig.desk.health) == {"feed alpaca"}
    several.down = {}
    await sources.look()
    assert rig.notes()[1:] == ["✔ alpaca: its quotes come as they should again."]
    assert not rig.desk.health


async def test_a_stream_that_is_missing_is_told_and_a_limit_of_the_plan_is_no_illness(
    rig: Rig,
) -> None:
    one = feed("alpaca")
    rig.desk.feed, sources = Several([one], rig.clock), Sources(rig.desk)
    one.trouble = "no stream of stocks (AuthFailed); asked for every 3 s instead"
    rig.desk.feed.down = {}
    await sources.look()
    rig.clock.advance(WITHOUT_S)
    await sources.look()
    assert "AuthFailed" in rig.notes()[0]
    one.trouble, one.limit = "", "not all of the stocks is streamed (405 symbol limit exceeded)"
    for _ in range(2):
        await sources.look()
    assert rig.notes()[2:] == [f"Quotes of alpaca: {one.limit}."]
    assert not rig.desk.health


async def test_of_a_source_that_comes_and_goes_people_are_told_once_an_hour(rig: Rig) -> None:
    several = Several([feed("alpaca")], rig.clock)
    rig.desk.feed, sources = several, Sources(rig.desk)
    for _ in range(20):
        for down in ({"alpaca": "no answer"}, {"alpaca": "no answer"}, {}):
            several.down = down
            await sources.look()
            rig.clock.advance(WITHOUT_S + 1)
    assert [note[0] for note in rig.notes()] == ["⚠", "✔"]
    assert not rig.desk.health
    several.down = {"alpaca": "no answer"}
    rig.clock.advance(3600)
    for _ in range(2):
        await sources.look()
        rig.clock.advance(WITHOUT_S)
    assert [note[0] for note in rig.notes()] == ["⚠", "✔", "⚠"]


async def test_only_what_is_of_this_moment_counts_as_a_new_quote(rig: Rig) -> None:
    """/data refresh: a feed that tells its last quote, however old, has no new one."""
    rig.board.quality = Quality()
    known = rig.quote(AAPL, "190.00", "190.02")
    said: list[Quote] = [known]

    async def quote(_: Instrument) -> Quote:
        return said[-1]

    rig.desk.feed = feed("hand", quote=quote)
    outside = OutsideReading(rig.desk, lambda: None)  # type: ignore[arg-type, return-value]
    assert await outside.refresh() == (1, [])
    rig.clock.advance(600)
    assert await outside.refresh() == (0, ["AAPL"])
    now = rig.clock.now()
    said += [replace(known, bid=known.ask, ask=known.bid, exchange_at=now, received_at=now)]
    assert await outside.refresh() == (0, ["AAPL"]), "a crossed market is no quote"
    said += [replace(known, exchange_at=now - timedelta(seconds=1), received_at=now)]
    assert await outside.refresh() == (1, [])


async def test_a_symbols_data_is_its_own_and_not_that_of_its_first_option(rig: Rig) -> None:
    """/data quality SPY told of SPY 603C, once that was quoted first."""
    rig.board.quality = Quality()
    rig.quote(spy(), "2.14", "2.16")
    outside = OutsideReading(rig.desk, lambda: SimpleNamespace(now=rig.clock.now(), stamp=str))  # type: ignore[arg-type, return-value]

    def shown(name: str) -> str:
        (row,) = outside.data(name).rows
        return row.label

    assert shown("SPY") == spy().label, "better than nothing"
    rig.quote(stock("SPY"), "600.00", "600.02")
    mes = future("MES", date(2025, 3, 21))
    rig.quote(mes, "6000", "6000.25")
    assert shown("$spy ") == "SPY"
    assert shown(spy().label.lower()) == spy().label
    assert shown("/MES") == shown("mes") == mes.label


async def test_an_option_that_is_over_is_no_poor_data(rig: Rig) -> None:
    rig.board.quality = Quality()
    rig.quote(AAPL, "190.00", "190.02")
    rig.quote(spy(), "2.14", "2.16")
    outside = OutsideReading(rig.desk, lambda: SimpleNamespace(now=rig.clock.now(), stamp=str))  # type: ignore[arg-type, return-value]
    assert {row.label for row in outside.data().rows} == {"AAPL", spy().label}
    rig.clock.advance(3 * 24 * 3600)
    assert {row.label for row in outside.data().rows} == {"AAPL"}


async def test_calls_of_every_live_feed_are_counted_beside_the_brokers(rig: Rig) -> None:
    """C06: live feeds are heard as one, which counted nothing: a feed's 429s were told nowhere."""
    counted = []
    for name in ("alpaca", "schwab"):
        usage = Usage(rig.clock)
        usage.called()
        counted.append(feed(name, usage=usage))
    counted[1].usage.n_limited = 3
    outside = OutsideReading(rig.desk, lambda: None)  # type: ignore[arg-type, return-value]
    rig.desk.feed = Several([*counted, feed("hand")], rig.clock)
    assert [(a.provider, a.n_calls, a.n_limited) for a in outside.apis()] == [
        ("feed alpaca", 1, 0),
        ("feed schwab", 1, 3),
    ]
    rig.desk.feed = counted[1]
    assert [a.provider for a in outside.apis()] == ["feed schwab"]
    rig.desk.feed = None
    assert not outside.apis()
