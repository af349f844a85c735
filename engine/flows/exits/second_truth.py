"""A stop that the desk watches itself while its quotes are doubted or missing.

The broker is asked what it says the position is worth: that backs or denies a doubted quote
(``engine.belief``), and the stop is judged by it until quotes can be believed again. People are
told, because a stop that nobody can judge is none (I-20).
"""

from decimal import Decimal
from functools import partial

from engine.asking import Rank, answered_within, asking
from engine.belief import Doubt
from engine.desk import Desk
from engine.domain.trade import Trade, TradeState
from engine.flows.common import together
from engine.flows.common.answers import QUIET
from engine.flows.exits import settle
from engine.flows.holdings import covered, marks

_EVERY_S = 3.0


async def seek(desk: Desk, trade: Trade | None) -> None:
    """Ask for a second truth about a trade whose stop the desk cannot judge, and tell people."""
    if trade is None or trade.state is not TradeState.OPEN or trade.qty_open <= 0:
        return
    if trade.stop is None or not marks.is_wanted(desk, trade):
        return
    is_open = desk.calendar(trade.asset).is_open(desk.clock.now())
    if not is_open or covered.has_stop(desk, trade):
        return
    if desk.is_due(f"marks {trade.account}", _EVERY_S):
        desk.vigil(partial(_ask, desk, trade.broker, trade.account), f"marks {trade.account}")
    doubt = marks.doubt(desk, trade)
    if doubt is not None or desk.quote(trade.legs) is None:
        await _tell(desk, trade, trade.stop.price, doubt)


async def _ask(desk: Desk, broker: str, account: str) -> None:
    """What everything in the account is worth there; silence changes nothing."""
    try:
        with asking(Rank.EXIT):
            async with answered_within(desk.settings.broker_timeout_s):
                held = await desk.broker(broker).positions(account)
    except (TimeoutError, *QUIET):
        return
    marks.said(desk, held)
    for trade in desk.book.open_trades(account):
        if marks.mark(desk, trade) is not None:
            await settle.look(desk, trade.trade_id)


async def _tell(desk: Desk, trade: Trade, stop: Decimal, doubt: Doubt | None) -> None:
    now = desk.clock.now()
    if doubt is None:
        why = f"no usable quote for {desk.settings.max_quote_age_s:f} s"
    else:
        seen = doubt.quote
        why = (
            f"{seen.source} says {seen.bid:f} / {seen.ask:f} ({doubt.why}), which is not believed "
            "before it has stood for a while or somebody else says so"
        )
    cause, named = "unpriced" if doubt is None else "doubted", f"{trade.symbol} ({trade.trade_id})"
    await together.tell(
        desk,
        cause,
        f"⚠ {named}: {why}. Its stop at {stop:f} does not rest at the broker: until then it is "
        "watched by the broker's own mark alone, where it has one.",
        f"{cause}-{trade.trade_id}-{now:%d%H}",
        name=named,
        more="The same of these, whose stops do not rest at the broker either",
    )
