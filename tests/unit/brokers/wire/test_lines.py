"""A register grows by what was learnt, and by no more: a crash cuts at most its last line."""

from errno import ENOSPC

import pytest

from engine.brokers._wire.lines import Lines
from tests.conformance.venue_bench import MemoryTokens


async def filled(tokens, n):
    """A register of ``n`` things."""
    lines = Lines("x-fills", tokens)
    await lines.load()
    for number in range(n):
        lines.note(number, {"id": number})
        await lines.keep()
    return lines


async def test_the_thousandth_costs_no_more_than_the_first():
    tokens = MemoryTokens()
    lines = await filled(tokens, 1000)
    before = tokens.n_written
    lines.note(7, {"id": 7})
    await lines.keep()
    assert tokens.n_written - before < 20


@pytest.mark.parametrize("n_cut", range(1, 15))
async def test_a_line_that_is_cut_anywhere_is_none_and_what_follows_stands(n_cut, monkeypatch):
    tokens = MemoryTokens()
    await filled(tokens, 2)
    monkeypatch.delattr(MemoryTokens, "save")  # nothing is written at a start, which may be full
    await tokens.append("x-fills", '\n{"of": {"a": [{"b": true}]}}'[:-n_cut])
    lines = Lines("x-fills", tokens)
    assert await lines.load() == [{"id": 0}, {"id": 1}]
    lines.note(3, {"id": 3})
    await lines.keep()
    assert await Lines("x-fills", tokens).load() == [{"id": 0}, {"id": 1}, {"id": 3}]


async def test_a_damaged_line_before_others_is_not_guessed_at():
    tokens = MemoryTokens({"x-fills": '\n{"id"}\n{"id": 1}'})
    with pytest.raises(ValueError, match="delimiter"):
        await Lines("x-fills", tokens).load()


async def test_a_file_that_says_little_is_written_anew_and_says_the_same():
    tokens = MemoryTokens()
    for _ in range(3):
        lines = Lines("x-fills", tokens)
        rows = {row["id"]: row for row in await lines.load()}
        await lines.tidy(rows.values())
        for number in [1, 2] * 150:
            lines.note(number, {"id": number})
            await lines.keep()
    assert tokens.kept["x-fills"].count("\n") < 500
    assert {row["id"] for row in await Lines("x-fills", tokens).load()} == {1, 2}


async def test_a_disk_that_is_full_at_a_start_does_not_keep_a_broker_from_being_heard():
    class Full(MemoryTokens):
        async def save(self, name, text):
            raise OSError(ENOSPC, "No space left on device")

    tokens = Full({"x-fills": '\n{"id": 1}' * 300})
    lines = Lines("x-fills", tokens)
    assert len(await lines.load()) == 300
    await lines.tidy([{"id": 1}])
    lines.note(2, {"id": 2})
    await lines.keep()
    assert {row["id"] for row in await Lines("x-fills", tokens).load()} == {1, 2}
