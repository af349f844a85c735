"""/data as people use it."""

from datetime import timedelta
from types import SimpleNamespace

from engine.feeds._several import Several
from tests.discord.kit import AAPL, NAMED, SPY, desk, plain


async def test_grades_sources_and_one_symbol_in_full(tmp_path, monkeypatch):
    async with desk(tmp_path, monkeypatch) as it:
        empty = plain((await it.slash("vic", "actions", "data quality")).reply)
        assert "No quotes yet" in empty
        it.price(SPY, "2.14", "2.16")
        shown = plain((await it.slash("vic", "actions", "data quality")).reply)
        assert "SPY 603C" in shown
        one = plain((await it.slash("vic", "actions", "data quality", symbol=SPY.label)).reply)
        assert "of 100" in one
        assert "agreed" in one
        assert "n/a" in one, "one source cannot agree with itself"
        now = it.app.clock.now()
        kept = [(now - timedelta(minutes=n), 90.0 - n) for n in (3, 2, 1)]
        monkeypatch.setattr(it.app.quality, "trend", lambda _: kept)
        used = it.user("vic").slash("actions", "data quality", symbol=SPY.label)
        drawn = (await used.replied(40)).reply
        assert "between 87 and 89" in drawn.attachments[0].description
        kept = [(now - timedelta(hours=2), 50.0)]
        none = await it.slash("vic", "actions", "data quality", symbol=SPY.label, period="1h")
        assert "the last hour n/a (no sample was taken)" in plain(none.reply)
        some = await it.slash("vic", "actions", "data quality", period="6h")
        assert "blocks: the last 6 hours" in plain(some.reply)
        (by,) = it.app.quality.sources()
        his = plain((await it.slash("vic", "actions", "data quality", source=by)).reply)
        assert f"1 symbol by {by}" in his
        it.app.quality.down("backup", now)
        other = plain((await it.slash("vic", "actions", "data quality", source="backup")).reply)
        assert "backup has quoted nothing yet" in other
        assert "SPY" not in other
        wrong = await it.slash("vic", "actions", "data quality", source="nobody")
        assert f"no such source; there are: backup, {by}" in wrong.text
        named = await it.user("vic").autocomplete("actions", "data quality", "source", source="ba")
        assert [c["value"] for c in named.choices] == ["backup"]
        unknown = await it.slash("vic", "actions", "data quality", symbol="ZZZ")
        assert "never quoted" in unknown.text
        found = await it.user("vic").autocomplete("actions", "data quality", "symbol", symbol="spy")
        assert [c["value"] for c in found.choices] == [SPY.label]
        sources = plain((await it.slash("vic", "actions", "data sources")).reply)
        assert "deliver" in sources


async def test_a_source_says_what_it_does_not_stream_and_health_names_it(tmp_path, monkeypatch):
    async with desk(tmp_path, monkeypatch) as it:
        one = SimpleNamespace(
            name="alpaca",
            kinds=frozenset({"stock"}),
            trouble="no stream of stocks (AuthFailed); asked for every 3 s instead",
            limit="",
            close=it.app.feed.close,
        )
        feed = it.app.desk.feed = Several([one], it.app.clock)
        feed.down = {}
        it.app.quality.up("alpaca", it.app.clock.now())
        sources = plain((await it.slash("vic", "actions", "data sources")).reply)
        assert "⚠ alpaca up 100.0% of the day · no stream of stocks (AuthFailed)" in sources
        it.app.desk.health["feed alpaca"] = one.trouble
        shown = plain((await it.slash("vic", "orders", "health summary")).reply)
        assert shown.count("no stream of stocks (AuthFailed)") == 1
        assert "✗ feed alpaca" in shown


async def test_quotes_are_asked_for_anew_by_admins(tmp_path, monkeypatch):
    async with desk(tmp_path, monkeypatch) as it:
        nothing = await it.slash("ada", "admin", "data refresh")
        assert "Nothing is quoted yet. Nothing was asked." in nothing.text
        it.price(SPY, "2.14", "2.16")
        said = await it.slash("ada", "admin", "data refresh")
        assert "quote" in said.text
        refused = await it.slash("tom", "orders", "data refresh")
        assert refused.text.startswith("⛔")


async def test_every_answer_that_rests_on_prices_says_how_good_they_are(tmp_path, monkeypatch):
    """They named the source alone: whose prices, and not whether to trust them."""
    async with desk(tmp_path, monkeypatch) as it:
        it.price(AAPL, "189.99", "190.01")
        _, card = await it.asked()
        assert "prices test, grade B" in plain(card)
        _, shown = await it.held(f"BTO {NAMED} @ 2.15 again")
        await it.until(lambda: "prices test, grade B" in plain(shown))
        for command, more in (
            ("positions", {}),
            ("positions", {"symbol": "SPY"}),
            ("portfolio-summary", {}),
            ("what-to-do", {}),
            ("take-profits", {}),
            ("cut-losses", {}),
            ("rebalance", {}),
            ("risk check", {"symbol": "AAPL", "side": "buy", "quantity": "1"}),
        ):
            said = plain((await it.slash("tom", "orders", command, **more)).reply)
            assert "prices test, grade B" in said, command
        asked = plain((await it.slash("tom", "orders", "buy", symbol="AAPL", quantity="1")).reply)
        assert "Now bid 189.99" in asked
        assert "prices test, grade B" in asked
        asked = plain((await it.slash("tom", "orders", "close", symbol="SPY")).reply)
        assert "prices test, grade B" in asked
