"""#close-all: everything that is open, at market."""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from bot.actions import Action, Asker, Offer, Said, Values
from bot.questions import flatten
from engine.domain.desk import Who

if TYPE_CHECKING:
    from bot.app import App


class CloseAll(Action):
    """Asked once, done once, failures named one by one."""

    forms = ("close-all",)
    examples = ("close-all",)
    says = "close every position"
    permission = "#close-all"
    press = "press close"
    asks = "one click"

    async def run(self, app: "App", asker: Asker, who: Who, found: Values) -> Sequence[Said]:
        """The list with its total."""
        del asker, who, found
        return [ask_all(app)]

    def offers(self, app: "App") -> Iterable[Offer]:
        """While anything is open."""
        n = len(app.desk.book.open_trades())
        return [Offer(text="close-all", label="Close everything", detail=f"{n} open")] if n else []


def ask_all(app: "App", told: str = "") -> Said:
    """The question, or that nothing is open; ``told``: what was done before."""
    if app.desk.book.open_trades():
        return flatten.close_everything(app, told)
    return f"{told}\nNothing is open.".strip()
