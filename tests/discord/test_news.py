"""/news and the headlines on a position's card as people see them; the feed is on loopback."""

import asyncio
from datetime import timedelta

import pytest
import pytest_asyncio
from pydantic import SecretStr

from engine.clock import SystemClock
from engine.feeds import FeedSetup
from engine.feeds.alpaca import Alpaca
from engine.flows.common import watchlist
from engine.headlines import Headlines
from tests.conformance.venue_bench import MemoryTokens
from tests.discord.kit import SPY, desk, plain
from tests.venues.alpaca_data import KEY, SECRET, AlpacaData

pytestmark = pytest.mark.asyncio(loop_scope="module")


def article(n, symbols, headline):
    at = (SystemClock().now() - timedelta(minutes=n)).isoformat()
    return {
        "id": n,
        "headline": headline,
        "source": "benzinga",
        "symbols": symbols,
        "created_at": at,
        "updated_at": at,
        "url": f"https://www.benzinga.com/news/{n}",
    }


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def it(tmp_path_factory):
    """One desk for all of these: they look, and change nothing."""
    clock = SystemClock()
    data = await AlpacaData(clock).start()
    data.news = [
        article(5, ["SPY"], "Funds see @everyone [inflows](http://evil.example)"),
        article(9, ["QQQ", "SPY"], "Two funds"),
        article(20, ["TSLA"], "Cars sell"),
    ]
    secrets = {"key": SecretStr(KEY), "secret": SecretStr(SECRET)}
    setup = FeedSetup(name="alpaca", clock=clock, secrets=secrets, tokens=MemoryTokens())
    feed = Alpaca(Alpaca.Settings(quotes_url=data.url, stream_url=data.ws_url), setup)
    with pytest.MonkeyPatch.context() as patch:
        folder = tmp_path_factory.mktemp("news")
        async with desk(folder, patch, watchlist=["TSLA", "/MES"]) as made:
            patch.setattr(made.app.pace, "count", lambda *_, **__: None)
            await feed.connect()
            made.data, made.feed = data, feed
            made.app.headlines = Headlines(feed, clock)
            await made.held()
            yield made
            await feed.close()
    await data.stop()


async def look(it, who, where, **options):
    used = await it.user(who).slash(where, "news", **options).replied(40)
    return plain(used.reply)


async def test_what_is_held_is_asked_for_where_it_may_be_seen_and_else_what_is_watched(it):
    words = await look(it, "tom", "orders")
    assert "News of what is held · 2 in 24 hours" in words
    assert "● SPY held $" in words
    assert "(https://www.benzinga.com/news/5)" in words
    assert "Two funds" in words
    assert "@everyone" not in words
    assert "](http://" not in words
    for who, where in (("vic", "orders"), ("tom", "all-messages")):
        words = await look(it, who, where)
        assert "News of the watchlist · 1 in 24 hours" in words
        assert "Cars sell" in words
        assert "no headlines by name: /MES" in words
        assert "SPY" not in words
    words = await look(it, "vic", "actions", symbol="spy", hours=1, limit=1)
    assert "News of SPY · 1 in 1 hour" in words
    assert "1 more" in words
    assert "held" not in words
    own = await it.user("tom").slash("all-messages", "news", private=True).replied(40)
    assert own.ephemeral
    assert "what is held" in plain(own.reply)
    named = await look(it, "tom", "orders", symbol=SPY.label)
    assert "News of SPY" in named, "an option by its underlying"


async def test_what_cannot_be_asked_is_said_and_symbols_are_suggested(it):
    future = await it.slash("tom", "orders", "news", symbol="/MES")
    assert "shares and coins. Nothing was looked up" in future.text
    wrong = await it.slash("tom", "orders", "news", symbol="what is this")
    assert "no symbol that I can read" in wrong.text
    offered = await it.user("vic").autocomplete("actions", "news", "symbol", symbol="s")
    assert "SPY" in [choice["value"] for choice in offered.choices]
    it.data.refuses_news = 403
    try:
        words = await look(it, "vic", "actions", symbol="AMD")
        assert "No news of AMD" in words
        assert "does not take our keys: an admin" in words
    finally:
        it.data.refuses_news = 0
    empty = await look(it, "vic", "actions", symbol="IBM", hours=168)
    assert "Nothing was written about IBM in 168 hours" in empty


async def test_a_position_shows_its_headlines_and_never_waits_for_them(it, monkeypatch):
    monkeypatch.setattr("bot.reading.news._CARD_S", 30.0)
    (card,) = await it.told(it.act("#SPY"))
    assert "SPY 603C" in plain(card)
    assert "📰 Two funds" in plain(card)
    it.app.headlines = Headlines(it.feed, it.app.clock)
    monkeypatch.setattr("bot.reading.news._CARD_S", 0.02)
    it.data.news_waits = asyncio.Event()
    (card,) = await it.told(it.act("#SPY"))
    it.data.news_waits.set()
    it.app.headlines = Headlines(it.feed, it.app.clock)
    assert "SPY 603C" in plain(card)
    assert "📰" not in plain(card)


async def test_a_desk_without_a_feed_of_news_and_with_nothing_to_ask_says_so(it):
    kept, it.app.headlines = it.app.headlines, Headlines(it.app.feed, it.app.clock)
    try:
        words = await look(it, "tom", "orders")
        assert "no feed of this desk has headlines: an admin can add one" in words
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(watchlist, "current", lambda _: ())
            words = await look(it, "vic", "orders")
            assert "Name a symbol" in words
    finally:
        it.app.headlines = kept
