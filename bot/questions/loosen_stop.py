"""The one confirmation before a stop is loosened."""

from decimal import Decimal
from typing import TYPE_CHECKING

from bot import text
from bot.confirm import Question
from bot.reply import Press
from engine.domain.desk import Who
from engine.domain.errors import UserError
from engine.domain.trade import Trade
from engine.flows.trades import follow, loosen

if TYPE_CHECKING:
    from bot.app import App


def loosen_question(app: "App", trade_id: str, price: Decimal, who: Who) -> Question:
    """Give a trade more room?

    Raises:
        NotAllowed, UserError: it may not be loosened so far; says the most that it may.
    """
    desk = app.desk

    def trade() -> Trade:
        found = desk.book.trades.get(trade_id)
        if found is None:
            raise UserError("That trade is not open any more. Nothing was changed.")
        return found

    def body() -> str:
        now = trade()
        after = loosen.judged(desk, now, price, who)
        of = now.legs[0].instrument
        old = "no stop" if now.stop is None else text.price(now.stop.price, of)
        return "\n".join(
            [
                text.safe_line(follow.label(now), 90),
                f"stop {old} → **{text.price(price, of)}**",
                (
                    f"lost if it is hit: {text.usd(after.before_usd)} → "
                    f"**{text.usd(after.after_usd)}**"
                ),
            ]
        )

    async def go(press: Press) -> str:
        after = await loosen.run(desk, trade_id, app.gate.require(press, "press stop"), price)
        return f"✔ {text.safe_line(after.symbol, 40)} stop → {price}"

    body()
    return Question(
        title=f"Loosen the stop of {text.safe_line(trade().symbol, 40)}?",
        yes=f"Loosen to {price}",
        body=body,
        action=go,
        price=lambda: desk.quote(trade().legs),
        unit=trade().legs,
        state=lambda: (t := desk.book.trades.get(trade_id)) and (t.qty_open, t.stop, t.closes),
    )
