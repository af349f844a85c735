"""Less is held at the broker than the books say, and no list says how that came about.

At what price it went a person says (``by_hand``). Until then nothing sells what is not there: a
stop or a close of all that the books hold would open the other side (I-17, O-15). The evidence is
the broker's own list of positions; it has to last, and of nothing at all it has to last longer.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from decimal import Decimal

from engine.brokers import BrokerPosition
from engine.desk import Desk
from engine.domain.compared import PositionGap
from engine.domain.money import ZERO
from engine.domain.order import Purpose
from engine.domain.trade import Position, Trade
from engine.flows.common import aside
from engine.flows.common.aside import compare_later
from engine.flows.holdings import unasked

LASTS_S, NOTHING_LASTS_S = 10.0, 60.0
"""No list of what is held lags behind for that; an empty one may be no more than out of order."""
_SOON_S = 1.0
_EDGE_S = 0.05
"""A clock that wakes us a hair too early would have us see what does not count yet."""


def heard(desk: Desk, account: str, positions: Sequence[BrokerPosition]) -> None:
    """Remember where the broker's list has heard of all that is booked: it lags there no more."""
    for position in positions:
        if position.qty == _booked(desk, account, position.instrument.key):
            desk.doubts.agreed[f"{account}|{position.instrument.key}"] = position.qty


def is_behind(desk: Desk, account: str, gap: PositionGap) -> bool:
    """Whether the list of positions may not have heard of what the books hold by now."""
    return desk.doubts.agreed.get(f"{account}|{gap.instrument.key}") != gap.ours


async def on_gap(desk: Desk, account: str, gap: PositionGap) -> None:
    """Exits reach for no more than is there, once it has been less for long enough; told once."""
    name = f"{account}|{gap.instrument.key}"
    now = desk.clock.monotonic()
    sure_s = LASTS_S if gap.theirs * gap.ours > 0 else NOTHING_LASTS_S
    left_s = desk.doubts.lacking.setdefault(f"{name}|{gap.theirs}|fewer", now) + sure_s - now
    if left_s > 0:
        compare_later(desk, desk.settings.accounts[account], left_s + _EDGE_S, "less is held")
        return
    desk.doubts.fewer[name] = (gap, _sold(desk, account, gap))
    what = gap.instrument.label
    await desk.tell(
        "admin",
        f"⚠ {account}: the broker holds {gap.theirs:f} {what}, the books {gap.ours:f}, and none of "
        "its lists says why. Stops and closes are for no more than it holds; what became of the "
        "rest, and at what price, somebody has to say (/reconcile).",
        note_id=f"fewer-{name}-{gap.qty}-{desk.clock.now():%y%m%d}",
    )
    _settle(desk, account, gap)


def settled(desk: Desk, account: str, gaps: Iterable[PositionGap]) -> None:
    """What is not less any more is reached for as a whole again."""
    left = {f"{account}|{gap.instrument.key}" for gap in gaps if gap.is_less}
    for name, (gap, _) in list(desk.doubts.fewer.items()):
        if name.startswith(f"{account}|") and name not in left:
            del desk.doubts.fewer[name]
            _settle(desk, account, gap)


def within(desk: Desk, trade: Trade) -> Trade:
    """The trade as its exits may see it: with the units of it that are there.

    What lacks is of adopted trades first, then of the oldest. Since the comparison what was bought
    came to it, and what our exits sold went.
    """
    name = f"{trade.account}|{trade.legs[0].instrument.key}"
    known = desk.doubts.fewer.get(name) if len(trade.legs) == 1 else None
    if known is None:
        return trade
    gap, before = known
    held = list(_holders(desk, trade.account, gap))
    ours: Decimal = sum((abs(position.qty) for _, position in held), ZERO)
    sold = _sold(desk, trade.account, gap) - before
    bought = ours + sold - abs(gap.ours)
    there = max(gap.theirs * gap.ours / abs(gap.ours), ZERO) + max(bought, ZERO) - sold
    lacks = max(ours - max(there, ZERO), ZERO)
    if sold or bought:
        compare_later(desk, trade.broker, _SOON_S, "what is held of less")
    for other, position in held:
        part = min(lacks, abs(position.qty))
        if other.trade_id == trade.trade_id:
            return replace(trade, qty_open=max(trade.qty_open - part, ZERO))
        lacks -= part
    return trade


def _sold(desk: Desk, account: str, gap: PositionGap) -> Decimal:
    """Units that the exits of what still holds it have filled."""
    trades = [trade for trade, _ in _holders(desk, account, gap)]
    own = [o for trade in trades for o in desk.book.orders_of(trade.trade_id)]
    return sum((o.filled for o in own if o.purpose is not Purpose.ENTRY), ZERO)


def _holders(desk: Desk, account: str, gap: PositionGap) -> Iterator[tuple[Trade, Position]]:
    for trade, position in unasked.holders(desk, account, gap.instrument):
        if len(trade.legs) == 1 and position.qty * gap.ours > 0:
            yield trade, position


def _booked(desk: Desk, account: str, key: str) -> Decimal:
    rows = desk.book.positions.values()
    return sum((p.qty for p in rows if (p.account, p.instrument.key) == (account, key)), ZERO)


def _settle(desk: Desk, account: str, gap: PositionGap) -> None:
    for trade, _ in list(_holders(desk, account, gap)):
        aside.settle_soon(desk, trade.trade_id)
