"""E*TRADE answers two questions a second: each copy of an alert leaves, and its stop does first."""

import asyncio

import pytest

from engine.brokers._wire.lanes import Lanes, Window
from engine.brokers.etrade.link import ALLOWED
from engine.domain.order import OrderState
from engine.flows import sweep
from engine.flows.brokers import compare, watch
from engine.flows.orders import just_taken
from tests.conformance.broker_bench import D
from tests.scenarios.test_desk_at_venues import Outside, at

PAIR = ("main", "other")


async def pass_s(it: Outside, seconds: float) -> list[float]:
    """Time goes by in twentieths of a second; when what was held had no stop, in seconds."""
    bare: list[float] = []
    for n in range(int(seconds * 20)):
        it.bench.clock.advance(0.05)
        it.quote("2.00", "2.01")
        await quiet(it)
        if n % 20 == 0:
            await sweep.run(it.desk)
            await watch.round_of(it.desk)
            await quiet(it)
        trades = it.desk.book.open_trades()
        if any(t.qty_open and t.is_unprotected_since is not None for t in trades):
            bare.append(n / 20)
    return bare


def at_its_pace(it: Outside) -> None:
    """From now on E*TRADE's own allowance counts: the bench waits for none."""
    it.bench._patches.setattr("engine.brokers._wire.lanes.Window", Window)
    it.bench.broker._wire.lanes = Lanes(it.bench.clock, ALLOWED)


async def quiet(it: Outside) -> None:
    """Until what is on its way has been answered; whoever waits for a turn waits for time."""
    for _ in range(3):
        await asyncio.sleep(0.002)
        await it.bench.venue.exchange.settle()
        await it.bench.venue.quiet()


def placed(it: Outside, side: str) -> list[str]:
    """The accounts at which the venue was asked to place an order of that side, in order."""
    keys = {it.bench.venue.key(number): name for name, number in it.bench.numbers.items()}
    return [
        keys[seen.path.split("/")[3]]
        for seen in it.bench.venue.log.requests
        if seen.path.endswith("/orders/place.json")
        if side in str(seen.body)
    ]


@pytest.mark.parametrize("after_s", [0.0, 16.0], ids=["while the books are compared", "idle"])
async def test_one_alert_to_two_accounts_of_one_login_leaves_at_both_and_has_both_stops(after_s):
    """The second copy got no turn within 5 s, on an idle desk too; after a start neither did."""
    async with at("etrade stock", accounts=PAIR, is_ready=False) as it:
        at_its_pace(it)
        if after_s:
            await pass_s(it, after_s)
        else:
            it.desk.spawn(compared(it), "comparisons")
            await pass_s(it, 2)
        it.bench.venue.log.requests.clear()
        entries = [await it.written(account=name) for name in PAIR]
        for entry in entries:
            it.desk.spawn(just_taken.submit(it.desk, entry), f"enter {entry.account}")
        bare = await pass_s(it, 6)
        assert placed(it, "'BUY'") == list(PAIR), "each waits less than its patience of 5 s twice"
        bare += await pass_s(it, 6)
        states = {it.order(e).account: it.order(e).state for e in entries}
        assert states == dict.fromkeys(PAIR, OrderState.FILLED)
        assert placed(it, "'SELL'") == placed(it, "'BUY'") == list(PAIR)
        assert len(bare) / 20 < 2.5, "a stop goes before the other's entry"
        assert [t.qty_open for t in it.desk.book.open_trades()] == [D(2), D(2)]


async def compared(it: Outside) -> None:
    """As after a start, and after a gap."""
    for _ in range(4):
        await compare.compare(it.desk, it.name)
