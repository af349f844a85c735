"""What a broker cannot do, made up for here: adapters only say what they can."""

from dataclasses import replace

from engine.brokers import Caps
from engine.desk import Desk
from engine.domain.money import ZERO
from engine.domain.order import WORKING, Order, OrderState, OrderType, Purpose, Side, Tif
from engine.domain.quote import Leg
from engine.domain.trade import Trade
from engine.exits import Cancel, Replace, Step, Submit
from engine.flows.common import effects
from engine.flows.holdings import unseen
from engine.market import last_trading_day, new_york_date
from engine.pricing import worst_limit

_MOST_MOVED, _MOST_CLOSED = 1, 2
_EACH = 2
"""Requests of a stop that is let go: its end, and what comes in its place."""
_GROWS_S, _GROWS_LATER_S, _OFTEN = 1.0, 2.5, 4
"""A stop grows no sooner than that after it was sent; later, when it has grown so often."""
_REFUSED = 2
"""So often stops of a trade are refused after its first one; then each is sent for all."""
_LOOKED_FOR_S = 30.0
"""So long the look-ups of an exit go before moves; then a person is called, and moves go on."""
_GOING_S = 5.0
"""A cancel that takes longer holds nobody up: exits always pass."""
_MAY_FILL_S = 10.0
"""So long after it was sent an entry most likely fills, and then needs a stop at once."""


def caps_of(desk: Desk, broker: str, legs: tuple[Leg, ...]) -> Caps | None:
    """What the broker can do for this unit; None when it does not trade it."""
    kind = legs[0].instrument.kind if len(legs) == 1 else "spread"
    caps = desk.broker(broker).caps.by_kind.get(kind)
    return caps if caps is not None and len(legs) <= caps.max_legs else None


def holds_stops(desk: Desk, trade: Trade) -> bool:
    """Whether the broker can hold a stop for this unit; if not, the engine watches it."""
    caps = caps_of(desk, trade.broker, trade.legs)
    contract = trade.legs[0].instrument
    last = last_trading_day(contract) if contract.kind == "option" else contract.expiry
    if last is not None and new_york_date(desk.clock.now()) > last:
        return False  # the contract is over: its end is about to be heard of
    return len(trade.legs) == 1 and caps is not None and OrderType.STOP in caps.order_types


def has_legs_for(desk: Desk, trade: Trade, step: Submit) -> bool:
    """Whether every leg of so many units is held: else it would open what it is to close (I-17)."""
    if len(trade.legs) == 1:
        return True
    held = {p.instrument: p.qty for p in desk.book.positions_of(trade.trade_id)}
    return all(
        held.get(leg.instrument, ZERO) * trade.direction / leg.ratio >= step.qty
        for leg in trade.legs
    )


def fitted(desk: Desk, trade: Trade, step: Step) -> Step:
    """The same step as this broker can take it.

    A replacement that is no swap in one go is a cancel; the plan sends the new stop once the old
    one is provably dead, so that both can never fill. A market exit where there is none, or where
    one was lost on the way that would have been taken twice, is a limit beyond the touch.
    """
    caps = caps_of(desk, trade.broker, trade.legs)
    if isinstance(step, Replace) and not _may_replace(desk, trade, step, caps):
        return Cancel(order=step.order, reason=f"to be sent anew: {step.reason}")
    if not isinstance(step, Submit) or caps is None or step.type is not OrderType.MARKET:
        return step
    is_taken = OrderType.MARKET in caps.order_types and not _was_lost(desk, trade, step)
    if is_taken or OrderType.LIMIT not in caps.order_types:
        return step
    side = Side.SELL if trade.direction > 0 else Side.BUY
    quote, tick = desk.quote(trade.legs, is_way_out=True), trade.legs[0].instrument.tick
    limit = worst_limit(side, quote, tick, n_legs=len(trade.legs))
    return step if limit is None else replace(step, type=OrderType.LIMIT, limit=limit)


def adds_stops(desk: Desk, trade: Trade) -> bool:
    """Whether what an entry brings gets a stop of its own, beside those that work.

    Where no order can be changed and nothing is told unasked, one stop for all was to be let go,
    and its end asked for, with each part that filled: all of it stood bare for seconds, again and
    again. A broker that refuses a second one gets one for all, now and with each later part: to
    try anew each time left that part bare for 17 s.
    """
    caps, broker = caps_of(desk, trade.broker, trade.legs), desk.broker(trade.broker)
    if caps is None or caps.has_replace or broker.caps.has_stream:
        return False
    if desk.backoff.must_wait(effects.pace_of_exit(trade.trade_id, "stop")):
        return True  # what is let go could not be followed yet
    return _n_refused(desk, trade) < _REFUSED


def _n_refused(desk: Desk, trade: Trade) -> int:
    """Stops that its broker refused since it took the first one."""
    own = [o for o in desk.book.orders_of(trade.trade_id) if o.purpose is Purpose.STOP]
    taken = [o.created_at for o in own if o.accepted_at is not None]
    return sum(
        order.state is OrderState.REJECTED
        and not order.reason.startswith("not sent")
        and order.created_at > min(taken, default=order.created_at)
        for order in own
    )


def must_queue(desk: Desk, trade: Trade, step: Cancel | Replace) -> bool:
    """Whether a working stop stays until others have gone; what may close too much goes at once.

    It stays, and protects, while the broker's allowance has no room for what must follow it. A
    close goes before a move.

    Where nothing is told unasked, the end of a cancelled stop has to be asked for before the next
    one can be sent, and few questions a second are answered: of many that were let go at once the
    last would leave what it protected naked for long. One is over when what comes in its place has
    been answered. While no question is answered none is let go.
    """
    if _covers_too_much(desk, trade, step.order):
        return False
    if isinstance(step, Replace):
        return step.qty <= step.order.qty and _lacks_room(desk, trade, step.order)
    if not _is_needed(desk, trade, step.order):
        return False
    if unseen.is_end_unheard(desk, trade.broker):
        return True  # what follows it could not leave, and all of it would be bare until then
    if _is_growing(desk, trade, step.order) or _is_mere_move(desk, trade):
        return True
    most = _MOST_CLOSED if trade.closes else _MOST_MOVED
    is_many = not desk.is_told(trade.broker) and len(_going(desk, trade.broker)) >= most
    return is_many or _lacks_room(desk, trade, step.order)


def _covers_too_much(desk: Desk, trade: Trade, stop: Order) -> bool:
    """Whether it and the closes that work beside it could take more than is held."""
    closing = sum(
        order.leaves
        for order in desk.book.orders_of(trade.trade_id)
        if order.purpose is Purpose.CLOSE and not order.state.is_terminal
    )
    return stop.leaves + closing > abs(trade.qty_open)


def _lacks_room(desk: Desk, trade: Trade, stop: Order) -> bool:
    """Whether this step and what comes after it would take the turns that others need first.

    Those are the orders that follow cancelled stops; for a mere move also the closes that wait,
    and the stops of entries about to fill.
    """
    room = desk.broker(trade.broker).room()
    if room is None or room < _EACH:
        return room is not None
    needed = _EACH * (len(_going(desk, trade.broker)) + 1)
    covered = sum(other.leaves for other in _stops(desk, trade))
    if not trade.closes and covered >= abs(trade.qty_open):  # it only protects otherwise
        needed += _EACH * _n_waiting_to_close(desk, trade.broker) + _n_about_to_fill(desk, trade)
    return room < needed


def _n_waiting_to_close(desk: Desk, broker: str) -> int:
    return sum(
        trade.broker == broker
        and bool(trade.closes)
        and all(
            order.state.is_terminal
            for order in desk.book.orders_of(trade.trade_id)
            if order.purpose is Purpose.CLOSE
        )
        for trade in desk.book.trades.values()
    )


def _n_about_to_fill(desk: Desk, trade: Trade) -> int:
    """Entries at the same broker."""
    accounts = [name for name, broker in desk.settings.accounts.items() if broker == trade.broker]
    return sum(
        desk.stopwatch.age_s(entry.order_id, entry.sent_at or entry.created_at) < _MAY_FILL_S
        for account in accounts
        for entry in desk.book.pending_entries(account)
    )


def _going(desk: Desk, broker: str) -> list[Order]:
    """Exits of what is held that are under way: stops let go, and what comes in their place."""
    return [
        order
        for order in desk.book.orders.values()
        if order.broker == broker
        and order.purpose is not Purpose.ENTRY
        and (order.order_id in desk.let_go or _is_going(desk, order))
        and _is_held(desk, order)
    ]


def _is_going(desk: Desk, order: Order) -> bool:
    is_under_way = order.state in (OrderState.PENDING_CANCEL, OrderState.SUBMITTING)
    return is_under_way and desk.stopwatch.age_s(order.order_id, order.updated_at) < _GOING_S


def _is_growing(desk: Desk, trade: Trade, order: Order) -> bool:
    """Whether it only is to cover the next part of an entry that fills in many, and is young.

    Anew for each part it would use up what the broker allows in a minute, and all would be naked.
    """
    if order.purpose is not Purpose.STOP or trade.is_entry_over or trade.closes:
        return False
    if trade.stop is None or order.stop != trade.stop.price or order.qty >= abs(trade.qty_open):
        return False
    pause_s = _GROWS_S if trade.exit_seq < _OFTEN else _GROWS_LATER_S
    return desk.stopwatch.age_s(order.order_id, order.sent_at or order.created_at) < pause_s


def _is_needed(desk: Desk, trade: Trade, order: Order) -> bool:
    """Whether it protects what is held and nothing else does, as far as the broker has said.

    Of several that stand side by side the others follow the first one at once.
    """
    others = [other for other in _stops(desk, trade) if other != order]
    covered = order.leaves + sum(other.leaves for other in others)
    if order.is_in_doubt or any(other.state not in WORKING for other in others):
        return False
    return _is_held(desk, order) and (not others or covered <= abs(trade.qty_open))


def _stops(desk: Desk, trade: Trade) -> list[Order]:
    """Its protective orders that may live at the broker."""
    return [
        order
        for order in desk.book.orders_of(trade.trade_id)
        if order.purpose is Purpose.STOP and order.state.is_at_broker
    ]


def _is_mere_move(desk: Desk, trade: Trade) -> bool:
    """Whether it only protects otherwise, while others are bare, or exits of theirs looked for.

    The questions that a broker answers in these seconds are theirs.
    """
    if trade.closes or trade.is_unprotected_since is not None:
        return False
    return _is_other_bare(desk, trade) or any(
        other.broker == trade.broker
        and other.purpose is not Purpose.ENTRY
        and other.state is OrderState.UNKNOWN
        and desk.stopwatch.age_s(other.order_id, other.created_at) < _LOOKED_FOR_S
        and _is_held(desk, other)
        for other in desk.book.orders.values()
    )


def _is_other_bare(desk: Desk, trade: Trade) -> bool:
    """Whether a stop of another trade is to grow or to come, where each step has to be asked for.

    Whoever looked first took its turn: units of an entry that filled in parts were bare for 19 s.
    """
    return not desk.is_told(trade.broker) and any(
        other.broker == trade.broker
        and other.stop is not None
        and other.qty_open > 0
        and (since := other.is_unprotected_since) is not None
        and desk.stopwatch.age_s(other.trade_id, since) < _LOOKED_FOR_S
        for other in desk.book.trades.values()
    )


def _is_held(desk: Desk, order: Order) -> bool:
    trade = desk.book.trades.get(order.trade_id)
    return trade is not None and trade.qty_open != 0


def _was_lost(desk: Desk, trade: Trade, step: Submit) -> bool:
    """Whether the same was sent before at any price, and never came, to a broker that takes all."""
    return not desk.broker(trade.broker).caps.dedupes_client_id and any(
        order.request_id == step.request_id
        and order.purpose is Purpose.CLOSE
        and order.type is OrderType.MARKET
        and order.state is OrderState.REJECTED
        for order in desk.book.orders_of(trade.trade_id)
    )


def _may_replace(desk: Desk, trade: Trade, step: Replace, caps: Caps | None) -> bool:
    if caps is None or not caps.has_replace:
        return False
    if not desk.broker(trade.broker).caps.replaces_in_place:
        return False
    is_as_sent = step.order.order_id not in desk.doubts.resized
    return caps.replaces_qty or (is_as_sent and step.qty == step.order.qty)


def tif_of(desk: Desk, broker: str, legs: tuple[Leg, ...], wanted: Tif) -> Tif:
    """How long an order may work there.

    A stop of one day is sent anew on the next; an entry is cancelled by the desk anyway.
    """
    caps = caps_of(desk, broker, legs)
    if caps is None or wanted in caps.tifs or not caps.tifs:
        return wanted
    return Tif.DAY if Tif.DAY in caps.tifs else Tif.GTC
