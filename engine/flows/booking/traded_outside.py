"""Trades made in the broker's own app: they close what they close, the rest is adopted."""

from collections.abc import Collection
from datetime import datetime
from decimal import Decimal

from engine.brokers import BrokerFill
from engine.desk import Desk
from engine.domain.compared import PositionGap
from engine.domain.money import ZERO
from engine.domain.order import Side
from engine.domain.trade import Execution
from engine.flows.booking import echo
from engine.flows.holdings import unasked


async def on_external(
    desk: Desk,
    fill: BrokerFill,
    *,
    said: str = "",
    held: Decimal | None = None,
    of: Collection[str] = (),
) -> bool:
    """Book a trade made in the broker's own app: it closes what it closes, the rest is adopted.

    ``said``: what people are told, where it was no such trade. ``held``: it is meant for so much in
    the books, and for nothing else. ``of``: it takes off these trades alone. Whether it was booked.
    """
    async with desk.lock(fill.account):
        if held is not None and sum((p.qty for _, p in unasked.held_of(desk, fill)), ZERO) != held:
            return False
        booked = await unasked.booked_before(desk, fill)
        if booked and all(_is_other(row, fill) for row in booked):
            fill = echo.anew(fill)
            booked = await unasked.booked_before(desk, fill)
        if booked:
            return False
        parts = unasked.Parts(account=desk.book.accounts[fill.account])
        left = fill.qty
        for trade, position, qty in unasked.closing(desk, fill, of):
            unasked.close(desk, parts, fill, trade, position, qty, "external")
            left -= qty
        if left > 0:
            unasked.adopt(desk, parts, fill, left)
        if not await unasked.commit(desk, fill, parts):
            return False
    if said or left < fill.qty:  # what was adopted whole is told with its trade
        await desk.tell(
            "admin",
            said
            or f"{fill.account}: {fill.side} {fill.qty:f} {fill.instrument.label} @ "
            f"{fill.price:f} was traded outside TradeStream. It is in the books; nothing was sent "
            "because of it.",
            note_id=f"external-{fill.execution_id}",
        )
    await unasked.follow_up(desk, parts)
    return True


def of_gap(
    account: str, gap: PositionGap, name: str, price_usd: Decimal, now: datetime
) -> BrokerFill:
    """A difference of quantity as if it had been traded outside, at that price."""
    return BrokerFill(
        execution_id=name,
        client_order_id="",
        broker_id="",
        account=account,
        instrument=gap.instrument,
        leg=0,
        side=Side.BUY if gap.qty > 0 else Side.SELL,
        qty=abs(gap.qty),
        price=price_usd,
        fee_usd=ZERO,
        executed_at=now,
    )


def _is_other(row: Execution, fill: BrokerFill) -> bool:
    """Whether it was another trade that bore the id: some brokers count them anew."""
    return (row.side, row.instrument) != (fill.side, fill.instrument)
