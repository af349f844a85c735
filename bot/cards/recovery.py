"""After a restart: what was found, and that every open position is protected."""

from collections.abc import Callable, Iterable, Sequence

from bot import text
from engine.domain.order import Order
from engine.domain.trade import Trade
from engine.exits.plan import has_stop_at_broker
from engine.reports import unit_label

_SHOWN = 12


def words(
    found: str,
    trades: Sequence[Trade],
    orders_of: Callable[[str], Iterable[Order]],
    *,
    was_killed: bool,
    badges: str,
) -> str:
    """The note that is posted when the desk is back; ``found`` is what recovery says."""
    how = "Back after a crash" if was_killed else "Started again"
    lines = [f"♻ **{how}** · {text.safe_line(found, 600)}"]
    several = len({trade.account for trade in trades}) > 1
    for trade in trades[:_SHOWN]:
        where = f" in {text.safe_line(trade.account, 30)}" if several else ""
        lines.append(_line(trade, tuple(orders_of(trade.trade_id)), where))
    if len(trades) > _SHOWN:
        lines.append(f"and {len(trades) - _SHOWN} more")
    return "\n".join([*lines, f"-# {badges}"])


def _line(trade: Trade, orders: Sequence[Order], where: str) -> str:
    of = trade.legs[0].instrument
    what = f"{text.qty(trade.qty_open)} × {text.safe_line(unit_label(trade.legs), 80)}{where}"
    if trade.stop is None:
        return f"🔓 {what} · **no stop**"
    kept = "at the broker" if has_stop_at_broker(trade, orders) else "watched by the desk"
    return f"🔒 {what} · stop {text.price(trade.stop.price, of)} {kept}"
