"""The desk's watchlist: what people keep an eye on. It opens, closes and streams nothing."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from engine.desk import Desk
from engine.domain.desk import Who
from engine.domain.errors import UserError
from engine.market import new_york_date
from engine.symbols import instrument_named

FACT = "watchlist"
MOST = 40
"""Symbols on the list; one card shows them all."""
Source = Literal["default", "manual"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Watched:
    """One line of the list."""

    symbol: str
    """As it was typed, upper case: ``SPY``, ``BTC/USD``, ``/MES`` (its front month of the day)."""
    source: Source = "default"
    is_pinned: bool = False
    """Stays when the list is reset, and stands first."""
    added_by: int | None = None
    """Discord user; None: the configuration."""
    added_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What became of one symbol."""

    symbol: str
    is_done: bool
    said: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One entry of the log."""

    at: datetime
    actor: str
    """``user:<id>``, or ``desk``."""
    what: Literal["added", "removed", "reset"]
    symbols: tuple[str, ...]
    why: str
    """What asked for it: the command or #action."""


def current(desk: Desk) -> tuple[Watched, ...]:
    """The list as it is: pinned first, then in the order of adding; the configured one at first."""
    known = desk.book.facts.get(FACT)
    if known is None:
        return tuple(Watched(symbol=symbol) for symbol in desk.settings.watchlist)
    return tuple(_read(row) for row in json.loads(known.value))


async def add(
    desk: Desk,
    who: Who,
    symbols: Iterable[str],
    *,
    why: str,
    is_pinned: bool = False,
) -> tuple[Outcome, ...]:
    """Put symbols on the list, or pin those that are on it already.

    Raises:
        UserError: the list would become too long; nothing was changed. StoreUnavailable.
    """
    async with desk.lock(FACT):
        rows = {w.symbol: w for w in current(desk)}
        told, changed = [], []
        for symbol in symbols:
            name, wrong = _name(desk, symbol)
            known = rows.get(name)
            if wrong:
                told.append(Outcome(symbol=name, is_done=False, said=wrong))
            elif known is not None and (known.is_pinned or not is_pinned):
                told.append(Outcome(symbol=name, is_done=False, said="is on the list already"))
            else:
                rows[name] = Watched(
                    symbol=name,
                    source=known.source if known else "manual",
                    is_pinned=is_pinned,
                    added_by=who.user_id or None,
                    added_at=desk.clock.now(),
                )
                changed.append(name)
                said = "pinned" if known else "added and pinned" if is_pinned else "added"
                told.append(Outcome(symbol=name, is_done=True, said=said))
        if len(rows) > MOST:
            raise UserError(
                f"The watchlist holds {MOST} symbols at most; it would have {len(rows)}. "
                "Nothing was changed."
            )
        if changed:
            await _commit(desk, who, "added", changed, rows.values(), why)
    return tuple(told)


async def remove(desk: Desk, who: Who, symbols: Iterable[str], *, why: str) -> tuple[Outcome, ...]:
    """Take symbols off the list; what is open in them stays open, and is said.

    Raises:
        StoreUnavailable: nothing was changed.
    """
    async with desk.lock(FACT):
        rows = {w.symbol: w for w in current(desk)}
        held = {t.symbol for t in desk.book.open_trades()}
        told, changed = [], []
        for symbol in symbols:
            name, _ = _name(desk, symbol)
            if rows.pop(name, None) is None:
                told.append(Outcome(symbol=name, is_done=False, said="is not on the list"))
                continue
            changed.append(name)
            is_held = name.strip("/") in held
            said = "removed; a position in it is open and stays open" if is_held else "removed"
            told.append(Outcome(symbol=name, is_done=True, said=said))
        if changed:
            await _commit(desk, who, "removed", changed, rows.values(), why)
    return tuple(told)


async def reset(desk: Desk, who: Who, *, why: str) -> tuple[Watched, ...]:
    """Back to the configured list; what is pinned stays.

    Raises:
        StoreUnavailable: nothing was changed.
    """
    async with desk.lock(FACT):
        before = current(desk)
        pinned = [w for w in before if w.is_pinned]
        names = {w.symbol for w in pinned}
        fresh = [Watched(symbol=s) for s in desk.settings.watchlist if s not in names]
        rows = [*pinned, *fresh]
        gone = [w.symbol for w in before if w.symbol not in {r.symbol for r in rows}]
        await _commit(desk, who, "reset", gone, rows, why)
        return tuple(rows)


async def history(desk: Desk, since: datetime) -> tuple[Change, ...]:
    """Who changed what, newest first; from the journal."""
    rows = [j.event for j in await desk.store.events(ref=FACT)]
    return tuple(
        Change(
            at=e.at,
            actor=e.actor,
            what=e.data["what"],
            symbols=tuple(e.data["symbols"]),
            why=str(e.data.get("why", "")),
        )
        for e in reversed(rows)
        if e.kind == "watchlist.changed" and e.at >= since
    )


def _name(desk: Desk, typed: str) -> tuple[str, str]:
    """The symbol as the list has it, and why it cannot be on it."""
    name = typed.upper().strip().lstrip("$")[:24]
    try:
        found = instrument_named(name, new_york_date(desk.clock.now()))
    except UserError as error:
        return name, str(error)
    if found.kind == "option":
        return name, "options expire; watch their underlying"
    return (name if found.kind == "future" else found.key), ""


async def _commit(
    desk: Desk, who: Who, what: str, symbols: Sequence[str], rows: Iterable[Watched], why: str
) -> None:
    ordered = sorted(rows, key=lambda w: not w.is_pinned)
    fact = desk.fact(FACT, json.dumps([_written(w) for w in ordered]))
    actor = f"user:{who.user_id}" if who.user_id else "desk"
    event = desk.event(
        "watchlist.changed", FACT, fact, actor=actor, what=what, symbols=list(symbols), why=why
    )
    await desk.commit(event)


def _written(row: Watched) -> dict[str, Any]:
    return {
        "symbol": row.symbol,
        "source": row.source,
        "is_pinned": row.is_pinned,
        "added_by": row.added_by,
        "added_at": None if row.added_at is None else row.added_at.isoformat(),
    }


def _read(row: dict[str, Any]) -> Watched:
    at = row["added_at"]
    return Watched(**{**row, "added_at": None if at is None else datetime.fromisoformat(at)})
