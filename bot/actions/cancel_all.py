"""#cancel-all: every working entry; what protects a trade stays, unless one more click says so."""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from bot import text
from bot.actions import Action, Asker, Card, Offer, Said, Values
from bot.actions._button import ActionButton
from bot.lasting import below
from bot.questions.cancel import cancel_all_question, cancel_stops_question
from engine.domain.desk import Who
from engine.domain.errors import NotAllowed, UserError
from engine.domain.order import Purpose
from engine.flows.acts import unprotect

if TYPE_CHECKING:
    from bot.app import App


class CancelAll(Action):
    """Entries by default; stops only by the button below the question, which asks again."""

    forms = ("cancel-all [PROTECTIVE]",)
    examples = ("cancel-all",)
    says = "cancel working entries; stops stay"
    permission = "#cancel-all"
    press = "order cancel"
    asks = "one click"

    async def run(self, app: "App", asker: Asker, who: Who, found: Values) -> Sequence[Said]:
        """The list; below it the way to the stops."""
        del asker
        if "PROTECTIVE" in found:
            return [cancel_stops_question(app, who)]
        said: list[Said] = []
        try:
            said.append(cancel_all_question(app, who))
        except NotAllowed:
            raise
        except UserError as error:
            if not unprotect.stops(app.desk):
                raise
            said.append(f"⚠ {error}")
        n = len(unprotect.stops(app.desk))
        if n:
            view = below([ActionButton("cancel-all protective", "Also protective stops…")])
            said.append(
                Card(words=f"-# {text.count(n, 'protective stop')} left as they are.", view=view)
            )
        return said

    def offers(self, app: "App") -> Iterable[Offer]:
        """While entries work."""
        orders = app.desk.book.orders.values()
        n = sum(o.purpose is Purpose.ENTRY and o.state.is_at_broker for o in orders)
        return [Offer(text="cancel-all", label="Cancel entries", detail=f"{n} work")] if n else []
