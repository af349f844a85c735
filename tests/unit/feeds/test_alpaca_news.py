"""Alpaca's headlines over real sockets, and what is done with those that are broken or hostile."""

import asyncio
import json
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
import stamina

from engine.clock import ManualClock
from engine.domain.errors import BrokerAuthError, BrokerUnavailable, OrderRejected, RateLimited
from engine.domain.news import host_of, web_address
from engine.feeds import FeedAdapter
from engine.feeds._several import Several
from engine.feeds.alpaca.news import article_of
from engine.headlines import ILL_S, Headlines
from tests.unit.feeds.test_alpaca_feed import EXAMPLES, SPEC, SPY, START, World, opened


@pytest.fixture(autouse=True)
def usual() -> Iterator[None]:
    yield
    stamina.set_testing(False)


SINCE = START - timedelta(hours=24)
PLACE = "https://www.example.com/news/1"


def article(n: int, symbol: str = "AAPL", **changes: Any) -> dict[str, Any]:
    """As Alpaca writes it; the first is the newest."""
    at = (START - timedelta(minutes=n)).isoformat().replace("+00:00", "Z")
    shape = {
        "id": 1000 + n,
        "headline": f"Headline {n}",
        "author": "A. Writer",
        "source": "benzinga",
        "summary": "",
        "content": "",
        "images": [],
        "symbols": [symbol],
        "created_at": at,
        "updated_at": at,
        "url": PLACE,
    }
    return shape | changes


def asked(world: World) -> list[dict[str, str]]:
    return [query for path, query in world.data.asked if path == "/v1beta1/news"]


async def test_headlines_come_page_by_page_up_to_the_limit_newest_first() -> None:
    async with opened() as world:
        world.data.news = [article(n) for n in range(9)] + [article(3, "MSFT")]
        world.data.news_page = 3
        told = await world.feed.news(["AAPL", "BTC/USD"], SINCE, 5)
        assert [a.headline for a in told.articles] == [f"Headline {n}" for n in range(5)]
        assert told.is_more
        assert (told.source, told.as_of, told.n_unreadable) == ("alpaca", START, 0)
        first = told.articles[0]
        assert (first.article_id, first.source, first.author) == ("1000", "benzinga", "A. Writer")
        assert (first.published_at, first.updated_at, first.url) == (START, START, PLACE)
        pages = asked(world)
        assert [query.get("page_token") for query in pages] == [None, "3"]
        assert pages[0]["symbols"] == "AAPL,BTCUSD"
        assert pages[0]["start"] == "2026-11-17T15:00:00Z"
        assert world.feed.usage.n_calls >= 3
        world.data.news = [article(1, "BTCUSD")]
        (coin,) = (await world.feed.news(["BTC/USD"], SINCE, 5)).articles
        assert coin.symbols == ("BTC/USD",)
        assert not (await world.feed.news(["AAPL"], SINCE, 5)).is_more


async def test_what_is_broken_is_left_out_and_counted_and_nothing_is_guessed() -> None:
    ahead = (START + timedelta(hours=2)).isoformat()
    async with opened() as world:
        world.data.news = [
            article(1, headline="  Tom&#39;s &amp; Co\n up  "),
            article(2, headline=" \n "),
            article(3, headline=None),
            article(4, created_at="yesterday"),
            article(5, created_at="2026-11-18T14:00:00"),
            article(6, created_at=ahead),
            article(7, created_at="9999-12-31T23:59:59-14:00"),
            "text",
            None,
            article(8, url="http://plain.example.com/", author=None, source=7, id=None),
            article(9, symbols=["AAPL", "@everyone", 4, "<@1>", "BRK.B"]),
        ]
        told = await world.feed.news(["AAPL"], SINCE, 50)
        assert told.n_unreadable == 8
        plain, bare, several = told.articles
        assert plain.headline == "Tom's & Co up"
        assert (bare.url, bare.author, bare.source, bare.article_id) == ("", "", "", "")
        assert several.symbols == ("AAPL", "BRK.B")
        future = article(1, updated_at=ahead)
        assert article_of(future, {}, START).updated_at is None
        old = article(5, created_at=(START - timedelta(days=9)).isoformat())
        world.data.news = [old, article(1, created_at=old["created_at"], updated_at="later")]
        told = await world.feed.news(["AAPL"], SINCE, 50)
        assert len(told.articles) == 1, "changed within the time, though written before"


def test_an_address_is_https_and_nothing_that_is_read_as_something_else() -> None:
    assert web_address(PLACE) == PLACE
    assert host_of("https://A.example.com:8443/x?y=(1)#z") == "a.example.com"
    for wrong in (
        *("http://example.com/", "https://", "javascript:alert(1)", "https://localhost/", None, 5),
        *(
            "https://a@evil.example/",
            "https://ex.com/a b",
            "https://ex.com/\n",
            "https://ex.com\\@e",
        ),
        *("https://ex.com/>)[x](https://evil.example", "https://ex\u0430mple.com/", " " + PLACE),
        *("https://ex.com/`", "//example.com/", "https://ex.com/" + "x" * 600),
    ):
        assert web_address(wrong) == "", wrong


@pytest.mark.parametrize(
    ("status", "error", "said"),
    [
        (401, BrokerAuthError, "does not take our keys: an admin"),
        (403, BrokerAuthError, "does not take our keys: an admin"),
        (400, OrderRejected, "refuses the question (400): try another symbol"),
        (429, RateLimited, "asked too often: ask again in 7 s"),
        (500, BrokerUnavailable, "does not answer: ask again in a minute"),
    ],
)
async def test_each_refusal_is_a_sentence_and_quotes_go_on(
    status: int, error: type[Exception], said: str
) -> None:
    async with opened() as world:
        stamina.set_testing(True, attempts=3, cap=True)  # as often as ever, without the pauses
        world.data.refuses_news = status
        with pytest.raises(error):
            await world.feed.news(["AAPL"], SINCE, 5)
        headlines = Headlines(world.feed, world.clock)
        told = await headlines.of(["AAPL"], 24)
        assert said in told.missing
        assert not told.articles
        n_asked = len(asked(world))
        assert (await headlines.of(["AAPL"], 24)).missing == told.missing
        await headlines.soon("MSFT", 24, 5.0)
        assert len(asked(world)) == n_asked, "it is left alone for a while"
        world.data.put("SPY", 600.0, 600.1)  # though six failures stop the connection for news
        assert await world.feed.quote(SPY) is not None
        world.data.refuses_news = 0
        world.clock.advance(60)
        world.data.news = [article(1)]
        assert len((await headlines.of(["AAPL"], 24)).articles) == 1


async def test_keys_that_are_not_taken_and_answers_that_are_no_news_are_said() -> None:
    async with opened() as world:
        world.feed._keys = ("PKSOMEBODYELSE", "x")
        await world.feed._newsroom.close()
        await world.feed._newsroom.open("PKSOMEBODYELSE", "x", world.data.url)
        told = await Headlines(world.feed, world.clock).of(["AAPL"], 24)
        assert "does not take our keys" in told.missing
    closed = World()
    await closed.open()
    await closed.close()
    told = await Headlines(closed.feed, closed.clock).of(["AAPL"], 24)
    assert "does not answer" in told.missing


async def test_a_card_waits_no_longer_than_it_said_and_the_late_answer_is_kept() -> None:
    async with opened() as world:
        world.data.news = [article(1)]
        world.data.news_waits = asyncio.Event()
        headlines = Headlines(world.feed, world.clock)
        late = await headlines.soon("AAPL", 24, 0.05)
        assert late.missing
        again = await headlines.soon("MSFT", 24, 60.0)
        assert again.missing, "the next one does not wait at all"
        world.data.news_waits.set()
        asking = headlines._asking[("AAPL",), 24]
        assert len((await asking).articles) == 1
        assert len((await headlines.soon("AAPL", 24, 0.05)).articles) == 1
        assert len(asked(world)) == 1
        world.clock.advance(61)
        both = await asyncio.gather(headlines.of(["AAPL"], 24), headlines.of(["AAPL"], 24))
        assert both[0] is both[1]
        assert len(asked(world)) == 2, "one question for both"


class Odd:
    """A wire whose library breaks, and then hangs."""

    name = "odd"

    def __init__(self) -> None:
        self.error: Exception | None = RuntimeError("secret body")

    async def news(self, *_: Any) -> Any:
        if self.error is not None:
            raise self.error
        await asyncio.Event().wait()


async def test_a_feed_that_breaks_hangs_or_has_no_news_is_never_an_error(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clock = ManualClock(START)
    nowhere = await Headlines(None, clock).of(["A"], 1)
    assert "no feed of this desk has headlines" in nowhere.missing
    assert not (await Headlines(object(), clock).soon("A", 1, 5.0)).articles
    odd = Odd()
    headlines = Headlines(odd, clock)
    broken = (await headlines.of(["A"], 1)).missing
    assert broken == "the feed of news failed (RuntimeError): ask again in a minute"
    clock.advance(ILL_S)
    odd.error = None
    monkeypatch.setattr("engine.headlines.PATIENCE_S", 0.01)
    assert "does not answer" in (await headlines.of(["A"], 1)).missing


async def test_of_several_feeds_the_one_that_has_news_is_asked() -> None:
    async with opened() as world:
        world.data.news = [article(1)]

        class Quotes(FeedAdapter):
            name = "quotes"

            def __init__(self) -> None:
                self.clock = world.clock

            connect = close = quote = watch = stream = None  # type: ignore[assignment]

        none = Quotes()  # type: ignore[abstract]
        assert (await none.news(["AAPL"], SINCE, 5)).missing == "quotes has no news"
        several = Several([none, world.feed], world.clock)
        several.down.clear()
        assert len((await several.news(["AAPL"], SINCE, 5)).articles) == 1
        several.down["alpaca"] = "its stream ended"
        with pytest.raises(BrokerUnavailable, match="alpaca is down"):
            await several.news(["AAPL"], SINCE, 5)
        told = await Headlines(Several([none], world.clock), world.clock).of(["AAPL"], 24)
        assert "no feed of this desk has headlines" in told.missing


@pytest.mark.skipif(not SPEC.exists(), reason="the published interface is not on this machine")
async def test_what_is_asked_about_news_is_published() -> None:
    spec = json.loads(SPEC.read_text())
    shared = spec["components"]["parameters"]
    described = spec["paths"]["/v1beta1/news"]["get"]["parameters"]
    known = [shared[p["$ref"].rpartition("/")[2]] if "$ref" in p else p for p in described]
    rules = {p["name"]: p["schema"] for p in known}
    async with opened() as world:
        world.data.news, world.data.news_page = [article(n) for n in range(5)], 2
        await world.feed.news(["AAPL", "BTC/USD"], SINCE, 200)
        for query in asked(world):
            assert set(query) <= set(rules)
            assert int(query["limit"]) <= rules["limit"]["maximum"]
            assert query["sort"] in rules["sort"]["enum"]
            assert query["include_content"] in ("true", "false")


@pytest.mark.skipif(not EXAMPLES.exists(), reason="the sample bodies are not on this machine")
def test_every_published_article_is_read() -> None:
    samples = json.loads((EXAMPLES / "sdk_historical_news_data.json").read_text())
    samples += json.loads((EXAMPLES / "spec_market_data_examples.json").read_text())
    found = [
        article_of(body, {}, START)
        for sample in samples
        if isinstance(sample["json"], dict)
        for body in sample["json"].get("news") or ()
    ]
    assert len(found) >= 3
    assert all(a.headline and a.source and a.symbols for a in found)
    assert sum(bool(a.url) for a in found) >= 2, "one has an address that is none"
