"""Which markets are open, until when, and the hours round the session of shares."""

from datetime import UTC, datetime
from typing import Any

import pytest

from bot.cards import markets as card
from engine.market import ALWAYS, CME, NYSE
from engine.reports import Frame, markets


def at(moment: str) -> Any:
    now = datetime.fromisoformat(moment).replace(tzinfo=UTC)
    report = markets.build(Frame(now=now), {"NYSE": NYSE, "CME Globex": CME, "Crypto": ALWAYS})
    return {m.name: m for m in report.markets}, card.show(report).description


@pytest.mark.parametrize(
    ("moment", "state", "extended", "until"),
    [
        ("2026-11-18T15:00", "open", False, "2026-11-19T01:00"),
        ("2026-11-18T13:00", "closed", True, "2026-11-19T01:00"),
        ("2026-11-18T22:00", "closed", True, "2026-11-19T01:00"),
        ("2026-11-19T03:00", "closed", False, "2026-11-20T01:00"),
        ("2026-11-27T18:30", "closed", True, "2026-11-27T22:00"),  # the day after Thanksgiving
        ("2026-11-21T15:00", "closed", False, "2026-11-24T01:00"),  # a Saturday
    ],
)
def test_extended_hours_lie_round_the_session(
    moment: str, state: str, extended: bool, until: str
) -> None:
    lines, words = at(moment)
    nyse = lines["NYSE"]
    assert nyse.state == state
    assert nyse.extended.is_on is extended
    assert nyse.extended.closes_at == datetime.fromisoformat(until).replace(tzinfo=UTC)
    assert ("extended hours are on" in words) is extended
    assert lines["CME Globex"].extended is None
    assert lines["Crypto"].extended is None
    assert "around the clock" in words


def test_a_holiday_and_a_short_day_are_named() -> None:
    lines, words = at("2026-11-26T15:00")
    assert lines["NYSE"].why == "holiday"
    assert "a short day" in words
    lines, words = at("2026-11-27T15:00")
    assert lines["NYSE"].is_short
    assert "**short day**" in words
