"""An execution beyond an order's quantity, listed after the order was told as filled (O-12).

The imitation's lists, holdings and money have it, and its stream says nothing.
"""

from dataclasses import replace
from datetime import timedelta

import pytest

from engine.domain.errors import OrderRejected
from engine.domain.order import Side
from tests.conformance.broker_bench import D
from tests.scenarios.test_desk_at_venues import NAMES, Outside, at

TELLS_NOTHING = ("etrade", "schwab", "webull")
"""Or its lists of what works show it all the same."""


async def filled_once_more(it: Outside) -> None:
    """One unit more than was ordered, everywhere where the venue is asked."""
    exchange, number = it.bench.venue.exchange, it.bench.numbers["main"]
    since = it.bench.clock.now() - timedelta(days=1)
    (entry,) = [o for o in await exchange.orders_since(number, since) if o.side is Side.BUY]
    (last,) = await exchange.fills_of(entry.client_order_id)
    now = it.bench.clock.now()
    more = replace(last, execution_id=f"{last.execution_id}-more", qty=D(1), executed_at=now)
    ask = {
        name: getattr(exchange, name)
        for name in ("fills_since", "fills_of", "orders_since", "find", "positions", "balance")
    }

    def grown(order):
        is_it = order.client_order_id == entry.client_order_id
        return replace(order, filled=order.filled + 1, updated_at=now) if is_it else order

    async def fills_since(account, after):
        told = [more] if account == number and now >= after else []
        return [*await ask["fills_since"](account, after), *told]

    async def fills_of(name):
        told = [more] if name == entry.client_order_id else []
        return [*await ask["fills_of"](name), *told]

    async def orders_since(account, after):
        return [grown(order) for order in await ask["orders_since"](account, after)]

    async def find(account, name):
        found = await ask["find"](account, name)
        return replace(found, order=grown(found.order)) if hasattr(found, "order") else found

    async def positions(account):
        held = await ask["positions"](account)
        return [replace(p, qty=p.qty + 1) if p.instrument == more.instrument else p for p in held]

    async def balance(account):
        told = await ask["balance"](account)
        is_paid = account == number and more.instrument.kind != "future"
        paid = more.instrument.notional(more.price, D(1)) if is_paid else D(0)
        return replace(told, cash_usd=told.cash_usd - paid)

    for name, answer in {
        "fills_since": fills_since,
        "fills_of": fills_of,
        "orders_since": orders_since,
        "find": find,
        "positions": positions,
        "balance": balance,
    }.items():
        setattr(exchange, name, answer)


@pytest.mark.parametrize("name", NAMES)
async def test_what_fills_once_more_is_booked_told_and_covered_in_seconds(name):
    """It stood without a stop until the next comparison, for up to a minute."""
    async with at(name) as it:
        await it.enter()
        await it.seconds(8)
        await it.protected()
        await filled_once_more(it)
        most_s = 8 if name in TELLS_NOTHING else 24
        seconds = 0
        while it.ours() == 2 and seconds < 60:
            await it.seconds(1)
            seconds += 1
        assert seconds <= most_s
        await it.seconds(2)
        live = [o for o in await it.exits_at_venue() if o.state in ("accepted", "partial")]
        assert sum(o.qty for o in live) == it.ours() == 3
        told = [n.text for n in it.desk.book.notices.values() if "nobody expected" in n.text]
        assert len(told) == 1
        await it.true()


async def test_it_is_found_as_soon_where_no_stop_works(monkeypatch):
    """Polls ask for orders that work; of none of them nobody asked what is held."""
    async with at("webull") as it:
        await it.enter()
        await it.seconds(8)

        async def refused(request):
            raise OrderRejected("INVALID_STOP_PRICE", "tick size")

        monkeypatch.setattr(it.bench.broker, "submit", refused)
        (stop,) = [o for o in await it.exits_at_venue() if o.state == "accepted"]
        await it.bench.venue.exchange.cancel(stop.account, stop.client_order_id)
        await it.seconds(6)
        assert not [o for o in await it.exits_at_venue() if o.state == "accepted"]
        await filled_once_more(it)
        await it.seconds(8)
        assert it.ours() == 3
        monkeypatch.undo()
        await it.seconds(40)
        await it.protected()
        await it.true()
