"""Several accounts of one login: one that cannot be read hides no other."""

import asyncio
from dataclasses import replace

import pytest

from engine.brokers import BrokerOrder
from engine.brokers.paper import PaperBroker, PaperSettings
from engine.domain.errors import BrokerUnavailable, RateLimited
from engine.domain.order import Purpose
from engine.domain.source import RouteRule
from engine.flows.booking import fills, reported
from engine.flows.brokers import compare, recover, watch
from engine.flows.common.answers import of_each
from storage.memory import MemoryVault
from tests import rig as desks
from tests.conformance.faulty_broker import Faults
from tests.rig import LOOSE, d, spy
from tests.scenarios.outside_desk import BUY, Outside

STRIKES = ("603", "604")
LISTS = ("open_orders", "orders_since", "find", "fills_since")


@pytest.fixture
async def rig():
    """Entries at both of two accounts; the broker, which tells nothing, says nothing of one."""
    made = await desks.start(risk=LOOSE)
    desk, cash = made.desk, {"a": d(100_000), "b": d(100_000)}
    paper = PaperBroker(
        clock=made.clock,
        board=made.board,
        vault=MemoryVault(),
        settings=PaperSettings(start_cash_usd=cash, slippage_ticks=0, latency_ms=250),
    )
    mute = Outside(paper, Faults(), {"has_stream": False})
    desk.brokers = {**desk.brokers, "mute": mute}
    desk.settings = replace(
        desk.settings,
        accounts={"main": "paper", "a": "mute", "b": "mute"},
        start_cash_usd={"main": d(100_000), **cash},
        routes=(RouteRule(assets=frozenset({"option"}), accounts=("a", "b"), to="all"),),
    )
    await recover.start(desk)
    quote(made, "2.14", "2.16")
    for strike in STRIKES:
        await made.say(BUY.replace("603", strike))
    quote(made, "2.50", "2.60")
    for name in LISTS:
        setattr(mute, name, _not_of_a(getattr(mute, name)))
    yield made
    await made.close()
    await paper.close()


def quote(rig, bid, ask):
    for strike in STRIKES:
        rig.quote(spy(strike), bid, ask)


def _not_of_a(ask):
    async def asked(account, *more):
        if account == "a":
            raise BrokerUnavailable("403 for this account")
        return await ask(account, *more)

    return asked


async def lives(rig, seconds, *prices):
    for _ in range(seconds):
        quote(rig, *prices)
        await rig.pass_time(1)
        await watch.round_of(rig.desk)
        await rig.rest()


async def test_what_an_account_fills_has_its_stop_though_another_one_cannot_be_read(rig):
    """All of the second account stood bare for as long as the first one's lists failed."""
    await lives(rig, 12, "2.50", "2.60")
    await lives(rig, 6, "2.14", "2.15")
    held = [(t.account, t.qty_open) for t in rig.desk.book.open_trades()]
    assert held == [("b", 2), ("b", 2)]
    stops = [o for o in rig.desk.book.orders.values() if o.purpose is Purpose.STOP]
    assert [(o.account, o.leaves) for o in stops] == held


async def test_an_account_is_compared_though_another_one_cannot_be_read(rig):
    rig.desk.brokers["mute"].inner._book.cash["b"] += 500
    for _ in range(2):
        with pytest.raises(BrokerUnavailable):
            await compare.compare(rig.desk, "mute")
    assert rig.desk.book.accounts["b"].deposits_usd == 100_500
    assert rig.desk.book.accounts["a"].deposits_usd == 100_000


async def test_a_login_that_hangs_costs_no_time_out_for_each_of_its_accounts():
    """With six accounts it was a minute until anybody heard that the broker does not answer."""
    made = await desks.start(risk=LOOSE)
    names = "abcdef"
    cash = dict.fromkeys(names, d(100_000))
    paper = PaperBroker(
        clock=made.clock,
        board=made.board,
        vault=MemoryVault(),
        settings=PaperSettings(start_cash_usd=cash),
    )
    mute = Outside(paper, Faults(), {"has_stream": False})
    desk = made.desk
    desk.brokers = {**desk.brokers, "mute": mute}
    desk.settings = replace(
        desk.settings,
        accounts={"main": "paper", **dict.fromkeys(names, "mute")},
        start_cash_usd={"main": d(100_000), **cash},
        broker_timeout_s=0.2,
    )
    await recover.start(desk)
    await made.rest()
    asked: list[str] = []

    async def hangs(account):
        asked.append(account)
        await asyncio.Event().wait()

    mute.positions = hangs
    began = asyncio.get_running_loop().time()
    with pytest.raises(BrokerUnavailable):
        await compare.compare(desk, "mute")
    assert asyncio.get_running_loop().time() - began < 0.7
    assert asked == list(names)
    await made.close()
    await paper.close()


async def test_what_no_silence_explains_is_raised_of_whichever_account():
    def look(how):
        async def asked():
            if isinstance(how, Exception):
                raise how
            return [how]

        return asked

    quiet = BrokerUnavailable("504")
    for other in (RateLimited("wait", 1), KeyError("a bug")):
        with pytest.raises(type(other)):
            await of_each(map(look, [quiet, "b", other]))
    with pytest.raises(BrokerUnavailable, match="504"):
        await of_each(map(look, ["a", quiet, BrokerUnavailable("later"), "b"]))
    assert await of_each(map(look, ["a", "b"])) == ["a", "b"]


async def test_our_id_that_somebody_uses_at_another_account_is_no_order_of_ours(rig):
    """What it filled was booked to the account of ours: four were held, and stopped, of two."""
    await lives(rig, 6, "2.14", "2.15")
    desk = rig.desk
    ours = next(o for o in desk.book.orders.values() if (o.account, o.purpose) == ("b", "entry"))
    before = {k: p.qty for k, p in desk.book.positions.items()}
    fill = desks.told_fill(
        rig,
        "X-1",
        account="a",
        instrument=ours.legs[0].instrument,
        client_order_id=ours.order_id,
        broker_id="another",
    )
    report = orders_report(ours, account="a", broker_id="another", state="accepted", filled=d(0))
    await reported.on_report(desk, report)
    await fills.on_fill(desk, fill)
    await rig.rest()
    assert desk.book.orders[ours.order_id].state is ours.state
    assert {k: p.qty for k, p in desk.book.positions.items() if k in before} == before
    (adopted,) = [t for t in desk.book.open_trades() if t.account == "a"]
    assert (adopted.source, adopted.qty_open) == ("external", 1)
    late = replace(fill, execution_id="X-2", broker_id=ours.broker_id)
    await fills.on_fill(desk, late)
    await rig.rest()
    assert len([t for t in desk.book.open_trades() if t.account == "a"]) == 1, "a wrong name"


def orders_report(order, **said):
    return replace(
        BrokerOrder(
            client_order_id=order.order_id,
            broker_id=order.broker_id,
            account=order.account,
            state="filled",
            side=order.side,
            legs=order.legs,
            qty=order.qty,
            filled=order.filled,
            type=order.type,
            updated_at=order.updated_at,
        ),
        **said,
    )
