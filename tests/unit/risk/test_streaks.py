"""Losses in a row, by room: three switch its automatic entries off."""

import pytest

from engine.risk import RecentExit, loss_streak
from tests.unit.risk.facts import ended


@pytest.mark.parametrize(
    ("results", "expected"),
    [
        ([], 0),
        (["-1"], 1),
        (["-1", "-2", "-3"], 3),
        (["-1", "5", "-3"], 1),
        (["5", "-1"], 0),
        (["-1", "0", "-3"], 2),  # neither a loss nor the end of the row
        (["-1", "NaN", "-3"], 3),  # a result that is not known is no win
    ],
)
def test_losses_are_counted_from_the_newest(results: list[str], expected: int) -> None:
    assert loss_streak([ended(usd=usd) for usd in results], source="options") == expected


def test_other_rooms_neither_count_nor_end_the_row() -> None:
    exits: list[RecentExit] = [
        ended("SPY", usd="-1"),
        ended("QQQ", usd="9", source="stocks"),
        ended("SPY", usd="-1", source="futures"),
        ended("QQQ", usd="-1"),
    ]
    assert loss_streak(exits, source="options") == 2
    assert loss_streak(exits, source="futures") == 1
    assert loss_streak(exits, source="stocks") == 0
