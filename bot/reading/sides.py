"""What `/performance compare:` means, and the trades of each side of it."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import get_args

from bot import text
from bot.authors import author_names
from bot.cards.pnl import NAMES
from bot.reading.performance import ASSETS, AssetChoice, Books, Cut, books_of
from engine.desk import Desk
from engine.domain.errors import UserError
from engine.domain.trade import Trade
from engine.reports import Frame, pnl, sides
from engine.reports.sides import DIMENSIONS, By, Side, SidesReport

PERIODS: tuple[pnl.Period, ...] = ("1d", "1w", "1m", "3m", "ytd", "all")
BEFORE = "before"
"""The time of the same length that ended where this one begins."""
_BEFORE = {
    "1d": "the day before",
    "1w": "the week before",
    "1m": "the month before",
    "3m": "the 3 months before",
    "ytd": "the year before",
}
_ALSO = {
    "stock": "equity",
    "stocks": "equity",
    "shares": "equity",
    "option": "options",
    "future": "futures",
}
"""Words of the other commands for a class."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Meant:
    """What is compared; without a name: all of a kind."""

    by: By
    name: str = ""


async def beside(
    desk: Desk,
    frame: Frame,
    period: pnl.Period,
    *,
    asset: AssetChoice = "all",
    strategy: str = "",
    compare: str,
) -> SidesReport | None:
    """The sides of a comparison; None when ``compare`` names none: it may be a symbol.

    Raises:
        UserError: a kind with a name that nothing has, or nothing ever traded under ``strategy``.
    """
    books = await books_of(desk)
    books.must_know(strategy)
    names = await _names(desk, books)
    meant = _meant(compare, names)
    if meant is None:
        return None
    cut = Cut(period=period, asset=asset, strategy=strategy)

    async def side(name: str, of: Cut) -> Side:
        return Side(name=name, made=await books.measured(desk, frame, of))

    if meant.name:
        first = await side(_said(cut, meant.by, names), cut)
        other = _with(cut, meant.by, meant.name)
        second = await side(_said(other, meant.by, names), other)
        return sides.build(frame, by=meant.by, period=period, sides=(first, second), is_pair=True)
    cuts = [_with(cut, meant.by, key) for key in names[meant.by] if key != BEFORE]
    found = [await side(_said(c, meant.by, names), c) for c in cuts]
    return sides.build(frame, by=meant.by, period=period, sides=found)


def offered(desk: Desk) -> Iterator[str]:
    """What can be compared, from memory: kinds first, then each by name."""
    yield from DIMENSIONS
    yield from ("SPY", "QQQ")
    book = desk.book
    known = [*book.round_trips.values(), *book.open_trades()]
    yield f"period: {BEFORE}"
    yield from (f"strategy: {s}" for s in sorted({t.source for t in known}))
    traded = {t.author_id for t in known}
    heard = {a.author_name for a in book.alerts.values() if a.author_id in traded}
    yield from (f"author: {name}" for name in sorted(heard))
    yield from (f"broker: {b}" for b in sorted({t.broker for t in known}))
    yield from (f"asset: {a}" for a in ASSETS)
    yield from (f"period: {p}" for p in PERIODS)


Names = dict[By, dict[str, str]]
"""By kind: what a cut knows it by -> what people call it."""


async def _names(desk: Desk, books: Books) -> Names:
    known: list[Trade] = books.trades
    keys = sorted({str(t.author_id) for t in known if t.author_id is not None})
    told = await author_names(desk, known)
    return {
        "strategy": {s: s for s in sorted({t.source for t in known})},
        "author": {key: pnl.author_name(key, keys, told) for key in keys},
        "broker": {b: b for b in sorted({t.broker for t in known} | set(desk.brokers))},
        "asset": {a: a for a in ASSETS},
        "period": {p: NAMES[p] for p in PERIODS} | {BEFORE: "the time before"},
    }


def _meant(typed: str, names: Names) -> Meant | None:
    head, colon, tail = (part.strip() for part in typed.partition(":"))
    if colon and head.casefold() in DIMENSIONS:
        by: By = next(d for d in DIMENSIONS if d == head.casefold())
        key = _key(tail, names[by])
        if key is None:
            there = ", ".join(text.safe_line(n, 30) for n in list(names[by].values())[:8])
            raise UserError(
                f"There is no {by} “{text.safe_line(tail, 40)}” here; there are: "
                f"{there or 'none yet'}. Nothing was counted."
            )
        return Meant(by=by, name=key)
    plain = typed.strip().casefold().removeprefix("by ")
    for by in DIMENSIONS:
        if plain == by:
            return Meant(by=by)
    for by in ("period", "asset", "strategy", "broker", "author"):
        key = _key(typed, names[by])
        if key is not None:
            return Meant(by=by, name=key)
    return None


def _key(typed: str, names: dict[str, str]) -> str | None:
    plain = typed.strip().casefold()
    plain = _ALSO.get(plain, plain) if "equity" in names else plain
    return next((k for k, n in names.items() if plain in (k.casefold(), n.casefold())), None)


def _with(cut: Cut, by: By, key: str) -> Cut:
    if by == "period":
        if key == BEFORE:
            return replace(cut, is_before=True)
        return replace(cut, period=next(p for p in PERIODS if p == key))
    if by == "asset":
        return replace(cut, asset=next(a for a in get_args(AssetChoice) if a == key))
    if by == "strategy":
        return replace(cut, strategy=key)
    if by == "author":
        return replace(cut, author=key)
    return replace(cut, broker=key)


def _said(cut: Cut, by: By, names: Names) -> str:
    if by == "period":
        return _BEFORE.get(cut.period, "") if cut.is_before else NAMES[cut.period]
    if by == "asset":
        return "all classes" if cut.asset == "all" else cut.asset
    if by == "strategy":
        return cut.strategy or "all rooms"
    key = cut.author if by == "author" else cut.broker
    return names[by][key] if key else f"all {by}s"
