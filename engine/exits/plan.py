"""From what is wanted and what lives at the broker to the next legal steps; the one stop writer.

Everything that may still fill counts in full (pending, unanswered and being replaced included), so
that live exits never add up to more than is held (I-17). What cannot be done before the broker
has answered is left out: plan again when it has.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal

from engine.domain.money import ZERO
from engine.domain.order import WORKING, Order, OrderState, OrderType, Purpose
from engine.domain.trade import CloseRequest, Trade
from engine.exits import Cancel, Replace, Step, Submit
from engine.exits._wishes import apply, close_request, tightened

__all__ = ["apply", "close_request", "has_stop_at_broker", "is_protected", "plan", "tightened"]

_CANCELABLE = frozenset(
    {OrderState.ACCEPTED, OrderState.PARTIAL, OrderState.UNKNOWN, OrderState.PENDING_REPLACE}
)
_WORKING = frozenset({OrderState.ACCEPTED, OrderState.PARTIAL, OrderState.PENDING_REPLACE})
_MOST_STOPS = 2
"""Side by side: before a move or a close each of them has to go, and its end to be asked for. With
a third one a close took 2 s longer where two questions a second are answered."""
_REASON = {"fixed": "stop", "breakeven": "stop at break-even", "trailing": "trail"}


@dataclass(frozen=True, slots=True)
class _Live:
    """An exit order that may still fill, with the units it may still take."""

    order: Order
    left: Decimal
    before: Decimal
    """Units that the orders it replaced had filled."""

    @property
    def is_settled(self) -> bool:
        """Its broker has answered, and nothing is asked of it."""
        return self.order.state in WORKING and self.order.ended is None


@dataclass(frozen=True, slots=True)
class _Chain:
    """A stop and the one that replaces it: only one of them is alive at the broker."""

    members: tuple[_Live, ...]
    """Oldest first."""

    @property
    def worst(self) -> Decimal:
        """Units it may still take."""
        return max(m.left for m in self.members)

    @property
    def newest(self) -> _Live:
        """The order that is or will be the stop."""
        return self.members[-1]


@dataclass(frozen=True, slots=True)
class _Exits:
    """Live exits of one trade."""

    closes: tuple[_Live, ...]
    stops: tuple[_Chain, ...]

    @property
    def closing(self) -> Decimal:
        """Units that live close orders may still take."""
        return sum((live.left for live in self.closes), ZERO)


def plan(
    trade: Trade,
    orders: Sequence[Order],
    *,
    broker_stops: bool,
    is_beside: bool = False,
    theirs: Decimal = ZERO,
    closing: Decimal = ZERO,
) -> tuple[Step, ...]:
    """Next legal steps for a trade's exits; nothing when all is as wanted or has to wait.

    Args:
        trade: With its close requests and its stop.
        orders: All orders of the trade.
        broker_stops: Whether its broker can hold a stop for this unit.
        is_beside: Whether what its stops do not cover gets another one beside them.
        theirs: Units that stops which are none of ours may take: no room for ours.
        closing: Units that closes which are none of ours may take: they serve our requests.
    """
    exits = _exits_of(orders)
    steps: list[Step] = _entry_cancels(orders) if trade.closes else []
    held = trade.qty_open
    if held <= 0:
        return (*steps, *_cancels(_all(exits), "nothing is held"))
    shares = _shares(trade.closes, held)
    missing, stale = _match(shares, exits.closes)
    steps += _cancels(stale, "not wanted any more")
    wanted = sum((qty for _, qty in shares), ZERO)
    taken_by_closes = exits.closing + closing
    goal = max(min(held - wanted, held - taken_by_closes) - theirs, ZERO)
    ways = _steps_beside if is_beside and exits.stops else _stop_steps
    stop_steps, taken = ways(trade, exits, goal, broker_stops=broker_stops)
    steps += [s for s in stop_steps if not isinstance(s, Submit)]
    steps += _submits(missing, min(held - taken, wanted) - taken_by_closes)
    steps += [s for s in stop_steps if isinstance(s, Submit)]
    return tuple(steps)


def is_protected(
    trade: Trade, orders: Sequence[Order], broker_stops: bool, theirs: Decimal = ZERO
) -> bool:
    """Whether every held unit has a working stop or is being closed (I-20).

    Where the broker cannot hold a stop, the engine's own watch of ``trade.stop`` counts.
    """
    if trade.qty_open <= 0:
        return trade.qty_open == 0
    if not broker_stops and trade.stop is not None:
        return True
    exits = _exits_of(orders)
    return _working(_members(exits)) + _working(exits.closes) + theirs >= trade.qty_open


def has_stop_at_broker(trade: Trade, orders: Sequence[Order]) -> bool:
    """Whether working stops, no looser than planned, cover what is not being closed."""
    if trade.stop is None:
        return False
    exits = _exits_of(orders)
    tight = [
        live
        for live in _members(exits)
        if live.order.stop is not None
        and (live.order.stop - trade.stop.price) * trade.direction >= 0
    ]
    return bool(tight) and _working(tight) + _working(exits.closes) >= trade.qty_open


# -- what is live -----------------------------------------------------------------------------


def _exits_of(orders: Sequence[Order]) -> _Exits:
    by_id = {order.order_id: order for order in orders}
    live = [
        _live(order, by_id)
        for order in orders
        if order.purpose is not Purpose.ENTRY and not order.state.is_terminal
    ]
    live = [one for one in live if one.left > 0]
    chains: dict[str, list[_Live]] = {}
    for one in live:
        if one.order.purpose is Purpose.STOP:
            chains.setdefault(_first(one.order, by_id), []).append(one)
    return _Exits(
        closes=tuple(one for one in live if one.order.purpose is Purpose.CLOSE),
        stops=tuple(_Chain(_alive(_oldest_first(c, by_id))) for c in chains.values()),
    )


def _ancestors(order: Order, by_id: dict[str, Order]) -> list[Order]:
    found: list[Order] = []
    while order.replaces is not None and order.replaces in by_id:
        order = by_id[order.replaces]
        found.append(order)
    return found


def _live(order: Order, by_id: dict[str, Order]) -> _Live:
    """A replacement's quantity is the total of its line: what came before is no longer to come."""
    before = max(sum((o.filled for o in _ancestors(order, by_id)), ZERO), order.carried)
    return _Live(order, replace(order, carried=before).leaves, before)


def _first(order: Order, by_id: dict[str, Order]) -> str:
    line = _ancestors(order, by_id)
    return line[-1].order_id if line else order.order_id


def _oldest_first(members: Iterable[_Live], by_id: dict[str, Order]) -> list[_Live]:
    return sorted(members, key=lambda m: len(_ancestors(m.order, by_id)))


def _alive(line: list[_Live]) -> tuple[_Live, ...]:
    """Once a replacement was accepted, the orders before it are dead."""
    accepted = [number for number, one in enumerate(line) if one.order.state in WORKING]
    return tuple(line[accepted[-1] :]) if accepted else tuple(line)


def _members(exits: _Exits) -> list[_Live]:
    return [member for chain in exits.stops for member in chain.members]


def _all(exits: _Exits) -> list[_Live]:
    return [*exits.closes, *_members(exits)]


def _working(lives: Iterable[_Live]) -> Decimal:
    return sum((one.left for one in lives if one.order.state in _WORKING), ZERO)


# -- closing ----------------------------------------------------------------------------------


def _entry_cancels(orders: Sequence[Order]) -> list[Step]:
    """While anything is to be closed, the entry must not bring more."""
    return [
        Cancel(order=order, reason="the trade is being closed")
        for order in orders
        if order.purpose is Purpose.ENTRY and order.state in _CANCELABLE and order.ended is None
    ]


def _cancels(lives: Iterable[_Live], reason: str) -> list[Step]:
    return [
        Cancel(order=one.order, reason=reason)
        for one in lives
        if one.order.state in _CANCELABLE and one.order.ended is None
    ]


def _shares(closes: Sequence[CloseRequest], held: Decimal) -> list[tuple[CloseRequest, Decimal]]:
    """Requests with what each gets of what is held: those at market first, then the oldest."""
    shares = []
    for request in sorted(closes, key=lambda c: c.limit is not None):
        part = min(request.qty, held)
        held -= part
        if part > 0:
            shares.append((request, part))
    return shares


def _match(
    shares: Sequence[tuple[CloseRequest, Decimal]], closes: Sequence[_Live]
) -> tuple[list[tuple[CloseRequest, Decimal]], list[_Live]]:
    """What each request still lacks, and the live close orders that serve none."""
    missing: list[tuple[CloseRequest, Decimal]] = []
    unused = list(closes)
    for request, qty in shares:
        lacks = qty
        for one in [c for c in unused if _serves(c.order, request)]:
            if one.left <= lacks:
                lacks -= one.left
                unused.remove(one)
        if lacks > 0:
            missing.append((request, lacks))
    return missing, unused


def _serves(order: Order, request: CloseRequest) -> bool:
    if order.request_id and order.request_id != request.request_id:
        return False
    return order.limit == request.limit or (bool(order.request_id) and request.limit is None)


def _submits(missing: Sequence[tuple[CloseRequest, Decimal]], room: Decimal) -> list[Step]:
    """Close orders that fit into what no other live exit may take; the rest waits."""
    steps: list[Step] = []
    for request, qty in missing:
        if qty > room:
            break
        room -= qty
        steps.append(
            Submit(
                purpose="close",
                qty=qty,
                type=OrderType.MARKET if request.limit is None else OrderType.LIMIT,
                limit=request.limit,
                reason=request.reason,
                request_id=request.request_id,
            )
        )
    return steps


# -- the stop ---------------------------------------------------------------------------------


def _stop_steps(
    trade: Trade, exits: _Exits, goal: Decimal, *, broker_stops: bool
) -> tuple[list[Step], Decimal]:
    """Steps towards one stop of ``goal`` units, and the units that stops may take meanwhile."""
    price = trade.stop.price if trade.stop is not None else None
    may_make = broker_stops and price is not None
    reason = _REASON[trade.stop.kind] if trade.stop is not None else "stop"
    if not exits.stops:
        if not may_make or goal <= 0:
            return [], ZERO
        stop = Submit(purpose="stop", qty=goal, type=OrderType.STOP, stop=price, reason=reason)
        return [stop], goal
    keep = max(exits.stops, key=lambda c: (c.newest.order.stop == price, c.worst))
    others = [chain for chain in exits.stops if chain is not keep]
    steps = _cancels((m for c in others for m in c.members), "one stop is enough")
    elsewhere = sum((chain.worst for chain in others), ZERO)
    goal = max(min(goal, trade.qty_open - exits.closing - elsewhere), ZERO)
    if not may_make:
        goal = min(goal, keep.worst)
    steps += _towards(keep, goal, price, reason)
    grown = goal if any(isinstance(s, Replace) for s in steps) else ZERO
    return steps, elsewhere + max(keep.worst, grown)


def _steps_beside(
    trade: Trade, exits: _Exits, goal: Decimal, *, broker_stops: bool
) -> tuple[list[Step], Decimal]:
    """The same where no stop can be changed: what fits stays, and what lacks comes beside it.

    All that may still fill counts, and one more comes only once every other is answered; until
    then those of an old price stand. Where no more are to stand side by side, the smallest makes
    room for a larger one.
    """
    price = trade.stop.price if trade.stop is not None else None
    is_doubtful = any(member.order.is_in_doubt for member in _members(exits))
    kept, stale, room = list[_Chain](), list[_Chain](), goal
    for chain in sorted(exits.stops, key=lambda c: (c.newest.is_settled, c.worst), reverse=True):
        is_moved = price not in (None, chain.newest.order.stop) and chain.newest.is_settled
        if chain.worst > room or (is_moved and not is_doubtful):
            stale.append(chain)
        else:
            kept.append(chain)
            room -= chain.worst
    steps = _cancels((m for c in stale for m in c.members), "to be sent anew")
    taken = sum((chain.worst for chain in exits.stops), ZERO)
    is_answered = all(chain.newest.is_settled for chain in exits.stops)
    if trade.stop is None or not broker_stops or not is_answered or taken >= goal:
        return steps, taken
    if len(exits.stops) >= _MOST_STOPS:
        smallest = kept[-1].members if not stale else ()
        return [*steps, *_cancels(smallest, "to be sent anew for more")], taken
    more = Submit(
        purpose="stop",
        qty=goal - taken,
        type=OrderType.STOP,
        stop=price,
        reason=_REASON[trade.stop.kind],
    )
    return [*steps, more], goal


def _towards(chain: _Chain, goal: Decimal, price: Decimal | None, reason: str) -> list[Step]:
    """The next step that brings a stop to ``goal`` units at ``price``."""
    if any(m.order.state is OrderState.SUBMITTING for m in chain.members):
        return []
    if goal <= 0:
        return _cancels(chain.members, "no room beside what is being closed")
    newest = chain.newest
    is_right = newest.left == goal and price in (None, newest.order.stop)
    if len(chain.members) == 1 and is_right and newest.order.state in _WORKING:
        return []
    if len(chain.members) == 1 and newest.is_settled:
        stop = price if price is not None else newest.order.stop
        assert stop is not None  # noqa: S101 - a stop order has a trigger
        carried = newest.before + newest.order.filled
        return [
            Replace(
                order=newest.order, qty=goal + carried, carried=carried, stop=stop, reason=reason
            )
        ]
    if chain.worst > goal or newest.order.state is OrderState.PENDING_REPLACE:
        return _cancels(chain.members, "it cannot be made smaller")
    return []
