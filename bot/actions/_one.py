"""Which trade a symbol means."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from engine.domain.errors import ActionSyntaxError, UserError
from engine.domain.trade import Trade
from engine.flows.trades import follow, manage

if TYPE_CHECKING:
    from bot.app import App


def trade_of(app: "App", symbol: str) -> Trade:
    """The one open trade in a symbol.

    Raises:
        UserError: none or several; nothing is guessed.
    """
    found = manage.of_symbol(app.desk, symbol)
    if len(found) > 1:
        raise UserError(
            f"{symbol} is held more than once ({follow.labels(found)}). Nothing was done; type "
            f"#{symbol} and use the buttons of the one you mean."
        )
    return found[0]


def named_trades(app: "App") -> Iterator[Trade]:
    """Open trades that their symbol alone names."""
    trades = app.desk.book.open_trades()
    names = [t.symbol for t in trades]
    yield from (t for t in trades if names.count(t.symbol) == 1)


# -- what a button keeps ------------------------------------------------------------------------

_PIN = "@"
_LONGEST = 90
"""Of what a button keeps in its id."""


def pinned(app: "App", text: str) -> str:
    """An action's text with the trade that it means now, to be kept in a button.

    A symbol is held again some day: an old button must not act on that. What names no trade, or
    only shows, stays as it is.
    """
    symbol = _acts_on(text)
    if not symbol:
        return text
    try:
        made = f"{_PIN}{trade_of(app, symbol).trade_id} {text}"
    except UserError:
        return text
    return made if len(made) <= _LONGEST else text


def unpinned(app: "App", kept: str) -> str:
    """The text again, if it still means the same trade.

    Raises:
        UserError: it does not; nothing was done.
    """
    if not kept.startswith(_PIN):
        if _acts_on(kept):
            raise UserError(
                "This button does not say which trade it means. Nothing was done; ask anew."
            )
        return kept
    trade_id, _, text = kept.removeprefix(_PIN).partition(" ")
    now = app.desk.book.trades.get(trade_id)
    if now is None or now.qty_open == 0:
        raise UserError("The trade that it was about is not open any more. Nothing was done.")
    if trade_of(app, _acts_on(text)).trade_id != trade_id:
        raise UserError("That symbol means another trade by now. Nothing was done; ask anew.")
    return text


def _acts_on(text: str) -> str:
    """The symbol of the trade that an action changes; empty when it changes none."""
    from bot.actions import read_line

    try:
        what = read_line(f"#{text}")
    except ActionSyntaxError:
        return ""
    return str(what.found["HELD"]) if "HELD" in what.found and what.action.name != "info" else ""
