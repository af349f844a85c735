"""Cards of news, made up: for the card sheet and for tests of what they say."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import discord

from bot.cards import news as card
from bot.cards import trade_card
from engine.domain.news import Article, News, no_news
from engine.domain.quote import Leg
from engine.reports import news
from engine.reports import trade_card as trade_report
from tests.unit.reports import examples as ex
from tests.unit.reports.examples import NOW, D

HOSTILE = (
    "@everyone [free money](http://evil.example) ```BUY``` <@123> \u202egnp.exe\u202c **x** "
    "https://evil.example/x #AAPL close `/resume-trading` ||x|| "
) + "A" * 2_000
_LINES = (
    ("Apple leads phone sales for a second month in November with 23.6% share", "AAPL"),
    (
        "Chip makers slip as export rules are said to tighten; Nvidia and AMD lead the way down",
        "NVDA",
    ),
    ("Fund that tracks the S&P 500 sees the largest inflow of the year", "SPY"),
    ("Apple supplier warns of a slow spring", "AAPL QCOM TSM AVGO SWKS"),
)


def article(n: int, **changes: Any) -> Article:
    """The first is the newest."""
    words, symbols = _LINES[n % len(_LINES)]
    host = "www.benzinga.com" if n % 3 else "news.example.org"
    made = Article(
        article_id=f"{n}",
        headline=f"{words} ({n})" if n >= len(_LINES) else words,
        source="benzinga",
        author="A. Writer",
        symbols=tuple(symbols.split()),
        url=f"https://{host}/news/26/01/{24843171 + n}/{words.lower().replace(' ', '-')[:90]}",
        published_at=NOW - timedelta(minutes=7 + 43 * n),
        updated_at=NOW - timedelta(minutes=1) if n == 3 else None,
        received_at=NOW,
    )
    return replace(made, **changes)


def answer(*articles: Article, **changes: Any) -> News:
    return replace(News(articles=articles, source="alpaca", as_of=NOW), **changes)


def held() -> tuple[trade_report.TradeCard, ...]:
    """Shares of AAPL and a call on SPY."""
    live = ex.frame(ex.quote(ex.AAPL, "187.10", "187.14"), ex.quote(ex.SPY_CALL, "3.08", "3.12"))
    shares = ex.trade(
        trade_id="T-2",
        symbol="AAPL",
        asset="stock",
        legs=(Leg(instrument=ex.AAPL),),
        qty_opened=D(100),
        qty_open=D(100),
        entry_price=D("185.20"),
    )
    positions = [
        ex.position(ex.AAPL, ex.lot("100", "185.20", "0.50"), trade_id="T-2"),
        ex.position(ex.SPY_CALL, ex.lot("2", "2.55", "1.30")),
    ]
    return tuple(trade_report.build(t, live, positions=positions) for t in (shares, ex.trade()))


def report(found: News, **changes: Any) -> news.NewsReport:
    asked: dict[str, Any] = {"about": "symbol", "symbols": ["AAPL"], "hours": 24, "limit": 8}
    return news.build(ex.frame(), found, **asked | changes)


def cards() -> Iterator[discord.Embed]:
    """Full, hostile, empty, not to be had, and on the card of a position."""
    many = answer(*(article(n) for n in range(20)), is_more=True, n_unreadable=2)
    own = {"about": "held", "symbols": ["AAPL", "SPY"], "held": held(), "untold": ["/MESH26"]}
    yield card.show(report(many, **own))
    yield card.show(report(many, **own, limit=15))
    odd = article(0, headline=HOSTILE, source="@here `x`", url="")
    yield card.show(report(answer(odd, article(1))))
    yield card.show(report(answer()))
    yield card.show(
        report(no_news("alpaca", NOW, "the feed of news does not answer: ask again in a minute"))
    )
    yield card.show(report(no_news("", NOW, "nothing"), about="nothing", symbols=[]))
    rows = report(many, limit=3).rows
    yield trade_card.show(held()[0], rows)
