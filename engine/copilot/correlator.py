"""From an event to the positions it touches, to dollars.

An event is a move in percent of one symbol or of the market. A symbol's move reaches what is held
in it and what is written on it; the market's move reaches everything by its beta. Options answer
as :mod:`engine.portfolio.lines` says. What cannot be told is named, never guessed.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal

from engine.copilot.question import Asked
from engine.domain.money import ZERO
from engine.portfolio import Unknown, usd
from engine.portfolio.lines import Line, Move, pnl_of
from engine.portfolio.stress import World, move_of
from engine.reports import Figure, Missing, plus
from engine.reports.trade_card import TradeCard


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """A supposed or real move."""

    move_pct: Decimal
    symbol: str = ""
    """Empty: the market as a whole, as SPY."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Touched:
    """One position and what the event would do to it."""

    trade_id: str
    label: str
    symbol: str
    effect_usd: Figure
    hits_stop: bool
    """Whether the move would carry a share or future through its stop."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Impact:
    """An event in dollars."""

    event: Event
    rows: tuple[Touched, ...]
    """Positions that are touched; those that cannot be told first, then the worst."""
    total_usd: Figure
    """Sum of those that are known; missing when none is."""
    n_unknown: int


def event_of(asked: Asked) -> Event | None:
    """The event that a question supposes; None when it says not how far or not of what."""
    if asked.move_pct is None or not (asked.moved or asked.is_market):
        return None
    return Event(move_pct=asked.move_pct, symbol=asked.moved)


def impact(event: Event, held: Iterable[TradeCard], lines: Iterable[Line], world: World) -> Impact:
    """What the event would do; ``lines``: what is held as the mathematics sees it."""
    of_trade: dict[str, list[Line]] = {}
    for line in lines:
        of_trade.setdefault(line.trade_id, []).append(line)
    rows = [
        _touched(event, row, of_trade.get(row.trade_id, []), world)
        for row in held
        if _is_touched(event, row)
    ]
    rows.sort(key=lambda r: _order(r.effect_usd))
    figures = [r.effect_usd for r in rows if isinstance(r.effect_usd, Decimal)]
    why = Missing("nothing that is held is touched" if not rows else "no effect is known")
    return Impact(
        event=event,
        rows=tuple(rows),
        total_usd=plus(*figures) if figures else why,
        n_unknown=len(rows) - len(figures),
    )


def _is_touched(event: Event, row: TradeCard) -> bool:
    names = (row.symbol, *(leg.instrument.symbol for leg in row.legs))
    return not event.symbol or event.symbol in names


def _touched(event: Event, row: TradeCard, lines: list[Line], world: World) -> Touched:
    moves = [_move(event, line, world) for line in lines]
    effect: Figure = Missing("no price to reckon with")
    if len(lines) == len(row.legs):
        effect = plus(*(_effect(ln, m) for ln, m in zip(lines, moves, strict=True)))
    return Touched(
        trade_id=row.trade_id,
        label=row.label,
        symbol=row.symbol,
        effect_usd=effect,
        hits_stop=bool(moves) and _hits_stop(row, moves[0]),
    )


def _move(event: Event, line: Line, world: World) -> Move | Unknown:
    if event.symbol:
        return Move(spot=float(event.move_pct) / 100)
    return move_of(line, "custom", world, float(event.move_pct))


def _effect(line: Line, move: Move | Unknown) -> Figure:
    return Missing(move.reason) if isinstance(move, Unknown) else usd(pnl_of(line, move))


def _hits_stop(row: TradeCard, move: Move | Unknown) -> bool:
    is_plain = len(row.legs) == 1 and row.legs[0].instrument.kind != "option"
    if isinstance(move, Unknown) or not is_plain or row.stop is None:
        return False
    if isinstance(row.last, Missing):
        return False
    return (row.last * (1 + Decimal(str(move.spot))) - row.stop.price) * row.direction <= 0


def _order(effect: Figure) -> tuple[bool, Decimal]:
    return (True, effect) if isinstance(effect, Decimal) else (False, ZERO)
