"""A trader acts on an open trade: close it or part of it, move its stop, set targets, trail."""

from collections.abc import Callable
from dataclasses import replace
from decimal import ROUND_DOWN, ROUND_UP, Decimal

from engine.desk import Desk
from engine.domain.alert import Level
from engine.domain.desk import Who
from engine.domain.errors import NotAllowed, UserError
from engine.domain.money import FINEST, ZERO, rounded
from engine.domain.record import changed
from engine.domain.trade import StopPlan, Trade, TradeState
from engine.exits.plan import close_request
from engine.flows.exits import settle
from engine.flows.holdings import wishes
from engine.flows.trades import follow
from engine.ledger.trips import still_coming


def _open_trade(desk: Desk, trade_id: str, who: Who) -> Trade:
    if not who.may_trade:
        raise NotAllowed("Only a trader may do this. Nothing was changed.")
    trade = desk.book.trades.get(trade_id)
    if trade is None:
        raise UserError("That trade is not open any more. Nothing was changed.")
    return trade


def of_symbol(desk: Desk, symbol: str) -> list[Trade]:
    """Open trades in a symbol, as the trader names it.

    Raises:
        UserError: nothing of it is held; lists what is.
    """
    wanted = symbol.upper().lstrip("$/#")
    held = desk.book.open_trades()
    found = [t for t in held if wanted in (t.symbol, t.legs[0].instrument.symbol)]
    if not found:
        names = ", ".join(sorted({t.symbol for t in held})) or "nothing at the moment"
        is_plain = wanted.replace(".", "").replace("/", "").isalnum() and len(wanted) <= 12
        said = wanted if is_plain else "That"
        raise UserError(f"{said} is not held, so nothing was done. Held: {names}.")
    return found


async def close(
    desk: Desk,
    trade_id: str,
    who: Who,
    *,
    qty: Decimal | None = None,
    percent: Decimal | None = None,
    reason: str = "by hand",
) -> Trade:
    """Take all, so many, or such a share of a trade off; parts round up to whole units.

    Raises:
        NotAllowed, UserError: nothing was done.
    """
    trade = _open_trade(desk, trade_id, who)
    async with desk.lock(trade.account):
        trade = _open_trade(desk, trade_id, who)
        wanted = units(trade, qty, percent)
        if qty is None and percent in (None, 100):  # and what its entry fills until it is cancelled
            wanted += still_coming(trade) if trade.qty_open else ZERO
        asked = close_request(trade, wanted, reason, desk.clock.now(), desk.ids.new("C"))
        if asked is trade:
            raise UserError("It is being closed already. Nothing more was sent.")
        asked = replace(asked, version=trade.version + 1)
        await _store(desk, "close.asked", asked, who, qty=str(wanted), reason=reason)
    await settle.run(desk, trade_id)
    return desk.book.trades.get(trade_id, asked)


def units(trade: Trade, qty: Decimal | None, percent: Decimal | None) -> Decimal:
    """How many units such a close takes off; all when neither is said.

    Raises:
        UserError: not a share or a number of what is held.
    """
    held = trade.qty_open or trade.qty_wanted
    if percent is not None:
        if not (percent.is_finite() and 0 < percent <= 100):
            raise UserError("the percentage must be above 0 and at most 100. Nothing was done.")
        exact = held * percent / 100
        is_whole = trade.legs[0].instrument.kind != "crypto"
        if is_whole:
            return exact.to_integral_value(rounding=ROUND_UP)
        return min(rounded(exact, FINEST, ROUND_UP), held)
    if qty is None:
        return held
    if not (qty.is_finite() and qty > 0):
        raise UserError("the quantity must be above 0. Nothing was done.")
    if trade.legs[0].instrument.kind != "crypto" and qty != qty.to_integral_value():
        raise UserError("the quantity must be a whole number here. Nothing was done.")
    if qty > held:
        raise UserError(f"only {held:f} are held, so {qty:f} cannot be closed. Nothing was done.")
    return qty


async def set_stop(desk: Desk, trade_id: str, who: Who, price: Decimal) -> Trade:
    """Move the protective stop; it may only tighten.

    Raises:
        NotAllowed, UserError: the stop stays where it was.
    """
    return await move(desk, trade_id, who, stop=Level(kind="price", value=price))


async def to_break_even(desk: Desk, trade_id: str, who: Who) -> Trade:
    """Move the stop to the entry price."""
    return await move(desk, trade_id, who, stop=Level(kind="breakeven"))


async def set_target(desk: Desk, trade_id: str, who: Who, price: Decimal) -> Trade:
    """One target for all that is open.

    Raises:
        NotAllowed, UserError: the targets stay as they were.
    """
    trade = _open_trade(desk, trade_id, who)
    quote = desk.quote(trade.legs)
    if quote is not None:
        last = quote.touch(trade.direction < 0)
        if (price - last) * trade.direction <= 0:
            raise UserError(f"target not set: {price} is reached already at {last}; close instead")
    return await move(desk, trade_id, who, targets=(Level(kind="price", value=price),))


async def move(
    desk: Desk,
    trade_id: str,
    who: Who,
    *,
    stop: Level | None = None,
    targets: tuple[Level, ...] = (),
    may_loosen: Callable[[Trade], None] | None = None,
) -> Trade:
    """Move the stop or set targets; ``may_loosen`` raises UserError when a stop goes too far.

    Raises:
        NotAllowed, UserError: everything stays as it was.
    """
    trade = _open_trade(desk, trade_id, who)
    for level in (stop, *targets):
        check_price(trade, level)
    async with desk.lock(trade.account):
        trade = _open_trade(desk, trade_id, who)
        if may_loosen is not None:
            may_loosen(trade)
        after, notes = follow.moved(
            desk, trade, stop=stop, targets=targets, may_loosen=may_loosen is not None
        )
        after = replace(after, version=trade.version + 1)
        kind = "stop.moved" if stop is not None else "target.set"
        await _store(desk, kind, after, who, what=" · ".join(notes))
    await settle.run(desk, trade_id)
    return desk.book.trades.get(trade_id, after)


def check_price(trade: Trade, level: Level | None) -> None:
    """Raise UserError for a price that the instrument cannot have."""
    if level is None or level.value is None:
        return
    tick = trade.legs[0].instrument.tick
    if not level.value.is_finite() or level.value <= 0:
        raise UserError("the price must be a number above 0. Nothing was changed.")
    if level.value % tick:
        raise UserError(f"prices here move in steps of {tick}. Nothing was changed.")


async def trail(
    desk: Desk,
    trade_id: str,
    who: Who,
    *,
    percent: Decimal | None = None,
    atr: Decimal | None = None,
) -> Trade:
    """Trail the stop from now on, never worse than where it stands.

    Raises:
        NotAllowed, UserError: the stop stays as it was.
    """
    for value in (percent, atr):
        if value is not None and not (value.is_finite() and 0 < value < 100):
            raise UserError("the distance must be above 0 and below 100. Nothing was changed.")
    trade = _open_trade(desk, trade_id, who)
    async with desk.lock(trade.account):
        trade = _open_trade(desk, trade_id, who)
        if trade.state is not TradeState.OPEN:
            raise UserError("the entry is not filled yet. Nothing was changed.")
        start = trail_start(desk, trade, percent)
        plan = StopPlan(
            price=start,
            kind="trailing",
            trail_pct=percent,
            trail_atr=atr,
            moved_at=desk.clock.now(),
        )
        after = changed(
            trade,
            stop=plan,
            initial_stop=trade.initial_stop if trade.initial_stop is not None else start,
        )
        what = f"{percent}%" if percent is not None else f"{atr}×ATR"
        await _store(desk, "stop.trailing", after, who, what=what)
    await settle.run(desk, trade_id)
    return desk.book.trades.get(trade_id, after)


def until_atr(desk: Desk, trade: Trade) -> str:
    """To follow what is said of a trail: it stays where it is while its ATR is not known."""
    stop = trade.stop
    if stop is None or stop.trail_atr is None or wishes.view_of(desk, trade).atr is not None:
        return ""
    return "; no ATR is known yet: it stays there until one is"


def trail_start(desk: Desk, trade: Trade, percent: Decimal | None) -> Decimal:
    """First trailing stop: as far behind the market as asked, never behind the current stop.

    Raises:
        UserError: there is neither a stop nor a fresh price.
    """
    current = trade.stop.price if trade.stop else None
    quote = desk.quote(trade.legs)
    if percent is None or quote is None:
        if current is None:
            raise UserError(
                "there is no stop and no fresh price to start trailing from. Nothing was changed."
            )
        return current
    tick = trade.legs[0].instrument.tick
    last = quote.bid if trade.direction > 0 else quote.ask
    raw = last - last * percent / 100 * trade.direction
    start = rounded(raw, tick, ROUND_DOWN if trade.direction > 0 else ROUND_UP)
    if current is None:
        return start
    return max(current, start) if trade.direction > 0 else min(current, start)


async def _store(desk: Desk, kind: str, trade: Trade, who: Who, **data: str) -> None:
    await desk.commit(
        desk.event(
            kind,
            trade.alert_id,
            trade,
            actor=f"user:{who.user_id}",
            cards=(("trade", trade.trade_id, "orders"),),
            trade_id=trade.trade_id,
            **data,
        )
    )
