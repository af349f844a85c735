"""Nights when the clocks change, half days, holidays, pauses, blocked loops (M-04, M-09, M-11)."""

import time
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from bot.supervise import Supervisor
from engine.clock import ManualClock
from engine.domain.desk import AlertState
from engine.domain.instrument import future
from engine.domain.order import Order, Purpose
from engine.domain.record import changed
from engine.domain.source import Handling
from engine.domain.trade import TradeState
from engine.flows import sweep
from tests import rig as desks
from tests.rig import AAPL, FUTURES, MIKE, NINJA, STOCKS, d

NEW_YORK, CHICAGO = ZoneInfo("America/New_York"), ZoneInfo("America/Chicago")
INTRADAY = {"time_exit": {"intraday_sources": ["stocks"], "minutes_before_close": 5}}
BUY = "bought 10 AAPL @ 200, stop 196"


def at(text: str, zone: ZoneInfo = NEW_YORK) -> datetime:
    """A wall clock's time there, in UTC."""
    return datetime.fromisoformat(text).replace(tzinfo=zone).astimezone(UTC)


async def begin(moment: datetime, **more):
    return await desks.start(clock=ManualClock(moment), risk=desks.LOOSE, **more)


# -- M-04 ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("opens", "closes"),
    [
        ("2026-11-27T10:00", "2026-11-27T13:00"),  # the day after Thanksgiving
        ("2026-12-24T10:00", "2026-12-24T13:00"),  # Christmas Eve
        ("2026-10-30T10:00", "2026-10-30T16:00"),  # last day of summer time
        ("2026-11-02T10:00", "2026-11-02T16:00"),  # first day of winter time
        ("2027-03-15T10:00", "2027-03-15T16:00"),  # first day of summer time
    ],
)
async def test_an_intraday_trade_ends_once_before_that_days_own_close(opens, closes):
    rig = await begin(at(opens), exits=INTRADAY)
    rig.quote(AAPL, "199.98", "200.00")
    await rig.say(BUY, channel=STOCKS, author=MIKE)
    await rig.fill(AAPL, "199.98", "200.00")
    bought = rig.trade()
    rig.clock.to(at(closes).replace(microsecond=0) - 370 * desks.SECOND)
    rig.quote(AAPL, "199.98", "200.00")
    await rig.pass_time(1)
    assert rig.trade().closes == ()  # more than six minutes are left
    rig.clock.advance(40)
    for _ in range(4):
        rig.quote(AAPL, "199.98", "200.00")
        await rig.pass_time(1)
    ended = rig.desk.book.closed[bought.trade_id]
    assert (ended.state, ended.close_reason, ended.qty_open) == (TradeState.CLOSED, "time", 0)
    sold = [o for o in await rig.desk.store.find(Order) if o.purpose is Purpose.CLOSE]
    assert len(sold) == 1
    await rig.close()


@pytest.mark.parametrize(
    "closed",
    [
        "2026-11-26T10:00",  # Thanksgiving
        "2026-11-27T13:00",  # the half day is over
        "2026-12-24T13:01",
        "2026-12-25T10:00",
        "2026-11-28T10:00",  # a Saturday
    ],
)
async def test_closed_means_closed(closed):
    rig = await begin(at(closed))
    rig.quote(AAPL, "199.98", "200.00")
    record = await rig.say(BUY, channel=STOCKS, author=MIKE)
    assert record.state is AlertState.RISK_REJECTED
    assert "closed" in record.reason
    assert not rig.desk.book.orders
    await rig.close()


@pytest.mark.parametrize("words", ["0DTE", "11/18", "today"])
async def test_what_expires_today_is_not_bought_after_the_close(words):
    """Rules 3.1: today until 16:00."""
    rig = await begin(at("2026-11-18T16:00"))
    rig.quote(desks.spy(on="2026-11-18"), "2.14", "2.16")
    record = await rig.say(f"BTO 1 SPY 603C {words} @ 2.15")
    assert record.state in (AlertState.REJECTED, AlertState.RISK_REJECTED)
    assert not rig.desk.book.orders
    await rig.close()


@pytest.mark.parametrize("night", ["2026-10-31T23:30", "2027-03-13T23:30"])
async def test_a_day_begins_once_in_the_night_in_which_the_clocks_change(night):
    rig = await begin(at(night))
    await rig.pass_time(1)
    days = {rig.desk.book.accounts["main"].session_on}
    for _ in range(10):  # five hours, over 02:00 once or twice
        await rig.pass_time(1800, step=1800)
        days.add(rig.desk.book.accounts["main"].session_on)
    events = [e.event for e in await rig.desk.store.events() if e.event.kind == "account.day"]
    starts = [e.ref for e in events]
    assert len(starts) == len(set(starts))
    first = date.fromisoformat(night[:10])
    assert days == {first, first + timedelta(days=1)}
    await rig.close()


@pytest.mark.parametrize(("moment", "hours"), [("23:30", 1), ("00:30", -1), ("12:00", 36)])
async def test_a_day_goes_on_as_it_was_when_a_clock_set_over_midnight_is_put_right(moment, hours):
    """M-03: else what it has lost and sent would count for nothing, and its limits begin anew."""
    rig = await begin(at(f"2026-11-18T{moment}"))
    await rig.pass_time(1)
    account = rig.desk.book.accounts["main"]
    spent = changed(account, realised_today_usd=d("-700"), n_trades_today=4)
    await rig.desk.commit(rig.desk.event("test", "test", spent))
    today = (spent.session_on, spent.day_start_equity_usd, d("-700"), 4)

    def day():
        on = rig.desk.book.accounts["main"]
        return on.session_on, on.day_start_equity_usd, on.realised_today_usd, on.n_trades_today

    for _ in range(2):
        rig.clock.jump(rig.clock.now() + timedelta(hours=hours))
        await rig.pass_time(2)
        assert day()[0] != account.session_on
        assert day()[2:] == (0, 0)
        rig.clock.jump(rig.clock.now() - timedelta(hours=hours))
        await rig.pass_time(2)
        assert day() == today
    await rig.close()


async def test_a_day_that_a_wrong_clock_began_too_soon_begins_at_what_the_account_is_worth_then():
    """What was gained until midnight could be lost on the next day before the limit was reached."""
    rig = await begin(at("2026-11-18T12:00"))
    await rig.pass_time(1)
    rig.clock.jump(rig.clock.now() + timedelta(hours=24))
    await rig.pass_time(2)
    rig.clock.jump(rig.clock.now() - timedelta(hours=24))
    await rig.pass_time(2)
    known = rig.desk.book.accounts["main"]
    start = known.day_start_equity_usd
    gained = changed(known, cash_usd=known.cash_usd + 1000)
    await rig.desk.commit(rig.desk.event("test", "test", gained))
    rig.clock.jump(at("2026-11-19T00:00"))
    await rig.pass_time(2)
    now = rig.desk.book.accounts["main"]
    assert (str(now.session_on), now.day_start_equity_usd) == ("2026-11-19", start + 1000)
    await rig.close()


# -- M-09 ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("moment", "is_open"),
    [
        ("2026-11-18T15:59", True),
        ("2026-11-18T16:00", False),  # Globex rests
        ("2026-11-18T16:59", False),
        ("2026-11-18T17:00", True),
        ("2026-11-20T16:00", False),  # Friday
        ("2026-11-21T12:00", False),  # Saturday
        ("2026-11-22T16:59", False),
        ("2026-11-22T17:00", True),  # Sunday
    ],
)
async def test_a_futures_alert_in_the_pause_is_refused_and_told_so(moment, is_open):
    rig = await begin(at(moment, CHICAGO))
    month = future("MES", date(2026, 12, 1))
    rig.quote(month, "6325.75", "6326.00")
    record = await rig.say("🚨 ES long 6326: A\nStop: 6316", channel=FUTURES, author=NINJA)
    if is_open:
        assert record.state is AlertState.ORDERED, record.reason
    else:
        assert record.state is AlertState.RISK_REJECTED
        assert "the market for futures is closed" in record.reason
        assert not rig.desk.book.orders
        assert rig.desk.book.accounts["main"].n_trades_today == 0
    await rig.close()


# -- M-11 ---------------------------------------------------------------------------------------


async def test_a_blocked_loop_makes_a_job_late_and_never_skips_or_repeats_it():
    """The approval's and the entry's time pass while nothing runs; each ends once afterwards."""
    rig = await begin(
        at("2026-11-18T10:00"),
        sources=desks.profiles(Handling.APPROVE),
        approval_expiry_s=60,
    )
    ran: list[datetime] = []

    async def swept() -> None:
        ran.append(rig.clock.now())
        await sweep.run(rig.desk)

    work = Supervisor(rig.desk)
    work.every(1.0, swept, "sweep")
    rig.quote(AAPL, "199.98", "200.00")
    await rig.say(BUY, channel=STOCKS, author=MIKE)
    (asked,) = rig.approvals()
    rig.clock.advance(59)
    await rig.rest()
    n_before = len(ran)
    assert rig.approvals() == [asked]
    rig.clock.advance(2)  # nothing ran in between: both seconds are over at once
    time.sleep(0.05)  # noqa: ASYNC251 - the loop is blocked, as the row asks
    await rig.rest()
    assert rig.approvals() == []
    assert len(ran) == n_before + 1  # late once, not twice to make up for it
    ended = [e.event for e in await rig.desk.store.events() if e.event.kind == "approval.expired"]
    assert len(ended) == 1
    await work.close(1)
    await rig.close()
