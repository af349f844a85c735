"""Which trade a symbol means."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from engine.domain.errors import UserError
from engine.domain.trade import Trade
from engine.flows import follow, manage

if TYPE_CHECKING:
    from bot.app import App


def trade_of(app: "App", symbol: str) -> Trade:
    """The one open trade in a symbol.

    Raises:
        UserError: none or several; nothing is guessed.
    """
    found = manage.of_symbol(app.desk, symbol)
    if len(found) > 1:
        names = "; ".join(follow.label(t) for t in found)
        raise UserError(
            f"{symbol} is held more than once ({names}). Nothing was done; type #{symbol} and use "
            "the buttons of the one you mean."
        )
    return found[0]


def named_trades(app: "App") -> Iterator[Trade]:
    """Open trades that their symbol alone names."""
    trades = app.desk.book.open_trades()
    names = [t.symbol for t in trades]
    yield from (t for t in trades if names.count(t.symbol) == 1)
