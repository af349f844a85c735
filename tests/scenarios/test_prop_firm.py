"""A futures account at a prop firm, through the whole desk (R-04, R-05, I-23)."""

from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from engine.clock import ManualClock
from engine.domain.desk import AlertRecord, AlertState
from engine.domain.instrument import Instrument, future
from engine.domain.order import OrderState, Purpose
from engine.domain.record import changed
from engine.flows.acts import prop
from engine.flows.limits import prop_account
from engine.prop import PropFirm, floor
from engine.quality import Quality
from engine.store import Store
from storage.memory import MemoryStore
from tests import rig as desks
from tests.conformance.broker_bench import MemoryVault
from tests.rig import FUTURES, NINJA, Rig, d

MES = future("MES", date(2025, 3, 1))
FIRM = PropFirm(start_balance_usd=d(100_000), max_loss_usd=d(220), max_contracts=d(5))
ALERT = "🚨 ES long 6326: A\nStop: 6316"
Make = Callable[..., Awaitable[Rig]]


@pytest.fixture
async def make() -> AsyncIterator[Make]:
    made: list[Rig] = []

    async def build(firm: PropFirm = FIRM, **more: Any) -> Rig:
        rig = await desks.start(risk=desks.LOOSE, prop_firms={"main": firm}, **more)
        made.append(rig)
        await prop.watch(rig.desk)
        rig.quote(MES, "6325.75", "6326.00")
        return rig

    yield build
    for rig in made:
        await rig.close()


async def enter(rig: Rig, text: str = ALERT) -> AlertRecord:
    record = await rig.say(text, channel=FUTURES, author=NINJA)
    assert record is not None
    return record


async def hold(rig: Rig) -> None:
    """One micro at 6326, its stop working."""
    await enter(rig)
    await rig.fill(MES, "6325.75", "6326.00")
    assert rig.trade().qty_open == 1


async def end(rig: Rig, month: Instrument, bid: str, ask: str) -> None:
    """The stop is cancelled, then the rest is sold: each takes the broker's latency."""
    for _ in range(4):
        await rig.fill(month, bid, ask)


async def lose(rig: Rig, usd: str) -> None:
    """Money goes where no trade of the day took it."""
    account = rig.desk.book.accounts["main"]
    poorer = changed(account, cash_usd=account.cash_usd - d(usd))
    await rig.desk.commit(rig.desk.event("test.cost", "cost", poorer))


def codes(rig: Rig) -> list[str]:
    """Denials of the newest intent."""
    newest = list(rig.desk.book.intents.values())[-1]
    return [v.code for v in newest.verdicts if not v.is_ok]


def state(rig: Rig) -> Any:
    found = prop_account.state(rig.desk, "main")
    assert found is not None
    return found


def chicago(text: str) -> datetime:
    """Winter time there."""
    return datetime.fromisoformat(f"{text}-06:00").astimezone(UTC)


# -- the maximum loss limit -------------------------------------------------------------------


async def test_the_account_is_closed_before_the_firm_would_close_it(make: Make) -> None:
    """R-04: open loss counts; the floor is 99,780 and 150 must be left above it."""
    rig = await make()
    await hold(rig)
    await lose(rig, "30")
    rig.quote(MES, "6319.00", "6319.00")
    await rig.pass_time(1)
    assert rig.trade().closes == (), "153.75 dollars are left, the stop is far away"
    rig.quote(MES, "6318.00", "6318.00")
    await rig.pass_time(1)
    await end(rig, MES, "6318.00", "6318.00")
    assert rig.trades() == []
    (note,) = [n for n in rig.notes() if "floor" in n]
    assert "No entries until the firm's next day" in note
    assert state(rig).closed_on == date(2025, 1, 29)


async def test_after_that_no_entry_passes_until_the_firms_next_day(make: Make) -> None:
    rig = await make()
    await hold(rig)
    await lose(rig, "30")
    rig.quote(MES, "6318.00", "6318.00")
    await rig.pass_time(1)
    await end(rig, MES, "6318.00", "6318.00")
    record = await enter(rig, "🚨 ES long 6318: A\nStop: 6316")
    assert record.state is AlertState.RISK_REJECTED
    assert "prop_loss_limit.reached" in codes(rig) or "prop_loss_limit.closed" in codes(rig)


async def test_an_entry_whose_stop_would_come_too_near_is_refused(make: Make) -> None:
    """A risk of 50 dollars in a room of 190 leaves less than 150."""
    tight = FIRM.model_copy(update={"max_loss_usd": d(190)})
    rig = await make(tight)
    record = await enter(rig)
    assert record.state is AlertState.RISK_REJECTED
    assert "prop_loss_limit.room" in codes(rig)


async def test_what_the_open_trade_may_still_lose_is_not_free_for_the_next(make: Make) -> None:
    rig = await make(FIRM.model_copy(update={"max_loss_usd": d(250)}))
    await hold(rig)
    rig.clock.advance(61)
    rig.quote(MES, "6325.75", "6326.00")
    await enter(rig, "🚨 ES long 6326: A\nStop: 6315")
    assert "prop_loss_limit.room" in codes(rig)


async def test_the_floor_moves_only_when_a_day_has_ended(make: Make) -> None:
    """I-23: a gain within the day moves nothing, its end does, and it locks at the start."""
    rig = await make()
    account = rig.desk.book.accounts["main"]
    richer = changed(account, cash_usd=d("100150"))
    await rig.desk.commit(rig.desk.event("test.gain", "gain", richer))
    await prop.watch(rig.desk)
    assert floor(FIRM, state(rig)) == d(99_780)
    rig.clock.to(chicago("2025-01-29T16:59"))
    await prop.watch(rig.desk)
    assert floor(FIRM, state(rig)) == d(99_780)
    rig.clock.to(chicago("2025-01-29T17:00"))
    await prop.watch(rig.desk)
    assert floor(FIRM, state(rig)) == d(99_930)
    poorer = changed(rig.desk.book.accounts["main"], cash_usd=d("99990"))
    await rig.desk.commit(rig.desk.event("test.loss", "loss", poorer))
    rig.clock.to(chicago("2025-01-30T17:00"))
    await prop.watch(rig.desk)
    assert floor(FIRM, state(rig)) == d(99_930)


async def test_a_working_entrys_risk_is_not_free_for_the_next(make: Make) -> None:
    rig = await make(FIRM.model_copy(update={"max_loss_usd": d(250)}))
    await enter(rig)
    assert rig.trade().qty_open == 0, "it works, and has not filled"
    rig.clock.advance(61)
    rig.quote(MES, "6325.75", "6326.00")
    await enter(rig, "🚨 ES long 6326: A\nStop: 6315")
    assert "prop_loss_limit.room" in codes(rig)


async def test_a_balance_that_was_not_compared_ends_no_day(make: Make) -> None:
    """After a start the broker may know of a gain or a loss that we do not."""
    rig = await make()
    del rig.desk.compared_at["main"]
    richer = changed(rig.desk.book.accounts["main"], cash_usd=d("100150"))
    await rig.desk.commit(rig.desk.event("test.gain", "gain", richer))
    rig.clock.to(chicago("2025-01-29T17:00"))
    await prop.watch(rig.desk)
    assert (state(rig).day_on, floor(FIRM, state(rig))) == (date(2025, 1, 29), d(99_780))
    rig.desk.compared_at["main"] = rig.clock.now()
    await prop.watch(rig.desk)
    assert (state(rig).day_on, floor(FIRM, state(rig))) == (date(2025, 1, 30), d(99_930))


async def test_a_day_is_not_counted_while_what_is_held_has_no_price(
    make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    """R-04: what the day ended with cannot be told, so no floor is made of it."""
    rig = await make()
    await hold(rig)
    rig.clock.to(chicago("2025-01-29T17:00"))
    with monkeypatch.context() as unpriced:
        unpriced.setattr("engine.flows.limits.facts.equity", lambda *_: None)
        await prop.watch(rig.desk)
    assert state(rig).day_on == date(2025, 1, 29)
    rig.quote(MES, "6326.00", "6326.00")
    await prop.watch(rig.desk)
    assert state(rig).day_on == date(2025, 1, 30)


async def test_an_open_gain_at_the_end_of_a_day_moves_the_floor(make: Make) -> None:
    rig = await make()
    await hold(rig)
    rig.clock.to(chicago("2025-01-29T17:00"))
    rig.quote(MES, "6356.00", "6356.00")
    await prop.watch(rig.desk)
    assert floor(FIRM, state(rig)) > d(99_920), "30 points of a micro are 150 dollars"


async def test_floor_and_peak_survive_a_restart(make: Make) -> None:
    store: Store = MemoryStore()
    vault, clock = MemoryVault(), ManualClock(desks.START)
    wide = FIRM.model_copy(update={"max_loss_usd": d(5000)})
    rig = await make(wide, store=store, vault=vault, clock=clock)
    richer = changed(rig.desk.book.accounts["main"], cash_usd=d("100150"))
    await rig.desk.commit(rig.desk.event("test.gain", "gain", richer))
    clock.to(chicago("2025-01-29T17:00"))
    await prop.watch(rig.desk)
    before = state(rig)
    again = await make(wide, store=store, vault=vault, clock=clock)
    assert state(again) == before
    assert floor(wide, before) == d(95_150)


async def test_a_state_that_cannot_be_read_lets_nothing_in_and_is_shown(make: Make) -> None:
    rig = await make()
    broken = rig.desk.fact(prop_account.fact_name("main"), "{broken")
    await rig.desk.commit(rig.desk.event("test.broken", "x", broken))
    await prop.watch(rig.desk)
    assert "cannot be read" in rig.desk.health["prop main"]
    await enter(rig)
    assert "prop_loss_limit.unknown" in codes(rig)


async def test_a_distance_that_cannot_be_told_is_shown_and_nothing_is_closed(
    make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    rig = await make()
    await hold(rig)
    monkeypatch.setattr("engine.ledger.equity", lambda *_: None)
    monkeypatch.setattr("engine.flows.limits.facts.equity", lambda *_: None)
    await prop.watch(rig.desk)
    assert "not known" in rig.desk.health["prop main"]
    assert rig.trade().closes == ()
    monkeypatch.undo()
    await prop.watch(rig.desk)
    assert "prop main" not in rig.desk.health


async def test_a_wall_clock_that_was_a_day_ahead_leaves_the_limit_in_force(make: Make) -> None:
    """M-03 and R-04: the floor never falls, so one that is reached is reached on any day."""
    rig = await make()
    await hold(rig)
    rig.clock.jump(rig.clock.now() + timedelta(days=1))
    await prop.watch(rig.desk)
    assert state(rig).day_on == date(2025, 1, 30)
    rig.clock.jump(rig.clock.now() - timedelta(days=1))
    await lose(rig, "30")
    rig.quote(MES, "6318.00", "6318.00")
    await rig.pass_time(1)
    assert rig.trade().closes != ()


async def test_what_is_held_at_a_price_of_long_ago_is_not_known_and_lets_nothing_in(
    make: Make,
) -> None:
    """R-04 and M-01: one symbol fell silent, another one is quoted."""
    rig = await make(FIRM.model_copy(update={"max_loss_usd": d(1000)}))
    await hold(rig)
    mnq = future("MNQ", date(2025, 3, 1))
    await rig.pass_time(61, 61)
    rig.quote(mnq, "21000", "21000.25")
    await enter(rig, "🚨 NQ long 21000.25: A\nStop: 20990")
    assert "prop_loss_limit.unknown" in codes(rig)
    await prop.watch(rig.desk)
    assert "not known" in rig.desk.health["prop main"]
    rig.quote(MES, "6325.75", "6326.00")
    await prop.watch(rig.desk)
    assert "prop main" not in rig.desk.health


async def near_the_floor(make: Make) -> Rig:
    """Held, 15 points above where it is closed, after quotes that leaps are measured by."""
    rig = await make(FIRM.model_copy(update={"max_loss_usd": d(280)}))
    rig.board.quality = Quality()
    await enter(rig, "🚨 ES long 6326: A\nStop: 6307")
    await rig.fill(MES, "6325.75", "6326.00")
    await lose(rig, "55")
    for n in range(25):
        rig.quote(MES, f"63{25 + n % 2}.75", f"63{26 + n % 2}.00")
    return rig


@pytest.mark.parametrize("is_slip", [True, False])
async def test_a_leap_closes_the_account_only_if_nothing_takes_it_back(
    make: Make, is_slip: bool
) -> None:
    """R-04 and M-02: a leap counts once the next quote confirms it, or after two seconds."""
    rig = await near_the_floor(make)
    rig.quote(MES, "6310.00", "6310.25")
    await rig.pass_time(1)
    assert rig.trade().closes == ()
    if is_slip:
        rig.quote(MES, "6325.75", "6326.00")
    await rig.pass_time(2)
    assert (rig.trade().closes == ()) is is_slip


@pytest.mark.parametrize("other", ["6341.00", "6325.75"])
async def test_a_market_that_leaps_to_and_fro_below_the_floor_closes_the_account(
    make: Make, other: str
) -> None:
    """R-04: each leap was taken back by the next price, so none was ever confirmed."""
    rig = await near_the_floor(make)
    for bid in ("6310.00", other) * 5:
        rig.quote(MES, bid, str(d(bid) + d("0.25")))
        await rig.pass_time(1)
    assert rig.trades() == []


async def test_days_that_nobody_saw_end_are_told(make: Make) -> None:
    """The floor may be higher than any balance that the desk has seen."""
    store: Store = MemoryStore()
    vault, clock = MemoryVault(), ManualClock(desks.START)
    wide = FIRM.model_copy(update={"max_loss_usd": d(5000)})
    await make(wide, store=store, vault=vault, clock=clock)
    clock.to(chicago("2025-01-30T10:00"))
    assert (await make(wide, store=store, vault=vault, clock=clock)).notes() == []
    clock.to(chicago("2025-02-03T18:00"))
    again = await make(wide, store=store, vault=vault, clock=clock)
    (note,) = again.notes()
    assert "$95,000.00" in note
    assert "floor_usd" in note


# -- flat by the afternoon --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("last_ok", "due"),
    [
        ("2025-01-29T15:04:30", "2025-01-29T15:05:01"),
        ("2025-03-10T15:04:30", "2025-03-10T15:05:01"),  # after the clocks went forward
        ("2025-11-28T11:54:30", "2025-11-28T11:55:01"),  # half day: the close is 12:15
    ],
)
async def test_everything_is_closed_five_minutes_before_the_firms_time(
    make: Make, last_ok: str, due: str
) -> None:
    """R-05."""
    zone = "-05:00" if last_ok.startswith("2025-03") else "-06:00"
    day = last_ok[:10]
    clock = ManualClock(datetime.fromisoformat(f"{day}T10:00:00{zone}").astimezone(UTC))
    rig = await make(clock=clock)
    month = future("MES", date(2025, 12, 1) if day.startswith("2025-11") else date(2025, 3, 1))
    rig.quote(month, "6325.75", "6326.00")
    await enter(rig)
    await rig.fill(month, "6325.75", "6326.00")
    (trade,) = rig.trades()
    clock.to(datetime.fromisoformat(f"{last_ok}{zone}").astimezone(UTC))
    rig.quote(month, "6325.75", "6326.00")
    await rig.pass_time(1)
    assert rig.trade().closes == ()
    clock.to(datetime.fromisoformat(f"{due}{zone}").astimezone(UTC))
    rig.quote(month, "6325.75", "6326.00")
    await rig.pass_time(1)
    await end(rig, month, "6325.75", "6326.00")
    assert rig.trades() == []
    closed = rig.desk.book.closed[trade.trade_id]
    assert "prop firm" in closed.close_reason


async def test_a_working_entry_is_withdrawn_as_well(make: Make) -> None:
    rig = await make(entry_wait_s=86_400)
    await enter(rig)
    rig.quote(MES, "6330.00", "6330.25")  # away from its limit
    rig.clock.to(chicago("2025-01-29T15:05"))
    await rig.pass_time(5)
    live = [o for o in rig.desk.book.orders.values() if o.purpose is Purpose.ENTRY]
    assert all(o.state in (OrderState.CANCELED, OrderState.VOID) for o in live)


async def test_entries_end_twenty_minutes_before_and_begin_again_at_five(make: Make) -> None:
    rig = await make()
    rig.clock.to(chicago("2025-01-29T14:50"))
    rig.quote(MES, "6325.75", "6326.00")
    record = await enter(rig)
    assert record.state is AlertState.RISK_REJECTED
    assert "prop_flat_by.late" in codes(rig)
    rig.clock.to(chicago("2025-01-29T17:00:30"))
    await rig.pass_time(1)
    rig.quote(MES, "6325.75", "6326.00")
    record = await enter(rig, "🚨 ES long 6326: A\nStop: 6316.25")
    assert record.state is AlertState.ORDERED


async def test_people_are_called_once_when_something_is_held_past_the_firms_time(
    make: Make,
) -> None:
    """R-05 and M-10: nobody buys it while trading is halted."""
    rig = await make()
    await hold(rig)
    rig.clock.to(chicago("2025-01-29T15:05:30"))
    rig.quote(MES, "6325.75", "6326.00", is_halted=True)
    await rig.pass_time(1)
    assert [n for n in rig.notes() if "Chicago" in n] == []
    rig.clock.to(chicago("2025-01-29T15:10"))
    for _ in range(3):
        rig.quote(MES, "6325.75", "6326.00", is_halted=True)
        await rig.pass_time(1)
    (note,) = [n for n in rig.notes() if "15:10 Chicago" in n]
    assert "MES could not be closed" in note


# -- contracts --------------------------------------------------------------------------------


async def test_held_and_pending_contracts_count_together(make: Make) -> None:
    small = FIRM.model_copy(update={"max_contracts": Decimal("0.1"), "max_loss_usd": d(5000)})
    rig = await make(small)
    await hold(rig)
    rig.clock.advance(61)
    rig.quote(MES, "6325.75", "6326.00")
    await enter(rig, "🚨 ES long 6326: A\nStop: 6317")
    assert "prop_contracts.reached" in codes(rig)


async def test_an_account_of_no_prop_firm_is_left_alone(make: Make) -> None:
    rig = await make()
    rig.desk.settings.prop_firms.clear()  # type: ignore[attr-defined]
    rig.clock.to(chicago("2025-01-29T15:30"))
    rig.quote(MES, "6325.75", "6326.00")
    assert (await enter(rig)).state is AlertState.ORDERED
