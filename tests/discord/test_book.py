"""/risk-analysis, /correlation, /stress-test, /risk, /override, /circuit-breaker as used."""

import asyncio

from engine.domain.instrument import stock
from engine.flows.limits import curbs
from tests.discord.kit import AAPL, NAMED, SPY, Desk, desk, plain
from tests.rig import ADMIN
from tests.unit.portfolio.test_statistics import walk

UNDER = stock("SPY")


async def long_of(it: Desk) -> None:
    """A SPY call is held, and what it is on is quoted; a year of closes is known."""
    await it.held()
    it.price(UNDER, "601.00", "601.04")
    for name in ("SPY", "AAPL", "QQQ"):
        it.app.desk.closes.put(walk(name, 260, like=0.95))


async def test_the_book_as_a_whole_is_read_in_cards_with_pictures(tmp_path, monkeypatch):
    async with desk(tmp_path, monkeypatch) as it:
        empty = await it.slash("tom", "orders", "risk-analysis")
        assert "nothing is at risk" in plain(empty.reply)
        assert "nothing is held" in plain(
            (await it.slash("tom", "orders", "stress-test", scenario="spy-5")).reply
        )
        assert "fewer than two" in plain((await it.slash("tom", "orders", "correlation")).reply)
        await long_of(it)
        used = await it.user("tom").slash("orders", "risk-analysis").replied(60)
        words = plain(used.reply)
        assert "At risk to the stops $" in words
        assert "bad day (VaR 95)" in words
        assert "Broad market" in words
        (picture,) = used.reply.attachments
        assert picture.data.startswith(b"\x89PNG")
        assert "Risk by position" in picture.description
        (trade,) = it.book.trades.values()
        chosen = await it.answer(it.user("tom").choose(used.reply, trade.trade_id))
        assert "beta to SPY" in chosen

        used = await it.user("tom").slash("orders", "correlation", symbol="AAPL").replied(60)
        assert "With AAPL" in plain(used.reply)
        assert "an entry the same way would be rejected" in plain(used.reply)
        assert used.reply.attachments[0].data.startswith(b"\x89PNG")
        bad = await it.slash("tom", "orders", "correlation", symbol="not a symbol")
        assert "no symbol" in bad.text

        used = await it.user("tom").slash("orders", "stress-test", scenario="spy-10").replied(60)
        words = plain(used.reply)
        assert "If SPY falls 10% · -$" in words
        assert "options priced anew (delta, gamma" in words
        assert used.reply.attachments[0].data.startswith(b"\x89PNG")
        custom = await it.slash("tom", "orders", "stress-test", scenario="custom")
        assert "needs" in custom.text
        hidden = await it.slash("tom", "all-messages", "risk-analysis")
        assert hidden.ephemeral
        names = await it.user("tom").autocomplete(
            "orders", "risk-analysis", "account", account="ma"
        )
        assert [c["value"] for c in names.choices] == ["main"]


async def test_exposure_by_sector_shows_the_room_left_and_the_summary_the_whole(
    tmp_path, monkeypatch
):
    async with desk(tmp_path, monkeypatch) as it:
        await long_of(it)
        used = await it.user("tom").slash("orders", "exposure", by="sector").replied(60)
        assert "Broad market" in plain(used.reply)
        assert "diversification" in plain(used.reply)
        used = await it.user("tom").slash("orders", "portfolio-summary").replied(60)
        words = plain(used.reply)
        assert "1 of 20" in words
        assert "beta to SPY" in words
        assert "buying power" in words


async def test_a_hypothetical_order_is_shown_before_every_gate_and_nothing_is_sent(
    tmp_path, monkeypatch
):
    async with desk(tmp_path, monkeypatch) as it:
        it.price(AAPL, "180.00", "180.04")
        await asyncio.sleep(0.15)
        order = {"symbol": "AAPL", "side": "buy", "quantity": "5", "stop": "176.40"}
        tried = await it.slash("tom", "orders", "risk check", **order)
        words = plain(tried.reply)
        assert "gates" in words
        assert "frozen" in words
        assert "nothing was sent" in words
        assert not it.book.trades
        await curbs.freeze(it.app.desk, ADMIN, "symbol", "AAPL", "news")
        refused = plain((await it.slash("tom", "orders", "risk check", **order)).reply)
        assert "entries in AAPL are frozen" in refused
        odd = await it.slash(
            "tom", "orders", "risk check", symbol="AAPL", side="buy", quantity="many"
        )
        assert odd.ephemeral


async def test_entries_are_frozen_by_one_click_and_allowed_again_by_a_typed_word(
    tmp_path, monkeypatch
):
    async with desk(tmp_path, monkeypatch) as it:
        asked = await it.slash(
            "ada", "admin", "risk freeze", scope="symbol", name="SPY", reason="CPI"
        )
        await it.user("ada").click(asked.reply, "Freeze").acked()
        await it.until(lambda: "Entries in SPY are frozen" in asked.reply.text)
        it.price(SPY, "2.14", "2.16")
        it.user("rhea").say("options-room", f"BTO {NAMED} @ 2.15 SL 1.60")
        await it.until(lambda: it.book.alerts)
        (record,) = it.book.alerts.values()
        await it.until(lambda: it.book.alerts[record.alert_id].state == "RISK_REJECTED")
        assert "are frozen by" in it.book.alerts[record.alert_id].reason
        again = await it.slash("ada", "admin", "risk freeze", scope="symbol", name="SPY")
        assert "frozen already" in again.text
        used = it.user("ada").slash("admin", "risk unfreeze", scope="symbol", name="SPY")
        await used.replied()
        wrong = it.user("ada").submit(used, {"word": "please", "reason": "calm"})
        assert "was not UNFREEZE" in await it.answer(wrong)
        right = it.user("ada").submit(used, {"word": "unfreeze", "name": "SPY", "reason": "calm"})
        assert "allowed again" in await it.answer(right)
        assert curbs.freezes(it.app.desk) == ()


async def test_an_override_needs_an_admin_a_typed_word_and_expires(tmp_path, monkeypatch):
    async with desk(tmp_path, monkeypatch) as it:
        it.price(SPY, "2.13", "2.15")
        terms = {"target": "sector", "minutes": 30, "reason": "hedged", "symbol": "aapl"}
        no = await it.user("tom", strict=False).slash("admin", "override", **terms).replied()
        assert no.text.startswith("⛔")
        used = it.user("ada").slash("admin", "override", **terms)
        await used.replied()
        typed = {"word": "OVERRIDE", "symbol": "aapl", "reason": "hedged"}
        done = await it.answer(it.user("ada").submit(used, typed))
        assert "sector is overridden for AAPL" in done
        (made,) = curbs.overrides(it.app.desk)
        assert (made.target, made.symbol, made.by) == ("sector", "AAPL", "Ada")
        bare = await it.slash("ada", "admin", "override", target="sizing", minutes=5, reason="x")
        assert "needs the multiplier" in bare.text


async def test_the_breaker_is_tested_without_touching_anything_and_reset_on_purpose(
    tmp_path, monkeypatch
):
    async with desk(tmp_path, monkeypatch) as it:
        status = plain((await it.slash("vic", "actions", "circuit-breaker")).reply)
        assert "has never tripped" in status
        no = await (
            it.user("tom", strict=False).slash("admin", "circuit-breaker", action="test").replied()
        )
        assert no.text.startswith("⛔")
        drilled = plain((await it.slash("ada", "admin", "circuit-breaker", action="test")).reply)
        assert "The breaker works" in drilled
        assert "a test: nothing was changed" in drilled
        early = await it.slash("ada", "admin", "circuit-breaker", action="reset")
        assert "not tripped" in early.text
        now = plain((await it.slash("vic", "actions", "circuit-breaker")).reply)
        assert "tested by Ada" in now
