"""What differs at the broker and has no price there: an admin says it; nothing is ever sent."""

from dataclasses import replace
from datetime import timedelta

import pytest

from engine.brokers import Seen
from engine.domain.desk import Who
from engine.domain.errors import BrokerUnavailable, NotAllowed, UserError
from engine.domain.order import OrderState, Purpose, Side
from engine.domain.trade import Execution, Trade, TradeState
from engine.flows.booking import late_fill, reported
from engine.flows.booking.fills import on_fill
from engine.flows.brokers import by_hand, recover
from tests import rig as desks
from tests import truth
from tests.rig import d, spy, told_fill

ADA = Who(user_id=1, name="Ada", may_admin=True)
SPY_CALL = f"main {spy().label}"


@pytest.fixture
async def rig():
    made = await desks.start()
    made.quote(spy(), "2.14", "2.16")
    await made.say("BTO 4 SPY 603C 1/31 @ 2.15")
    await made.fill(spy(), "2.14", "2.15")
    await made.pass_time(2)
    assert made.trade().qty_open == 4
    yield made
    await made.close()


def holds(rig, qty):
    """So many are held there, and no list says where the others went."""
    real = rig.broker.positions

    async def positions(account):
        return [replace(p, qty=d(qty)) for p in await real(account) if qty]

    rig.broker.positions = positions


async def fewer_there(rig, qty):
    holds(rig, qty)
    await recover.on_demand(rig.desk)
    await rig.rest()


def stops(rig):
    live = [o for o in rig.desk.book.orders.values() if not o.state.is_terminal]
    return [(o.purpose, o.qty) for o in live]


async def test_it_stays_a_difference_until_somebody_says_the_price(rig):
    await fewer_there(rig, 3)
    assert rig.trade().qty_open == 4, "not guessed"
    assert list(by_hand.gaps(rig.desk)) == [SPY_CALL]
    done = await by_hand.book(rig.desk, ADA, SPY_CALL, d("2.40"), "moved to my other account")
    assert "1 SPY" in done
    assert "sold outside @ 2.40 (the books hold 4, the broker 3)" in done
    row = (await rig.desk.store.find(Execution))[-1]
    assert (row.kind, row.side, row.qty, row.price) == ("external", "sell", 1, d("2.40"))
    assert rig.trade().qty_open == 3
    await rig.rest()
    assert not by_hand.gaps(rig.desk)
    assert stops(rig) == [(Purpose.STOP, 3)], "what protects it follows, and nothing else is sent"
    assert any("says Ada: moved to my other account" in note for note in rig.notes())
    (said,) = [
        row.event
        for row in await rig.desk.store.events(ref="reconcile-main")
        if row.event.kind == "reconcile.by_hand"
    ]
    assert (said.actor, said.data["reason"]) == ("user:1", "moved to my other account")
    await truth.ledger_identity(rig.desk.store)


async def test_what_left_as_a_whole_closes_the_trade_and_zero_is_a_price(rig):
    await fewer_there(rig, 0)
    await by_hand.book(rig.desk, ADA, SPY_CALL, d(0), "worthless")
    (trade,) = await rig.desk.store.find(Trade)
    assert (trade.state, trade.exit_price) == (TradeState.CLOSED, 0)
    await truth.ledger_identity(rig.desk.store)


async def test_nothing_is_booked_for_somebody_who_may_not(rig):
    await fewer_there(rig, 3)
    with pytest.raises(NotAllowed, match="Only an admin"):
        await by_hand.book(rig.desk, replace(ADA, may_admin=False), SPY_CALL, d("2.4"), "why")
    assert rig.trade().qty_open == 4


async def test_a_name_of_none_is_refused_with_those_that_are_open(rig):
    with pytest.raises(UserError, match="the books agree about every quantity"):
        by_hand.named(rig.desk, SPY_CALL)
    await fewer_there(rig, 3)
    with pytest.raises(UserError, match=r"Open are: main SPY .*\. Nothing was booked"):
        by_hand.named(rig.desk, "main AAPL")


@pytest.mark.parametrize("now_there", [2, 4])
async def test_what_has_changed_at_the_broker_since_is_not_booked(rig, now_there):
    await fewer_there(rig, 3)
    holds(rig, now_there)
    with pytest.raises(UserError, match="has changed since"):
        await by_hand.book(rig.desk, ADA, SPY_CALL, d("2.4"), "why")
    assert rig.trade().qty_open == 4
    rows = await rig.desk.store.events(ref="reconcile-main")
    assert "reconcile.by_hand" not in [row.event.kind for row in rows], "nor is it said to be"


async def test_what_was_booked_while_the_broker_was_asked_is_not_booked_twice(rig):
    """The missing execution comes at last, between the question and the answer."""
    await fewer_there(rig, 3)
    shown, again = rig.broker.positions, []

    async def positions(account):
        if not again:
            again.append(1)
            await by_hand.book(rig.desk, ADA, SPY_CALL, d("2.4"), "two admins at once")
            rig.clock.advance(1)
        return await shown(account)

    rig.broker.positions = positions
    with pytest.raises(UserError, match="has changed since"):
        await by_hand.book(rig.desk, ADA, SPY_CALL, d("2.4"), "why")
    assert rig.trade().qty_open == 3


async def test_a_broker_that_does_not_answer_books_nothing(rig):
    await fewer_there(rig, 3)

    async def positions(account):
        raise BrokerUnavailable("504")

    rig.broker.positions = positions
    with pytest.raises(UserError, match=r"does not answer: 504\. Nothing was booked"):
        await by_hand.book(rig.desk, ADA, SPY_CALL, d("2.4"), "why")
    assert rig.trade().qty_open == 4


async def test_an_order_of_ours_that_may_be_it_comes_first(rig):
    await fewer_there(rig, 3)
    ((stop_id, stop),) = [(k, o) for k, o in rig.desk.book.orders.items() if o.purpose == "stop"]
    rig.desk.book.orders[stop_id] = replace(stop, state=OrderState.UNKNOWN)
    with pytest.raises(UserError, match=f"{stop_id} has had no answer.*/order resolve comes first"):
        await by_hand.book(rig.desk, ADA, SPY_CALL, d("2.4"), "why")
    rig.desk.book.orders[stop_id] = replace(stop, state=OrderState.UNKNOWN, account="other")
    await by_hand.book(rig.desk, ADA, SPY_CALL, d("2.4"), "another account's is none of it")
    rig.desk.book.orders[stop_id] = stop


async def test_what_an_order_of_ours_has_filled_and_nobody_has_priced_yet_is_not_booked(rig):
    """Its execution came a moment later: two were sold in the books, and the broker held three."""
    await fewer_there(rig, 3)
    ((stop_id, _),) = [(k, o) for k, o in rig.desk.book.orders.items() if o.purpose == "stop"]
    there = (await rig.broker.find("main", stop_id)).order
    await reported.on_report(rig.desk, replace(there, state="partial", filled=d(1)))
    with pytest.raises(UserError, match=f"{stop_id} .*filled what is not booked yet"):
        await by_hand.book(rig.desk, ADA, SPY_CALL, d("2.4"), "why")
    late = told_fill(rig, "late", client_order_id=stop_id, side=Side.SELL)
    await on_fill(rig.desk, late)
    assert rig.trade().qty_open == 3


def lists_late(rig, fill, before=0):
    """From now on the broker's lists and its money know of a fill that was made before.

    ``before``: so many have filled already, as they are known.
    """
    broker = rig.broker
    orders, fills, find, balance = (
        broker.orders_since,
        broker.fills_since,
        broker.find,
        broker.balance,
    )

    def knows(order):
        if order.client_order_id != fill.client_order_id:
            return order
        filled = fill.qty + before
        state = "filled" if filled == order.qty else "canceled"
        return replace(order, state=state, filled=filled, average=fill.price)

    async def orders_since(account, since):
        return [knows(o) for o in await orders(account, since)]

    async def fills_since(account, since):
        return [*await fills(account, since), fill]

    async def found(account, order_id):
        return Seen(order=knows((await find(account, order_id)).order))

    async def money(account):
        said = await balance(account)
        return replace(said, cash_usd=said.cash_usd + fill.qty * fill.price * 100)

    broker.orders_since, broker.fills_since = orders_since, fills_since
    broker.find, broker.balance = found, money


@pytest.mark.parametrize("then_s", [300, -3600])
async def test_what_was_said_by_hand_is_undone_when_our_own_fill_comes_after_all(rig, then_s):
    """The books were short of it for ever, and people were told to buy it back at the broker.

    Also where the wall clock was set back in between.
    """
    await fewer_there(rig, 0)
    ((stop_id, _),) = [(k, o) for k, o in rig.desk.book.orders.items() if o.purpose == "stop"]
    at = rig.clock.now()
    await by_hand.book(rig.desk, ADA, SPY_CALL, d("2.40"), "gone")
    await rig.rest()
    if then_s < 0:
        rig.clock.jump(at + timedelta(seconds=then_s))
    await rig.pass_time(max(then_s, 10), 10)
    sold = {"side": Side.SELL, "qty": d(4), "price": d("2.35"), "executed_at": at}
    late = told_fill(rig, "late", client_order_id=stop_id, **sold)
    lists_late(rig, late)
    for _ in range(3):
        await recover.on_demand(rig.desk)
        await rig.rest()
    assert not by_hand.gaps(rig.desk)
    assert not rig.trades()
    (trade,) = await rig.desk.store.find(Trade)
    assert trade.realised_usd == (d("2.35") - d("2.16")) * 400 - trade.fees_usd
    assert any("whose fill came late" in note for note in rig.notes())
    n_booked = len(await rig.desk.store.find(Execution))
    for _ in range(2):
        await recover.on_demand(rig.desk)
        await rig.rest()
    assert len(await rig.desk.store.find(Execution)) == n_booked, "once"
    account = rig.desk.book.accounts["main"]
    assert account.cash_usd == rig.desk.compared["main"].cash_usd
    await truth.ledger_identity(rig.desk.store)


async def test_nobody_buys_back_what_was_booked_twice_and_the_books_are_compared_at_once(rig):
    """People were told to flatten it at the broker, where nothing was held."""
    await fewer_there(rig, 0)
    ((stop_id, _),) = [(k, o) for k, o in rig.desk.book.orders.items() if o.purpose == "stop"]
    at = rig.clock.now()
    await by_hand.book(rig.desk, ADA, SPY_CALL, d("2.40"), "gone")
    await rig.rest()
    await rig.pass_time(60, 10)
    sold = {"side": Side.SELL, "qty": d(4), "price": d("2.35"), "executed_at": at}
    late = told_fill(rig, "late", client_order_id=stop_id, **sold)
    lists_late(rig, late)
    await on_fill(rig.desk, late)
    assert any("in the broker's app, if it shows them too" in note for note in rig.notes())
    await rig.pass_time(5)
    assert not rig.trades()
    assert any("whose fill came late" in note for note in rig.notes())


async def test_what_is_about_to_be_undone_is_not_booked_the_other_way_round_by_hand(rig):
    """Its list may lag, so the desk waits; who said a price meanwhile made it wrong for good."""
    await fewer_there(rig, 3)
    ((stop_id, _),) = [(k, o) for k, o in rig.desk.book.orders.items() if o.purpose == "stop"]
    sold = {"side": Side.SELL, "executed_at": rig.clock.now()}
    await by_hand.book(rig.desk, ADA, SPY_CALL, d("2.40"), "gone")
    await rig.rest()
    late = told_fill(rig, "late", client_order_id=stop_id, price=d("2.35"), **sold)
    await on_fill(rig.desk, late)
    await recover.on_demand(rig.desk)
    await rig.rest()
    assert [(g.ours, g.theirs) for _, g in by_hand.gaps(rig.desk).values()] == [(2, 3)]
    with pytest.raises(UserError, match="undone by itself"):
        await by_hand.book(rig.desk, ADA, SPY_CALL, d("2.35"), "bought")
    for _ in range(2):
        await rig.pass_time(200, 10)
        await recover.on_demand(rig.desk)
        await rig.rest()
    assert not by_hand.gaps(rig.desk)
    assert rig.trade().qty_open + sum(t.qty_open for t in rig.trades()[1:]) == 3


async def test_of_a_part_that_was_said_by_hand_the_late_fill_counts_alone(rig):
    await fewer_there(rig, 3)
    ((stop_id, _),) = [(k, o) for k, o in rig.desk.book.orders.items() if o.purpose == "stop"]
    at = rig.clock.now()
    await by_hand.book(rig.desk, ADA, SPY_CALL, d("2.40"), "gone")
    await rig.rest()
    late = told_fill(rig, "late", client_order_id=stop_id, side=Side.SELL, executed_at=at)
    rig.clock.advance(1)
    await on_fill(rig.desk, replace(late, price=d("2.35")))
    gap = by_hand.PositionGap(instrument=spy(), ours=d(2), theirs=d(3), avg_price=d("2.16"))
    said = await late_fill.twice(rig.desk, "main", gap)
    assert said is not None
    assert (said.gap, said.adopted.price) == (gap, d("2.40"))
    assert await late_fill.twice(rig.desk, "main", replace(gap, theirs=d(4))) is None
    assert await late_fill.twice(rig.desk, "main", replace(gap, theirs=d(1))) is None


@pytest.mark.parametrize("parts", [(4,), (1, 3), (3, 1)])
@pytest.mark.parametrize("is_one_by_one", [False, True])
async def test_two_that_were_said_by_hand_are_undone_when_both_were_ours(rig, parts, is_one_by_one):
    """The second stood for proof that the first was undone: the books were short of it for ever."""
    ((stop_id, _),) = [(k, o) for k, o in rig.desk.book.orders.items() if o.purpose == "stop"]
    at = rig.clock.now() - timedelta(seconds=10)
    for left, said in ((3, "2.40"), (0, "2.45")):
        await fewer_there(rig, left)
        await by_hand.book(rig.desk, ADA, SPY_CALL, d(said), "gone")
        await rig.rest()
        await rig.pass_time(5)
    await rig.pass_time(60, 10)
    sold = {"client_order_id": stop_id, "side": Side.SELL, "price": d("2.35")}
    for n, qty in enumerate(parts):
        at += timedelta(seconds=1)
        late = told_fill(rig, f"late{n}", qty=d(qty), executed_at=at, **sold)
        lists_late(rig, late, sum(parts[:n]))
        if is_one_by_one or n == len(parts) - 1:
            for _ in range(3):
                await recover.on_demand(rig.desk)
                await rig.rest()
                await rig.pass_time(10)
    assert not by_hand.gaps(rig.desk)
    assert not rig.trades()
    (trade,) = await rig.desk.store.find(Trade)
    assert trade.realised_usd == (d("2.35") - d("2.16")) * 400 - trade.fees_usd
    n_booked = len(await rig.desk.store.find(Execution))
    for _ in range(2):
        await recover.on_demand(rig.desk)
        await rig.rest()
    assert len(await rig.desk.store.find(Execution)) == n_booked, "once"
    account = rig.desk.book.accounts["main"]
    assert account.cash_usd == rig.desk.compared["main"].cash_usd
    await truth.ledger_identity(rig.desk.store)
