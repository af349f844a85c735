"""One line in the activity room when the exchange opens: until when, prices, what is held."""

from datetime import timedelta
from typing import TYPE_CHECKING

from bot import text
from bot.reading.market import MarketReading
from engine.domain.instrument import stock
from engine.market import Market, Session
from engine.reports import Missing
from engine.reports._moves import move

if TYPE_CHECKING:
    from bot.app import App

EVERY_S = 20.0
_LATE = timedelta(minutes=5)
"""So long after the opening it is still news."""
_SHOWN = ("SPY", "QQQ")


class Banner:
    """Says once a day that the market is open; a made-up market never opens."""

    def __init__(self, app: "App") -> None:
        self._app = app

    async def look(self) -> None:
        """Post it when it is time and it was not posted yet.

        Raises:
            StoreUnavailable: it was not posted; the next look does it.
        """
        app = self._app
        calendar = app.calendars.get("*")
        now = app.clock.now()
        if calendar is None or calendar.market is not Market.NYSE:
            return
        session = calendar.session_at(now)
        if session is None or now - session.opens_at > _LATE or app.started_at > session.opens_at:
            return
        note_id = f"open-{session.on}"
        if f"note:{note_id}" not in app.desk.book.notices:
            await app.desk.tell("activity", await self.words(session), note_id=note_id)

    async def words(self, session: Session) -> str:
        """``🔔 NYSE is open until 16:00 ET · SPY 668.40 (+0.3%) · 2 positions``."""
        app = self._app
        until = text.eastern(session.closes_at)[:5]
        short = " (short day)" if session.is_short else ""
        history = await MarketReading(app).days([stock(s) for s in _SHOWN])
        frame = app.reading.frame()
        said = [f"🔔 NYSE is open until {until} ET{short}"]
        for symbol in _SHOWN:
            moved = move(stock(symbol), history.get(symbol), frame)
            if not isinstance(moved.last, Missing):
                said.append(f"{symbol} {moved.last:,.2f} ({text.pct_short(moved.day_pct)})")
        n = len(app.desk.book.open_trades())
        said.append("1 position" if n == 1 else f"{n} positions")
        if app.desk.halted:
            said.append("entries are halted")
        return " · ".join(said)
