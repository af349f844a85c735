"""Symbols while somebody types: what is near first, prefixes before the rest, and never wrong."""

import random
import string
from types import SimpleNamespace
from typing import Any

import pytest

from bot.suggest import MOST, Index, Suggest, among
from engine.clock import ManualClock
from tests.rig import START


def names(n: int, seed: int = 1) -> list[str]:
    rng = random.Random(seed)
    made: set[str] = set()
    while len(made) < n:
        made.add("".join(rng.choices(string.ascii_uppercase, k=rng.choice((2, 3, 4, 4, 5)))))
    return sorted(made)


def suggest(known: list[str], held: tuple[str, ...] = (), watched: tuple[str, ...] = ()) -> Suggest:
    clock = ManualClock(START)
    trades = [SimpleNamespace(symbol=s) for s in held]
    book = SimpleNamespace(open_trades=lambda: trades, closed={}, facts={})
    settings = SimpleNamespace(watchlist=watched)
    desk = SimpleNamespace(book=book, settings=settings, board=SimpleNamespace(all=dict))
    app: Any = SimpleNamespace(desk=desk, clock=clock)
    made = Suggest(app)
    made._index, made._made_at = Index(known), clock.monotonic()
    return made


@pytest.mark.parametrize("seed", range(4))
def test_the_index_finds_what_a_plain_look_finds(seed: int) -> None:
    known = names(500, seed)
    index = Index(known)
    rng = random.Random(seed)
    for _ in range(200):
        wanted = "".join(rng.choices(string.ascii_uppercase, k=rng.choice((1, 1, 2, 3))))
        begins = [n for n in known if n.startswith(wanted)]
        holds = [n for n in known if wanted in n and not n.startswith(wanted)]
        assert index.prefixed(wanted, 1_000) == begins
        assert sorted(index.holding(wanted, 1_000)) == holds
        assert index.prefixed(wanted, 5) == begins[:5]
        assert len(index.holding(wanted, 5)) == min(5, len(holds))


def test_what_is_held_comes_before_what_is_watched_before_the_rest_and_prefixes_first() -> None:
    made = suggest(
        ["AMD", "AMZN", "GAM", "XAMX", "TEAM"], held=("TEAM", "AMZN"), watched=("AMX", "GAM")
    )
    assert made.symbols("am") == ["AMZN", "AMX", "AMD", "TEAM", "GAM", "XAMX"]
    assert made.symbols("") == ["AMZN", "TEAM", "AMX", "GAM", "AMD", "XAMX"]


def test_futures_are_found_with_and_without_their_slash() -> None:
    made = suggest(["/MES", "MESA", "SPY"], watched=("/ES",))
    assert made.symbols("/m") == ["/MES"]
    assert made.symbols("mes") == ["MESA", "/MES"]
    assert made.symbols("es")[0] == "/ES"


@pytest.mark.parametrize("typed", ["", "a\nb", "$", "%%%", "x" * 200, "日本", "/", "  spy "])
def test_nothing_that_is_typed_makes_it_fail(typed: str) -> None:
    made = suggest(["SPY", "QQQ"])
    found = made.choices(typed)
    assert len(found) <= 25
    assert len(made.several(typed, 4)) <= 25


def test_a_list_keeps_what_was_typed_and_offers_what_is_not_on_it() -> None:
    made = suggest(["SPY", "SPLG", "QQQ"])
    assert [c.value for c in made.several("spy, sp", 4)] == ["SPY, SPLG"]
    assert [c.value for c in made.several("q", 4)] == ["QQQ"]
    assert next(c.value for c in made.several("spy,qqq,iwm,dia,s", 4)).count(",") == 3


def test_of_given_names_those_that_begin_so_come_first_and_each_once() -> None:
    rooms = ["twi_options", "Options", "futures", "options_2", "Options", "", "x" * 101]
    assert [c.value for c in among(rooms, "opt")] == ["Options", "options_2", "twi_options"]
    assert [c.value for c in among(rooms, " $FUT")] == ["futures"]
    assert [c.value for c in among(rooms, "")] == ["twi_options", "Options", "futures", "options_2"]
    assert len(among((f"room-{n}" for n in range(40)), "room")) == MOST
