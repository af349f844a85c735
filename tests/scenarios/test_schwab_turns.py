"""What trades cost of the 120 questions a minute that Schwab answers: its stops need the rest."""

from collections import Counter
from collections.abc import AsyncIterator, Callable

from engine.domain.errors import OrderRejected
from engine.domain.trade import Trade
from engine.flows import sweep
from engine.flows.brokers import watch
from engine.flows.trades import manage
from tests.conformance.broker_bench import D
from tests.scenarios.test_desk_at_venues import TRADER, Outside, at


async def tenths(it: Outside, n: int) -> None:
    """Time goes by in tenths of a second; sweeps and polls come each second."""
    for _ in range(n):
        it.bench.clock.advance(0.1)
        it.quote("2.00", "2.01")
        await it.rest()
        if round(it.bench.clock.monotonic() * 10) % 10 == 0:
            await sweep.run(it.desk)
            await watch.round_of(it.desk)
            await it.rest()


def asked(it: Outside) -> Counter[str]:
    """What was asked since this was asked last."""
    found: Counter[str] = Counter()
    for seen in it.bench.venue.log.requests:
        if "/orders/" in seen.path:
            found["cancel" if seen.method == "DELETE" else "order"] += 1
        elif seen.path.endswith("/orders"):
            found["place" if seen.method == "POST" else "list"] += 1
        else:
            found["else"] += 1
    it.bench.venue.log.requests.clear()
    return found


async def until(it: Outside, is_so: Callable[[Trade], bool], n: int = 3) -> None:
    """Until that is so of each of ``n`` trades, or seconds are over."""
    for _ in range(12):
        await tenths(it, 5)
        trades = it.desk.book.open_trades()
        if len(trades) == n and all(t.is_unprotected_since is None and is_so(t) for t in trades):
            return


async def lives(it: Outside, n: int) -> AsyncIterator[None]:
    """Trades are entered side by side, their stops moved, half of each closed, then all."""
    for _ in range(n):
        await it.enter(4)
    await until(it, lambda _: True, n)
    yield
    trades = [t.trade_id for t in it.desk.book.open_trades()]
    assert len(trades) == n
    for trade_id in trades:
        await manage.set_stop(it.desk, trade_id, TRADER, it.bench.px("1.60"))
    await until(it, lambda _: True, n)
    yield
    for trade_id in trades:
        await manage.close(it.desk, trade_id, TRADER, qty=D(2))
    await until(it, lambda t: t.qty_open == 2, n)
    yield
    for trade_id in trades:
        await manage.close(it.desk, trade_id, TRADER)
    await until(it, lambda _: True, 0)
    yield
    assert await it.held() == 0


async def test_each_order_is_sent_once_and_read_once_and_nothing_is_listed(monkeypatch):
    """Each was read when it was taken and when its cancel was, and listed besides: 27 questions."""
    monkeypatch.setattr(watch, "_GUARD_S", 60.0)  # the poll asks by the clock, whatever is sent
    monkeypatch.setattr(watch, "_HELD_TOLD_S", 60.0)  # so is what is held
    async with at("schwab stock") as it:
        it.bench.clock.advance(0.5)  # between two polls
        asked(it)
        drawn = [asked(it) async for _ in lives(it, 1)]
    assert drawn == [
        {"place": 2, "order": 1},
        {"place": 1, "order": 1, "cancel": 1},
        {"place": 2, "order": 2, "cancel": 1},
        {"place": 1, "order": 2, "cancel": 1},
    ]


async def test_three_trades_side_by_side_leave_turns_for_their_stops_though_it_fails_at_times():
    """Its orders could not be read for seconds and it asked for pauses: after 114 questions there
    was no turn for 47 s, in which what was held stood bare.
    """
    async with at("schwab stock") as it:
        venue, now = it.bench.venue, it.bench.clock.monotonic
        plain, began = venue._name, now()

        def named(number, request):
            if request.method == "GET" and now() - began < 6:
                raise OrderRejected("404", "404: Order not found")
            return plain(number, request)

        venue._name = named
        venue.faults.strikes = lambda request: request.method == "DELETE"
        venue.faults.limit_429 = 2
        asked(it)
        drawn = [asked(it) async for _ in lives(it, 3)]
        assert sum(map(Counter.total, drawn)) < 60
