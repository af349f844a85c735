"""Every store keeps the same promises: in memory, on SQLite, on a real PostgreSQL."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from engine.clock import ManualClock
from engine.domain.alert import Alert, NotAnAlert, Parsed
from engine.domain.desk import AlertRecord, Fact, Intake
from engine.domain.errors import Conflict, InvariantError, StoreUnavailable
from engine.domain.order import Order, OrderState
from engine.domain.record import changed
from engine.domain.trade import Execution, Trade, TradeState
from engine.store import Store, Vault
from storage.memory import MemoryStore, MemoryVault
from storage.sql import SqlStore, SqlVault
from tests.unit.storage.kit import (
    KEY,
    T0,
    clean_up,  # noqa: F401 - a fixture
    event,
    execution,
    fact,
    intake,
    order,
    trade,
)
from tests.unit.storage.kit import sqlite_url as sqlite_url_in
from tests.unit.storage.postgres import postgres_url

KINDS = ["memory", "sqlite", "postgres"]


@pytest.fixture(params=KINDS)
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Store]:
    if request.param == "memory":
        made: Store = MemoryStore(KEY)
    elif request.param == "sqlite":
        made = SqlStore(sqlite_url_in(tmp_path), KEY, ManualClock(T0))
    else:
        made = SqlStore(postgres_url(), KEY, ManualClock(T0))
    await made.open()
    yield made
    await made.close()


async def test_gives_back_what_was_committed(store: Store) -> None:
    put = trade(realised_usd=Decimal("12.3400"))

    last = await store.commit([event(put, kind="trade.made", note="x")])

    assert last == 1
    assert await store.get(Trade, put.key) == put
    assert str((await store.find(Trade))[0].realised_usd) == "12.3400"
    assert await store.get(Trade, "T-none") is None
    assert await store.get(Order, put.key) is None


async def test_survives_being_closed_and_opened(store: Store) -> None:
    await store.commit([event(trade(1), order(1))])
    await store.commit([event(fact())])
    await store.close()
    await store.open()

    assert await store.get(Trade, "T-1") == trade(1)
    assert [j.seq for j in await store.events()] == [1, 2]
    assert await store.commit([event(trade(2))]) == 3
    assert (await store.verify()).is_ok


async def test_refuses_a_second_first_version(store: Store) -> None:
    await store.commit([event(trade(1))])

    with pytest.raises(Conflict, match="trades T-1 stands at version 1; version 1 does not follow"):
        await store.commit([event(trade(2)), event(trade(1, symbol="QQQ"))])

    assert await store.get(Trade, "T-2") is None
    assert await store.find(Trade) == [trade(1)]
    assert len(await store.events()) == 1


async def test_refuses_a_version_that_does_not_follow(store: Store) -> None:
    first = trade(1)
    await store.commit([event(first)])
    second = changed(first, state=TradeState.OPEN)
    await store.commit([event(second)])

    with pytest.raises(Conflict, match="stands at version 2; version 2 does not follow"):
        await store.commit([event(fact()), event(changed(first, state=TradeState.VOID))])
    with pytest.raises(Conflict, match="trades T-9 does not exist; version 4 does not follow"):
        await store.commit([event(trade(9, version=4))])
    with pytest.raises(Conflict):
        await store.commit([event(trade(7)), event(trade(7, version=3))])

    assert await store.get(Trade, "T-1") == second
    assert await store.get(Fact, "halt") is None
    assert await store.get(Trade, "T-7") is None
    assert await store.commit([event(fact())]) == 3


async def test_two_versions_in_one_commit_follow_on_each_other(store: Store) -> None:
    first = trade(1)
    await store.commit([event(first, kind="a"), event(changed(first, symbol="QQQ"), kind="b")])

    assert await store.get(Trade, "T-1") == changed(first, symbol="QQQ")
    assert [j.event.puts[0].version for j in await store.events()] == [1, 2]
    assert (await store.verify()).is_ok


async def test_an_event_without_records_is_kept(store: Store) -> None:
    await store.commit([event(kind="command.refused", who=7, price=Decimal("1.10"), at=T0)])

    (found,) = await store.events()
    assert found.event.kind == "command.refused"
    assert found.event.actor == "tester"
    assert found.event.at == T0
    assert found.event.data == {"who": 7, "price": "1.10", "at": T0.isoformat()}


async def test_committing_nothing_says_where_the_journal_stands(store: Store) -> None:
    assert await store.commit([]) == 0
    await store.commit([event(fact())])
    assert await store.commit([]) == 1


async def test_events_carry_the_records_as_they_were(store: Store) -> None:
    first = trade(1)
    second = changed(first, state=TradeState.OPEN)
    await store.commit([event(first, order(1), kind="made"), event(kind="noted", ref="A-2")])
    await store.commit([event(second, kind="opened")])

    assert [j.event.puts for j in await store.events(ref="A-1")] == [(first, order(1)), (second,)]
    assert [j.seq for j in await store.events(after=1)] == [2, 3]
    assert [j.seq for j in await store.events(limit=1)] == [1]
    assert [j.seq for j in await store.events(ref="A-1", after=1)] == [3]
    assert await store.events(ref="A-7") == []
    assert await store.events(limit=0) == []


async def test_finds_by_promoted_columns_in_order_of_creation(store: Store) -> None:
    names = [5, 3, 9, 1]
    states = [TradeState.OPEN, TradeState.PENDING, TradeState.OPEN, TradeState.CLOSED]
    trades = [trade(n, state=state) for n, state in zip(names, states, strict=True)]
    for one in trades:
        await store.commit([event(one)])
    await store.commit([event(changed(trades[0], symbol="QQQ"))])
    trades[0] = changed(trades[0], symbol="QQQ")

    assert await store.find(Trade) == trades
    assert await store.find(Trade, newest_first=True, limit=2) == [trades[3], trades[2]]
    assert await store.find(Trade, where={"state": TradeState.OPEN}) == [trades[0], trades[2]]
    assert await store.find(Trade, where={"state": "OPEN", "symbol": "QQQ"}) == [trades[0]]
    either = frozenset({TradeState.OPEN, TradeState.CLOSED})
    assert await store.find(Trade, where={"state": either}) == [trades[0], trades[2], trades[3]]
    assert await store.find(Trade, where={"state": tuple(either)}, limit=1) == [trades[0]]
    assert await store.find(Trade, where={"state": ()}) == []
    assert await store.find(Trade, limit=0) == []
    assert await store.count(Trade) == 4
    assert await store.count(Trade, where={"state": TradeState.OPEN}) == 2


async def test_finds_what_is_not_set(store: Store) -> None:
    closed = trade(1, closed_at=T0)
    await store.commit([event(closed, trade(2))])

    assert await store.find(Trade, where={"closed_at": None}) == [trade(2)]
    assert await store.find(Trade, where={"closed_at": (None, T0)}) == [closed, trade(2)]
    assert await store.find(Trade, where={"closed_at": T0}) == [closed]


async def test_finds_since_a_moment(store: Store) -> None:
    late = [trade(n, opened_at=T0 + timedelta(microseconds=n * 500_000)) for n in range(4)]
    await store.commit([event(*late, trade(9))])

    since = T0 + timedelta(seconds=1)
    assert await store.find(Trade, since=("opened_at", since)) == late[2:]
    newest = await store.find(Trade, since=("opened_at", T0), newest_first=True, limit=1)
    assert newest == [late[3]]


async def test_a_column_that_is_not_promoted_is_our_bug(store: Store) -> None:
    for bad in ({"qty_open": 1}, {"key; DROP TABLE trades": 1}):
        with pytest.raises(ValueError, match="no column"):
            await store.find(Trade, where=bad)
        with pytest.raises(ValueError, match="no column"):
            await store.count(Trade, where=bad)
    with pytest.raises(ValueError, match="no column"):
        await store.find(Trade, since=("created_on", T0))


@pytest.mark.parametrize(
    "text", ["'; DROP TABLE trades; --", '"', "%s %(a)s ? :x", "\\", "\N{FIRE}"]
)
async def test_sql_in_names_and_texts_is_inert(store: Store, text: str) -> None:
    put = trade(1, symbol=text, close_reason=text)
    await store.commit([event(put, fact(text, text), ref=text, kind=text, note=text)])

    assert await store.find(Trade, where={"symbol": text}) == [put]
    assert await store.find(Trade, where={"symbol": text + " "}) == []
    assert await store.get(Fact, text) == fact(text, text)
    (found,) = await store.events(ref=text)
    assert found.event.data == {"note": text}
    assert (await store.verify()).is_ok


async def test_refuses_what_it_could_not_give_back(store: Store) -> None:
    bad = [
        trade(1, realised_usd=Decimal("NaN")),
        trade(1, realised_usd=Decimal("-Infinity")),
        trade(1, realised_usd=0.1),
        trade(1, qty_open=3),
        trade(1, created_at=datetime(2026, 1, 1)),  # noqa: DTZ001 - the point of the test
        trade(1, symbol="A\x00B"),
        trade(1, close_reason="\ud800"),
        trade(1, version=0),
        execution(1, version=2),
    ]
    for record in bad:
        with pytest.raises(InvariantError):
            await store.commit([event(fact(), record)])
    with pytest.raises(InvariantError):
        await store.commit([event(x=float("nan"))])

    assert await store.events() == []
    assert await store.get(Fact, "halt") is None


@pytest.mark.parametrize("parsed", [NotAnAlert(why="chat"), Alert(signals=(), question="?")])
async def test_tells_alerts_from_chat(store: Store, parsed: Parsed) -> None:
    put = AlertRecord(
        alert_id="A-1",
        source="room",
        author_id=7,
        author_name="Ann",
        channel_id=10,
        message_id=11,
        text="hm",
        parsed=parsed,
        posted_at=T0,
        received_at=T0,
    )
    await store.commit([event(put)])
    await store.close()
    await store.open()

    found = await store.get(AlertRecord, "A-1")
    assert found is not None
    assert type(found.parsed) is type(parsed)
    assert found == put


async def test_knows_the_highest_message_of_each_channel(store: Store) -> None:
    assert await store.highest_message_ids() == {}
    await store.commit([event(intake(5), intake(9), intake(7), intake(3, channel=11))])

    base = 1_300_000_000_000_000_000
    assert await store.highest_message_ids() == {10: base + 9, 11: base + 3}
    assert len(await store.find(Intake, where={"channel_id": 10})) == 3


async def test_one_of_many_at_once_wins(store: Store) -> None:
    await store.commit([event(order(1))])
    next_up = [changed(order(1), state=OrderState.FILLED, reason=f"by {n}") for n in range(20)]

    outcomes = await asyncio.gather(
        *(store.commit([event(one, fact(f"won {n}"))]) for n, one in enumerate(next_up)),
        *(store.commit([event(trade(n))]) for n in range(20)),
        return_exceptions=True,
    )

    won = [n for n in range(20) if not isinstance(outcomes[n], Exception)]
    assert len(won) == 1
    assert all(isinstance(outcomes[n], Conflict) for n in range(20) if n not in won)
    assert all(isinstance(outcome, int) for outcome in outcomes[20:])
    assert await store.get(Order, "O-1") == next_up[won[0]]
    assert [f.name for f in await store.find(Fact)] == [f"won {won[0]}"]
    assert await store.count(Trade) == 20
    places = sorted(outcome for outcome in outcomes if isinstance(outcome, int))
    assert places == list(range(2, 23))
    assert (await store.verify()).is_ok


async def test_a_cancelled_caller_leaves_a_whole_commit_behind(store: Store) -> None:
    for n in range(20):
        task = asyncio.create_task(store.commit([event(trade(n), order(n))]))
        for _ in range(n % 4):
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.wait([task])
        stands = await store.get(Trade, f"T-{n}") is not None
        assert stands == (await store.get(Order, f"O-{n}") is not None)
        if n % 4 and not task.cancelled():
            assert stands
    assert (await store.verify()).is_ok


async def test_nothing_is_committed_while_it_is_closed(store: Store) -> None:
    assert store.health().is_writable
    await store.close()
    assert not store.health().is_writable
    with pytest.raises(StoreUnavailable):
        await store.commit([event(fact())])
    await store.open()
    assert await store.events() == []


async def test_health_says_where_the_journal_ends(store: Store) -> None:
    await store.commit([event(fact()), event(trade())])
    assert store.health().last_seq == 2
    assert store.health().reason == ""


async def test_a_replay_gives_the_state_of_any_moment(store: Store) -> None:
    assert isinstance(store, MemoryStore | SqlStore)
    first = trade(1)
    await store.commit([event(first), event(changed(first, symbol="QQQ"), execution(1))])

    assert (await store.replay(0))[Trade] == {}
    assert (await store.replay(1))[Trade] == {"T-1": first}
    now = await store.replay()
    assert now[Trade] == {"T-1": changed(first, symbol="QQQ")}
    assert now[Execution] == {"X-1": execution(1)}


async def test_moments_come_back_as_utc(store: Store) -> None:
    at = datetime(2026, 3, 8, 6, 59, 59, 999_999, tzinfo=UTC)
    await store.commit([event(trade(1, created_at=at, opened_at=at))])
    await store.close()
    await store.open()

    (found,) = await store.find(Trade, where={"opened_at": at})
    assert found.created_at == at
    assert found.created_at.utcoffset() == timedelta(0)


@pytest.mark.parametrize("typed", ["\x00", "A\x00", "\ud800", "'; --"])
async def test_what_no_row_can_hold_is_looked_for_and_not_found(store: Store, typed: str) -> None:
    await store.commit([event(trade(1, symbol="A"))])

    assert await store.get(Trade, typed) is None
    assert await store.find(Trade, where={"symbol": typed}) == []
    assert len(await store.find(Trade, where={"symbol": (typed, "A")})) == 1


@pytest.fixture(params=KINDS)
async def vault(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Vault]:
    if request.param == "memory":
        yield MemoryVault()
        return
    url = sqlite_url_in(tmp_path) if request.param == "sqlite" else postgres_url()
    store = SqlStore(url, KEY, ManualClock(T0))
    await store.open()
    yield SqlVault(store)
    await store.close()


async def test_a_vault_keeps_sets_and_deletes(vault: Vault) -> None:
    assert await vault.load() == {}
    await vault.save({"a": "1", "b": "{}", "c'; --": "\N{FIRE}"})
    await vault.save({"a": "2", "b": None, "never": None})
    await vault.save({})

    assert await vault.load() == {"a": "2", "c'; --": "\N{FIRE}"}


async def test_a_vault_takes_many_callers(vault: Vault) -> None:
    await asyncio.gather(*(vault.save({f"k{n % 10}": str(n), "last": str(n)}) for n in range(50)))

    book = await vault.load()
    assert {key: int(body) % 10 for key, body in book.items() if key != "last"} == {
        f"k{n}": n for n in range(10)
    }
    assert book["last"] == "49"
