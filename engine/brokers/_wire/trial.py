"""Trying out what a connection can do, when an admin asks whether it works."""

from collections.abc import Awaitable, Callable
from decimal import Decimal

from engine.brokers import Broker, Check, OrderRequest
from engine.domain.errors import TradeStreamError
from engine.domain.instrument import stock
from engine.domain.order import OrderType, Side
from engine.domain.quote import Leg


async def tried_out(
    broker: Broker, account: str, environment: str, quote: Callable[[], Awaitable[object]]
) -> list[Check]:
    """Log in, read, price and preview one share far below its price; ``quote`` asks for SPY."""
    return [
        await tried("auth", broker.accounts(), f"logged in, {environment}"),
        await tried("account", broker.balance(account), "its money can be read"),
        await tried("quote", quote(), "SPY is quoted"),
        await tried("orders", broker.open_orders(account), "they can be listed"),
        await dry_run(broker, account),
    ]


async def dry_run(broker: Broker, account: str) -> Check:
    """Preview one share far below its price; nothing is sent."""
    probe = OrderRequest(
        client_order_id="CHECK000000000000000",
        account=account,
        side=Side.BUY,
        legs=(Leg(instrument=stock("SPY")),),
        qty=Decimal(1),
        type=OrderType.LIMIT,
        limit=Decimal(1),
    )
    return await tried("dry run", broker.preview(probe), "1 SPY at 1.00 was previewed")


async def tried(name: str, work: Awaitable[object], said: str = "") -> Check:
    """One trial; ``said`` of a success, or what the work itself says of it."""
    try:
        found = await work
    except TradeStreamError as error:
        return Check(name=name, is_ok=False, detail=str(error))
    return Check(name=name, is_ok=True, detail=said or str(found))
