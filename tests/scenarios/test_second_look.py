"""An alert run once more: by two people at once, beside its author, and on paper."""

import asyncio
import random
import re
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from engine.domain.desk import AlertState
from engine.domain.errors import NotAllowed, UserError
from engine.domain.order import OrderState
from engine.domain.source import Handling
from engine.domain.trade import TradeState
from engine.flows.alerts import second_look
from engine.flows.trades import approve, reprice, withdraw
from tests import rig as desks
from tests.rig import AAPL, LOOSE, MIKE, OTHER, STOCKS, TRADER, VIEWER, Rig


async def rejected(seed: int) -> tuple[Rig, Any]:
    """A desk whose store takes its time, and an alert that somebody rejected."""
    rig = await desks.start(risk=LOOSE, sources=desks.profiles(Handling.APPROVE))
    rig.quote(AAPL, "189.98", "190.02")
    record = await rig.say("BTO 10 AAPL @ 190 SL 186", channel=STOCKS, author=MIKE)
    for waiting in rig.approvals():
        await approve.reject(rig.desk, waiting.approval_id, waiting.version, TRADER)
    chance, real = random.Random(seed), rig.desk.commit

    async def commit(*events: Any) -> None:
        for _ in range(chance.randrange(8)):
            await asyncio.sleep(0)
        await real(*events)

    rig.desk.commit = commit  # type: ignore[method-assign]
    return rig, record


async def late(turns: int, work: Any) -> Any:
    for _ in range(turns):
        await asyncio.sleep(0)
    return await work


@pytest.mark.parametrize("seed", range(8))
async def test_two_people_who_run_an_alert_at_once_trade_it_once(seed: int) -> None:
    rig, record = await rejected(seed)
    got = await asyncio.gather(
        second_look.execute(rig.desk, TRADER, record.alert_id),
        late(seed, second_look.execute(rig.desk, OTHER, record.alert_id)),
        return_exceptions=True,
    )
    await rig.rest()
    for _ in range(3):
        await rig.fill(AAPL, "189.98", "190.02")
    assert [t.qty_open for t in rig.desk.book.open_trades()] == [10], got
    assert not rig.approvals()
    (refused,) = [g for g in got if isinstance(g, BaseException)]
    assert isinstance(refused, UserError), refused
    assert re.search("traded already|waits for a decision", str(refused)), refused
    await rig.close()


@pytest.mark.parametrize("seed", range(4))
async def test_run_and_ignore_at_once_end_as_one_of_the_two(seed: int) -> None:
    rig, record = await rejected(seed)
    got = await asyncio.gather(
        second_look.execute(rig.desk, TRADER, record.alert_id),
        late(seed, second_look.ignore(rig.desk, OTHER, record.alert_id)),
        return_exceptions=True,
    )
    await rig.rest()
    for _ in range(3):
        await rig.fill(AAPL, "189.98", "190.02")
    (refused,) = [g for g in got if isinstance(g, BaseException)]
    assert isinstance(refused, UserError), refused
    assert len(rig.desk.book.open_trades()) == 1
    assert rig.desk.book.alerts[record.alert_id].state is AlertState.FILLED
    await rig.close()


async def test_an_alert_deleted_at_the_same_moment_is_not_run() -> None:
    rig, record = await rejected(0)
    lock = rig.desk.lock(f"channel:{STOCKS}")
    await lock.acquire()
    running = asyncio.ensure_future(second_look.execute(rig.desk, TRADER, record.alert_id))
    await late(3, withdraw.deleted(rig.desk, STOCKS, record.message_id))
    lock.release()
    with pytest.raises(UserError, match="withdrawn"):
        await running
    assert not rig.desk.book.trades
    await rig.close()


async def test_an_alert_that_only_closes_is_not_replayed_on_paper() -> None:
    rig = await desks.start(risk=LOOSE)
    rig.quote(AAPL, "189.98", "190.02")
    await rig.say("BTO 10 AAPL @ 190 SL 186", channel=STOCKS, author=MIKE)
    closing = await rig.say("STC AAPL @ 190", channel=STOCKS, author=MIKE)
    assert closing is not None
    with pytest.raises(UserError, match="opens nothing"):
        await second_look.on_paper(rig.desk, TRADER, closing.alert_id, 5)
    await rig.close()


async def test_an_alert_deleted_while_its_order_is_changed_is_not_ordered_again() -> None:
    """The broker swaps nothing and takes its time: the author's word comes in between."""
    rig = await desks.start(risk=LOOSE)
    rig.desk.brokers["paper"].caps = replace(rig.broker.caps, replaces_in_place=False)
    rig.quote(AAPL, "189.98", "190.02")
    record = await rig.say("BTO 10 AAPL @ 190 SL 186", channel=STOCKS, author=MIKE)
    assert record is not None
    rig.quote(AAPL, "194.98", "195.02")
    await rig.fill(AAPL, "194.98", "195.02")
    (entry,) = rig.desk.book.orders.values()
    assert entry.state is OrderState.ACCEPTED
    real = rig.broker.cancel

    async def slow(account: str, order_id: str) -> None:
        await rig.clock.sleep(2)
        await real(account, order_id)

    rig.broker.cancel = slow  # type: ignore[method-assign]
    changing = asyncio.ensure_future(
        reprice.run(rig.desk, TRADER, entry.order_id, price=Decimal(189))
    )
    await rig.rest()
    await withdraw.deleted(rig.desk, STOCKS, record.message_id)
    for _ in range(40):
        rig.clock.advance(0.1)
        await rig.rest()
    with pytest.raises(UserError, match="took the alert back meanwhile"):
        await changing
    assert not rig.desk.book.trades
    await rig.close()


@pytest.mark.parametrize("handling", [Handling.APPROVE, Handling.LISTEN])
async def test_a_webhooks_alert_may_be_run_by_a_person(handling):
    sources = desks.profiles(handling)
    hook = {"webhook_ids": frozenset({555}), "author_ids": frozenset()}
    sources["stocks"] = replace(sources["stocks"], **hook)
    rig = await desks.start(risk=desks.LOOSE, sources=sources)
    rig.quote(AAPL, "189.98", "190.02")
    record = await rig.say("BTO 10 AAPL @ 190 SL 186", channel=STOCKS, author=555, webhook_id=555)
    for asked in rig.approvals():
        await approve.reject(rig.desk, asked.approval_id, asked.version, TRADER)
    await second_look.execute(rig.desk, TRADER, record.alert_id)
    await rig.rest()
    (trade,) = rig.trades()
    assert trade.alert_id == record.alert_id
    await rig.close()


async def test_who_may_not_trade_runs_nothing_and_drops_nothing() -> None:
    rig, record = await rejected(0)
    before = rig.desk.book.alerts[record.alert_id]
    for look in (second_look.runnable, second_look.ignorable, second_look.ignore):
        with pytest.raises(NotAllowed):
            await look(rig.desk, VIEWER, record.alert_id)
    with pytest.raises(NotAllowed):
        await second_look.execute(rig.desk, VIEWER, record.alert_id)
    with pytest.raises(NotAllowed):
        await second_look.on_paper(rig.desk, VIEWER, record.alert_id, 5)
    assert rig.desk.book.alerts[record.alert_id] == before
    assert not rig.approvals()
    await rig.close()


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({}, ""),
        ({"channel_id": 999}, "not watched"),
        ({"parsed": None}, "cannot be read safely"),
        ({"needs_human": True}, "cannot be read safely"),
        ({"signals": ()}, "opens nothing"),
        ({"state": AlertState.WITHDRAWN}, "already"),
        ({"state": AlertState.CLOSED}, "already"),
    ],
)
async def test_what_may_not_be_run_again_says_why(change: dict[str, Any], why: str) -> None:
    rig, record = await rejected(0)
    kept = rig.desk.book.alerts[record.alert_id]
    if change.keys() & {"signals", "needs_human"}:
        change = {"parsed": replace(kept.parsed, **change)}  # type: ignore[type-var]
    rig.desk.book.alerts[record.alert_id] = replace(kept, **change)
    with pytest.raises(UserError, match="no alert of that id"):
        await second_look.runnable(rig.desk, TRADER, "A-NOSUCHALERT")
    if not why:
        assert await second_look.runnable(rig.desk, TRADER, record.alert_id) == kept
    else:
        with pytest.raises(UserError, match=why):
            await second_look.runnable(rig.desk, TRADER, record.alert_id)
        if "parsed" in change:
            with pytest.raises(UserError, match=why):
                await second_look.on_paper(rig.desk, TRADER, record.alert_id, 5)
    await rig.close()


async def test_an_alert_that_waits_or_is_traded_is_neither_run_again_nor_dropped() -> None:
    rig = await desks.start(risk=LOOSE, sources=desks.profiles(Handling.APPROVE))
    rig.quote(AAPL, "189.98", "190.02")
    record = await rig.say("BTO 10 AAPL @ 190 SL 186", channel=STOCKS, author=MIKE)
    assert record is not None
    with pytest.raises(UserError, match="waits for a decision"):
        await second_look.runnable(rig.desk, TRADER, record.alert_id)
    assert await second_look.ignorable(rig.desk, TRADER, record.alert_id), "it may be dropped"
    (waiting,) = rig.approvals()
    await approve.approve(rig.desk, waiting.approval_id, waiting.version, TRADER)
    await rig.rest()
    book = rig.desk.book
    (trade,) = book.trades.values()
    for state, why in (
        (TradeState.PENDING, "close or cancel that"),
        (TradeState.OPEN, "close or cancel that"),
        (TradeState.CLOSED, "traded already"),
        (TradeState.VOID, ""),
    ):
        book.trades[trade.trade_id] = replace(trade, state=state)
        now = book.alerts[record.alert_id]
        book.alerts[record.alert_id] = replace(now, state=AlertState.REJECTED)
        if not why:
            assert await second_look.ignorable(rig.desk, TRADER, record.alert_id)
            assert await second_look.runnable(rig.desk, TRADER, record.alert_id)
            continue
        with pytest.raises(UserError, match=why):
            await second_look.ignorable(rig.desk, TRADER, record.alert_id)
        with pytest.raises(UserError, match="traded already"):
            await second_look.runnable(rig.desk, TRADER, record.alert_id)
    for said, why in ((AlertState.ORDERED, "traded already"), (AlertState.CLOSED, "already")):
        book.alerts[record.alert_id] = replace(now, state=said)
        with pytest.raises(UserError, match=why):
            await second_look.ignorable(rig.desk, TRADER, record.alert_id)
    await rig.close()


async def test_where_no_account_is_on_paper_nothing_is_replayed() -> None:
    rig, record = await rejected(0)
    rig.desk.brokers["paper"].caps = replace(rig.broker.caps, is_paper=False)
    with pytest.raises(UserError, match="on paper"):
        await second_look.on_paper(rig.desk, TRADER, record.alert_id, 5)
    await rig.close()


@pytest.mark.parametrize("may_approve", [True, False])
async def test_whoever_may_approve_decides_what_he_runs_and_nobody_else(may_approve: bool) -> None:
    """I-28: in the size that he says, for the entry alone."""
    rig, record = await rejected(0)
    who = replace(TRADER, may_approve=may_approve)
    done = await second_look.execute(rig.desk, who, record.alert_id, size=Decimal(4))
    await rig.rest()
    assert [done.approval_id] == [a.approval_id for a in rig.approvals()] or may_approve
    if may_approve:
        assert not rig.approvals()
        (order,) = [o for o in rig.desk.book.orders.values() if o.state.is_at_broker]
        assert order.qty == 4
    else:
        assert [a.kind for a in rig.approvals()] == ["entry"]
        assert not any(o.state.is_at_broker for o in rig.desk.book.orders.values())
    await rig.close()
