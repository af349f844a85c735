"""docs/brokers: the figures of a page are those that its adapter goes by."""

import re
from pathlib import Path

import pytest

from engine.asking import Rank
from engine.brokers._wire.lanes import Lane, Lanes, entries_per_min
from engine.brokers.alpaca.settings import Settings as Alpaca
from engine.brokers.schwab.broker import LANES as SCHWAB
from engine.brokers.tastytrade.broker import LANES as TASTYTRADE
from engine.brokers.topstepx.api import ALLOWED as TOPSTEPX
from engine.clock import ManualClock
from engine.flows.brokers import watch
from tests.conformance.broker_bench import START

PAGES = Path(__file__).parents[3] / "docs" / "brokers"
SHARED: dict[str, tuple[dict[Lane, tuple[float, float]], int]] = {
    "alpaca": (Alpaca().lanes, 1),
    "schwab": (dict(SCHWAB), 1),
    "tastytrade": (dict(TASTYTRADE), 2),
    "topstepx": (dict(TOPSTEPX), 1),
}


@pytest.mark.parametrize("name", sorted(SHARED))
def test_a_page_says_how_often_working_orders_are_read_and_who_may_take_how_much(name: str) -> None:
    allowed, requests = SHARED[name]
    lanes = Lanes(ManualClock(START), allowed, requests)
    poll, compare = lanes.room(Rank.POLL), lanes.room(Rank.COMPARE)
    assert poll is not None
    assert compare is not None
    page = re.sub(r"\s+", " ", (PAGES / f"{name}.md").read_text(encoding="utf-8"))
    said = re.search(
        r"a stop or an entry works, working orders are read every (\d+) s[^:]*: as a poll while "
        r"fewer than (\d+) .*?, before entries while fewer than (\d+) do; else every 15 s",
        page,
    )
    assert said is not None
    looks = (watch._GUARD_S, poll - watch.SPARE, compare - watch.SPARE)
    assert tuple(map(int, said.groups())) == looks
    if name != "alpaca":
        assert f"may take {poll} of them" in page
        assert (
            f"up to {lanes.room(Rank.ENTRY)} and are {entries_per_min(allowed, requests)}" in page
        )
