"""What a broker says that things are worth: a price where quotes cannot be believed."""

from collections.abc import Iterable
from decimal import Decimal

from engine.belief import Doubt
from engine.brokers import BrokerPosition
from engine.desk import Desk
from engine.domain.money import ZERO
from engine.domain.quote import UnitQuote
from engine.domain.trade import Trade

_LASTS_S = 10.0
"""A mark that is older says nothing about now."""
_SOON = Decimal("0.7")
"""Part of the age at which a quote decides nothing any more: asked then, the broker has answered
when it is reached, and no stop is without a price that is watched for more than those 5 s."""


def mark(desk: Desk, trade: Trade) -> Decimal | None:
    """The broker's own price of the unit, where quotes cannot be believed; None where they can.

    Nor where one came after it was asked.
    """
    if not desk.marks or not is_wanted(desk, trade):
        return None
    quote = desk.quote(trade.legs) if doubt(desk, trade) is None else None
    lasts_s = _LASTS_S if quote is None else min(_LASTS_S, _age_s(desk, quote))
    now, total = desk.clock.monotonic(), ZERO
    for leg in trade.legs:
        price, asked_at = desk.marks.get(leg.instrument.key, (ZERO, float("-inf")))
        if now - asked_at > lasts_s:
            return None
        total += price * leg.ratio
    return total


def is_wanted(desk: Desk, trade: Trade) -> bool:
    """Whether its quotes are doubted, missing, or as good as too old."""
    quote = desk.quote(trade.legs)
    if quote is None or doubt(desk, trade) is not None:
        return True
    return _age_s(desk, quote) >= float(desk.settings.max_quote_age_s * _SOON)


def _age_s(desk: Desk, quote: UnitQuote) -> float:
    return abs((desk.clock.now() - quote.received_at).total_seconds())


def doubt(desk: Desk, trade: Trade) -> Doubt | None:
    """The doubt about the first leg whose quotes are not believed just now."""
    quality = desk.board.quality
    if quality is None:
        return None
    now = desk.clock.now()
    doubts = (quality.belief.doubt(leg.instrument.key, now) for leg in trade.legs)
    return next((doubt for doubt in doubts if doubt is not None), None)


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
