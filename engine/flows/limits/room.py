"""How much room a sector has left for an entry, so that its size can be cut to fit (rules 3.2)."""

from decimal import Decimal

from engine.desk import Desk
from engine.domain.money import ZERO
from engine.domain.quote import Leg
from engine.flows.limits import curbs, facts
from engine.portfolio.sectors import BROAD, sector_of
from engine.risk import only
from engine.risk.sector import Sector


def in_sector(
    desk: Desk, account: str, legs: tuple[Leg, ...], equity: Decimal | None
) -> Decimal | None:
    """Dollars of worst case left in the entry's sector; None: no such limit, or not known."""
    name = _name(desk, legs)
    if name == BROAD or equity is None or not equity.is_finite():
        return None
    check, now = only(desk.checks, Sector), desk.clock.now()
    symbol = legs[0].instrument.symbol
    if check is None or any(o.holds("sector", symbol, now) for o in curbs.overrides(desk)):
        return None
    trades = tuple(t for t in desk.book.open_trades(account) if _name(desk, t.legs) == name)
    pending = tuple(o for o in desk.book.pending_entries(account) if _name(desk, o.legs) == name)
    used = sum(facts.at_work(desk, trades, pending).values(), ZERO)
    return max(equity * check.settings.max_pct / 100 - used, ZERO)


def _name(desk: Desk, legs: tuple[Leg, ...]) -> str:
    of = legs[0].instrument
    return sector_of(of.symbol, of.kind, desk.settings.sectors)
