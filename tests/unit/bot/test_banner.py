"""The line that says that the exchange has opened: once a day, never late, never made up."""

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

from bot.banner import Banner
from engine.clock import ManualClock
from engine.domain.candle import Candle, Candles, day_began
from engine.domain.instrument import Instrument
from engine.history import History
from engine.market import ALWAYS, NYSE
from engine.reports import Frame
from tests.rig import Rig, d, start

OPEN = datetime(2026, 11, 18, 14, 30, tzinfo=UTC)


class Days:
    """Two days of closes."""

    name = "days"

    async def bars(
        self, instrument: Instrument, timeframe: Any, n: int, until: datetime | None = None
    ) -> Candles:
        del n, until
        made = [
            Candle(at=day_began(day), open=d(600), high=d(610), low=d(590), close=d(price))
            for day, price in (
                (datetime(2026, 11, 17, tzinfo=UTC).date(), 600),
                (datetime(2026, 11, 18, tzinfo=UTC).date(), 603),
            )
        ]
        return Candles(
            instrument=instrument,
            timeframe=timeframe,
            candles=tuple(made),
            source="days",
            as_of=OPEN,
        )


async def made(clock: ManualClock, *, calendar: Any = NYSE) -> tuple[Rig, Banner]:
    rig = await start(clock=clock)
    app: Any = SimpleNamespace(
        desk=rig.desk,
        clock=clock,
        calendars={"*": calendar},
        started_at=clock.now(),
        history=History(Days(), clock),
        reading=SimpleNamespace(frame=lambda: Frame(now=clock.now())),
    )
    return rig, Banner(app)


async def test_it_is_said_once_when_the_session_begins() -> None:
    clock = ManualClock(OPEN - timedelta(minutes=1))
    rig, banner = await made(clock)
    await banner.look()
    assert rig.notes("activity") == []
    clock.advance(70)
    for _ in range(3):
        await banner.look()
    (said,) = rig.notes("activity")
    assert said == (
        "🔔 NYSE is open until 16:00 ET · SPY 603.00 (+0.5%) · QQQ 603.00 (+0.5%) · 0 positions"
    )
    await rig.close()


async def test_a_desk_that_starts_later_and_a_made_up_market_say_nothing() -> None:
    for begins, calendar in ((OPEN + timedelta(minutes=2), NYSE), (OPEN, ALWAYS)):
        clock = ManualClock(begins)
        rig, banner = await made(clock, calendar=calendar)
        clock.advance(30)
        await banner.look()
        assert rig.notes("activity") == []
        await rig.close()


async def test_a_late_look_is_no_news_and_a_short_day_is_named() -> None:
    clock = ManualClock(datetime(2026, 11, 27, 14, 29, tzinfo=UTC))
    rig, banner = await made(clock)
    clock.advance(120)
    await banner.look()
    (said,) = rig.notes("activity")
    assert "until 13:00 ET (short day)" in said
    clock.jump(datetime(2026, 11, 30, 14, 40, tzinfo=UTC))
    await banner.look()
    assert len(rig.notes("activity")) == 1
    await rig.close()
