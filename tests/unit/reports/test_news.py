"""Headlines: each once, newest first, with what is held of them, and harmless on a card."""

from dataclasses import replace
from datetime import timedelta

from bot import text
from bot.cards import news as card
from bot.cards import trade_card
from engine.domain.instrument import crypto, future
from engine.domain.news import no_news
from engine.reports import Missing, news
from engine.reports.trade_card import TradeCard
from tests.news_cards import HOSTILE, answer, article, cards, held, report
from tests.unit.reports import examples as ex
from tests.unit.reports.examples import NOW, D


def body(shown) -> str:
    return (shown.description or "").replace(text.NBSP, " ")


def test_the_same_id_or_the_same_words_of_a_publisher_stand_once_in_their_later_version():
    first = article(2, article_id="7", headline="Draft", symbols=("SPY",))
    later = replace(first, headline="Final", updated_at=NOW, symbols=("QQQ",))
    again = article(9, article_id="8", headline=" FINAL ", published_at=NOW - timedelta(hours=9))
    elsewhere = replace(again, article_id="9", source="other")
    nameless = article(5, article_id="")
    told = report(answer(later, again, elsewhere, first, nameless, nameless))
    assert [r.headline for r in told.rows] == ["Final", nameless.headline, " FINAL "]
    assert set(told.rows[0].symbols) == {"QQQ", "SPY", *again.symbols}
    times = [r.published_at for r in told.rows]
    assert times == sorted(times, reverse=True)


def test_what_is_asked_for_stands_first_and_the_rest_is_counted():
    told = report(answer(*(article(n) for n in range(12))), limit=3, symbols=["TSM"])
    assert (len(told.rows), told.n_else) == (3, 9)
    (several,) = report(answer(article(3)), symbols=["TSM"]).rows
    assert several.symbols[0] == "TSM"
    assert several.changed_at == NOW - timedelta(minutes=1)
    assert report(answer(article(1))).rows[0].changed_at is None


def test_what_is_held_is_worth_what_positions_say_and_a_price_that_is_missing_stays_missing():
    shares, call = held()
    told = report(answer(article(0), article(2)), held=[shares, call, call])
    aapl, spy = told.held
    assert (aapl.symbol, aapl.n, aapl.net_usd) == ("AAPL", 1, shares.net_usd)
    assert aapl.worth_usd == D("18712.00")
    assert (spy.n, spy.worth_usd) == (2, 2 * 2 * 100 * D("3.10"))
    assert told.rows[0].held == {"AAPL"}
    unpriced: TradeCard = replace(shares, last=Missing("no quote"), net_usd=Missing("no quote"))
    lost = report(answer(article(0)), held=[unpriced]).held[0]
    assert lost.worth_usd == lost.net_usd == Missing("no quote")
    assert "AAPL** held n/a (no quote)" in body(
        card.show(report(answer(article(0)), held=[unpriced]))
    )
    assert not report(answer(article(0))).held
    assert news.name_of(future("MES", NOW.date())) == ""
    assert news.name_of(crypto("BTC")) == "BTC/USD"
    assert news.name_of(ex.SPY_CALL) == "SPY"


def test_hostile_words_neither_ping_nor_link_nor_format_nor_fill_the_card():
    odd = article(0, headline=HOSTILE, source="@here [x](http://y.example)", symbols=("AAPL",))
    row = report(answer(odd)).rows[0]
    for words in (body(card.show(report(answer(odd)))), card.short(row)):
        for harm in ("@everyone", "@here", "](http://", "```", "<@1", "\u202e", "://evil", "**x**"):
            assert harm not in words, harm
        assert len(words) < 700
        assert words.count("](https://") == 1, "the provider's own address alone"
    bare = report(answer(replace(odd, url="")))
    assert "](" not in body(card.show(bare)).replace("\\](", "")
    brackets = replace(odd, url="https://example.com/a_(b)[c]")
    assert "(https://example.com/a_%28b%29%5Bc%5D)" in body(card.show(report(answer(brackets))))


def test_fifteen_headlines_fit_and_links_that_do_not_are_counted():
    long = [
        article(n, headline=f"{n} " + "word " * 60, url="https://example.com/" + "x" * 480)
        for n in range(15)
    ]
    words = body(card.show(report(answer(*long), limit=15, held=held())))
    assert all(f"**{n} word" in words for n in range(15))
    assert "shortened" not in words
    n_links = words.count("[read](")
    assert 0 < n_links < 15
    assert f"no room for {15 - n_links} links" in words
    assert "not our words" in words


def test_nothing_written_not_known_and_nothing_to_ask_are_three_sentences():
    empty = card.show(report(answer()))
    assert empty.title == "Nothing was written about AAPL in 24 hours"
    assert "/news hours:168" in body(empty)
    down = card.show(report(no_news("alpaca", NOW, "it does not answer: ask again")))
    assert down.title == "No news of AAPL"
    assert "n/a (it does not answer: ask again)" in body(down)
    none = card.show(report(no_news("", NOW, "x"), about="nothing", symbols=[], untold=["/MES"]))
    assert "/news symbol:SPY" in body(none)
    assert "no headlines by name: /MES" in body(none)


def test_every_card_of_news_fits_and_a_position_without_news_has_no_line_for_them():
    for shown in cards():
        assert len(shown) <= 6000
        assert len(shown.description or "") <= 4096
    shares = held()[0]
    rows = report(answer(article(0)), limit=3).rows
    assert "📰" in body(trade_card.show(shares, rows))
    assert "📰" not in body(trade_card.show(shares))
