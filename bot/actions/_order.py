"""Which order an id, or the beginning of one, means."""

from typing import TYPE_CHECKING

from engine.domain.errors import UserError

if TYPE_CHECKING:
    from bot.app import App


_FEWEST = 4
"""Characters that name an order."""


def order_id_of(app: "App", typed: str) -> str:
    """The whole id: as typed, or the one live order whose id begins so (4 characters or more).

    Raises:
        UserError: several begin like this.
    """
    known = app.desk.book.orders
    if typed in known or len(typed) < _FEWEST:
        return typed
    found = [key for key in known if key.startswith((typed, f"TS{typed}"))]
    if len(found) > 1:
        raise UserError(
            f"{len(found)} orders begin with {typed}. Nothing was done; type more of the id."
        )
    return found[0] if found else typed
