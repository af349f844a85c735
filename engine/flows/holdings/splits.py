"""Shares that were split: the broker holds another number of them for the same money (M-07).

The evidence is the broker's own position: our cost, another quantity, no trade in between. The
books follow, stops and targets are rescaled; it is no trade, no gain, and no order makes it so.
"""

import asyncio
import logging
from collections.abc import Sequence
from decimal import Decimal
from fractions import Fraction

from engine import ledger
from engine.asking import Rank, asking
from engine.brokers import BrokerFill, BrokerPosition
from engine.desk import Desk
from engine.domain.compared import PositionGap
from engine.domain.errors import TradeStreamError
from engine.domain.instrument import Instrument
from engine.domain.money import ZERO
from engine.domain.order import Order
from engine.domain.record import Event
from engine.domain.trade import Position, Trade
from engine.flows.common import aside, own
from engine.flows.holdings import water
from engine.ledger.ends import Settlement
from engine.market import new_york_date

log = logging.getLogger(__name__)

_MOST = 100
"""Largest number in a ratio: 1:100 is the largest that exchanges have seen in years."""
_COST_OFF = Decimal("0.005")
_PRICE_OFF = Decimal("0.006")
"""A broker's average price is rounded to the cent."""
_HOLD_S = 60.0
"""Longer than a comparison takes that waits for its turns, or once for an answer."""
_LOOK_S = 1.5
"""For what is held to be told once a stop has ended: it is bare meanwhile."""
_GUESSED_S = 10.0
_ONCE_IN_S = 600.0
"""Exits always pass: where a comparison finds no split, they are held back for it no more."""
_TIMES = Decimal("1.4")
"""So many times as dear, or cheap, shares of ours that the broker holds otherwise are held back."""
_OLD_PRICES_S = 24 * 3600.0
"""Broker and market need not change over at the same minute: at most from one close to the next."""


def hold(desk: Desk, account: str, positions: Sequence[BrokerPosition]) -> None:
    """While the broker's position looks split no exit leaves: its size and price are of before.

    Nor do rules judge a price that may be of afterwards.
    """
    for theirs in positions:
        held = _held(desk, account, theirs.instrument)
        gap = PositionGap(
            instrument=theirs.instrument,
            ours=sum((position.qty for _, position in held), ZERO),
            theirs=theirs.qty,
            avg_price=theirs.avg_price,
        )
        mine = [position for _, position in held]
        hides = f"split behind trades {account} {theirs.instrument.key}"
        if ratio_of(gap, mine) is not None:
            pause_s = _HOLD_S
        elif _is_beside_trades(gap, mine) and desk.is_due(hides, _ONCE_IN_S):
            pause_s = _GUESSED_S
        else:
            continue
        for trade, _ in held:
            desk.backoff.wait(_pause_of(trade.trade_id), pause_s)


def is_open(desk: Desk, trade_id: str) -> bool:
    """Whether the trade's shares look split, and the books are of before."""
    return desk.backoff.must_wait(_pause_of(trade_id))


def await_look(desk: Desk, order: Order) -> bool:
    """Nothing leaves until it is known whether the stop ended because its shares were split.

    False when that is being found out already.
    """
    if is_open(desk, order.trade_id):
        return False
    desk.backoff.wait(_pause_of(order.trade_id), 2 * _LOOK_S)
    return True


async def look(desk: Desk, order: Order) -> None:
    """A broker ends stops of before a split by itself: sent anew at their old price they sell all.

    Where it does not say in time what is held, the stop is sent anew.
    """
    held: Sequence[BrokerPosition] = ()
    try:
        with asking(Rank.BARE):
            async with asyncio.timeout(_LOOK_S):
                held = await desk.broker(order.broker).positions(order.account)
    except (TradeStreamError, TimeoutError) as error:
        log.info("what is held after the end of %s is not known: %s", order.order_id, error)
    except Exception:  # an adapter's own bug must not keep the stop from being sent anew
        log.exception("what is held after the end of %s: the adapter failed", order.order_id)
    desk.backoff.worked(_pause_of(order.trade_id))
    hold(desk, order.account, held)


def _pause_of(trade_id: str) -> str:
    return f"{trade_id}|split"


async def on_gap(desk: Desk, account: str, gap: PositionGap) -> bool:
    """Book a split over all trades that hold the shares, in one step; False when it is none."""
    async with desk.lock(account):
        held = _held(desk, account, gap.instrument)
        ratio = ratio_of(gap, [position for _, position in held])
        if ratio is None:
            return False
        if not _is_bookable(held, ratio):
            await _tell_unfit(desk, account, gap, ratio)
            return True
        await desk.commit(*_events(desk, account, gap, held, ratio))
    _rebase(desk, gap, ratio)
    for trade, _ in held:
        water.forget(desk, trade.trade_id)
        desk.bars.forget(trade.trade_id)
        desk.bands.drop(trade.trade_id)
        desk.backoff.worked(_pause_of(trade.trade_id))
        aside.settle_soon(desk, trade.trade_id)
    return True


async def before(
    desk: Desk, account: str, positions: Sequence[BrokerPosition], fresh: Sequence[BrokerFill]
) -> None:
    """Book a split that trades came after which are not booked yet: they are in new shares.

    In old ones they would sell more than there was, and what they earned would be wrong for good.
    Where they came before it, or an order of ours filled, the comparison finds it afterwards.
    """
    for theirs in positions:
        since = [f for f in fresh if f.instrument == theirs.instrument]
        traded = sum((f.qty * f.side.sign for f in since), ZERO)
        if not since or not all([await _is_by_hand(desk, fill) for fill in since]):
            continue
        held = _held(desk, account, theirs.instrument)
        ours = sum((position.qty for _, position in held), ZERO)
        gap = PositionGap(
            instrument=theirs.instrument,
            ours=ours,
            theirs=theirs.qty - traded,
            avg_price=theirs.avg_price,
        )
        if ratio_of(gap, [position for _, position in held]) is not None:
            await on_gap(desk, account, gap)


async def _is_by_hand(desk: Desk, fill: BrokerFill) -> bool:
    whose = await own.order_of(desk, fill.account, fill.client_order_id, fill.broker_id)
    return fill.kind == "fill" and whose is None


def _rebase(desk: Desk, gap: PositionGap, ratio: Fraction) -> None:
    """Prices from before are no prices of these shares: none is acted on, none is kept."""
    key, last = gap.instrument.key, desk.board.last(gap.instrument)
    desk.bars.forget(key)
    if last is not None:
        old, new = last.mid, last.mid * ratio.denominator / ratio.numerator
        desk.rebased[key] = (old, new, desk.clock.monotonic() + _OLD_PRICES_S)


def ratio_of(gap: PositionGap, held: Sequence[Position]) -> Fraction | None:
    """New shares for one old, when nothing but a split explains the broker's position."""
    if gap.instrument.kind != "stock" or gap.avg_price is None or gap.avg_price <= 0:
        return None
    if gap.ours * gap.theirs <= 0 or sum((p.qty for p in held), ZERO) != gap.ours:
        return None
    ours = abs(sum((lot.qty * lot.price for p in held for lot in p.lots), ZERO))
    theirs = abs(gap.theirs) * gap.avg_price
    if abs(ours - theirs) > ours * _COST_OFF + abs(gap.theirs) * _PRICE_OFF:
        return None
    if abs(ours - ours * gap.theirs / gap.ours) <= ours * _COST_OFF + abs(gap.theirs) * _PRICE_OFF:
        return None  # so few that a sale would look the same
    ratio = Fraction(gap.theirs) / Fraction(gap.ours)
    return ratio if max(ratio.numerator, ratio.denominator) <= _MOST else None


def _is_beside_trades(gap: PositionGap, held: Sequence[Position]) -> bool:
    """Whether each share has cost so much more or less that a split hides behind trades."""
    ours = sum((lot.qty * lot.price for p in held for lot in p.lots), ZERO)
    if gap.instrument.kind != "stock" or not gap.avg_price or gap.ours == gap.theirs:
        return False
    times = ours / gap.ours / gap.avg_price if gap.ours else ZERO
    return times > 0 and not 1 / _TIMES < times < _TIMES


def _held(desk: Desk, account: str, instrument: Instrument) -> list[tuple[Trade, Position]]:
    return [
        (trade, position)
        for trade in desk.book.trades.values()
        if trade.account == account
        for position in desk.book.positions_of(trade.trade_id)
        if position.instrument == instrument and position.qty != 0
    ]


def _is_bookable(held: Sequence[tuple[Trade, Position]], ratio: Fraction) -> bool:
    """Trades of shares alone, and whole shares stay whole."""
    return all(
        len(trade.legs) == 1
        and (position.qty % 1 != 0 or (Fraction(position.qty) * ratio).denominator == 1)
        for trade, position in held
    )


def _events(
    desk: Desk,
    account: str,
    gap: PositionGap,
    held: Sequence[tuple[Trade, Position]],
    ratio: Fraction,
) -> list[Event]:
    now = desk.clock.now()
    name = f"SPLIT-{account}-{gap.instrument.symbol}-{new_york_date(now):%Y%m%d}"
    events: list[Event] = []
    for trade, position in held:
        done = ledger.split_held(
            position,
            trade=water.marked(desk, trade),
            account=desk.book.accounts[account],
            ratio=ratio,
            source_id=name,
            now=now,
        )
        notes = () if events else (desk.note("admin", _words(account, gap, ratio), note_id=name),)
        events.append(
            desk.event(
                "position.split",
                trade.alert_id,
                done.execution,
                done.entry,
                done.trade,
                done.position,
                *notes,
                cards=_cards(desk, done),
                trade_id=trade.trade_id,
                instrument=gap.instrument.key,
                ratio=_text(ratio),
                qty=str(done.position.qty),
            )
        )
    return events


def _cards(desk: Desk, done: Settlement) -> tuple[tuple[str, str, str], ...]:
    cards = [("trade", done.trade.trade_id, "orders")]
    if done.trade.alert_id in desk.book.alerts:
        cards.append(("alert", done.trade.alert_id, "trade_alerts"))
    return tuple(cards)


def _words(account: str, gap: PositionGap, ratio: Fraction) -> str:
    return (
        f"✂ {account}: {gap.instrument.symbol} was split {_text(ratio)}: {gap.ours:f} shares are "
        f"{gap.theirs:f} now, for the same money. Stops and targets were rescaled; no order made "
        "it so. Alerts with prices from before the split do not fit any more."
    )


async def _tell_unfit(desk: Desk, account: str, gap: PositionGap, ratio: Fraction) -> None:
    await desk.tell(
        "admin",
        f"✂ {account}: {gap.instrument.symbol} seems to have been split {_text(ratio)} (we hold "
        f"{gap.ours:f}, the broker {gap.theirs:f} for the same money), in a way that the books "
        "cannot follow by themselves: parts of shares, or a trade of several legs. Nothing was "
        "changed; close it or book it by hand, and move its stop.",
        note_id=f"split-{account}-{gap.instrument.symbol}-{gap.theirs:f}",
    )


def _text(ratio: Fraction) -> str:
    return f"{ratio.numerator}:{ratio.denominator}"
