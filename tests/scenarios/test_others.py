"""What others did at the broker, by hand or in its app: taken in, told, and never undone."""

from dataclasses import replace
from datetime import timedelta
from types import SimpleNamespace

import pytest

from engine.brokers import BrokerFill, BrokerPosition
from engine.brokers.paper.book import Holding
from engine.domain.compared import PositionGap
from engine.domain.order import (
    Order,
    OrderState,
    OrderType,
    Purpose,
    Side,
    client_order_id,
)
from engine.domain.trade import LedgerEntry, Trade, TradeState
from engine.flows.alerts import manual
from engine.flows.alerts.drafting import Wanted
from engine.flows.booking import fills, late_fill, taken_back
from engine.flows.brokers import compare, recover
from engine.flows.brokers.lists import turn
from engine.flows.common import own
from engine.flows.holdings import capable, splits
from engine.flows.orders import send
from engine.flows.trades import manage
from engine.orders import request_of
from tests import rig as desks
from tests import truth
from tests.rig import AAPL, START, TRADER, d, spy
from tests.scenarios.faulty_desk import (
    BUY,
    LISTS,
    alive,
    at_rest,
    check,
    nothing,
    orders,
    waiting,
)


def outside(rig, side, qty, price="2.20", name="ext-1", instrument=None):
    return BrokerFill(
        execution_id=name,
        client_order_id="manual",
        broker_id="M-1",
        account="main",
        instrument=instrument or spy(),
        leg=0,
        side=side,
        qty=d(qty),
        price=d(price),
        fee_usd=d("0.65"),
        executed_at=rig.clock.now(),
    )


async def test_an_outside_trade_is_adopted_counted_and_never_undone(rig):  # O-16, I-26
    before = rig.faults and rig.desk.broker("paper").n_submits
    await fills.on_fill(rig.desk, outside(rig, Side.BUY, 3))
    await fills.on_fill(rig.desk, outside(rig, Side.BUY, 3))
    await rig.rest()
    trade = rig.trade()
    assert (trade.source, trade.qty_open, trade.entry_price) == ("external", 3, d("2.20"))
    await fills.on_fill(rig.desk, outside(rig, Side.BUY, 2, "2.30", "ext-2"))
    await rig.rest()
    assert rig.trade().qty_open == 5
    assert rig.desk.broker("paper").n_submits == before
    told = [n for n in rig.notes() if "traded outside" in n]
    assert len(told) == 2, "once for each"
    assert all("It has no stop, and nothing was sent: somebody has to decide" in n for n in told)
    await check(rig)


async def test_a_trade_closed_by_hand_at_the_broker_is_closed_here_and_its_stop_dies(rig):  # O-15
    await rig.say(BUY)
    await rig.fill(spy(), "2.14", "2.15")
    (stop,) = [s for s in await orders(rig, Purpose.STOP) if not s.state.is_terminal]
    await fills.on_fill(rig.desk, outside(rig, Side.SELL, 2, "2.40"))
    await rig.rest()
    rig.clock.advance(0.3)
    await rig.rest()
    (trade,) = await rig.desk.store.find(Trade)
    assert trade.state is TradeState.CLOSED
    assert trade.close_reason == "closed outside"
    assert trade.realised_usd == (d("2.40") - d("2.16")) * 200 - d("1.30") - d("0.65")
    stop = await rig.desk.store.get(Order, stop.order_id)
    assert stop.state is OrderState.CANCELED
    await check(rig)


async def test_a_part_closed_by_hand_leaves_the_rest_protected(rig):
    await rig.say(BUY)
    await rig.fill(spy(), "2.14", "2.15")
    await fills.on_fill(rig.desk, outside(rig, Side.SELL, 1, "2.40"))
    await rig.rest()
    await alive(rig, 2)
    assert rig.trade().qty_open == 1
    live = [s for s in await orders(rig, Purpose.STOP) if not s.state.is_terminal]
    assert [s.qty for s in live] == [1]
    await check(rig)


async def test_what_is_sold_by_hand_beside_a_close_under_way_is_of_another_trade():
    """Both sales were of one trade: it stood short, and a stop lived on for what nobody held."""
    rig = await desks.start(risk=desks.LOOSE)
    rig.quote(AAPL, "189.98", "190.02")
    for key in (1, 2):
        asked = Wanted(side=Side.BUY, symbol="AAPL", amount=d(2), stop=d(186))
        await manual.send(rig.desk, await manual.plan(rig.desk, TRADER, asked), key)
        await rig.rest()
        await rig.fill(AAPL, "189.98", "190.02")
    first, second = rig.trades()
    await manage.close(rig.desk, first.trade_id, TRADER)
    closes = []
    while not closes:
        rig.clock.advance(0.05)
        await rig.rest()
        closes = [o for o in await orders(rig, Purpose.CLOSE) if o.state is OrderState.ACCEPTED]
    (close,) = closes
    sold = outside(rig, Side.SELL, 2, "190", instrument=AAPL)
    await fills.on_fill(rig.desk, sold)
    assert [t.trade_id for t in rig.trades()] == [first.trade_id]
    ours = replace(sold, execution_id="ours", client_order_id=close.order_id)
    await fills.on_fill(rig.desk, ours)
    await rig.rest()
    assert not rig.trades()
    trades = {t.trade_id: t for t in await rig.desk.store.find(Trade)}
    assert [trades[t.trade_id].qty_open for t in (first, second)] == [0, 0]
    await rig.pass_time(2)
    assert not [o for o in await orders(rig, Purpose.STOP) if not o.state.is_terminal]
    await truth.books(rig.desk.store, auto=frozenset({"manual"}))
    await rig.close()


@pytest.mark.parametrize("after", ["by hand", "our own", "another kind", "nothing"])
async def test_a_split_is_booked_before_what_was_traded_by_hand_after_it_alone(after):  # M-07
    """Where an order of ours filled, that may be of old shares or of new ones."""
    rig = await desks.start(risk=desks.LOOSE)
    rig.quote(AAPL, "189.98", "190.02")
    asked = Wanted(side=Side.BUY, symbol="AAPL", amount=d(2), stop=d(186))
    await manual.send(rig.desk, await manual.plan(rig.desk, TRADER, asked), 1)
    await rig.rest()
    await rig.fill(AAPL, "189.98", "190.02")
    (stop,) = [o for o in await orders(rig, Purpose.STOP) if not o.state.is_terminal]
    sold = outside(rig, Side.SELL, 1, "19", instrument=AAPL)
    fresh = {
        "by hand": [sold],
        "our own": [sold, replace(sold, client_order_id=stop.order_id)],
        "another kind": [replace(sold, kind="external")],
        "nothing": [],
    }[after]
    price = rig.trade().entry_price / 10
    there = d(20) + sum((f.qty * f.side.sign for f in fresh), d(0))
    listed = BrokerPosition(account="main", instrument=AAPL, qty=there, avg_price=price)
    await splits.before(rig.desk, "main", [listed], fresh)
    assert rig.trade().qty_open == (20 if after == "by hand" else 2)
    await rig.close()


async def test_an_exit_placed_outside_beside_our_stop_is_said_to_be_one_too_many(rig):
    await rig.say(BUY)
    await rig.fill(spy(), "2.14", "2.15")
    (stop,) = [s for s in await orders(rig, Purpose.STOP) if not s.state.is_terminal]
    by_hand = replace(request_of(stop), client_order_id="app-1")
    await rig.broker.submit(by_hand)
    await recover.reconcile(rig.desk)
    assert any("close more than is held" in n for n in rig.notes())
    assert (await orders(rig, Purpose.STOP))[0].state is OrderState.ACCEPTED


async def test_a_deposit_in_the_brokers_app_is_booked_as_one_and_said(rig):  # O-16
    rig.broker._book.cash["main"] += 500
    await recover.reconcile(rig.desk)
    await recover.reconcile(rig.desk)
    deposits = [e for e in await rig.desk.store.find(LedgerEntry) if e.kind == "deposit"]
    assert [e.cash_usd for e in deposits] == [100_000, 500]
    assert any("no trade explains" in n for n in rig.notes())
    assert not [k for k in rig.desk.health if k.startswith("reconcile")]
    await at_rest(rig)


async def test_a_position_that_only_the_broker_has_is_adopted_at_its_price(rig):
    holding = Holding(instrument=desks.AAPL, qty=d(10), cost=d(2000))
    rig.broker._book.holdings["main"][desks.AAPL.key] = holding
    await recover.reconcile(rig.desk)
    await rig.rest()
    (trade,) = rig.trades()
    assert (trade.source, trade.qty_open, trade.entry_price) == ("external", 10, 200)
    await recover.reconcile(rig.desk)
    await recover.reconcile(rig.desk)
    await check(rig)
    await truth.same_as_broker(rig.desk, rig.broker)


async def test_what_an_order_without_an_answer_may_have_brought_is_not_adopted_as_foreign(rig):
    """No list shows it yet, the holding does: adopted, it would count twice once it is found."""
    lists = {name: getattr(rig.desk.brokers["paper"], name) for name in LISTS}
    for name in LISTS:
        setattr(rig.desk.brokers["paper"], name, nothing)
    rig.faults.unknown_after_accept, rig.faults.drop_events, rig.faults.unclear = 1, 99, 99
    await rig.say(BUY)
    await rig.fill(spy(), "2.14", "2.15")
    for _ in range(3):
        await recover.reconcile(rig.desk)
        await rig.rest()
    assert not [t for t in rig.trades() if t.source == "external"]
    rig.faults.unclear = 0
    for name, ask in lists.items():
        setattr(rig.desk.brokers["paper"], name, ask)
    await at_rest(rig)
    assert rig.trade().qty_open == 2


async def test_a_nameless_execution_is_of_an_order_in_doubt_only_if_it_may_be(rig):
    """O-16: one of somebody else's would stay out of the books as long as ours is in doubt."""
    rig.faults.unknown_before_accept, rig.faults.unclear = 1, 1_000
    await rig.say(BUY)
    (order,) = await orders(rig)
    assert order.state is OrderState.UNKNOWN
    nameless = replace(outside(rig, Side.BUY, 1), client_order_id="")
    assert own.may_be_of(rig.desk, nameless) == order
    for other in (
        {"client_order_id": "manual"},
        {"account": "another"},
        {"side": Side.SELL},
        {"instrument": spy("604")},
        {"executed_at": order.created_at - timedelta(minutes=20)},
    ):
        assert own.may_be_of(rig.desk, replace(nameless, **other)) is None, other
    rig.desk.book.orders[order.order_id] = replace(order, broker_id="9")
    assert own.may_be_of(rig.desk, nameless) is None, "its number would have named it"


async def test_a_position_that_is_gone_without_a_trace_is_told_not_guessed(rig):
    await rig.say(BUY)
    await rig.fill(spy(), "2.14", "2.15")
    rig.broker._book.holdings["main"].clear()
    await recover.reconcile(rig.desk)
    assert rig.trade().qty_open == 2
    assert "we hold 2, the broker 0" in rig.desk.health["reconcile main"]
    assert len([n for n in rig.notes() if "we hold 2" in n]) == 1


@pytest.mark.parametrize("closes", [True, False])
async def test_of_unknown_orders_under_ids_of_ours_what_may_protect_is_left_alone(rig, closes):
    """Books that were restored do not know the newest stop: what it protects would stand bare."""
    await rig.say(BUY)
    await rig.fill(spy(), "2.14", "2.15")
    (stop,) = [s for s in await orders(rig, Purpose.STOP) if not s.state.is_terminal]
    name = client_order_id("of books that are lost")
    asked = replace(request_of(stop), client_order_id=name)
    if not closes:
        low = {"type": OrderType.LIMIT, "limit": d("1.00"), "stop": None, "reduces": False}
        asked = replace(asked, side=Side.BUY, **low)
    await rig.broker.submit(asked)
    for _ in range(3):
        await recover.reconcile(rig.desk)
        rig.clock.advance(1)
        await rig.rest()
    there = {order.client_order_id for order in await rig.broker.open_orders("main")}
    assert (name in there) is closes
    said = "it may protect a position" if closes else "over with us; it is being cancelled"
    assert any(f"Order {name}" in note and said in note for note in rig.notes())
    assert stop.order_id in there


def test_what_another_execution_is_about_or_comes_for_is_booked_before_it(rig):
    fill = outside(rig, Side.BUY, 1)
    shares = replace(fill, kind="exercise", instrument=AAPL)
    kinds = [replace(fill, kind=kind) for kind in ("fill", "exercise", "bust", "correct")]
    assert [turn(one) for one in (*kinds, shares)] == [0, 0, 2, 2, 1]


async def test_only_of_an_order_of_ours_in_that_contract_may_executions_be_taken_back(rig):
    """What left by hand bears no order's id: a report without one is not of it."""
    await rig.say(BUY)
    await rig.fill(spy(), "2.14", "2.15")
    (stop,) = await rig.broker.open_orders("main")
    (entry,) = await orders(rig, Purpose.ENTRY)
    await fills.on_fill(rig.desk, outside(rig, Side.SELL, 1))
    gap = PositionGap(instrument=spy(), ours=d(1), theirs=d(0), avg_price=None)
    for name, one, n_booked in (
        (entry.order_id, gap, 1),
        ("", gap, 0),
        (entry.order_id, replace(gap, instrument=AAPL), 0),
    ):
        report = replace(stop, client_order_id=name)
        assert len(await taken_back._booked(rig.desk, "main", one, report)) == n_booked


async def test_books_that_may_lack_a_commit_are_read_again_before_they_are_compared(rig):
    """What memory does not know of its own orders would look like a stranger's."""
    await rig.say(BUY)
    await rig.fill(spy(), "2.14", "2.15")
    (stop,) = [s for s in await orders(rig, Purpose.STOP) if not s.state.is_terminal]
    stale = replace(stop, version=stop.version - 1, state=OrderState.SUBMITTING)
    rig.desk.book.orders[stop.order_id] = stale
    rig.desk.is_behind = True
    await compare.compare(rig.desk, "paper")
    assert not rig.desk.is_behind
    assert rig.desk.book.orders[stop.order_id] == stop


async def test_for_ten_seconds_an_entry_is_about_to_fill_at_its_broker(rig):
    """Its stop is to leave at once then, and needs room in what the broker allows."""
    await waiting(rig, BUY)
    (trade,) = rig.desk.book.trades.values()
    for pause_s, n in ((0, 1), (9, 1), (1, 0)):
        rig.clock.advance(pause_s)
        assert capable._n_about_to_fill(rig.desk, trade) == n
        assert capable._n_about_to_fill(rig.desk, replace(trade, broker="another")) == 0


async def test_what_is_refused_since_it_is_there_already_is_not_in_doubt(rig):
    await rig.say(BUY)
    await rig.fill(spy(), "2.14", "2.15")
    (stop,) = [s for s in await orders(rig, Purpose.STOP) if not s.state.is_terminal]
    sent = replace(stop, state=OrderState.SUBMITTING)
    for why, again in (("client_order_id must be unique", False), ("no", True)):
        assert await send._refused(rig.desk, sent, why, again=again) == stop
    assert not rig.desk.doubts.used


@pytest.mark.parametrize(
    ("row", "fill", "is_late"),
    [
        ({}, {}, True),
        ({"kind": "external"}, {"order_id": ""}, True),
        ({}, {"order_id": ""}, False),
        ({}, {"executed_at": START + timedelta(seconds=1)}, False),
        ({"qty": d(-1)}, {}, False),
        ({"execution_id": "GAP-1"}, {}, False),
        ({"kind": "split"}, {}, False),
        ({}, None, False),
    ],
)
async def test_only_a_told_fill_of_before_and_of_that_side_was_adopted_too_early(
    row, fill, is_late
):
    async def get(_kind, _name):
        at = {"order_id": "A", "executed_at": START}
        return None if fill is None else SimpleNamespace(**(at | fill))

    desk = SimpleNamespace(store=SimpleNamespace(get=get))
    told = {"execution_id": "x-1", "kind": "fill", "qty": d(1)} | row
    adopted = SimpleNamespace(qty=d(2), booked_at=START)
    assert await late_fill._is_late(desk, SimpleNamespace(**told), adopted) is is_late


async def test_an_order_alive_there_and_over_here_is_cancelled(rig):  # I-12
    await waiting(rig, BUY)
    (order,) = await orders(rig)
    dead = desks.replace(order, state=OrderState.REJECTED, version=order.version + 1)
    await rig.desk.commit(rig.desk.event("test", order.alert_id, dead))
    rig.clock.advance(6)
    await recover.reconcile(rig.desk)
    rig.clock.advance(1)
    await rig.rest()
    assert not await rig.broker.open_orders("main")
    assert any("over with us" in n for n in rig.notes())
