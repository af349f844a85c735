"""What the exit rules wish of a trade, by its price now."""

import logging
from dataclasses import replace

from engine import bars
from engine.desk import Desk
from engine.domain.record import Event
from engine.domain.trade import Trade, TradeState
from engine.exits import View, Wish
from engine.exits.plan import apply
from engine.flows.holdings import covered, marks, priced, splits, water

log = logging.getLogger(__name__)

ATR_BARS = 14


def view_of(desk: Desk, trade: Trade) -> View:
    """What the exit rules may look at now."""
    now = desk.clock.now()
    session = desk.calendar(trade.asset).session_at(now)
    minutes = int((session.closes_at - now).total_seconds() // 60) if session else None
    is_trailing = trade.stop is not None and trade.stop.kind == "trailing"
    series = trade.legs[0].instrument.key if len(trade.legs) == 1 else trade.trade_id
    return View(
        now=now,
        quote=desk.quote(trade.legs),
        is_leap=priced.is_leap(desk, trade),
        atr=bars.atr(desk.bars.of(series), ATR_BARS) if is_trailing else None,
        minutes_to_close=minutes,
        mark=marks.mark(desk, trade),
        has_stop_at_broker=covered.has_stop(desk, trade),
    )


def wished(desk: Desk, trade: Trade | None) -> tuple[Trade, Event] | None:
    """What the rules wish for now, as the trade's next version; under the account's lock."""
    if trade is None or trade.state is not TradeState.OPEN:
        return None
    if splits.is_open(desk, trade.trade_id):
        return None
    view = view_of(desk, trade)  # a fill may have come while waiting for the lock
    wishes = of(desk, trade, view)
    after = marked = water.marked(desk, trade)
    for wish in wishes:
        after = apply(after, wish, desk.clock.now(), desk.ids.new("C"))
    if after is marked:
        return None
    after = replace(after, version=trade.version + 1)
    return after, desk.event(
        "exit.wished",
        trade.alert_id,
        after,
        cards=(("trade", trade.trade_id, "orders"),),
        trade_id=trade.trade_id,
        wishes=[f"{w.rule}: {w.detail}" for w in wishes],
    )


def of(desk: Desk, trade: Trade, view: View) -> list[Wish]:
    """What each rule wishes; a broken one is shown in health and blinds no other."""
    seen = water.marked(desk, trade)
    found = []
    for name, rule in desk.exit_rules:
        part = f"exit rule {name}"
        try:
            wish = rule.look(seen, view)
        except Exception as error:  # a broken rule must not blind the others
            if part not in desk.health:
                log.exception("%s failed", part)
            desk.health[part] = f"{type(error).__name__}: {error}"
            continue
        desk.health.pop(part, None)
        if wish is not None:
            found.append(wish)
    return found
