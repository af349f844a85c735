"""The one confirmation before a working order is changed."""

from decimal import Decimal
from typing import TYPE_CHECKING

from bot import text
from bot.cards import orders as orders_card
from bot.confirm import Question
from bot.reply import Press
from engine.domain.desk import Who
from engine.domain.order import OrderState
from engine.flows.trades import reprice

if TYPE_CHECKING:
    from bot.app import App


def change_question(
    app: "App",
    order_id: str,
    who: Who,
    *,
    price: Decimal | None = None,
    qty: Decimal | None = None,
) -> Question:
    """Change price, quantity or both of a working entry?

    Raises:
        NotAllowed, UserError: it may not be changed so.
    """
    desk = app.desk
    first = reprice.judged(desk, who, order_id, price=price, qty=qty)

    def body() -> str:
        change = reprice.judged(desk, who, order_id, price=price, qty=qty)
        of, old, new = change.order.legs[0].instrument, change.order, change.intent
        rows = [orders_card.block(app.reading.order_row(order_id))]
        if price is not None and old.limit is not None:
            rows.append(f"limit {text.price(old.limit, of)} → **{text.price(price, of)}**")
        if qty is not None:
            rows.append(f"quantity {text.qty(old.qty)} → **{text.qty(qty)}**")
        if new.risk_usd is not None:
            rows.append(f"at risk afterwards {text.usd(new.risk_usd)}")
        quote = desk.quote(old.legs)
        if quote is not None:
            rows.append(f"now {text.price(quote.bid, of)} / {text.price(quote.ask, of)}")
        return "\n".join(rows)

    async def go(press: Press) -> str:
        by = app.gate.require(press, "order modify")
        order = await reprice.run(desk, by, order_id, price=price, qty=qty)
        if order.state is OrderState.REJECTED:
            old = "The old order works on" if order.replaces else "The old order is cancelled"
            return f"⚠ {old}, the new one was not taken: {text.safe_line(order.reason, 200)}"
        return f"✔ changed. -# {order.order_id} works in place of {order_id}"

    symbol = text.safe_line(first.order.legs[0].instrument.symbol, 20)
    return Question(
        title="Change this order?",
        yes=f"Change {symbol}",
        body=body,
        action=go,
        price=lambda: desk.quote(first.order.legs),
        unit=first.order.legs,
        state=lambda: (o := desk.book.orders.get(order_id)) and (o.state, o.filled, o.limit, o.qty),
    )
