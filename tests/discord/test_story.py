"""One trade told in Discord: alert, approval by button, fill, exit, chart."""

from datetime import timedelta

from engine.clock import SystemClock
from engine.domain.desk import AlertState
from engine.domain.instrument import option
from engine.market import new_york_date
from tests.live import live


def friday():
    """The next Friday but one: a real expiry whatever today is."""
    today = new_york_date(SystemClock().now())
    return today + timedelta(days=(4 - today.weekday()) % 7 + 7)


async def test_an_alert_is_approved_by_button_filled_closed_and_charted(tmp_path, monkeypatch):
    from decimal import Decimal

    async with live(tmp_path, monkeypatch) as it:
        sandbox, app = it.sandbox, it.app
        day = friday()
        spy = option("SPY", day, Decimal(603), "C")
        it.quote(spy, "2.14", "2.16")
        sandbox.user("rhea").say("options-room", f"BTO SPY 603C {day.month}/{day.day} @ 2.15")
        card = await it.until(lambda: next(iter(sandbox.channel("approvals").messages), None))
        assert "Approve" in card.labels
        it.quote(spy, "2.14", "2.16")
        await sandbox.user("tom").click(card, "Approve")
        await it.until(lambda: app.desk.book.trades)
        import asyncio

        for _ in range(600):
            await asyncio.sleep(0.05)
            it.quote(spy, "2.14", "2.16")
            if app.desk.book.open_trades():
                break
        assert app.desk.book.open_trades()
        alert = next(iter(app.desk.book.alerts.values()))
        assert alert.state is AlertState.FILLED
        sandbox.user("rhea").say("options-room", f"STC SPY 603C {day.month}/{day.day} @ 2.90")
        for _ in range(600):
            await asyncio.sleep(0.05)
            it.quote(spy, "2.88", "2.92")
            if app.desk.book.closed:
                break
        assert app.desk.book.closed
        picture = await it.until(
            lambda: next((m for m in sandbox.channel("activity").messages if m.attachments), None),
            15,
        )
        assert picture.attachments[0].data.startswith(b"\x89PNG")
