"""Which daily closes the desk needs, and getting them before a decision asks."""

from collections.abc import Iterable

from engine.desk import Desk
from engine.domain.instrument import Instrument
from engine.domain.quote import Leg
from engine.portfolio.beta import MARKET
from engine.portfolio.direction import lean
from engine.portfolio.sectors import INDEX_FUNDS, reference_of


def wanted(desk: Desk) -> set[str]:
    """Symbols of everything held, working or waiting for a person, and the market's."""
    book = desk.book
    found = {reference_of(leg.instrument) for t in book.trades.values() for leg in t.legs[:1]}
    return {MARKET, *found} if found else found


async def keep(desk: Desk) -> None:
    """Learn what is needed and not known today; at the start, and every now and then."""
    await desk.closes.learn(sorted(wanted(desk)))


async def before_entry(desk: Desk, account: str, legs: tuple[Leg, ...], direction: int) -> None:
    """Closes that the correlation of this entry with what is held will ask for.

    Asks for nothing where nothing is compared, and waits no longer than for a first quote.
    """
    sign, mine = lean(legs, direction), reference_of(legs[0].instrument)
    if sign == 0:
        return
    others = {
        theirs
        for first, held, way in _held(desk, account)
        if (theirs := reference_of(first)) != mine
        and not {mine, theirs} <= INDEX_FUNDS
        and lean(held, way) == sign
    }
    if others:
        await desk.closes.learn((mine, *sorted(others)), desk.settings.quote_wait_s)


def _held(desk: Desk, account: str) -> Iterable[tuple[Instrument, tuple[Leg, ...], int]]:
    for trade in desk.book.trades.values():
        if trade.account == account:
            yield trade.legs[0].instrument, trade.legs, trade.direction
