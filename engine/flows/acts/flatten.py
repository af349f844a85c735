"""Close everything: all wishes durable in one step, then every trade at once, each for itself."""

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal

from engine.desk import Desk
from engine.domain.desk import Who
from engine.domain.errors import NotAllowed, TradeStreamError
from engine.domain.instrument import Instrument
from engine.domain.money import ZERO
from engine.domain.order import Order, OrderState, Purpose
from engine.domain.record import Event
from engine.domain.trade import Trade, TradeState
from engine.exits.plan import close_request
from engine.flows.common import aside, effects
from engine.flows.exits import settle
from engine.flows.holdings import covered, unseen
from engine.ledger.trips import still_coming

SAID_ALREADY = "it is being closed already; nothing more was sent"
SAID_SHORT = "it is held the other way round: flatten it in the broker's app; nothing was sent"
_SAID_APART = "it makes no whole unit: each of its legs is closed by itself in a moment"
_ANSWER_S = 5.0
"""How long the answer waits for brokers; they are waited for longer on the side."""


async def run(desk: Desk, who: Who, *, reason: str = "close all") -> dict[str, str]:
    """Close every trade that holds something or still may; trade id -> what happened to it.

    Pressed twice it asks for nothing twice. A trade that cannot be closed now is named with the
    reason, and is tried again by the sweep.

    Raises:
        NotAllowed: nothing was done.
    """
    if not who.may_trade:
        raise NotAllowed("Only a trader may do this. Nothing was changed.")
    waiting = _hurry(desk)
    outcome = await _closed(desk, list(desk.book.accounts), f"user:{who.user_id}", reason)
    for trade_id in waiting:
        aside.settle_soon(desk, trade_id)
    return outcome


def _hurry(desk: Desk) -> list[str]:
    """Closes that its broker ended wait, and what is held is bare: for a person one goes now."""
    paces = {i: effects.pace_of_exit(i, Purpose.CLOSE) for i in desk.book.trades}
    ended = {i: pace for i, pace in paces.items() if f"{pace}|ended" in desk.backoff.names()}
    for pace in ended.values():
        desk.backoff.wait(pace, 0)
    return list(ended)


async def of_account(desk: Desk, account: str, reason: str) -> dict[str, str]:
    """The same for one account, because a rule of the desk says so; safe to repeat."""
    return await _closed(desk, [account], "desk", reason)


async def apart(desk: Desk, spread: Trade, legs: Mapping[Instrument, Decimal]) -> None:
    """Close what was set apart of a spread that was to be closed whole, and no more of it."""
    wanted = sum((c.qty for c in spread.closes), ZERO)
    reason = desk.doubts.closing.pop(spread.trade_id, "")
    if wanted and wanted >= spread.qty_open:
        reason = spread.closes[-1].reason
    if not reason:
        return
    left = {
        t.trade_id: legs[t.legs[0].instrument]
        for t in desk.book.open_trades(spread.account)
        if t.source == "external" and t.legs[0].instrument in legs
    }
    for trade_id in await _ask(desk, spread.account, "desk", reason, {}, left):
        aside.settle_soon(desk, trade_id)


async def _closed(desk: Desk, accounts: list[str], actor: str, reason: str) -> dict[str, str]:
    outcome: dict[str, str] = {}
    asked: list[str] = []
    for account in accounts:
        asked += await _ask(desk, account, actor, reason, outcome)
    works = [desk.spawn(settle.run(desk, i), f"settle {i}") for i in asked]
    if works:
        await asyncio.wait(works, timeout=_ANSWER_S)
    for trade_id in asked:
        outcome[trade_id] = _state(desk, trade_id)
    return outcome


async def _ask(
    desk: Desk,
    account: str,
    actor: str,
    reason: str,
    outcome: dict[str, str],
    only: Mapping[str, Decimal] | None = None,
) -> list[str]:
    """Write all wishes of one account down together; ids of the trades that are to be closed.

    ``only``: these trades alone, each up to so much.
    """
    async with desk.lock(account):
        events: list[Event] = []
        asked: list[str] = []
        for trade in list(desk.book.trades.values()):
            if trade.account != account or not _may_hold(desk, trade):
                continue
            if only is not None and trade.trade_id not in only:
                continue
            after = _wished(desk, trade, reason, None if only is None else only[trade.trade_id])
            if len(trade.legs) > 1 and not trade.qty_open:
                desk.doubts.closing[trade.trade_id] = reason
            if after is trade:
                outcome[trade.trade_id] = _unasked(desk, trade)
                continue
            asked.append(trade.trade_id)
            events.append(
                desk.event(
                    "close.asked",
                    trade.alert_id,
                    after,
                    actor=actor,
                    cards=(("trade", trade.trade_id, "orders"),),
                    trade_id=trade.trade_id,
                    reason=reason,
                )
            )
        if not events:
            return []
        try:
            await desk.commit(*events)
        except TradeStreamError as error:
            outcome |= dict.fromkeys(asked, f"not closed: it could not be written down ({error})")
            return []
        return asked


def _unasked(desk: Desk, trade: Trade) -> str:
    if trade.qty_open < 0:
        return SAID_SHORT
    if why := _held_up(desk, trade):
        return why
    return SAID_ALREADY if trade.closes or len(trade.legs) == 1 else _SAID_APART


def _may_hold(desk: Desk, trade: Trade) -> bool:
    is_held = any(p.qty for p in desk.book.positions_of(trade.trade_id))  # if no whole unit
    return (
        trade.state is TradeState.OPEN
        or is_held
        or any(
            o.purpose is Purpose.ENTRY and o.state.is_at_broker
            for o in desk.book.orders_of(trade.trade_id)
        )
    )


def _wished(desk: Desk, trade: Trade, reason: str, most: Decimal | None) -> Trade:
    qty = max(trade.qty_open, ZERO) + still_coming(trade)
    qty = qty if most is None else min(qty, most)
    asked = close_request(trade, qty, reason, desk.clock.now(), desk.ids.new("C"))
    return asked if asked is trade else replace(asked, version=trade.version + 1)


def _state(desk: Desk, trade_id: str) -> str:
    trade = desk.book.trades.get(trade_id)
    if trade is None:
        return "closed"
    own = desk.book.orders_of(trade_id)
    if any(not o.state.is_terminal for o in own if o.purpose is not Purpose.STOP):
        return "closing"
    if any(o.state is OrderState.PENDING_CANCEL for o in own):
        return "closing: its stop is being cancelled"
    if len(trade.legs) > 1 and all(o.purpose is Purpose.ENTRY for o in own):
        return _SAID_APART
    if why := _held_up(desk, trade):
        return why
    return f"not closed yet: {_why(own)}; it is tried again"


def _held_up(desk: Desk, trade: Trade) -> str:
    """What keeps its close from leaving for longer than a moment, and is no refusal."""
    if covered.closing(desk, trade):
        return (
            "not closed yet: an order that is none of ours is to close it; ours goes out once that "
            "is gone"
        )
    own = desk.book.orders_of(trade.trade_id)
    if not any(_stands(o) for o in own) or not unseen.is_end_unheard(desk, trade.broker):
        return ""
    return (
        f"not closed yet: {trade.broker} answers no question, so whether its stop is gone could "
        "not be seen; it stands, and the close goes out when it answers"
    )


def _why(own: tuple[Order, ...]) -> str:
    refused = [o for o in own if o.state is OrderState.REJECTED and o.purpose is Purpose.CLOSE]
    if refused:
        return refused[-1].reason
    if any(_stands(o) for o in own):
        return "it waits for its turn, and its stop stands until then"
    return "its broker has not answered"


def _stands(order: Order) -> bool:
    return order.purpose is Purpose.STOP and order.state is OrderState.ACCEPTED
