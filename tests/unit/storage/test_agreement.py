"""The stores agree on any history, one by one or many at once; replay agrees with both."""

import asyncio
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from engine.domain.desk import Fact
from engine.domain.errors import Conflict
from engine.domain.record import Event, Record
from engine.domain.trade import Execution, Trade, TradeState
from storage.memory import MemoryStore
from tests.unit.storage.kit import (
    KEY,
    clean_up,  # noqa: F401 - a fixture
    event,
    execution,
    fact,
    opened,
    sqlite_url,
    trade,
)

_VERSIONS = st.integers(1, 3)
_RECORDS: st.SearchStrategy[Record] = st.one_of(
    st.builds(
        lambda n, version, state: trade(n, version=version, state=state),
        st.integers(1, 2),
        _VERSIONS,
        st.sampled_from(TradeState),
    ),
    st.builds(fact, st.sampled_from(["a", "b"]), st.text("xy", max_size=3), _VERSIONS),
    st.builds(execution, st.integers(1, 3)),
)
_COMMITS = st.lists(
    st.lists(
        st.builds(lambda puts: event(*puts), st.lists(_RECORDS, max_size=3)), min_size=1, max_size=2
    ),
    max_size=12,
)


async def outcomes(store: Any, commits: Sequence[list[Event]], at_once: int) -> list[Any]:
    """What each commit answered: a place, or a conflict."""
    answers: list[Any] = []
    for start in range(0, len(commits), at_once):
        some = commits[start : start + at_once]
        found = await asyncio.gather(*map(store.commit, some), return_exceptions=True)
        answers += [str(one) if isinstance(one, Conflict) else one for one in found]
    return answers


async def picture(store: Any) -> list[Any]:
    found = [await store.find(kind) for kind in (Trade, Fact, Execution)]
    found.append(await store.find(Trade, where={"state": TradeState.OPEN}, newest_first=True))
    return [*found, await store.events()]


async def compare(commits: list[list[Event]], at_once: int, folder: Path) -> None:
    memory = MemoryStore(KEY)
    await memory.open()
    async with opened(sqlite_url(folder)) as store:
        expected = await outcomes(memory, commits, 1)
        assert await outcomes(store, commits, at_once) == expected
        assert await picture(store) == await picture(memory)
        assert (await store.verify()).is_ok
        moments = sorted({0, *(answer for answer in expected if isinstance(answer, int))})
        for seq in moments:
            assert await store.replay(seq) == await memory.replay(seq)
        now = await store.replay()
        assert [list(now[kind].values()) for kind in (Trade, Fact, Execution)] == (
            await picture(store)
        )[:3]
    async with opened(sqlite_url(folder)) as store:
        assert await picture(store) == await picture(memory)
        assert await store.verify() == await memory.verify()


@settings(deadline=None, max_examples=30)
@given(commits=_COMMITS, at_once=st.sampled_from([1, 3, 12]))
def test_memory_and_sqlite_agree_on_any_history(commits: list[list[Event]], at_once: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(compare(commits, at_once, Path(folder)))


@settings(deadline=None, max_examples=30)
@given(commits=_COMMITS)
def test_a_prefix_of_the_journal_is_the_state_of_that_moment(commits: list[list[Event]]) -> None:
    async def go() -> None:
        store = MemoryStore(KEY)
        await store.open()
        moments: dict[int, list[Any]] = {}
        for commit in commits:
            await outcomes(store, [commit], 1)
            kinds = (Trade, Fact, Execution)
            moments[store.health().last_seq] = [await store.find(kind) for kind in kinds]
        for seq, then in moments.items():
            state = await store.replay(seq)
            assert [list(state[kind].values()) for kind in (Trade, Fact, Execution)] == then

    asyncio.run(go())
