"""A trader changes a waiting entry: quantity, limit or stop; its card then asks anew."""

import re
from dataclasses import replace
from decimal import Decimal

from engine import orders
from engine.desk import Desk
from engine.domain.desk import Who
from engine.domain.errors import NotAllowed, UserError
from engine.domain.order import Intent, Order, OrderState, Trigger
from engine.domain.record import Record, changed
from engine.domain.trade import Trade, TradeState
from engine.flows.acts import outcomes
from engine.flows.trades import approve
from engine.protection import rescaled, step_of
from engine.sizing import exposure_usd, unit_risk

_CHANGED = re.compile(r"r\d+$")


async def run(
    desk: Desk,
    approval_id: str,
    version: int | None,
    who: Who,
    *,
    qty: Decimal | None = None,
    limit: Decimal | None = None,
    stop: Decimal | None = None,
) -> approve.Decided:
    """Change quantity, limit or stop of a waiting entry; its card then asks anew.

    Raises:
        ApprovalExpired, NotAllowed, UserError: nothing was changed.
    """
    account = approve.still_open(desk, approval_id, version).account
    async with desk.lock(account):
        approval = approve.still_open(desk, approval_id, version)
        if not (who.may_approve or who.may_trade):
            raise NotAllowed("Only a trader may change this. It stays as it is.")
        intent, order, trade = approve.entry_of(desk, approval)
        fresh = _modified(desk, intent, order, trade, qty=qty, limit=limit, stop=stop)
        new_intent, new_order, new_trade = fresh
        now = desk.clock.now()
        renewed = changed(
            approval,
            intent_id=new_intent.intent_id,
            order_id=new_order.order_id,
            trade_id=new_trade.trade_id,
            proposer_id=who.user_id,
            notional_usd=new_intent.notional_usd,
            question=f"changed by {who.name}: {new_intent.qty:f} at {new_intent.limit}",
        )
        alert = desk.book.alerts.get(approval.alert_id)
        puts: list[Record] = [
            renewed,
            orders.moved(order, Trigger.VOID, now, reason="changed before approval"),
            changed(
                trade, state=TradeState.VOID, close_reason="changed before approval", closed_at=now
            ),
            new_intent,
            new_trade,
            new_order,
        ]
        if alert is not None:
            ids = (*alert.trade_ids, new_trade.trade_id)
            puts.append(changed(alert, trade_ids=ids, reason=renewed.question))
        await desk.commit(
            desk.event(
                "approval.modified",
                approval.alert_id,
                *puts,
                actor=f"user:{who.user_id}",
                cards=(
                    ("approval", approval_id, "approvals"),
                    ("alert", approval.alert_id, "trade_alerts"),
                ),
                qty=str(new_intent.qty),
                limit=str(new_intent.limit),
                stop=str(new_intent.stop),
            )
        )
    return approve.Decided(approval=renewed, said=renewed.question)


def _modified(
    desk: Desk,
    intent: Intent,
    order: Order,
    trade: Trade,
    *,
    qty: Decimal | None,
    limit: Decimal | None,
    stop: Decimal | None,
) -> tuple[Intent, Order, Trade]:
    """The changed intent under a new id (an intent never changes), its order and trade."""
    instrument = intent.legs[0].instrument
    for name, value in (("quantity", qty), ("limit", limit), ("stop", stop)):
        if value is not None and not (value.is_finite() and value > 0):
            raise UserError(f"{name} must be a number above 0. Nothing was changed.")
    if qty is not None and instrument.kind != "crypto" and qty != qty.to_integral_value():
        raise UserError("quantity must be a whole number here. Nothing was changed.")
    for name, value in (("limit", limit), ("stop", stop)):
        if value is not None and value % instrument.tick:
            raise UserError(f"{name} must be a multiple of {instrument.tick}. Nothing was changed.")
    price = limit if limit is not None else intent.limit
    floor = stop if stop is not None else intent.stop
    if price is not None and floor is not None and (price - floor) * trade.direction <= 0:
        raise UserError(f"the stop {floor} is on the wrong side of {price}. Nothing was changed.")
    count = qty if qty is not None else intent.qty
    before = _revision(intent)
    revision = f"r{int(before[1:] or 0) + 1}"
    new = replace(
        intent,
        intent_id=f"{intent.intent_id.removesuffix(before)}{revision}",
        trade_id=f"{trade.trade_id.removesuffix(before)}{revision}",
        qty=count,
        limit=price,
        stop=floor,
        targets=rescaled(intent.targets, intent.qty, count, step_of(instrument)),
        sizing=f"{count:f}, set by hand",
        created_at=desk.clock.now(),
    )
    if price is not None:
        each = unit_risk(intent.legs, intent.side, price, floor)
        tied_up = exposure_usd(intent.legs, intent.side, count, price, desk.settings.sizing)
        risk = each * count if isinstance(each, Decimal) else None
        new = replace(new, risk_usd=risk, notional_usd=tied_up)
    new_trade = replace(
        trade,
        version=1,
        trade_id=new.trade_id,
        qty_wanted=count,
        initial_stop=floor,
        stop=replace(trade.stop, price=floor) if trade.stop and floor is not None else trade.stop,
        targets=new.targets,
        created_at=desk.clock.now(),
    )
    return new, outcomes.new_order(desk, new, OrderState.PENDING_APPROVAL), new_trade


def _revision(intent: Intent) -> str:
    """How often it was changed before, as its id ends: ``r2``; empty for never.

    A copy's id ends in the name of its account, which may look the same.
    """
    if intent.intent_id.endswith(f"-{intent.account.replace('_', '-')}"):
        return ""
    found = _CHANGED.search(intent.intent_id)
    return found[0] if found else ""
