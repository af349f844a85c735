"""#unwatch SPY: take it off the watchlist."""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from bot.actions import Action, Asker, Offer, Said, Values
from bot.text import safe_line
from engine.domain.desk import Who
from engine.flows.common import watchlist

if TYPE_CHECKING:
    from bot.app import App


class Unwatch(Action):
    """As /watchlist remove; a position in it stays open."""

    forms = ("unwatch UNIT",)
    examples = ("unwatch TSLA",)
    says = "take a symbol off the watchlist"
    permission = "#unwatch"
    press = "watchlist remove"

    async def run(self, app: "App", asker: Asker, who: Who, found: Values) -> Sequence[Said]:
        """Done at once."""
        del asker
        told = await watchlist.remove(app.desk, who, [str(found["UNIT"])], why="#unwatch")
        return [f"{'✔' if o.is_done else '⚠'} {o.symbol} {safe_line(o.said, 160)}" for o in told]

    def offers(self, app: "App") -> Iterable[Offer]:
        """What people have put on the list themselves."""
        return [
            Offer(text=f"unwatch {w.symbol}", label=f"Unwatch {w.symbol}")
            for w in watchlist.current(app.desk)
            if w.source == "manual"
        ]
