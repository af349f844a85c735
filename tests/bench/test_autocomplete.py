"""Suggestions with ten thousand symbols: how long the desk takes from keystroke to answer."""

import random
import statistics
import string
import time

import pytest

from bot.suggest import Index
from tests.discord.kit import desk
from tests.unit.bot.test_suggest import names, suggest

pytestmark = pytest.mark.bench

N = 10_000


def typed(n: int) -> list[str]:
    rng = random.Random(2)
    letters = string.ascii_uppercase
    return ["".join(rng.choices(letters, k=rng.choice((0, 1, 1, 2, 3, 5)))) for _ in range(n)]


def p99(values: list[float]) -> float:
    return sorted(values)[min(len(values) * 99 // 100, len(values) - 1)]


def test_ten_thousand_symbols_are_searched_in_well_under_a_millisecond():
    held = tuple(names(20, 5))
    made = suggest(names(N), held=held, watched=tuple(names(40, 6)))
    for _ in range(3):
        made.symbols("A")
    took, spent = [], []
    for word in typed(3_000):
        began, used = time.perf_counter(), time.thread_time()
        made.symbols(word)
        spent.append((time.thread_time() - used) * 1000)
        took.append((time.perf_counter() - began) * 1000)
    print(
        f"\nsuggestions of {N} symbols: median {statistics.median(took):.3f} ms, "
        f"p99 {p99(took):.3f} ms; of the processor alone p99 {p99(spent):.3f} ms, "
        f"longest {max(spent):.2f} ms"
    )
    assert p99(spent) < 5


async def test_the_whole_command_answers_a_keystroke_in_time(tmp_path, monkeypatch):
    """From the interaction on the gateway to the choices at Discord's door, over real sockets."""
    async with desk(tmp_path, monkeypatch) as it:
        await it.held()
        it.app.suggest._index = Index(names(N))
        it.app.suggest._made_at = it.app.clock.monotonic() + 3_600
        inside, outside = [], []
        spent = it.app.suggest.symbols

        def timed(word, **more):
            began = time.perf_counter()
            found = spent(word, **more)
            inside.append((time.perf_counter() - began) * 1000)
            return found

        monkeypatch.setattr(it.app.suggest, "symbols", timed)
        for word in typed(150):
            began = time.perf_counter()
            shown = it.user("tom").autocomplete("orders", "chart candles", "symbol", symbol=word)
            await shown.acked()
            outside.append((time.perf_counter() - began) * 1000)
        print(
            f"\nautocomplete over loopback with {N} symbols: search p99 {p99(inside):.2f} ms; "
            f"keystroke to choices median {statistics.median(outside):.1f} ms, "
            f"p99 {p99(outside):.1f} ms"
        )
        assert len(inside) == 150
