"""Which markets are open and until when, as the card says it."""

from dataclasses import replace
from datetime import UTC, datetime

from bot.cards import markets as markets_card
from engine.market import ALWAYS, CME, NYSE
from engine.reports import markets
from tests.unit.reports.examples import frame

CALENDARS = {"NYSE": NYSE, "CME Globex": CME, "Crypto": ALWAYS}


def shown(year: int, month: int, day: int, hour: int) -> tuple[markets.MarketsReport, str]:
    now = datetime(year, month, day, hour, tzinfo=UTC)
    report = markets.build(replace(frame(), now=now), CALENDARS)
    return report, str(markets_card.show(report).to_dict())


def test_a_session_says_when_it_ends_and_coins_never_do():
    report, card = shown(2026, 1, 30, 15)
    nyse, cme, coins = report.markets
    assert [m.state for m in report.markets] == ["open"] * 3
    assert nyse.changes_at == datetime(2026, 1, 30, 21, tzinfo=UTC)
    assert cme.changes_at == datetime(2026, 1, 30, 22, tzinfo=UTC)
    assert coins.changes_at is None
    assert "open around the clock" in card
    assert "(Fri 16:00 ET)" in card


def test_a_short_day_is_said_and_a_holiday_named():
    report, card = shown(2025, 11, 28, 16)
    assert report.markets[0].is_short
    assert report.markets[0].changes_at == datetime(2025, 11, 28, 18, tzinfo=UTC)
    assert "short day" in card
    report, card = shown(2025, 12, 25, 16)
    assert (report.markets[0].state, report.markets[0].why) == ("closed", "holiday")
    assert "closed (holiday), opens" in card
