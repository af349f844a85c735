"""Which daily closes the desk needs, and getting them before a decision asks."""

import asyncio

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
    await desk.closes.learn(sorted(wanted(desk) | desk.closes.also))


async def before_entry(desk: Desk, account: str, legs: tuple[Leg, ...], direction: int) -> None:
    """The entry's first quote, and the closes that its correlation with what is held asks for.

    Asks for no closes where nothing is compared, and waits for them no longer than for the quote.
    """
    lacking = _lacking(desk, account, legs, direction)
    if not lacking:  # as nearly always
        await desk.watch(legs)
        return
    await asyncio.gather(desk.watch(legs), desk.closes.learn(lacking, desk.settings.quote_wait_s))


def _lacking(desk: Desk, account: str, legs: tuple[Leg, ...], direction: int) -> list[str]:
    at_work = _held(desk, account)
    sign = lean(legs, direction) if at_work else 0
    if sign == 0:
        return []
    mine = reference_of(legs[0].instrument)
    others = {
        theirs
        for first, held, way in at_work
        if (theirs := reference_of(first)) != mine
        and not {mine, theirs} <= INDEX_FUNDS
        and lean(held, way) == sign
    }
    return desk.closes.lacking((mine, *sorted(others))) if others else []


def _held(desk: Desk, account: str) -> list[tuple[Instrument, tuple[Leg, ...], int]]:
    trades = desk.book.trades.values()
    return [(t.legs[0].instrument, t.legs, t.direction) for t in trades if t.account == account]
