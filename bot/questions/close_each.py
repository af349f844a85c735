"""One confirmation before several trades are closed, then each for itself and side by side."""

import asyncio
from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING

from bot import text
from bot.confirm import Question
from bot.reply import Press
from engine.domain.errors import TradeStreamError, UserError
from engine.domain.money import ZERO
from engine.domain.trade import Trade
from engine.flows.trades import manage
from engine.reports import Missing

if TYPE_CHECKING:
    from bot.app import App

_SHOWN = 15


def is_one_thing(trades: Sequence[Trade]) -> bool:
    """Whether they hold the same, in several accounts or several times: none needs be named."""
    return len({t.legs for t in trades}) == 1


def close_symbol(app: "App", symbol: str, percent: Decimal) -> Question:
    """All that is held of a symbol, in whatever account: what one alert opened in several ends so.

    Raises:
        UserError: nothing of it is held.
    """
    share = "all" if percent == 100 else f"{percent:f} %"
    name = text.safe_line(symbol.upper().lstrip("$/#"), 40)
    words = f"Close {share} of {name}"
    return _question(app, f"{words}?", words, lambda: manage.of_symbol(app.desk, symbol), percent)


def close_winners(app: "App", winners: Callable[[], Sequence[Trade]]) -> Question:
    """Whatever is in profit.

    Raises:
        UserError: nothing is.
    """

    def wanted() -> Sequence[Trade]:
        trades = winners()
        if not trades:
            raise UserError("Nothing is in profit at fresh prices. Nothing was sent.")
        return trades

    return _question(app, "Take these profits?", "Take profits", wanted, Decimal(100))


def _question(
    app: "App", title: str, yes: str, wanted: Callable[[], Sequence[Trade]], percent: Decimal
) -> Question:
    def body() -> str:
        return "\n".join(listed(app, wanted()))

    async def go(press: Press) -> str:
        who, trades = app.gate.require(press, "press close"), wanted()
        said = await asyncio.gather(
            *(manage.close(app.desk, t.trade_id, who, percent=percent) for t in trades),
            return_exceptions=True,
        )
        failed = []
        for trade, error in zip(trades, said, strict=True):
            if isinstance(error, TradeStreamError):
                failed.append(f"⚠ {text.safe_line(app.reading.which(trade), 80)}: {error}")
            elif isinstance(error, BaseException):
                raise error
        return "\n".join([f"✔ closing {len(trades) - len(failed)} of {len(trades)}.", *failed])

    wanted()
    return Question(
        title=title,
        yes=yes,
        body=body,
        action=go,
        state=lambda: [(t.trade_id, t.qty_open) for t in _quietly(wanted)],
    )


def _quietly(wanted: Callable[[], Sequence[Trade]]) -> Sequence[Trade]:
    """None are left: that is a change, and no error yet."""
    try:
        return wanted()
    except UserError:
        return ()


def listed(app: "App", trades: Sequence[Trade]) -> list[str]:
    """What would be closed: how many, what they make in all, and each."""
    lines = [f"**{text.count(len(trades), 'open trade')}**, at market", _total(app, trades)]
    lines += [text.shorten(app.reading.one_line(t), 200) for t in trades[:_SHOWN]]
    rest = len(trades) - _SHOWN
    return [*lines, *([f"and {rest} more"] if rest > 0 else [])]


def _total(app: "App", trades: Sequence[Trade]) -> str:
    total = ZERO
    for trade in trades:
        net = app.reading.live_trade(trade).net_usd
        if isinstance(net, Missing):
            return f"P&L in all: n/a ({net.reason})"
        total += net
    return f"P&L in all: {text.usd(total, sign=True)}"
