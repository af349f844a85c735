"""/watchlist as people use it."""

from engine.domain.desk import Who
from engine.flows.common import watchlist
from tests.discord.kit import desk, plain
from tests.discord.test_charts import market


async def test_the_list_is_shown_with_prices_and_changed_by_traders(tmp_path, monkeypatch):
    async with desk(tmp_path, monkeypatch, watchlist=["SPY", "AAPL", "NONE"]) as it:
        market(it)
        await it.held()
        shown = plain((await it.slash("vic", "actions", "watchlist view")).reply)
        assert "Watchlist · 3 symbols · best" in shown
        assert "●SPY" in shown
        assert "no price of NONE" in shown
        refused = await it.slash("vic", "actions", "watchlist add", symbols="TSLA")
        assert refused.text.startswith("⛔")
        said = await it.slash(
            "tom", "orders", "watchlist add", symbols="$tsla, SPY, what?!", pin=False
        )
        words = plain(said.reply)
        assert "1 of 3 changed · 4 on it" in words
        assert "TSLA added" in words
        assert "SPY is on the list already" in words
        pinned = await it.slash("tom", "orders", "watchlist add", symbols="QQQ", pin=True)
        assert "QQQ added and pinned" in plain(pinned.reply)
        found = await it.user("tom").autocomplete(
            "orders", "watchlist remove", "symbols", symbols="s"
        )
        assert [c["value"] for c in found.choices] == ["SPY", "TSLA"]
        gone = await it.slash("tom", "orders", "watchlist remove", symbols="SPY IBM")
        assert "SPY removed; a position in it is open and stays open" in plain(gone.reply)
        assert "IBM is not on the list" in plain(gone.reply)
        assert it.book.open_trades()
        log = plain((await it.slash("vic", "actions", "watchlist history")).reply)
        assert "3 changes" in log
        assert "removed SPY · /watchlist remove" in log


async def test_only_an_admin_resets_it_after_a_question_and_what_is_pinned_stays(
    tmp_path, monkeypatch
):
    async with desk(tmp_path, monkeypatch, watchlist=["SPY", "AAPL"]) as it:
        tom = Who(user_id=7, name="tom", may_trade=True)
        await watchlist.add(it.app.desk, tom, ["TSLA"], why="#watch")
        await watchlist.add(it.app.desk, tom, ["/MES"], is_pinned=True, why="#watch")
        await watchlist.remove(it.app.desk, tom, ["AAPL"], why="#unwatch")
        refused = await it.slash("tom", "orders", "watchlist reset")
        assert refused.text.startswith("⛔")
        asked = await it.slash("ada", "admin", "watchlist reset")
        assert "TSLA" in plain(asked.reply)
        await it.user("ada").click(asked.reply, "Reset the watchlist").acked()
        wanted = ["/MES", "SPY", "AAPL"]
        await it.until(lambda: [w.symbol for w in watchlist.current(it.app.desk)] == wanted)
        empty = await it.slash("tom", "orders", "watchlist add", symbols=" , ")
        assert "No symbol was named" in empty.text
