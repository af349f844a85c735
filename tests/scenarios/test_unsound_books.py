"""S-02, S-04: books that cannot be written, or that failed their check, open nothing new."""

import asyncio
import sqlite3
import threading
from contextlib import closing

import pytest

from bot.cards import status as status_card
from engine.desk import Desk
from engine.domain.desk import AlertState
from engine.domain.errors import StoreUnavailable, UserError
from engine.domain.order import Order, OrderState, Purpose
from engine.domain.source import Handling
from engine.flows import sweep
from engine.flows.acts import halt
from engine.flows.trades import approve, manage
from engine.reports import Frame, status
from storage.sql import CHECK_EVENTS, SqlStore, SqlVault
from storage.sqlite import SqliteDatabase
from storage.verify import FirstCheck
from tests import rig as desks
from tests.rig import ADMIN, MIKE, STOCKS, TRADER, d
from tests.unit.storage.kit import KEY, clean_up, event, fact, opened, sqlite_url  # noqa: F401

FAILED = "the books failed their check"
FULL = "the books cannot be written"


async def buy(rig, symbol="AAPL"):
    """An alert that trades by itself, with its quote at hand."""
    rig.quote(desks.stock(symbol), "99.98", "100.00")
    return await rig.say(f"bought 1 {symbol} @ 100, stop 98", channel=STOCKS, author=MIKE)


async def filled(rig, symbol="AAPL"):
    """An open position with its stop at the broker."""
    await buy(rig, symbol)
    await moved(rig, symbol, lambda: rig.trade().qty_open == 1)
    return rig.trade()


async def moved(rig, symbol, check):
    """Quotes come until something is so: a real disk takes its time."""

    for _ in range(50):
        await rig.fill(desks.stock(symbol), "99.98", "100.00")
        if check():
            return
    pytest.fail("never came about")


def sent_entries(rig):
    orders = rig.desk.book.orders.values()
    return [o for o in orders if o.purpose is Purpose.ENTRY and o.sent_at is not None]


async def until(check, seconds=20.0):
    for _ in range(int(seconds / 0.02)):
        if check():
            return
        await asyncio.sleep(0.02)
    pytest.fail("never came about")


# -- the check that runs beside the desk finds damage -------------------------------------------


class Held:
    """Lets a check begin, and go on only when it is told to."""

    def __init__(self, monkeypatch):
        self.may_go_on = threading.Event()
        pace = FirstCheck._pace

        def paced(check):
            while not self.may_go_on.wait(0.01):
                pace(check)  # still ends when the store is closed
            pace(check)

        monkeypatch.setattr(FirstCheck, "_pace", paced)
        monkeypatch.setattr("storage.verify.BREATHER_S", 0.0001)


async def long_journal(tmp_path):
    """So many events that their check is not awaited at the start."""
    async with opened(sqlite_url(tmp_path)) as store:
        for n in range(0, CHECK_EVENTS + 100, 100):
            facts = [event(fact(f"old-{n + i}")) for i in range(100)]
            await asyncio.gather(*(store.commit([one]) for one in facts))
    return tmp_path / "desk.db"


def flip_a_byte(path):
    """One letter of one old row of the journal."""
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        guards = db.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall()
        for (name,) in guards:  # they stop mistakes; whoever means harm takes them away
            db.execute(f"DROP TRIGGER {name}")
        n_rows = db.execute("UPDATE audit SET ref = '~' || substr(ref, 2) WHERE seq = 900").rowcount
    assert n_rows == 1


async def desk_on(path, **more):
    store = SqlStore(f"sqlite:///{path}", KEY)
    return await desks.start(store=store, vault=SqlVault(store), risk=desks.LOOSE, **more)


async def test_a_byte_flipped_in_the_journal_stops_entries_within_one_check(tmp_path, monkeypatch):
    path = await long_journal(tmp_path)
    check = Held(monkeypatch)
    rig = await desk_on(path)
    try:
        trade = await filled(rig)
        flip_a_byte(path)
        assert rig.desk.store.health().is_verified is None
        assert rig.desk.unsound == ""

        check.may_go_on.set()
        await until(lambda: rig.desk.store.health().is_verified is False)

        record = await buy(rig, "MSFT")
        assert record.state is AlertState.RISK_REJECTED
        assert FAILED in record.reason
        assert len(sent_entries(rig)) == 1

        await sweep.run(rig.desk)
        await sweep.run(rig.desk)
        await rig.rest()
        (told,) = [text for text in rig.notes() if "No new entries" in text]
        assert FAILED in told
        assert "tradestream db restore" in told

        await manage.close(rig.desk, trade.trade_id, TRADER)
        await rig.rest()
        await moved(rig, "AAPL", lambda: not rig.trades())  # an exit passes all the same
    finally:
        await rig.close()


@pytest.mark.parametrize("damage", ["", "page 7 is used twice"])
async def test_no_entry_rests_on_a_large_file_that_is_still_being_looked_through(
    tmp_path, monkeypatch, damage
):
    """S-04: it is read beside the desk; until that is over only exits, stops and cancels pass."""
    async with opened(sqlite_url(tmp_path)) as store:
        await store.commit([event(fact("old"))])
    may_go_on = threading.Event()

    def look(_, opened):
        del opened
        assert may_go_on.wait(20)
        return damage

    monkeypatch.setattr("storage.sqlite.CHECK_BYTES", 0)
    monkeypatch.setattr("storage.sql.CHECK_S", 0.01)
    monkeypatch.setattr("storage.verify.sqlite_damage", look)
    rig = await desk_on(tmp_path / "desk.db")
    try:
        record = await buy(rig)
        assert record.state is AlertState.RISK_REJECTED
        assert "still being looked through" in record.reason
        assert not sent_entries(rig)
        may_go_on.set()
        await until(lambda: not rig.desk.store.health().is_unread)
        if damage:
            assert damage in rig.desk.unsound
        else:
            assert rig.desk.unsound == ""
            await filled(rig, "MSFT")
    finally:
        may_go_on.set()
        await rig.close()


async def test_an_approval_is_refused_once_the_books_have_failed_their_check(tmp_path, monkeypatch):
    path = await long_journal(tmp_path)
    check = Held(monkeypatch)
    rig = await desk_on(path, sources=desks.profiles(Handling.APPROVE))
    try:
        await buy(rig)
        (asked,) = rig.approvals()
        flip_a_byte(path)
        check.may_go_on.set()
        await until(lambda: rig.desk.store.health().is_verified is False)
        rig.quote(desks.AAPL, "99.98", "100.00")
        with pytest.raises(UserError, match=FAILED):
            await approve.approve(rig.desk, asked.approval_id, None, TRADER)
        assert not sent_entries(rig)
        assert rig.approvals() == [asked], "it stays open"
        await approve.reject(rig.desk, asked.approval_id, None, TRADER)
    finally:
        await rig.close()


async def test_an_entry_decided_a_moment_before_is_not_sent(monkeypatch):
    """The check may fail between the decision's commit and the request to the broker."""
    rig = await desks.start()
    commit = Desk.commit

    async def commit_then_fail(desk, *events):
        await commit(desk, *events)
        if any(isinstance(put, Order) for event in events for put in event.puts):
            monkeypatch.setattr(Desk, "unsound", f"{FAILED}: row 7 is not as it was sealed")

    monkeypatch.setattr(Desk, "commit", commit_then_fail)
    record = await buy(rig)
    (order,) = await rig.desk.store.find(Order)
    assert order.state is OrderState.REJECTED
    assert "not sent" in order.reason
    assert FAILED in order.reason
    assert await rig.broker.orders_since("main", desks.START) == []
    assert FAILED in rig.desk.book.alerts[record.alert_id].reason
    await rig.close()


async def test_a_halt_is_not_lifted_while_the_books_have_failed_their_check(monkeypatch):
    rig = await desks.start()
    await halt.emergency_stop(rig.desk, ADMIN, close=False, reason="a test")
    monkeypatch.setattr(Desk, "unsound", f"{FAILED}: row 7 is not as it was sealed")
    with pytest.raises(UserError, match=FAILED):
        await halt.resume(rig.desk, ADMIN, "go on")
    await rig.close()


def test_status_names_what_is_wrong_with_the_books():
    report = status.build(
        Frame(now=desks.START), unsound=f"{FAILED}: row 7 is not as it was sealed"
    )
    assert not report.may_trade
    embed = status_card.show(report)
    assert "Not ready to trade" in (embed.title or "")
    assert "row 7 is not as it was sealed" in (embed.description or "")


# -- no space left ------------------------------------------------------------------------------


async def fill_up(store):
    for n in range(200):
        await store.commit([event(fact(f"filler-{n}", value="x" * 2000))])


class Full:
    """A database that cannot grow until it is told otherwise."""

    def __init__(self, store):
        database = store._db
        assert isinstance(database, SqliteDatabase)
        self._database = database

    async def begin(self, store):
        """Nothing fits in any more; the first refusal says so."""
        pages = self._database.query("PRAGMA page_count")[0][0]
        self._database.query(f"PRAGMA max_page_count={pages}")
        with pytest.raises(StoreUnavailable, match="full"):
            await fill_up(store)

    def end(self):
        self._database.query("PRAGMA max_page_count=1000000")


async def test_a_full_database_opens_nothing_and_goes_on_by_itself(tmp_path):
    rig = await desk_on(tmp_path / "desk.db", sources=desks.profiles(Handling.APPROVE))
    try:
        await buy(rig)
        (asked,) = rig.approvals()
        full = Full(rig.desk.store)
        await full.begin(rig.desk.store)

        assert rig.desk.unsound.startswith(FULL)
        rig.quote(desks.AAPL, "99.98", "100.00")
        with pytest.raises(UserError, match=FULL):
            await approve.approve(rig.desk, asked.approval_id, None, TRADER)
        with pytest.raises(StoreUnavailable):
            await buy(rig, "MSFT")
        assert not sent_entries(rig)
        assert await rig.broker.orders_since("main", desks.START) == []

        full.end()
        await until(lambda: not rig.desk.unsound)
        rig.quote(desks.AAPL, "99.98", "100.00")
        await approve.approve(rig.desk, asked.approval_id, None, TRADER)
        await rig.rest()
        await moved(rig, "AAPL", lambda: rig.trade().qty_open == d(1))
        assert len(sent_entries(rig)) == 1
        assert (await rig.desk.store.verify()).is_ok
    finally:
        await rig.close()
