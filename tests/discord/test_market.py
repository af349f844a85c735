"""/market-summary, /sector-analysis and /analyze as people use them."""

import pytest
import pytest_asyncio

from tests.discord.kit import desk, plain
from tests.discord.test_charts import look, market

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def it(tmp_path_factory):
    """One desk for all of these: they look, and change the watchlist alone."""
    with pytest.MonkeyPatch.context() as patch:
        folder = tmp_path_factory.mktemp("market")
        async with desk(folder, patch, watchlist=["SPY", "AAPL"]) as made:
            patch.setattr(made.app.pace, "count", lambda *_, **__: None)
            market(made)
            await made.held()
            await made.app.charts.warm()
            yield made


async def test_the_market_on_one_screen_and_the_book_only_where_figures_may_be_seen(it):
    used = await look(it, "vic", "actions", "market-summary")
    shown = used.reply
    words = plain(shown)
    assert "S&P 500" in words
    assert "VIX n/a" in words
    assert "Kind of market" in words
    assert "Your book" not in words
    assert {"Sectors", "Watchlist", "Risk"} <= set(shown.labels)
    assert "SPY" in shown.attachments[0].description
    used = await look(it, "tom", "orders", "market-summary")
    assert "Your book" in plain(used.reply)
    used = await look(it, "tom", "all-messages", "market-summary")
    assert "Your book" not in plain(used.reply)
    used = await look(it, "tom", "all-messages", "market-summary", private=True)
    assert used.ephemeral
    assert "Your book" in plain(used.reply)


async def test_sectors_are_ranked_and_name_what_they_cannot_say(it):
    used = await look(it, "vic", "actions", "sector-analysis", period="1m")
    shown = used.reply
    assert "Sectors over 1m" in plain(shown)
    assert "n/a" in plain(shown), "the made-up market has no sector funds"
    assert shown.attachments[0].description.startswith("Sector funds over 1m")


async def test_one_symbol_is_looked_into_with_set_ups_of_the_right_size(it):
    used = await look(it, "tom", "orders", "analyze", symbols="aapl", depth="full")
    shown = used.reply
    words = plain(shown)
    assert "AAPL" in words
    assert "of 5 signs" in words
    assert "▲ long · stop" in words
    assert "fundamentals n/a (no source of fundamentals)" in words
    assert shown.attachments[0].description.startswith("Candles of AAPL, 1d")
    used = await look(it, "tom", "orders", "analyze", symbols="SPY, QQQ, NONE")
    words = plain(used.reply)
    assert "SPY and QQQ correlation" in words
    assert "NONE nothing is known" in words
    option = await it.slash("tom", "orders", "analyze", symbols="SPY261120C00600000")
    assert "by its underlying: SPY" in option.text
    for form in ("SPY 668C 11/27", "spy 668c 11/27, QQQ"):
        option = await it.slash("tom", "orders", "analyze", symbols=form)
        assert "by its underlying: SPY" in option.text
    many = await it.slash("tom", "orders", "analyze", symbols="A B C D")
    assert "at most 3" in many.text
    hidden = await look(it, "tom", "all-messages", "analyze", symbols="SPY")
    assert hidden.ephemeral


async def test_watching_and_analyzing_go_by_action_too(it):
    said = await it.told(it.act("#watch tsla\n#watch SPY\n#unwatch IBM"), 3)
    words = "\n".join(plain(m) for m in said)
    assert "✔ TSLA added" in words
    assert "⚠ SPY is on the list already" in words
    assert "⚠ IBM is not on the list" in words
    (seen,) = await it.told(it.act("#aapl analyze"))
    assert "of 5 signs" in plain(seen)
