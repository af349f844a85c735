"""The market calendar against the exchange's own (I-34)."""

import csv
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import exchange_calendars
import pytest

from engine.domain.instrument import third_friday
from engine.market import (
    CME,
    NYSE,
    Calendar,
    Market,
    monthly_expiry,
    weekly_expiry,
)

pytestmark = pytest.mark.filterwarnings("ignore::pandas.errors.Pandas4Warning")  # theirs

SHARED = Path(__file__).parents[4] / "shared/data/market/us_equity_calendar.csv"


@pytest.fixture(scope="module")
def xnys() -> exchange_calendars.ExchangeCalendar:
    return exchange_calendars.get_calendar("XNYS", start="2024-01-01", end="2027-12-31")


def ny(text: str) -> datetime:
    from zoneinfo import ZoneInfo

    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo("America/New_York"))


def test_open_and_closed_equal_the_exchange_calendar_for_every_minute_of_two_years(xnys) -> None:
    minutes = xnys.schedule.loc["2025-12-01":"2027-11-30"]
    spans = [(row.open.to_pydatetime(), row.close.to_pydatetime()) for row in minutes.itertuples()]
    at, end, minute = datetime(2025, 12, 1, tzinfo=UTC), datetime(2027, 12, 1, tzinfo=UTC), 0
    wrong: list[datetime] = []
    spans.append((end, end))
    opens, closes = spans[minute]
    step = timedelta(minutes=1)
    while at < end:
        if at >= closes:
            minute += 1
            opens, closes = spans[minute]
        if NYSE.is_open(at) != (opens <= at < closes):
            wrong.append(at)
        at += step
    assert not wrong, wrong[:5]


def test_trading_days_and_closes_of_four_years_equal_the_exchange_calendar(xnys) -> None:
    expected = [(day.date(), row.close) for day, row in xnys.schedule.iterrows()]
    first, n_days = date(2024, 1, 1), 4 * 365 + 1
    days = [first + timedelta(days=n) for n in range(n_days)]
    assert [d for d in days if NYSE.is_trading_day(d)] == [day for day, _ in expected]
    for day, close in expected:
        session = NYSE.session(day)
        assert session is not None
        assert session.closes_at == close.to_pydatetime()


@pytest.mark.skipif(not SHARED.exists(), reason="shared market data is not on this machine")
def test_closures_and_half_days_equal_the_shared_calendar() -> None:
    with SHARED.open(encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if "2004" <= row["date"] < "2028"]
    for row in rows:
        on = date.fromisoformat(row["date"])
        session = NYSE.session(on)
        if row["kind"] == "closed" or on.weekday() >= 5:  # it lists one Sunday as a half day
            assert session is None, on
        else:
            assert session is not None, on
            assert session.is_short, on


@pytest.mark.parametrize(
    ("at", "is_open"),
    [
        ("2026-11-27 12:59", True),
        ("2026-11-27 13:00", False),
        ("2026-12-24 13:00", False),
        ("2025-01-09 11:00", False),
        ("2026-03-09 09:29", False),
        ("2026-03-09 09:30", True),
        ("2026-07-03 11:00", False),
        ("2026-06-19 11:00", False),
        ("2026-10-09 15:59", True),
        ("2026-10-10 11:00", False),
    ],
)
def test_nyse_hours(at: str, is_open: bool) -> None:
    assert NYSE.is_open(ny(at)) is is_open


@pytest.mark.parametrize(
    ("at", "is_open"),
    [
        ("2025-07-13 17:59", False),  # Sunday
        ("2025-07-13 18:00", True),
        ("2025-07-14 16:59", True),
        ("2025-07-14 17:00", False),  # daily pause
        ("2025-07-14 17:59", False),
        ("2025-07-14 18:00", True),
        ("2025-07-18 16:59", True),
        ("2025-07-18 17:00", False),  # weekend
        ("2025-07-18 18:30", False),
        ("2025-07-19 12:00", False),
        ("2025-01-20 12:59", True),  # Martin Luther King day, halt at noon Chicago
        ("2025-01-20 13:00", False),
        ("2025-01-20 18:00", True),
        ("2025-12-25 12:00", False),
        ("2025-12-25 18:00", True),
        ("2025-12-24 13:14", True),
        ("2025-12-24 18:00", False),
        ("2026-01-01 12:00", False),
        ("2025-12-31 16:00", True),
        ("2025-12-31 18:30", False),
        ("2025-04-18 08:00", False),  # Good Friday
        ("2026-04-03 09:00", True),  # Good Friday with a jobs report
        ("2026-04-03 09:14", True),
        ("2026-04-03 09:15", False),
        ("2024-03-29 08:00", False),  # Good Friday in March
        ("2026-07-03 12:59", True),  # another Friday off
        ("2026-07-03 13:00", False),
        ("2025-01-09 09:00", True),
        ("2025-01-09 09:30", False),
        ("2026-03-08 17:59", False),  # the night the clocks change
        ("2026-03-08 18:00", True),
        ("2027-12-24 10:00", False),
    ],
)
def test_globex_hours(at: str, is_open: bool) -> None:
    assert CME.is_open(ny(at)) is is_open


def test_next_open_and_close_skip_weekends_holidays_and_pauses() -> None:
    assert NYSE.next_open(ny("2025-07-03 14:00")) == ny("2025-07-07 09:30")
    assert NYSE.next_open(ny("2025-07-08 10:00")) == ny("2025-07-09 09:30")
    assert NYSE.next_close(ny("2025-07-08 10:00")) == ny("2025-07-08 16:00")
    assert CME.next_open(ny("2025-07-14 17:30")) == ny("2025-07-14 18:00")
    assert CME.next_open(ny("2025-07-18 17:30")) == ny("2025-07-20 18:00")


def test_days_before_and_after() -> None:
    assert NYSE.next_trading_day(date(2025, 7, 3)) == date(2025, 7, 7)
    assert NYSE.on_or_before(date(2025, 4, 20)) == date(2025, 4, 17)
    assert NYSE.on_or_before(date(2025, 1, 9)) == date(2025, 1, 8)
    assert not NYSE.is_trading_day(date(2025, 7, 5))


def test_expiries_move_before_a_holiday() -> None:
    assert third_friday(2025, 4) == date(2025, 4, 18)
    assert monthly_expiry(2025, 4) == date(2025, 4, 17)
    assert monthly_expiry(2027, 1) == date(2027, 1, 15)
    assert weekly_expiry(date(2025, 6, 30)) == date(2025, 7, 3)
    assert weekly_expiry(date(2025, 2, 24)) == date(2025, 2, 28)


def test_a_calendar_is_named_by_its_market() -> None:
    assert Calendar("cme").market is Market.CME
    with pytest.raises(ValueError, match="moon"):
        Calendar("moon")  # type: ignore[arg-type]
