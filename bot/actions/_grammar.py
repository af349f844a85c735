"""The grammar of #actions: forms made of words and places; every typed word is accounted for.

A form is written as it is typed: lower-case words stand for themselves, capitals are places
(:data:`PLACES`), brackets hold what may be left out. ``HELD close [PART]`` reads ``SPY close 50%``.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from functools import cache
from typing import TYPE_CHECKING, Any

from bot.numbers import number
from engine import naming
from engine.domain.errors import UserError

if TYPE_CHECKING:
    from bot.app import App

Values = Mapping[str, Any]
"""Place -> what stands there."""

_ID = re.compile(r"[A-Za-z0-9-]{4,60}")
_ORDER = re.compile(r"(?i)order-([a-z0-9-]{4,60})")
_SYMBOL = re.compile(r"[$/]?([A-Za-z][A-Za-z0-9.]{0,9}(?:/[A-Za-z]{2,5})?)")
_OWN = frozenset({"buy", "sell", "watch", "unwatch", "alert", "approve", "reject", "resume"})
"""Words that begin an action of their own and are no symbols here."""
_SHOWN = 12


class _NotHere(UserError):
    """The word does not belong in this place; nothing more can be said."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where something of one kind stands."""

    name: str
    read: Callable[[str], Any]
    """Raises UserError."""
    suggest: "Suggest" = lambda app, found, begun: ()
    most: int = 1
    """Words that it may take."""


@dataclass(frozen=True, slots=True)
class Maybe:
    """Parts that may be left out together."""

    parts: "tuple[Part, ...]"


Part = str | Place | Maybe
Suggest = Callable[["App", Values, str], Iterable[str]]
"""What may stand in a place, given what stands before it and how it begins."""


@dataclass(slots=True)
class Trail:
    """How far the reading came: for suggestions, and for saying what is wrong."""

    met: list[tuple[int, str | Place, Values]] = field(default_factory=list)
    """Word number and what could stand there, given what was read before."""
    at: int = 0
    why: str = ""
    """What is wrong with the furthest word that was read; empty: it is just not known."""

    def missed(self, at: int, why: str) -> None:
        """A word that fits no form so far."""
        if at > self.at or (at == self.at and not self.why):
            self.at, self.why = at, why


def words(line: str) -> list[str]:
    """The words of a line without its ``#``; ``2 %`` and ``2 atr`` are one."""
    plain = line.removeprefix("#")
    if plain[:1].isspace():
        return []
    found: list[str] = []
    for word in plain.split():
        is_unit = word.lower() in ("%", "atr") and found and found[-1][-1:].isdigit()
        if is_unit:
            found[-1] += word
        else:
            found.append(word)
    return found


@cache
def compiled(form: str) -> tuple[Part, ...]:
    """A form's parts."""
    stack: list[list[Part]] = [[]]
    for word in form.replace("[", " [ ").replace("]", " ] ").split():
        if word == "[":
            stack.append([])
        elif word == "]":
            inner = Maybe(tuple(stack.pop()))
            stack[-1].append(inner)
        else:
            stack[-1].append(PLACES[word] if word.isupper() else word)
    (parts,) = stack
    return tuple(parts)


def whole(parts: tuple[Part, ...], typed: Sequence[str], trail: Trail) -> Values | None:
    """What stands in the places when all words fit, else None; ``trail`` learns of the way."""
    for at, values in _walk(parts, typed, 0, {}, trail):
        if at == len(typed):
            return values
        trail.missed(at, "")
    return None


def _walk(
    parts: tuple[Part, ...], typed: Sequence[str], at: int, found: Values, trail: Trail
) -> Iterator[tuple[int, Values]]:
    if not parts:
        yield at, found
        return
    first, rest = parts[0], parts[1:]
    if isinstance(first, Maybe):
        yield from _walk((*first.parts, *rest), typed, at, found, trail)
        yield from _walk(rest, typed, at, found, trail)
        return
    trail.met.append((at, first, found))
    if at == len(typed):
        return
    if isinstance(first, str):
        if typed[at].lower() == first:
            yield from _walk(rest, typed, at + 1, found, trail)
        else:
            trail.missed(at, "")
        return
    for n in range(min(first.most, len(typed) - at), 0, -1):
        try:
            value = first.read(" ".join(typed[at : at + n]))
        except _NotHere:
            trail.missed(at, "")
        except UserError as error:
            trail.missed(at, str(error))
        else:
            yield from _walk(rest, typed, at + n, {**found, first.name: value}, trail)


def continued(app: "App", trail: Trail, done: Sequence[str], last: str) -> Iterator[str]:
    """Whole lines that go on from the ``done`` words with one that begins like ``last``."""
    for at, part, found in trail.met:
        begun = " ".join([*done[at:], last]).casefold()
        before = list(done[:at])
        choices = (part,) if isinstance(part, str) else part.suggest(app, found, begun)
        for choice in choices:
            if choice.casefold().startswith(begun):
                yield " ".join([*before, choice])


# -- what stands in the places ------------------------------------------------------------------


def _symbol(word: str) -> str:
    match = _SYMBOL.fullmatch(word)
    if match is None or match[1].lower() in _OWN:
        raise _NotHere(word)
    return match[1].upper()


def _unit(words_: str) -> str:
    """As typed: what it names is told by :mod:`engine.naming`."""
    if not naming.is_name(words_):
        raise _NotHere(words_)
    return words_


def _order(word: str) -> str:
    match = _ORDER.fullmatch(word)
    if match is None:
        raise _NotHere(word)
    return match[1].upper()


def _id(word: str) -> str:
    if not _ID.fullmatch(word):
        raise _NotHere(word)
    return word


def _protective(word: str) -> bool:
    if word.lower() != "protective":
        raise _NotHere(word)
    return True


def _sign(word: str) -> str:
    if word not in ("<", ">"):
        raise _NotHere(word)
    return word


def _ending(name: str, end: str) -> Callable[[str], Decimal]:
    def read(word: str) -> Decimal:
        if not word.lower().endswith(end):
            raise _NotHere(word)
        return number(name, word[: -len(end)])

    return read


def _dollars(word: str) -> Decimal:
    if not word.startswith("$"):
        raise _NotHere(word)
    return number("amount", word)


def _count(word: str) -> Decimal:
    if word.startswith("$") or word.endswith("%") or word.lower().endswith("atr"):
        raise _NotHere(word)
    return number("quantity", word)


def _price(name: str) -> Callable[[str], Decimal]:
    return lambda word: number(name, word)


def _held(app: "App", found: Values, begun: str) -> Iterable[str]:
    del found, begun
    return sorted({t.symbol for t in app.desk.book.open_trades()})


def _units(app: "App", found: Values, begun: str) -> Iterable[str]:
    """What is held, with its contract, then what is known."""
    del found
    held = [t.legs[0].instrument.label for t in app.desk.book.open_trades() if len(t.legs) == 1]
    return dict.fromkeys((*held, *app.suggest.symbols(begun)))


def _orders(app: "App", found: Values, begun: str) -> Iterable[str]:
    del found, begun
    live = [o for o in app.desk.book.orders.values() if o.state.is_at_broker]
    return [f"order-{o.order_id}" for o in reversed(live)]


def _approvals(app: "App", found: Values, begun: str) -> Iterable[str]:
    del found, begun
    return list(app.desk.book.approvals)


def _of_trade(which: str) -> Suggest:
    """Prices of the one trade in the symbol that was named."""

    def suggest(app: "App", found: Values, begun: str) -> Iterable[str]:
        del begun
        wanted = found.get("HELD")
        trades = [t for t in app.desk.book.open_trades() if t.symbol == wanted]
        if len(trades) != 1:
            return ()
        trade = trades[0]
        prices = [t.price for t in trade.targets if not t.is_hit]
        if which == "STOP":
            prices = [trade.stop.price] if trade.stop else []
            prices += [trade.entry_price] if trade.entry_price is not None else []
        return [f"{p:f}" for p in prices[:_SHOWN]]

    return suggest


def _fixed(*choices: str) -> Suggest:
    return lambda app, found, begun: choices


PLACES: Mapping[str, Place] = {
    place.name: place
    for place in (
        Place(name="HELD", read=_symbol, suggest=_held),
        Place(name="SYMBOL", read=_symbol, suggest=_held),
        Place(name="UNIT", read=_unit, suggest=_units, most=3),
        Place(name="QTY", read=_count),
        Place(name="PCT", read=_ending("percent", "%"), suggest=_fixed("25%", "50%", "75%")),
        Place(name="TRAIL", read=_ending("percent", "%"), suggest=_fixed("2%", "3%", "5%")),
        Place(name="ATR", read=_ending("ATR multiple", "atr"), suggest=_fixed("2atr", "3atr")),
        Place(name="USD", read=_dollars, suggest=_fixed("$1000", "$2000", "$5000")),
        Place(name="PRICE", read=_price("price")),
        Place(name="STOP", read=_price("stop"), suggest=_of_trade("STOP")),
        Place(name="TARGET", read=_price("target"), suggest=_of_trade("TARGET")),
        Place(name="ORDER", read=_order, suggest=_orders),
        Place(name="PROTECTIVE", read=_protective),
        Place(name="SIGN", read=_sign, suggest=_fixed(">", "<")),
        Place(name="ID", read=_id, suggest=_approvals),
    )
}
