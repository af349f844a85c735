"""#take-profits: close whatever is in profit; /take-profits only advises."""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from bot import text
from bot.actions import Action, Asker, Offer, Said, Values
from bot.confirm import Question
from bot.reply import Press
from engine.domain.desk import Who
from engine.domain.errors import NotAllowed, TradeStreamError, UserError
from engine.domain.money import ZERO
from engine.domain.trade import Trade
from engine.flows import manage
from engine.reports import Missing

if TYPE_CHECKING:
    from bot.app import App

_SHOWN = 15


class TakeProfits(Action):
    """Open profit after fees; what has no fresh price is left alone and named."""

    forms = ("take-profits",)
    examples = ("take-profits",)
    says = "close every position that is in profit"
    permission = "#take-profits"
    press = "press close"
    asks = "one click"

    async def run(self, app: "App", asker: Asker, who: Who, found: Values) -> Sequence[Said]:
        """The list with its total."""
        del asker, found
        if not who.may_trade:
            raise NotAllowed("Only a trader may do this. Nothing was changed.")
        return [profits_question(app)]

    def offers(self, app: "App") -> Iterable[Offer]:
        """While anything is in profit."""
        n = len(winners(app))
        if n:
            yield Offer(text="take-profits", label="Take profits", detail=f"{n} in profit")


def winners(app: "App") -> list[Trade]:
    """Open trades in profit after the fees of what is open."""
    found = []
    for trade in app.desk.book.open_trades():
        card = app.reading.live_trade(trade)
        if not isinstance(card.open_usd, Missing) and card.open_usd - card.open_fees_usd > 0:
            found.append(trade)
    return found


def profits_question(app: "App") -> Question:
    """Close all of these?

    Raises:
        UserError: nothing is in profit.
    """

    def wanted() -> list[Trade]:
        trades = winners(app)
        if not trades:
            raise UserError("Nothing is in profit at fresh prices. Nothing was sent.")
        return trades

    def body() -> str:
        trades, total = wanted(), ZERO
        for trade in trades:
            gain = app.reading.live_trade(trade).open_usd
            total += ZERO if isinstance(gain, Missing) else gain
        lines = [
            f"**{len(trades)} positions**, at market · open P&L {text.usd(total, sign=True)}",
            *(text.shorten(app.reading.one_line(t), 200) for t in trades[:_SHOWN]),
        ]
        rest = len(trades) - _SHOWN
        return "\n".join([*lines, *([f"and {rest} more"] if rest > 0 else [])])

    async def go(press: Press) -> str:
        who = app.gate.require(press, "press close")
        trades, failed = wanted(), []
        for trade in trades:
            try:
                await manage.close(app.desk, trade.trade_id, who)
            except TradeStreamError as error:
                failed.append(f"⚠ {text.safe_line(trade.symbol, 40)}: {error}")
        return "\n".join([f"✔ closing {len(trades) - len(failed)} of {len(trades)}.", *failed])

    wanted()
    return Question(
        title="Take these profits?",
        yes="Take profits",
        body=body,
        action=go,
        state=lambda: [(t.trade_id, t.qty_open) for t in winners(app)],
    )
