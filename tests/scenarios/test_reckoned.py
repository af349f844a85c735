"""Executions that no broker lists, reckoned from their order's average: booked once, exactly."""

import asyncio
from dataclasses import replace
from types import SimpleNamespace

import pytest

from engine.brokers import BrokerFill, Filled, Seen
from engine.domain.order import OrderState, Side
from engine.domain.trade import Execution
from engine.flows.booking import reckoned, reported
from engine.flows.brokers import hear, recover
from tests.conformance.broker_bench import D, breathe
from tests.scenarios.test_desk_at_venues import at

NO_LIST = [("alpaca", "/account/activities"), ("topstepx", "/api/Trade/search")]


async def one_heard(it, qty=3):
    bench = it.bench
    bench.board.put(bench.quote_of(bench.it, "1.98", "2.00", sizes=(1, 1)))
    entry = await it.enter(qty=qty)
    bench.clock.advance(0.3)
    async with asyncio.timeout(20):
        while not it.ours():
            await it.rest()
    assert it.ours() == await it.held() == 1
    return entry


async def fills_unheard(it, *held):
    bench, exchange = it.bench, it.bench.venue.exchange
    bench.venue.faults.drop_frames = 1000
    for n in held:
        bench.board.put(bench.quote_of(bench.it, "2.00", "2.02", sizes=(1, 1)))
        bench.clock.advance(0.3)
        await exchange.settle()
        assert await it.held() == n
    bench.venue.faults.drop_frames = 0


def late(it, entry, n, price="2.02"):
    """The frame of one of them, that comes late."""
    return Filled(
        fill=BrokerFill(
            execution_id=f"late-{n}",
            client_order_id=entry.order_id,
            broker_id=it.order(entry).broker_id or "",
            account="main",
            instrument=it.bench.it,
            leg=0,
            side=Side.BUY,
            qty=D(1),
            price=it.bench.px(price),
            fee_usd=D(0),
            executed_at=it.bench.clock.now(),
        )
    )


@pytest.mark.parametrize("is_down", [True, False])
@pytest.mark.parametrize(("name", "lacks"), NO_LIST)
async def test_what_fills_unheard_where_no_executions_are_listed_is_booked_at_the_average(
    name, lacks, is_down
):
    """One of three fills while it is heard, two while the desk is down or its stream silent."""
    async with at(name, lacks=lacks) as it:
        bench, exchange = it.bench, it.bench.venue.exchange
        entry = await one_heard(it)
        if is_down:
            await it.die()
        await fills_unheard(it, 2, 3)
        if is_down:
            await it.start()
        await it.seconds(6)
        assert it.order(entry).state is OrderState.FILLED
        assert it.ours() == 3
        await it.protected()
        (trade,) = it.desk.book.open_trades()
        paid = [fill.price for fill in await exchange.fills_of(entry.order_id)]
        assert [len(paid), len(set(paid))] == [3, 2]
        assert abs(trade.entry_price - sum(paid) / len(paid)) < D("0.000001")
        said = [n.text for n in it.desk.book.notices.values()]
        assert sum("nobody heard" in text for text in said) == 1
        await it.true()
        bench.venue.faults.lacks = ()  # the list was away, and tells all of them after all
        await it.true()
        assert it.ours() == 3
        await it.seconds(60)
        assert not it.desk.gates


@pytest.mark.parametrize(("name", "lacks"), NO_LIST)
async def test_a_late_frame_that_waits_for_the_lock_before_the_reckoning_is_not_booked_twice(
    name, lacks
):
    async with at(name, lacks=lacks) as it:
        entry = await one_heard(it)
        await fills_unheard(it, 2, 3)
        async with asyncio.timeout(20):
            while f"reckon {entry.order_id}" not in it.desk._vigils:
                await it.seconds(1, bid="")
        async with it.desk.lock("main"):  # a commit, an approval: anything
            frame = asyncio.create_task(hear.on_event(it.desk, name, late(it, entry, 1)))
            await breathe()
            for _ in range(4):
                it.bench.clock.advance(1)
                await asyncio.sleep(0.5)
        await frame
        await it.rest()
        await it.seconds(10)
        assert await it.held() == 3
        assert it.ours() == 3, "the books hold what nobody has bought"


@pytest.mark.parametrize(("name", "lacks"), NO_LIST)
async def test_a_late_frame_of_what_was_reckoned_is_not_booked_and_gates_nothing(name, lacks):
    async with at(name, lacks=lacks) as it:
        entry = await one_heard(it, qty=5)
        await fills_unheard(it, 2)
        await it.seconds(20, bid="2.05", ask="2.10")
        assert it.ours() == 2, it.order(entry)
        assert it.order(entry).state is OrderState.PARTIAL
        assert not it.desk.gates
        frame = late(it, entry, 1)
        it.bench.broker._events.tell(frame)
        await it.rest()
        for _ in range(30):
            await it.seconds(1, bid="2.05", ask="2.10")
            await recover.mend(it.desk)
            await it.rest()
            assert not it.desk.gates
        assert it.ours() == await it.held() == 2


@pytest.mark.parametrize(
    ("says", "prices"),
    [
        ({"average": D("0.00001234")}, [D("0.00001234")]),
        ({"average": None}, []),
        ({"average": D(0)}, []),
        ({"filled": D(0)}, []),
    ],
    ids=["a coin of small price", "no average", "an average of 0", "not filled after all"],
)
async def test_it_is_reckoned_where_the_order_tells_enough(opened, monkeypatch, says, prices):
    """Else a person is called, as ever."""
    rig = await opened(terms={"lists_executions": False})

    async def none(account, since):
        return []

    monkeypatch.setattr(rig.outside, "fills_since", none)
    rig.faults.drop_events = 1_000
    await rig.say("BTO 2 SPY 603C 1/31 @ 2.15")
    (order,) = rig.desk.book.orders.values()
    found = await rig.broker.find("main", order.order_id)
    seen = replace(found.order, state="filled", filled=order.qty)
    rig.outside.says["*"] = Seen(order=replace(seen, **says))
    await reported.on_report(rig.desk, seen, asked=True)
    for _ in range(5):
        await rig.pass_time(1)
        await rig.rest()
    rows = await rig.desk.store.find(Execution)
    assert [row.price for row in rows] == prices


@pytest.mark.parametrize("part", [{"carried": D(1)}, {"legs": ()}])
async def test_a_part_of_a_replaced_order_or_of_several_legs_is_left_to_a_person(
    opened, monkeypatch, part
):
    rig = await opened(terms={"lists_executions": False})
    rig.faults.drop_events = 1_000
    await rig.say("BTO 2 SPY 603C 1/31 @ 2.15")
    (order,) = rig.desk.book.orders.values()
    (leg,) = order.legs
    order = replace(order, reported=D(5), **({"legs": (leg, leg)} if "legs" in part else part))
    asked = []

    async def known(_):
        return order

    monkeypatch.setattr(rig.desk, "order", known)
    monkeypatch.setattr(rig.outside, "find", lambda *_: asked.append(1))
    reckoned.soon(rig.desk, order)
    await rig.pass_time(5)
    assert not asked
    assert not await rig.desk.store.find(Execution)


async def test_where_executions_are_listed_nothing_is_reckoned(opened):
    rig = await opened()
    await rig.say("BTO 2 SPY 603C 1/31 @ 2.15")
    (order,) = rig.desk.book.orders.values()
    reckoned.soon(rig.desk, order)
    assert not any(name.startswith("reckon") for name in rig.desk._vigils)


async def test_of_an_order_that_lived_twice_at_topstepx_the_average_is_of_neither_life(monkeypatch):
    """One of three at 2.00, changed, two at 2.10: the first life was not paid 2.07."""
    async with at("topstepx") as it:
        it.quote("2.05", "2.10")
        entry = await it.enter(qty=3)
        books = it.bench.broker._books
        row = await books.row_of("main", entry.order_id)
        row = {**row, "fillVolume": 3, "filledPrice": it.bench.px("2.07"), "status": 2}
        (now,) = await books.reports("main", row)
        assert now.average == it.bench.px("2.07")
        monkeypatch.setattr(books.lineage, "names", lambda _: [entry.order_id, "NEW"])
        life = SimpleNamespace(before=1, client_id="NEW")
        monkeypatch.setattr(books.lineage, "settled", lambda _: [life])
        assert [(r.filled, r.average) for r in await books.reports("main", row)] == [
            (1, None),
            (3, None),
        ]
