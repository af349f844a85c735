"""A stop that the desk watches itself while its quotes are doubted or missing.

The broker is asked what it says the position is worth: that backs or denies a doubted quote
(``engine.belief``), and the stop is judged by it until quotes can be believed again. People are
told, because a stop that nobody can judge is none (I-20).
"""

from collections.abc import Iterable
from decimal import Decimal
from functools import partial

from engine.asking import Rank, answered_within, asking
from engine.belief import Doubt
from engine.brokers import BrokerPosition
from engine.desk import Desk
from engine.domain.money import ZERO
from engine.domain.quote import UnitQuote
from engine.domain.trade import Trade, TradeState
from engine.flows import covered, together
from engine.flows.hear import QUIET

_EVERY_S = 3.0
_LASTS_S = 10.0
"""A mark that is older says nothing about now."""
_SOON = Decimal("0.7")
"""Part of the age at which a quote decides nothing any more: asked then, the broker has answered
when it is reached, and no stop is without a price that is watched for more than those 5 s."""


def mark(desk: Desk, trade: Trade) -> Decimal | None:
    """The broker's own price of the unit, where quotes cannot be believed; None where they can.

    Nor where one came after it was asked.
    """
    if not desk.marks or not _is_wanted(desk, trade):
        return None
    quote = desk.quote(trade.legs) if _doubt(desk, trade) is None else None
    lasts_s = _LASTS_S if quote is None else min(_LASTS_S, _age_s(desk, quote))
    now, total = desk.clock.monotonic(), ZERO
    for leg in trade.legs:
        price, asked_at = desk.marks.get(leg.instrument.key, (ZERO, float("-inf")))
        if now - asked_at > lasts_s:
            return None
        total += price * leg.ratio
    return total


def _is_wanted(desk: Desk, trade: Trade) -> bool:
    """Whether its quotes are doubted, missing, or as good as too old."""
    quote = desk.quote(trade.legs)
    if quote is None or _doubt(desk, trade) is not None:
        return True
    return _age_s(desk, quote) >= float(desk.settings.max_quote_age_s * _SOON)


def _age_s(desk: Desk, quote: UnitQuote) -> float:
    return abs((desk.clock.now() - quote.received_at).total_seconds())


async def seek(desk: Desk, trade: Trade | None) -> None:
    """Ask for a second truth about a trade whose stop the desk cannot judge, and tell people."""
    if trade is None or trade.state is not TradeState.OPEN or trade.qty_open <= 0:
        return
    if trade.stop is None or not _is_wanted(desk, trade):
        return
    is_open = desk.calendar(trade.asset).is_open(desk.clock.now())
    if not is_open or covered.has_stop(desk, trade):
        return
    if desk.is_due(f"marks {trade.account}", _EVERY_S):
        desk.vigil(partial(_ask, desk, trade.broker, trade.account), f"marks {trade.account}")
    doubt = _doubt(desk, trade)
    if doubt is not None or desk.quote(trade.legs) is None:
        await _tell(desk, trade, trade.stop.price, doubt)


def _doubt(desk: Desk, trade: Trade) -> Doubt | None:
    """Of the first leg whose quotes are not believed just now."""
    quality = desk.board.quality
    if quality is None:
        return None
    now = desk.clock.now()
    doubts = (quality.belief.doubt(leg.instrument.key, now) for leg in trade.legs)
    return next((doubt for doubt in doubts if doubt is not None), None)


async def _ask(desk: Desk, broker: str, account: str) -> None:
    """What everything in the account is worth there; silence changes nothing."""
    from engine.flows import monitor

    try:
        with asking(Rank.EXIT):
            async with answered_within(desk.settings.broker_timeout_s):
                held = await desk.broker(broker).positions(account)
    except (TimeoutError, *QUIET):
        return
    said(desk, held)
    for trade in desk.book.open_trades(account):
        if mark(desk, trade) is not None:
            await monitor.look(desk, trade.trade_id)


def said(desk: Desk, held: Iterable[BrokerPosition]) -> None:
    """Take in what a broker says that things are worth; a worthless option is no wrong price."""
    quality, now, asked_at = desk.board.quality, desk.clock.now(), desk.clock.monotonic()
    for position in held:
        price, instrument = position.mark, position.instrument
        if price is None or price < 0 or (price == 0 and instrument.kind != "option"):
            continue
        is_likely = True
        if quality is not None and price > 0:
            is_likely = quality.belief.marked(instrument, float(price), now)
            doubt = quality.belief.doubt(instrument.key, now)
            if doubt is not None and doubt.quote is desk.board.last(instrument):
                desk.board.withdraw(instrument)
        if is_likely:
            desk.marks[instrument.key] = (price, asked_at)


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
