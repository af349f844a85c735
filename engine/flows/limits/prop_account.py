"""What is true of a prop-firm account right now, for the checks and for the sweep."""

from decimal import Decimal

from engine import prop
from engine.desk import Desk
from engine.domain.money import ZERO
from engine.domain.order import Order
from engine.domain.trade import Account, Trade
from engine.flows.holdings import priced


def fact_name(account: str) -> str:
    """Under which its state is kept."""
    return f"prop:{account}"


def state(desk: Desk, account: str) -> prop.PropState | None:
    """What is remembered of its days; None: nothing yet, or nothing that can be read."""
    fact = desk.book.facts.get(fact_name(account))
    if fact is None:
        return None
    try:
        return prop.state_of(fact.value)
    except (ValueError, ArithmeticError, KeyError, TypeError):
        return None


def of(
    desk: Desk,
    account: Account,
    pending: tuple[Order, ...],
    equity_usd: Decimal | None,
    open_pnl_usd: Decimal | None,
) -> prop.PropAccount | None:
    """None for an account that is of no prop firm. ``pending``: entries that may still fill."""
    firm = desk.settings.prop_firms.get(account.name)
    if firm is None:
        return None
    trades = desk.book.open_trades(account.name)
    at_stops = None
    if any(priced.is_old(desk, trade) for trade in trades):
        equity_usd = None
    if equity_usd is not None and open_pnl_usd is not None:
        held, waiting = _at_stops(trades), _risk(desk, pending)
        if held is not None and waiting is not None:
            at_stops = equity_usd - open_pnl_usd + held - waiting
    return prop.PropAccount(
        firm=firm,
        state=state(desk, account.name),
        equity_usd=equity_usd,
        at_stops_usd=at_stops,
        contracts=_contracts(firm, trades, pending),
    )


def _at_stops(trades: list[Trade]) -> Decimal | None:
    """Profit and loss if each stop filled at its price; None when a trade has none."""
    total = ZERO
    for trade in trades:
        if trade.stop is None or trade.entry_price is None:
            return None
        points = (trade.stop.price - trade.entry_price) * trade.direction
        total += points * trade.qty_open * trade.multiplier
    return total


def _risk(desk: Desk, pending: tuple[Order, ...]) -> Decimal | None:
    """What the pending entries lose at their stops; None when that is not known of one."""
    total = ZERO
    for order in pending:
        intent = desk.book.intents.get(order.intent_id)
        if intent is None or intent.risk_usd is None or intent.qty <= 0:
            return None
        total += intent.risk_usd * order.leaves / intent.qty
    return total


def _contracts(firm: prop.PropFirm, trades: list[Trade], pending: tuple[Order, ...]) -> Decimal:
    held = [(leg.instrument, t.qty_open * leg.ratio) for t in trades for leg in t.legs]
    held += [(leg.instrument, o.leaves * leg.ratio) for o in pending for leg in o.legs]
    return sum((prop.in_contracts(firm, i, qty) for i, qty in held if i.kind == "future"), ZERO)
