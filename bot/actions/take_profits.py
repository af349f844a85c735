"""#take-profits: close whatever is in profit; /take-profits only advises."""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from bot.actions import Action, Asker, Offer, Said, Values
from bot.questions.close_each import close_winners
from engine.domain.desk import Who
from engine.domain.errors import NotAllowed
from engine.domain.trade import Trade
from engine.reports import Missing

if TYPE_CHECKING:
    from bot.app import App


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
        return [close_winners(app, lambda: winners(app))]

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
