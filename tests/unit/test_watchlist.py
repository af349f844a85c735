"""The watchlist in the books: durable, bounded; and the names that people type."""

from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from engine.domain.errors import UserError
from engine.domain.instrument import crypto, future, option, stock
from engine.flows.common import watchlist
from engine.symbols import instrument_named, symbols_in
from storage.memory import MemoryStore
from tests.rig import ADMIN, START, TRADER, start

TODAY = date(2026, 11, 18)
D = Decimal


async def test_the_list_survives_a_restart_and_its_changes_stand_in_the_journal() -> None:
    store = MemoryStore()
    rig = await start(store=store, watchlist=("SPY", "QQQ"))
    desk = rig.desk
    assert [w.symbol for w in watchlist.current(desk)] == ["SPY", "QQQ"]
    await watchlist.add(desk, TRADER, ["tsla", "/ES"], why="earnings")
    await watchlist.add(desk, ADMIN, ["qqq"], is_pinned=True, why="/watchlist add")
    again = await start(store=store, watchlist=("SPY",))
    rows = watchlist.current(again.desk)
    assert [(w.symbol, w.is_pinned, w.source) for w in rows] == [
        ("QQQ", True, "default"),
        ("SPY", False, "default"),
        ("TSLA", False, "manual"),
        ("/ES", False, "manual"),
    ]
    assert rows[2].added_by == TRADER.user_id
    newest, first = await watchlist.history(again.desk, START)
    assert (first.symbols, first.why, first.actor) == (("TSLA", "/ES"), "earnings", "user:7")
    assert (newest.what, newest.symbols) == ("added", ("QQQ",))
    await rig.close()
    await again.close()


async def test_it_has_an_end_and_takes_nothing_that_expires() -> None:
    rig = await start(store=MemoryStore(), watchlist=())
    many = [f"A{chr(65 + n // 26)}{chr(65 + n % 26)}" for n in range(41)]
    with pytest.raises(UserError, match="at most"):
        await watchlist.add(rig.desk, TRADER, many, why="")
    assert watchlist.current(rig.desk) == ()
    await watchlist.add(rig.desk, TRADER, many[:40], why="")
    (said,) = await watchlist.add(rig.desk, TRADER, ["SPY261120C00600000"], why="")
    assert (said.is_done, said.said) == (False, "options expire; watch their underlying")
    (said,) = await watchlist.remove(rig.desk, TRADER, ["nothing"], why="")
    assert not said.is_done
    await rig.close()


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("spy", stock("SPY")),
        (" $brk.b ", stock("BRK.B")),
        ("brk-b", stock("BRK.B")),
        ("btc/usd", crypto("BTC")),
        ("/mes", future("MES", date(2026, 12, 1))),
        ("/MESH27", future("MES", date(2027, 3, 1))),
        ("/ESZ6", future("ES", date(2026, 12, 1))),
        ("spy 603c 11/20", option("SPY", date(2026, 11, 20), D(603), "C")),
        ("SPY 602.5P 1/15", option("SPY", date(2027, 1, 15), D("602.5"), "P")),
        ("SPY 603C 12/18/26", option("SPY", date(2026, 12, 18), D(603), "C")),
        ("SPY261120C00603000", option("SPY", date(2026, 11, 20), D(603), "C")),
    ],
)
def test_what_people_type_is_read(typed: str, meant: Any) -> None:
    assert instrument_named(typed, TODAY) == meant


@pytest.mark.parametrize(
    "typed",
    [
        "",
        "SPY!",
        "what is this",
        "/XX",
        "/CL",
        "/ESQ99X",
        "SPY 603C 2/30",
        "SPY 603C 11/21",
        "1234",
    ],
)
def test_what_cannot_be_read_is_refused_kindly(typed: str) -> None:
    with pytest.raises(UserError, match="Nothing was looked up"):
        instrument_named(typed, TODAY)


def test_lists_of_symbols_are_taken_apart() -> None:
    assert symbols_in("spy, $qqq;IWM  spy", 4) == ["SPY", "QQQ", "IWM"]
    for wrong in ("", " , ", "a b c d e"):
        with pytest.raises(UserError):
            symbols_in(wrong, 4)
