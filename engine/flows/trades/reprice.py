"""A trader changes a working entry: its price, its quantity, or both; the same line goes on.

Where the broker swaps orders, it is one request. Where it cannot, the old one is cancelled and,
once it is provably dead, what is left of the new one is sent.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from decimal import Decimal

from engine import orders
from engine.desk import Desk
from engine.domain.desk import AlertRecord, AlertState, Who
from engine.domain.errors import NotAllowed, UserError
from engine.domain.order import Intent, Order, OrderState, Purpose, Trigger
from engine.domain.record import Event, Record, changed
from engine.domain.trade import Trade, TradeState
from engine.flows.acts import outcomes
from engine.flows.common import effects
from engine.flows.holdings import capable
from engine.flows.limits import facts
from engine.flows.orders import call_off, just_taken, send
from engine.flows.trades import enter
from engine.ledger.trips import scaled_targets
from engine.sizing import exposure_usd, unit_risk

_DEAD_S = 5.0
"""How long a cancelled order is waited for before its successor is given up."""
_LOOK_S = 0.05
_WHY = "changed"
_NEVER = ("kill_switch", "live_mode", "frozen")
"""Checks that say whether anything may be sent at all; they judge every successor."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """A working entry, and what it would become."""

    order: Order
    trade: Trade
    intent: Intent
    """As it would be: under an id of its own, with every check's verdict where it risks more."""

    @property
    def qty(self) -> Decimal:
        """Units of the whole line afterwards."""
        return self.intent.qty


def judged(
    desk: Desk,
    who: Who,
    order_id: str,
    *,
    price: Decimal | None = None,
    qty: Decimal | None = None,
) -> Change:
    """What the change would make of the order.

    Raises:
        NotAllowed, UserError: it may not be changed so; says what to do instead.
    """
    if not who.may_trade:
        raise NotAllowed("Only a trader may change an order. Nothing was changed.")
    order = desk.book.orders.get(order_id)
    if order is None or order.state.is_terminal:
        raise UserError("That order is over or not known. Nothing was changed.")
    if order.purpose is not Purpose.ENTRY:
        raise UserError(
            "That order takes risk away: move the stop or set a target instead "
            "(#SYMBOL stop 175). Nothing was changed."
        )
    if order.state not in (OrderState.ACCEPTED, OrderState.PARTIAL):
        raise UserError("It is not working at its broker at this moment. Nothing was changed.")
    trade = desk.book.trades.get(order.trade_id)
    intent = desk.book.intents.get(order.intent_id)
    if trade is None or intent is None:
        raise UserError("What that order belongs to is not known here. Nothing was changed.")
    if trade.closes:
        raise UserError("The trade is being closed. Nothing was changed.")
    _check_size(desk, order, qty)
    _check_figures(order, price, qty)
    _check_stop(trade, intent, price)
    return Change(order=order, trade=trade, intent=_changed(desk, order, intent, price, qty))


def _check_size(desk: Desk, order: Order, qty: Decimal | None) -> None:
    """Raise UserError where which size is meant would be a guess."""
    there = desk.doubts.resized.get(order.order_id)
    if there is not None and qty is None:
        raise UserError(
            f"It was changed outside TradeStream, and is for {there:f} there, not {order.qty:f}: "
            "say the quantity as well. Nothing was changed."
        )


def _check_figures(order: Order, price: Decimal | None, qty: Decimal | None) -> None:
    instrument = order.legs[0].instrument
    for name, value in (("price", price), ("quantity", qty)):
        if value is not None and not (value.is_finite() and value > 0):
            raise UserError(f"{name} must be a number above 0. Nothing was changed.")
    if price is not None and price % instrument.tick:
        raise UserError(f"prices here move in steps of {instrument.tick}. Nothing was changed.")
    if qty is not None and instrument.kind != "crypto" and qty != qty.to_integral_value():
        raise UserError("quantity must be a whole number here. Nothing was changed.")
    done = order.carried + order.filled
    if qty is not None and qty <= done:
        raise UserError(f"{done:f} of it are filled already. Nothing was changed; cancel the rest.")
    if (price, qty) == (None, None) or (price in (None, order.limit) and qty in (None, order.qty)):
        raise UserError("That is how it is already. Nothing was changed.")


def _check_stop(trade: Trade, intent: Intent, price: Decimal | None) -> None:
    """Raise UserError for an entry that would be stopped out at once."""
    stop = trade.stop.price if trade.stop else intent.stop
    if price is None or stop is None or (price - stop) * trade.direction > 0:
        return
    side = "above" if trade.direction > 0 else "below"
    raise UserError(
        f"the stop stands at {stop}, so the price must be {side} it: an entry at {price} would be "
        "stopped at once. Move the stop first. Nothing was changed."
    )


def _changed(
    desk: Desk, order: Order, intent: Intent, price: Decimal | None, qty: Decimal | None
) -> Intent:
    """The new intent; judged like an entry when it costs or risks more than the old one."""
    limit = price if price is not None else order.limit
    units = qty if qty is not None else order.qty
    figures = replace(intent, qty=units, limit=limit, alerted_price=price or intent.alerted_price)
    if limit is not None:
        each = unit_risk(order.legs, order.side, limit, intent.stop)
        risk = each * units if isinstance(each, Decimal) else None
        tied_up = exposure_usd(order.legs, order.side, units, limit, desk.settings.sizing)
        figures = replace(figures, risk_usd=risk, notional_usd=tied_up)
    if _risks_more(order, figures):
        figures = enter.checked(desk, figures, desk.quote(order.legs))
        denied = enter.first_denial(figures)
        if denied is not None:
            raise UserError(f"{denied.detail}. Nothing was changed.")
        most = desk.settings.two_person_above_usd
        if most is not None and (figures.notional_usd or Decimal(0)) > most:
            raise UserError(
                f"It would be above ${most:,.2f}, which a second person approves: cancel it and "
                "order anew. Nothing was changed."
            )
    base, _, number = intent.intent_id.rpartition("m")
    is_again = base and number.isdigit()
    head, n = (base, int(number) + 1) if is_again else (intent.intent_id, 1)
    while f"{head}m{n}" in desk.book.intents:  # its broker refused that change
        n += 1
    return replace(figures, version=1, intent_id=f"{head}m{n}", created_at=desk.clock.now())


def _risks_more(order: Order, intent: Intent) -> bool:
    """Whether the line would cost more, or be longer, than the order does and is."""
    if intent.qty > order.qty:
        return True
    if intent.limit is None or order.limit is None:
        return False
    return (intent.limit - order.limit) * order.side.sign > 0


async def run(
    desk: Desk,
    who: Who,
    order_id: str,
    *,
    price: Decimal | None = None,
    qty: Decimal | None = None,
) -> Order:
    """Change it; the order that works from now on.

    Raises:
        NotAllowed, UserError: the old order works on, or is being cancelled; says which.
    """
    first = judged(desk, who, order_id, price=price, qty=qty)
    if not _swaps(desk, first):
        return await _anew(desk, who, first)
    async with desk.lock(first.order.account):
        change = judged(desk, who, order_id, price=price, qty=qty)
        old = orders.moved(change.order, Trigger.ASK_REPLACE, desk.clock.now(), reason="changed")
        new = replace(
            outcomes.new_order(desk, change.intent, OrderState.SUBMITTING),
            replaces=change.order.order_id,
            carried=change.order.carried + change.order.filled,
        )
        await _store(desk, who, change, old, new)
    await send.replace(desk, old, new)
    after = desk.book.orders.get(new.order_id)
    if after is not None and (why := send.unwanted(desk, after)):
        await call_off.ask_cancel(desk, after, why)
    return await desk.order(new.order_id) or new


def _swaps(desk: Desk, change: Change) -> bool:
    """Whether its broker changes such an order in one request."""
    caps = capable.caps_of(desk, change.order.broker, change.order.legs)
    if caps is None or not caps.has_replace:
        return False
    whole = desk.broker(change.order.broker).caps
    if not whole.replaces_in_place:
        return False
    is_as_sent = change.order.order_id not in desk.doubts.resized
    return bool(caps.replaces_qty) or (is_as_sent and change.qty == change.order.qty)


class _Vigil:
    """Hears whatever makes the successor unwanted while the old order is being cancelled.

    The old order cannot be cancelled once more, so nobody else would stop what comes after it.
    """

    def __init__(self, change: Change) -> None:
        self._change = change
        self.why = ""

    def __call__(self, events: Sequence[Event]) -> None:
        """Note the first reason."""
        for event in events:
            self.why = self.why or self._reason(event)

    def _reason(self, event: Event) -> str:
        if event.kind == "halt.set":
            return "Trading was halted meanwhile."
        cancelled = event.data.get("order_id") == self._change.order.order_id
        if event.kind == "order.cancel" and cancelled and event.data.get("why") != _WHY:
            return "Somebody cancelled the order meanwhile."
        for put in event.puts:
            if isinstance(put, Trade) and put.trade_id == self._change.trade.trade_id:
                if put.closes:
                    return "The trade was closed meanwhile."
                if put.close_reason and event.kind.startswith("alert."):
                    return "Its author took the alert back meanwhile."
            elif isinstance(put, AlertRecord) and put.alert_id == self._change.trade.alert_id:
                is_word = event.kind.startswith("alert.")  # not what our own cancel did to it
                if is_word and put.state is AlertState.WITHDRAWN:
                    return "Its author took the alert back meanwhile."
        return ""


async def _anew(desk: Desk, who: Who, change: Change) -> Order:
    """Cancel, wait for the proof, send the rest: never both alive."""
    if denied := _denied(desk, change.intent, is_more=False):  # more of it was judged already
        raise UserError(f"{denied}. Nothing was changed.")
    vigil = _Vigil(change)
    with desk.bus.hearing(vigil):
        if not await call_off.ask_cancel(desk, change.order, _WHY):
            raise UserError(
                "It cannot be cancelled at this moment. Nothing was changed; try again."
            )
        old = await _over(desk, change.order.order_id)
        if old is None:
            raise UserError(
                "Its broker has not confirmed the cancellation yet, so nothing new was sent. "
                "Order anew once it has."
            )
        left = change.qty - change.order.carried - old.filled
        if old.state is not OrderState.CANCELED or left <= 0:
            raise UserError(
                "It ended by itself meanwhile. Nothing new was sent; look at the trade."
            )
        new = await _written_anew(desk, who, change, left, vigil)
    return await just_taken.submit(desk, new)


async def _over(desk: Desk, order_id: str) -> Order | None:
    """The order once its end is proved; None when it is not within a few seconds."""
    for _ in range(int(_DEAD_S / _LOOK_S)):
        old = await desk.order(order_id)
        if old is not None and old.state.is_terminal:
            return old
        await desk.clock.sleep(_LOOK_S)
    return None


def _denied(desk: Desk, intent: Intent, *, is_more: bool) -> str:
    """What the checks say against the successor now; all of them where it risks more."""
    seen = enter.checked(desk, intent, desk.quote(intent.legs))
    said = [v for v in seen.verdicts if not v.is_ok and (is_more or v.check in _NEVER)]
    denied = enter.first_denial(replace(seen, verdicts=tuple(said)))
    return "" if denied is None else denied.detail


def _check_wanted(desk: Desk, change: Change, intent: Intent, vigil: _Vigil) -> None:
    """Raise UserError when the successor is not wanted, or not allowed, any more.

    Caller holds the account's lock.
    """
    trade_id = change.trade.trade_id
    trade = desk.book.trades.get(trade_id) or desk.book.closed.get(trade_id)
    why = vigil.why
    if not why and trade is not None and (trade.closes or trade.state is TradeState.CLOSED):
        why = "The trade was closed meanwhile."
    is_more = _risks_more(change.order, change.intent)
    if not why and (denied := _denied(desk, intent, is_more=is_more)):
        why = f"{denied}."
    if why:
        raise UserError(f"{why} The old order is cancelled and nothing new was sent.")


async def _written_anew(
    desk: Desk, who: Who, change: Change, left: Decimal, vigil: _Vigil
) -> Order:
    """The successor as a further entry of the same trade, or of a new round of it; not sent yet."""
    async with desk.lock(change.order.account):
        await facts.roll(desk, change.order.account)
        intent = _rest(change.intent, left)
        _check_wanted(desk, change, intent, vigil)
        trade = desk.book.trades.get(change.trade.trade_id)
        if trade is None or not trade.qty_opened:
            trade_id = f"{change.trade.trade_id}m{intent.intent_id.rpartition('m')[2]}"
            intent = replace(intent, trade_id=trade_id)
            after = replace(change.trade, version=1, trade_id=trade_id, created_at=desk.clock.now())
            after = replace(
                after,
                qty_wanted=left,
                targets=scaled_targets(after.targets, change.trade.qty_wanted, left),
            )
        else:
            after = grown(trade, left)
        new = outcomes.new_order(desk, intent, OrderState.SUBMITTING)
        async with effects.story(desk, trade_alert := change.trade.alert_id):
            alert = desk.book.alerts.get(trade_alert)
            puts: list[Record] = [intent, after, new]
            if alert is not None and after.trade_id not in alert.trade_ids:
                ids = (*alert.trade_ids, after.trade_id)
                said = f"changed by {who.name}"
                puts.append(changed(alert, state=AlertState.ROUTED, reason=said, trade_ids=ids))
            await desk.commit(
                desk.event(
                    "order.changed",
                    trade_alert,
                    *puts,
                    actor=f"user:{who.user_id}",
                    cards=(("trade", after.trade_id, "orders"),),
                    order_id=new.order_id,
                    instead_of=change.order.order_id,
                    qty=str(new.qty),
                    limit=str(new.limit),
                )
            )
    return new


def _rest(intent: Intent, left: Decimal) -> Intent:
    """What is left of the line, with risk and exposure to match."""
    share = left / intent.qty
    return replace(
        intent,
        qty=left,
        risk_usd=None if intent.risk_usd is None else intent.risk_usd * share,
        notional_usd=None if intent.notional_usd is None else intent.notional_usd * share,
    )


def grown(trade: Trade, qty: Decimal) -> Trade:
    """The trade while an entry of ``qty`` further units works."""
    total = trade.qty_opened + qty
    return changed(
        trade,
        qty_wanted=total,
        is_entry_over=False,
        close_reason="",
        targets=scaled_targets(trade.targets, trade.qty_opened, total),
    )


async def _store(desk: Desk, who: Who, change: Change, old: Order, new: Order) -> None:
    trade = change.trade
    more = change.qty - change.order.qty
    total = trade.qty_wanted + more
    after = changed(
        trade,
        qty_wanted=total,
        targets=scaled_targets(trade.targets, trade.qty_wanted, total),
    )
    kept = replace(change.intent, targets=trade.targets)  # as they are if it is refused
    await desk.commit(
        desk.event(
            "order.changed",
            trade.alert_id,
            kept,
            after,
            old,
            new,
            actor=f"user:{who.user_id}",
            cards=(("trade", trade.trade_id, "orders"),),
            order_id=new.order_id,
            instead_of=old.order_id,
            qty=str(new.qty),
            limit=str(new.limit),
        )
    )
