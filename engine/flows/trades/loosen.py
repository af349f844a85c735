"""A trader gives a trade more room, within the most that one may risk; the desk never does."""

from dataclasses import dataclass
from decimal import Decimal

from engine.desk import Desk
from engine.domain.alert import Level
from engine.domain.desk import Who
from engine.domain.errors import NotAllowed, UserError
from engine.domain.money import ZERO
from engine.domain.order import Intent, OrderType, Purpose, Side
from engine.domain.trade import Trade
from engine.flows.limits import facts
from engine.flows.trades import manage
from engine.risk import Denial

_JUDGES = ("risk_per_trade", "stop_distance")
"""The checks that decide how far a stop of an entry may be away; they decide here too."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Room:
    """What is lost when the stop is hit, in dollars before fees: as it stands and as asked."""

    before_usd: Decimal
    after_usd: Decimal


def is_looser(trade: Trade, price: Decimal) -> bool:
    """Whether a stop at ``price`` would stand further from the market than the present one."""
    return trade.stop is not None and (price - trade.stop.price) * trade.direction < 0


def judged(desk: Desk, trade: Trade, price: Decimal, who: Who) -> Room:
    """What a looser stop would cost.

    Raises:
        NotAllowed, UserError: it may not be moved so far; the stop stays where it is.
    """
    if not who.may_trade:
        raise NotAllowed("Only a trader may do this. Nothing was changed.")
    entry = trade.entry_price
    if entry is None or trade.qty_open <= 0:
        raise UserError("The entry is not filled yet. The stop stays where it is.")
    manage.check_price(trade, Level(kind="price", value=price))
    if (entry - price) * trade.direction > 0:
        denied = _denied(desk, trade, entry, price)
        if denied is not None:
            raise UserError(f"{denied.detail}. The stop stays where it is.")
    return Room(
        before_usd=_lost(trade, entry, trade.stop.price if trade.stop else None),
        after_usd=_lost(trade, entry, price),
    )


async def run(desk: Desk, trade_id: str, who: Who, price: Decimal) -> Trade:
    """Move the stop there.

    Raises:
        NotAllowed, UserError: the stop stays where it is.
    """

    def check(trade: Trade) -> None:
        judged(desk, trade, price, who)

    level = Level(kind="price", value=price)
    return await manage.move(desk, trade_id, who, stop=level, may_loosen=check)


def _lost(trade: Trade, entry: Decimal, stop: Decimal | None) -> Decimal:
    if stop is None:
        return ZERO
    return (stop - entry) * trade.direction * trade.multiplier * trade.qty_open


def _denied(desk: Desk, trade: Trade, entry: Decimal, stop: Decimal) -> Denial | None:
    """Why an entry of what is held, at its own price with that stop, would be denied."""
    quote = desk.quote(trade.legs)
    intent = Intent(
        intent_id=f"{trade.trade_id}/stop",
        alert_id=trade.alert_id,
        trade_id=trade.trade_id,
        account=trade.account,
        broker=trade.broker,
        source=trade.source,
        author_id=trade.author_id,
        purpose=Purpose.ENTRY,
        symbol=trade.symbol,
        side=Side.BUY if trade.direction > 0 else Side.SELL,
        legs=trade.legs,
        qty=trade.qty_open,
        type=OrderType.LIMIT,
        limit=entry,
        stop=stop,
        created_at=desk.clock.now(),
    )
    seen = facts.gather(desk, trade.account, intent, quote)
    answers = (check.check(intent, seen) for name, check in desk.checks if name in _JUDGES)
    return next((a for a in answers if isinstance(a, Denial)), None)
