"""Orders of ours that somebody changed in the broker's own app: one order, one outcome (I-17).

There it is another order with a number of its own. Where the broker names it, it is ours from then
on; where nothing does, no second one is sent beside it.
"""

from dataclasses import replace

import pytest

from engine.domain.errors import BrokerUnavailable
from engine.domain.order import OrderState, OrderType, Purpose, Side
from engine.domain.record import changed
from engine.domain.trade import CloseRequest
from engine.flows.acts import flatten
from engine.flows.brokers import recover
from engine.flows.trades import manage
from tests.conformance.broker_bench import D
from tests.scenarios.test_desk_at_venues import TRADER, at

NAMED = [("tastytrade", {}), ("tastytrade", {"keeps_id": True}), ("schwab", {}), ("etrade", {})]
UNNAMED = ["tastytrade", "schwab", "etrade"]


async def stopped(it):
    """An entry with its stop, which works."""
    await it.enter()
    await it.seconds(8)
    (stop,) = [o for o in it.desk.book.orders.values() if o.purpose is Purpose.STOP]
    return stop


async def exits(it):
    return [o for o in await it.exits_at_venue() if o.state in ("accepted", "partial")]


def told(it, what):
    return [n.text for n in it.desk.book.notices.values() if what in n.text]


@pytest.mark.parametrize("was_there", [True, False])
@pytest.mark.parametrize(("name", "how"), NAMED)
async def test_a_stop_that_somebody_moves_is_the_stop_and_yields_to_a_close(name, how, was_there):
    """Ours was sent anew beside it: two of them would have sold twice what was held."""
    async with at(name) as it:
        stop = await stopped(it)
        if not was_there:
            await it.die()
        await it.bench.venue.by_hand(stop.broker_id, D("1.70"), **how)
        if not was_there:
            await it.start()
        for _ in range(20):
            await it.seconds(2)
            assert [(o.qty, o.stop) for o in await exits(it)] == [(2, D("1.70"))]
        await it.true()
        await it.protected()
        (said,) = told(it, "changed outside TradeStream")
        assert "stop 1.7" in said
        await flatten.run(it.desk, TRADER)
        await it.seconds(12)
        assert await it.held() == 0
        assert not it.desk.book.open_trades()
        await it.true()


@pytest.mark.parametrize(("name", "how"), NAMED)
async def test_a_stop_that_is_moved_twice_and_fills_closes_its_trade_once(name, how):
    async with at(name) as it:
        stop = await stopped(it)
        first = await it.bench.venue.by_hand(stop.broker_id, D("1.70"), **how)
        await it.seconds(1)
        await it.bench.venue.by_hand(first, D("1.80"), **how)
        await it.seconds(6)
        assert [(o.qty, o.stop) for o in await exits(it)] == [(2, D("1.80"))]
        await it.seconds(10, "1.75", "1.76")
        assert await it.held() == 0
        assert not it.desk.book.open_trades()
        assert (await it.desk.order(stop.order_id)).state is OrderState.FILLED
        assert not await exits(it)
        await it.true()


@pytest.mark.parametrize(("name", "how"), NAMED)
async def test_a_stop_that_was_moved_and_is_taken_back_then_is_sent_anew(name, how):
    async with at(name) as it:
        stop = await stopped(it)
        await it.bench.venue.by_hand(stop.broker_id, D("1.70"), **how)
        await it.seconds(6)
        (moved,) = await exits(it)
        await it.bench.venue.exchange.cancel(moved.account, moved.client_order_id)
        await it.seconds(6)
        assert [(o.qty, o.stop) for o in await exits(it)] == [(2, D("1.50"))]
        await it.true()


@pytest.mark.parametrize("was_there", [True, False])
@pytest.mark.parametrize(("name", "how"), NAMED)
async def test_an_entry_that_somebody_changes_is_protected_as_it_fills(name, how, was_there):
    """What it bought was booked as a stranger's, and had no stop."""
    async with at(name) as it:
        entry = await it.enter(limit="1.90")
        await it.seconds(6)
        assert it.order(entry).state is OrderState.ACCEPTED
        if not was_there:
            await it.die()
        await it.bench.venue.by_hand(it.order(entry).broker_id, D("2.05"), **how)
        if not was_there:
            await it.back()
        await it.holds(entry, 2)


@pytest.mark.parametrize("name", UNNAMED)
async def test_no_second_stop_is_sent_beside_one_that_took_its_place_unnamed(name):
    """Two stops of all that was held stood at the broker until somebody took one back."""
    async with at(name) as it:
        stop = await stopped(it)
        await it.bench.venue.by_hand(stop.broker_id, D("1.70"), is_named=False)
        for n in range(20):
            await it.seconds(2)
            assert [(o.qty, o.stop) for o in await exits(it)] == [(2, D("1.70"))], n
            (trade,) = it.desk.book.open_trades()
            assert trade.is_unprotected_since is None
            if n == 5:
                await recover.again(it.desk, name)
            if n == 10:
                await it.die()
                await it.start()
        assert len(told(it, "none of ours")) == 1
        assert not told(it, "Take yours back"), "the desk has none beside it"
        (foreign,) = await exits(it)
        await it.bench.venue.exchange.cancel(foreign.account, foreign.client_order_id)
        await it.seconds(5)
        assert [(o.qty, o.stop) for o in await exits(it)] == [(2, D("1.50"))], "it is gone"
        await it.protected()
        await it.true()


@pytest.mark.parametrize("name", UNNAMED)
async def test_one_that_took_its_place_unnamed_closes_the_trade_as_it_fills(name):
    async with at(name) as it:
        stop = await stopped(it)
        await it.bench.venue.by_hand(stop.broker_id, D("1.70"), is_named=False)
        await it.seconds(6)
        await it.seconds(4, "1.65", "1.66")
        await recover.again(it.desk, name)
        await it.seconds(6, "1.65", "1.66")
        assert await it.held() == 0
        assert not it.desk.book.open_trades()
        assert not await exits(it)
        await it.true()


@pytest.mark.parametrize("name", UNNAMED)
async def test_what_took_the_place_of_a_stop_has_filled_and_nothing_is_sent_in_its_place(name):
    """Its end was seen before its fill: at E*TRADE a stop of what was held no more was sent."""
    async with at(name) as it:
        stop = await stopped(it)
        await it.bench.venue.by_hand(stop.broker_id, D("1.70"), is_named=False)
        await it.seconds(20)
        await it.seconds(20, "1.65", "1.66")
        assert not it.desk.book.open_trades()
        assert not told(it, "was refused")
        await it.true()


@pytest.mark.parametrize("side", [Side.SELL, Side.BUY])
async def test_what_would_not_close_it_is_not_taken_for_its_stop(side):
    """A stop of another contract, and one that buys more: beside them it would stand bare."""
    async with at("schwab") as it:
        await stopped(it)
        exchange, (mine,) = it.bench.venue.exchange, await exits(it)
        thing = it.bench.it2 if side is Side.SELL else it.bench.it
        stop = "0.50" if side is Side.SELL else "2.60"
        app = it.bench.request(side, 2, OrderType.STOP, thing, stop=stop)
        await exchange.submit(replace(app, account=mine.account, reduces=False))
        await exchange.cancel(mine.account, mine.client_order_id)
        await it.seconds(6)
        stops = [o for o in it.desk.book.orders.values() if o.purpose is Purpose.STOP]
        assert [o.qty for o in stops if o.state is OrderState.ACCEPTED] == [2]
        assert not told(it, "is taken for")


async def test_another_trade_in_the_same_contract_makes_no_room_for_a_second_stop():
    """Its own stop is for its part: two stops of ours and a third one sold six of four."""
    async with at("schwab") as it:
        await it.enter()
        await it.enter()
        await it.seconds(8)
        stop, _ = [o for o in it.desk.book.orders.values() if o.purpose is Purpose.STOP]
        await it.bench.venue.by_hand(stop.broker_id, D("1.70"), is_named=False)
        for _ in range(10):
            await it.seconds(2)
            assert sorted(o.stop for o in await exits(it)) == [D("1.50"), D("1.70")]


@pytest.mark.parametrize("question", ["open_orders", "positions"])
async def test_while_its_broker_is_silent_what_took_the_place_of_a_stop_is_there(
    question, monkeypatch
):
    """Once it is gone ours leaves all the same, though nobody says what is held."""
    async with at("schwab") as it:
        stop = await stopped(it)
        await it.bench.venue.by_hand(stop.broker_id, D("1.70"), is_named=False)
        await it.seconds(6)

        async def silent(_):
            raise BrokerUnavailable("nobody there")

        with monkeypatch.context() as patched:
            patched.setattr(it.bench.broker, question, silent)
            await it.seconds(10)
            (foreign,) = await exits(it)
            assert foreign.stop == D("1.70")
            if question == "positions":
                await it.bench.venue.exchange.cancel(foreign.account, foreign.client_order_id)
                await it.seconds(10)
        if question == "open_orders":
            await it.bench.venue.exchange.cancel(foreign.account, foreign.client_order_id)
            await it.seconds(6)
        assert [(o.qty, o.stop) for o in await exits(it)] == [(2, D("1.50"))]


async def closing(it):
    """A close of all that is held, which works; whole spreads have such a limit, for one."""
    (trade,) = it.desk.book.open_trades()
    now, qty = it.bench.clock.now(), trade.qty_open
    asked = CloseRequest(
        request_id="R", qty=qty, reason="target", limit=it.bench.px("2.50"), asked_at=now
    )
    after = changed(trade, closes=(asked,))
    await it.desk.commit(it.desk.event("close.asked", trade.alert_id, after))
    await it.seconds(6)
    (close,) = [o for o in it.desk.book.orders.values() if o.purpose is Purpose.CLOSE]
    assert close.state is OrderState.ACCEPTED
    return close


@pytest.mark.parametrize("is_spread", [False, True])
@pytest.mark.parametrize("name", UNNAMED)
async def test_no_second_close_is_sent_beside_one_that_took_its_place_unnamed(name, is_spread):
    """Two closes of all that was held stood at the broker: together they opened the other side."""
    async with at(name) as it:
        await (it.enter_spread() if is_spread else it.enter())
        await it.seconds(8)
        close = await closing(it)
        await it.bench.venue.by_hand(close.broker_id, D("2.40"), is_named=False)
        for n in range(20):
            await it.seconds(2)
            assert [(o.qty, abs(o.limit)) for o in await exits(it)] == [(close.qty, D("2.40"))], n
            if n == 5:
                await recover.again(it.desk, name)
            if n == 10:
                await it.die()
                await it.start()
        assert len(told(it, "none of ours")) == 1
        assert not told(it, "Take yours back")
        (foreign,) = await exits(it)
        await it.bench.venue.exchange.cancel(foreign.account, foreign.client_order_id)
        await it.seconds(6)
        assert [(o.qty, abs(o.limit)) for o in await exits(it)] == [(close.qty, D("2.50"))], "gone"
        await it.true()


@pytest.mark.parametrize("is_at_once", [True, False])
@pytest.mark.parametrize("name", UNNAMED)
async def test_a_close_whose_successor_has_filled_is_not_sent_anew(name, is_at_once):
    """Nothing was held any more: where a broker takes it all the same, it opens the other side."""
    async with at(name) as it:
        await it.enter()
        await it.seconds(8)
        close = await closing(it)
        to = D("1.90" if is_at_once else "2.20")
        await it.bench.venue.by_hand(close.broker_id, to, is_named=False)
        await it.seconds(12)
        await it.seconds(20, "2.25", "2.26")
        assert not it.desk.book.open_trades()
        assert not told(it, "was refused")
        await it.true()


@pytest.mark.parametrize("name", UNNAMED)
async def test_at_the_stop_price_a_close_goes_out_beside_one_that_took_its_place(name):
    """Nobody else would watch it: what somebody works far from the market is no way out."""
    async with at(name) as it:
        await it.enter()
        await it.seconds(8)
        close = await closing(it)
        await it.bench.venue.by_hand(close.broker_id, D("2.40"), is_named=False)
        await it.seconds(6)
        (said,) = (await flatten.run(it.desk, TRADER)).values()
        assert "none of ours" in said
        await it.seconds(6)
        assert await it.held() == 2
        await it.seconds(8, "1.45", "1.46")
        assert await it.held() == 0
        assert not it.desk.book.open_trades()
        await it.true()


async def test_one_that_outlives_its_trade_is_told():
    """Nothing of ours may take it back, and it would open the other side."""
    async with at("schwab") as it:
        await stopped(it)
        exchange, (mine,) = it.bench.venue.exchange, await exits(it)
        app = it.bench.request(Side.SELL, 2, OrderType.STOP, stop="1.70")
        await exchange.submit(replace(app, account=mine.account, reduces=False))
        await exchange.cancel(mine.account, mine.client_order_id)
        await it.seconds(6)
        assert [o.stop for o in await exits(it)] == [D("1.70")]
        await flatten.run(it.desk, TRADER)
        await it.seconds(12)
        assert await it.held() == 0
        assert len(told(it, "take it back")) == 1


async def test_what_webull_lists_twice_under_our_id_is_the_one_that_works():
    async with at("webull") as it:
        stop = await stopped(it)
        it.bench.venue.changed[stop.order_id] = "1.70"
        for _ in range(3):
            await recover.again(it.desk, "webull")
            await it.seconds(6)
        assert it.order(stop).state is OrderState.ACCEPTED
        assert len(await exits(it)) == 1
        await it.protected()


@pytest.mark.parametrize("name", ["topstepx", "webull"])
async def test_a_stop_that_is_moved_under_its_own_number_is_told_once(name):
    """Books and cards showed the old price, and nobody knew."""
    async with at(name) as it:
        stop, venue = await stopped(it), it.bench.venue
        assert stop.stop is not None
        to = stop.stop + it.bench.it.tick * 20
        if name == "webull":
            group = venue._group

            async def moved(order):
                said = await group(order)
                if order.client_order_id == stop.order_id:
                    said["orders"][0]["stop_price"] = str(to)
                return said

            venue._group = moved
        else:
            number = it.bench.numbers["main"]
            asked = {"orderId": int(stop.broker_id), "accountId": number, "stopPrice": float(to)}
            assert (await venue._modify(asked))["success"]
        await it.seconds(20)
        (said,) = told(it, "changed outside TradeStream")
        assert f"not at {stop.stop:f}" in said
        assert len(await exits(it)) == 1
        await it.protected()


@pytest.mark.parametrize("qty", [1, 3])
async def test_a_stop_of_another_size_than_ours_is_moved_by_one_anew(qty):
    """Where a change keeps the size the move was refused, told as trouble, and tried again."""
    async with at("tastytrade") as it:
        stop = await stopped(it)
        await it.bench.venue.by_hand(stop.broker_id, D("1.50"), qty=qty)
        await it.seconds(6)
        (trade,) = it.desk.book.open_trades()
        await manage.set_stop(it.desk, trade.trade_id, TRADER, D("1.60"))
        await it.seconds(6)
        assert [(o.qty, o.stop) for o in await exits(it)] == [(2, D("1.60"))]
        assert not told(it, "refused")
        assert len(told(it, "There it is")) == 1
        await it.true()


async def test_of_a_stop_that_is_cut_and_moved_away_the_desk_watches_the_rest():
    """What it was not for any more had no stop, and nobody watched its price."""
    async with at("topstepx") as it:
        stop, venue = await stopped(it), it.bench.venue
        number = it.bench.numbers["main"]
        away = float(stop.stop - it.bench.it.tick * 200)
        asked = {"orderId": int(stop.broker_id), "accountId": number, "size": 1, "stopPrice": away}
        assert (await venue._modify(asked))["success"]
        await it.seconds(20)
        assert len(told(it, "Of the rest the desk watches")) == 1
        assert it.ours() == await it.held() == 2
        await it.seconds(8, "1.40", "1.41")
        assert await it.held() == 0
        assert not it.desk.book.open_trades()
        assert not await exits(it)
        await it.true()
