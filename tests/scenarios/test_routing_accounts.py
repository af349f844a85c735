"""One alert and several accounts: rules, priority, fail-over before acceptance, copies (O-23)."""

import asyncio
from contextlib import asynccontextmanager

import pytest

from engine.brokers.paper import PaperBroker, PaperSettings
from engine.domain.desk import AlertState
from engine.domain.errors import BrokerUnavailable, OrderRejected, OrderStateUnknown, RateLimited
from engine.domain.order import Intent, OrderState, Purpose
from engine.domain.record import changed
from engine.domain.source import Handling, RouteRule
from engine.flows.acts import flatten, halt
from engine.flows.brokers import hear, recover
from engine.flows.common import broker_switch
from engine.flows.limits import facts
from engine.flows.trades import approve
from storage.memory import MemoryVault
from tests import rig as desks
from tests import truth
from tests.conformance.faulty_broker import Faults, FaultyBroker
from tests.rig import d, spy

BUY = "BTO 2 SPY 603C 1/31 @ 2.15"


class Told(FaultyBroker):
    """Raises what it is told for the next entry."""

    def __init__(self, inner):
        super().__init__(inner, Faults())
        self.error = None
        self.is_after = False
        """It had accepted when it raised."""

    async def submit(self, request):
        self.n_submits += 1
        error, self.error = self.error, None
        if error is None:
            return await self.inner.submit(request)
        if self.is_after:
            await self.inner.submit(request)
        raise error


@asynccontextmanager
async def made(n=3, *, to="first", **more):
    """Accounts a, b, c ... at brokers of their own; options go to them by rule."""
    names = [chr(97 + i) if n <= 26 else f"acct_{i}" for i in range(n)]
    rig = await desks.start(**more)
    desk = rig.desk
    brokers = {"paper": desk.brokers["paper"]}
    for name in names:
        paper = PaperBroker(
            clock=rig.clock,
            board=rig.board,
            vault=MemoryVault(),
            settings=PaperSettings(
                start_cash_usd={name: d(100_000)}, slippage_ticks=0, latency_ms=250
            ),
        )
        brokers[f"at_{name}"] = Told(paper)
    desk.brokers = brokers
    from dataclasses import replace

    desk.settings = replace(
        desk.settings,
        accounts={"main": "paper"} | {name: f"at_{name}" for name in names},
        start_cash_usd={name: d(100_000) for name in ["main", *names]},
        routes=(RouteRule(assets=frozenset({"option"}), accounts=tuple(names), to=to),),
    )
    await recover.start(desk)

    async def pump(name, broker):
        async for event in broker.events():
            await hear.on_event(desk, name, event)

    for name in names:
        key = f"at_{name}"
        rig.pumps.append(asyncio.create_task(pump(key, brokers[key])))
    await rig.rest()
    rig.quote(spy(), "2.14", "2.16")
    try:
        yield rig
        await truth.books(desk.store, auto=frozenset({"options", "stocks"}))
    finally:
        await rig.close()
        for name in names:
            await brokers[f"at_{name}"].close()


def entries(rig):
    return {o.account: o for o in rig.desk.book.orders.values() if o.purpose is Purpose.ENTRY}


async def intents(rig):
    return {i.account: i for i in await rig.desk.store.find(Intent)}


async def test_the_rule_of_the_asset_decides_and_what_fits_none_stays_at_home():
    async with made() as rig:
        await rig.say(BUY)
        assert list(entries(rig)) == ["a"]
        assert entries(rig)["a"].broker == "at_a"
        rig.quote(desks.AAPL, "199.99", "200.01")
        await rig.say("BTO 5 AAPL @ 200 SL 195", desks.STOCKS, desks.MIKE)
        assert set(await intents(rig)) == {"a", "main"}


async def test_a_broker_that_is_switched_off_or_not_reached_is_passed_over():
    async with made() as rig:
        await broker_switch.disable(rig.desk, "at_a", desks.ADMIN, "")
        rig.desk.offline.add("at_b")
        await rig.say(BUY)
        assert set(entries(rig)) == {"c"}
        assert "b" not in await intents(rig), "nothing was tried there"


@pytest.mark.parametrize("error", [BrokerUnavailable("no connection"), RateLimited("slow", 5)])
async def test_an_entry_that_never_left_goes_to_the_next_account_with_its_own_verdict(error):
    async with made() as rig:
        rig.desk.brokers["at_a"].error = error
        record = await rig.say(BUY)
        found = entries(rig)
        assert found["a"].state is OrderState.REJECTED if "a" in found else True
        assert found["b"].state is OrderState.ACCEPTED
        assert "c" not in found
        both = await intents(rig)
        assert set(both) == {"a", "b"}
        assert all(i.verdicts for i in both.values())
        assert len({i.intent_id for i in both.values()}) == 2
        assert record.state in (AlertState.ORDERED, AlertState.ROUTED)
        await rig.fill(spy(), "2.13", "2.14")
        (trade,) = rig.desk.book.open_trades()
        assert trade.account == "b"


@pytest.mark.parametrize(
    ("error", "is_after"),
    [
        (OrderStateUnknown("reset by peer"), True),
        (OrderStateUnknown("504"), False),
        (OrderRejected("40310000", "insufficient buying power"), False),
        (KeyError("id"), True),
    ],
    ids=["accepted, no answer", "no answer", "refused", "unreadable answer"],
)
async def test_after_doubt_or_a_refusal_nothing_goes_anywhere_else(error, is_after):
    """O-23: a second broker would make a second position of what the first may have taken."""
    async with made() as rig:
        rig.desk.brokers["at_a"].error = error
        rig.desk.brokers["at_a"].is_after = is_after
        await rig.say(BUY)
        assert set(await intents(rig)) == {"a"}
        assert rig.desk.brokers["at_b"].n_submits == 0


async def test_a_broker_that_is_down_or_off_is_passed_over_before_anything_is_tried():
    async with made() as rig:
        rig.desk.gates["at_a"] = "its stream is down"
        rig.desk.backoff.wait("mend|at_a", 1e9)
        await rig.say(BUY)
        assert set(await intents(rig)) == {"b"}
        assert rig.desk.brokers["at_a"].n_submits == 0


async def test_with_one_broker_for_futures_that_is_down_the_alert_is_refused_there():
    """O-23: only the mapped broker, no silent second one."""
    async with made(1) as rig:
        rig.desk.gates["at_a"] = "not reachable"
        rig.desk.backoff.wait("mend|at_a", 1e9)
        record = await rig.say(BUY)
        assert record.state is AlertState.RISK_REJECTED
        assert "compared" in record.reason
        assert set(await intents(rig)) == {"a"}
        assert rig.desk.brokers["at_a"].n_submits == 0


async def test_a_broker_that_does_not_trade_the_asset_is_no_candidate():
    from dataclasses import replace

    async with made(2) as rig:
        paper = rig.desk.brokers["at_a"].inner
        paper.caps = replace(paper.caps, by_kind={"stock": paper.caps.by_kind["stock"]})
        await rig.say(BUY)
        assert set(await intents(rig)) == {"b"}


async def test_a_copy_for_every_account_is_judged_and_filled_on_its_own():
    async with made(to="all") as rig:
        rig.desk.brokers["at_b"].error = OrderRejected("4003", "account is restricted")
        record = await rig.say(BUY)
        both = await intents(rig)
        assert set(both) == {"a", "b", "c"}
        assert all(i.verdicts for i in both.values())
        assert len({i.trade_id for i in both.values()}) == 3
        assert record.n_judged == 1, "one signal, judged once"
        assert len(record.trade_ids) == 3
        await rig.fill(spy(), "2.13", "2.14")
        held = {t.account: t.qty_open for t in rig.desk.book.open_trades()}
        assert held == {"a": 2, "c": 2}
        await rig.say("STC 2 SPY 603C 1/31")
        await rig.pass_time(1)
        await rig.fill(spy(), "2.30", "2.32")
        await rig.pass_time(2)
        rig.quote(spy(), "2.30", "2.32")
        await rig.pass_time(2)
        assert not rig.desk.book.open_trades(), "the closing reaches every account that holds it"


async def test_what_several_accounts_ask_about_one_alert_may_be_answered_in_one_moment():
    async with made(3, to="all", sources=desks.profiles(Handling.APPROVE)) as rig:
        record = await rig.say(BUY)
        first, *others = rig.approvals()
        assert len(others) == 2
        await approve.reject(rig.desk, first.approval_id, first.version, desks.TRADER)
        record = rig.desk.book.alerts[record.alert_id]
        assert record.state is AlertState.HELD, "two accounts still ask"
        await asyncio.gather(
            *(approve.approve(rig.desk, a.approval_id, a.version, desks.TRADER) for a in others)
        )
        await rig.fill(spy(), "2.13", "2.14")
        assert len(rig.desk.book.open_trades()) == 2


async def test_a_copy_that_never_arrived_does_not_rename_an_alert_that_was_traded():
    """``needs a look`` stood above a trade that was closed long ago."""
    async with made(2, to="all") as rig:
        rig.desk.brokers["at_b"].error = OrderStateUnknown("no answer")
        record = await rig.say(BUY)
        await rig.fill(spy(), "2.13", "2.14")
        await rig.say("STC 2 SPY 603C 1/31")
        await rig.pass_time(1)
        await rig.fill(spy(), "2.30", "2.32")
        for _ in range(60):
            await rig.pass_time(1)
        assert not rig.desk.book.trades
        assert rig.desk.book.alerts[record.alert_id].state is AlertState.CLOSED


async def test_a_closing_that_may_mean_trades_of_several_alerts_is_asked_about_and_closes_none():
    """Each is held at another account: all of them would have been closed."""
    async with made(2, risk=desks.LOOSE) as rig:
        await rig.say(BUY)
        await rig.fill(spy(), "2.13", "2.14")
        rig.desk.offline.add("at_a")
        await rig.say(BUY)
        await rig.fill(spy(), "2.13", "2.14")
        rig.desk.offline.discard("at_a")
        assert [t.account for t in rig.desk.book.open_trades()] == ["a", "b"]
        record = await rig.say("STC 2 SPY 603C 1/31")
        await rig.pass_time(1)
        assert record.state is AlertState.HELD
        (question,) = rig.approvals()
        assert len(question.candidates) == 2
        other = await rig.say("STC 2 QQQ 500C 1/31")
        assert other.state is AlertState.REJECTED, "what nobody holds is said to be none"
        assert not [t for t in rig.desk.book.open_trades() if t.closes]


async def test_an_alert_that_no_account_can_take_is_refused_once_with_its_reason():
    async with made(2) as rig:
        record = await rig.say("BTO 2 SPY 603.0001C 1/31 @ 2.15")
        assert record.state is AlertState.REJECTED
        assert not entries(rig)


async def test_what_closes_one_account_closes_no_other():
    """R-04, R-05: a prop firm's limit is its own account's; a copy elsewhere is held on."""
    async with made(2, to="all") as rig:
        await rig.say(BUY)
        await rig.fill(spy(), "2.13", "2.14")
        await flatten.of_account(rig.desk, "a", "near the prop firm's maximum loss limit")
        assert [t.account for t in rig.desk.book.trades.values() if t.closes] == ["a"]


async def test_the_emergency_stop_cancels_at_every_account_at_once():
    """O-27: where the first one's cancellation hung, the next one was asked a second later."""
    async with made(2, to="all") as rig:
        await rig.say(BUY)
        asked, late = asyncio.Event(), []
        second = rig.desk.brokers["at_b"].cancel

        async def hangs(*_):
            try:
                await asyncio.wait_for(asked.wait(), 0.3)
            except TimeoutError:
                late.append("b")

        async def noted(*what):
            asked.set()
            await second(*what)

        rig.desk.brokers["at_a"].cancel, rig.desk.brokers["at_b"].cancel = hangs, noted
        await halt.emergency_stop(rig.desk, desks.ADMIN, close=False, reason="")
        assert asked.is_set()
        assert not late


async def test_an_edit_before_the_fill_takes_every_copy_back():
    async with made(to="all") as rig:
        rig.quote(spy(), "2.20", "2.40")
        message = rig.message(desks.OPTIONS, desks.RHEA, BUY)
        from engine.flows.alerts import take_alert

        await take_alert.run(rig.desk, message)
        await rig.rest()
        await rig.edit(message, "BTO 2 SPY 600C 1/31 @ 2.15")
        await rig.pass_time(2)
        assert all(o.state.is_terminal for o in entries(rig).values() if o.sent_at)


async def test_limits_of_one_account_stop_its_copy_alone():
    async with made(2, to="all") as rig:
        await facts.roll(rig.desk, "a")
        account = rig.desk.book.accounts["a"]
        tripped = changed(account, tripped_on=account.session_on)
        await rig.desk.commit(rig.desk.event("account.day", "day-a", tripped))
        await rig.say(BUY)
        assert [o.account for o in entries(rig).values() if o.state.is_at_broker] == ["b"]
        (record,) = rig.desk.book.alerts.values()
        said = dict(record.by_account)
        assert list(said) == ["a", "b"]
        assert said["b"] == "sent"
        assert said["a"] != "sent"
