"""What every connection that can preview tries out when an admin asks whether it works."""

from collections.abc import Awaitable, Callable
from decimal import Decimal

from engine.brokers import Broker, Check, OrderRequest
from engine.domain.errors import TradeStreamError
from engine.domain.instrument import stock
from engine.domain.order import OrderType, Side
from engine.domain.quote import Leg

Ask = Callable[[], Awaitable[object]]


async def tried_out(broker: Broker, account: str, environment: str, quote: Ask) -> list[Check]:
    """Log in, read, price and preview one share far below its price; ``quote`` asks for SPY."""
    probe = OrderRequest(
        client_order_id="CHECK000000000000000",
        account=account,
        side=Side.BUY,
        legs=(Leg(instrument=stock("SPY")),),
        qty=Decimal(1),
        type=OrderType.LIMIT,
        limit=Decimal(1),
    )
    return [
        await _tried("auth", broker.accounts, f"logged in, {environment}"),
        await _tried("account", lambda: broker.balance(account), "its money can be read"),
        await _tried("quote", quote, "SPY is quoted"),
        await _tried("orders", lambda: broker.open_orders(account), "they can be listed"),
        await _tried("dry run", lambda: broker.preview(probe), "1 SPY at 1.00 was previewed"),
    ]


async def _tried(name: str, ask: Ask, said: str) -> Check:
    try:
        await ask()
    except TradeStreamError as error:
        return Check(name=name, is_ok=False, detail=str(error))
    return Check(name=name, is_ok=True, detail=said)
