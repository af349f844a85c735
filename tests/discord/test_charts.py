"""/chart as people use it: pictures, and buttons that draw another window in their place."""

from datetime import timedelta
from decimal import Decimal

import pytest
import pytest_asyncio

from bot.buttons.chart import ChartButton, Wish, chart_view
from bot.views import is_known
from engine.clock import SystemClock
from engine.domain.instrument import stock
from engine.feeds.synthetic import Path, Plan, SyntheticFeed
from tests.discord.kit import AAPL, desk, plain

D = Decimal
pytestmark = pytest.mark.asyncio(loop_scope="module")


def market(it):
    """A made-up past for the still market."""
    clock = SystemClock()
    paths = tuple(
        Path(instrument=stock(s), price=D(p))
        for s, p in (("SPY", 600), ("AAPL", 190), ("QQQ", 500))
    )
    feed = SyntheticFeed(3, clock, Plan(paths=paths), starts_at=clock.now() - timedelta(hours=1))
    it.app.history._archive = feed
    return feed


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def it(tmp_path_factory):
    """One desk for all of these: they look, and press only their own cards."""
    with pytest.MonkeyPatch.context() as patch:
        risk = {"correlation": {"max_correlation": 1}}
        async with desk(tmp_path_factory.mktemp("charts"), patch, risk=risk) as made:
            patch.setattr(made.app.pace, "count", lambda *_, **__: None)
            market(made)
            await made.held()
            await made.held("BUY AAPL @ 190 stop 185", who="mike", where="stocks-room")
            await made.app.charts.warm()
            yield made


async def look(it, who, where, command, **options):
    """Used, and waited for: a picture takes its time on a busy machine."""
    return await it.user(who).slash(where, command, **options).replied(40)


async def test_candles_are_drawn_and_their_buttons_draw_another_window(it):
    used = await look(it, "vic", "actions", "chart candles", symbol="spy", indicators="sma20,rsi")
    shown = used.reply
    (picture,) = shown.attachments
    assert picture.data.startswith(b"\x89PNG")
    assert "Candles of SPY, 15m, 5D" in picture.description
    assert "SMA 20" in plain(shown)
    assert "SYNTHETIC" in plain(shown)
    assert not shown.ephemeral_for
    before = picture.data
    await it.user("vic").click(shown, "1Y").acked()
    await it.until(lambda: "in 1Y" in plain(shown), 30)
    assert shown.attachments[0].data != before
    assert len(shown.attachments) == 1
    await it.user("tom").click(shown, "◀").acked()
    await it.until(lambda: "in 1Y · 1 back" in plain(shown), 30)
    await it.user("tom").click(shown, "▶").acked()
    await it.until(lambda: "back" not in plain(shown), 30)
    refused = await it.press("rhea", shown, "3M", strict=False)
    assert refused.startswith("⛔")
    assert "in 1Y" in plain(shown)


async def test_five_days_of_a_market_that_never_closes_are_five_days(it):
    used = await look(it, "vic", "actions", "chart candles", symbol="SPY", range="5d")
    assert "480 candles of 15m" in plain(used.reply), "the made-up market is open round the clock"


async def test_our_own_trades_are_on_it_where_figures_may_be_seen(it):
    assert any(t.legs[0].instrument == AAPL for t in it.book.open_trades())
    in_room = await look(it, "tom", "orders", "chart candles", symbol="AAPL", range="1d")
    assert "stop" in in_room.reply.attachments[0].description
    for who, where in (("tom", "all-messages"), ("vic", "orders")):
        used = await look(it, who, where, "chart candles", symbol="AAPL", range="1d")
        words = used.reply.attachments[0].description
        assert "stop" not in words
        assert "entries" not in words


async def test_what_cannot_be_drawn_is_said_in_words(it):
    none = await it.slash("vic", "actions", "chart candles", symbol="NONE")
    assert "no candles" in plain(none.reply)
    assert "has no NONE" in plain(none.reply)
    wrong = await it.slash("vic", "actions", "chart candles", symbol="what is this")
    assert "no symbol that I can read" in wrong.text
    assert wrong.ephemeral
    bad = await it.slash("vic", "actions", "chart candles", symbol="SPY", indicators="magic")
    assert "“magic” is no indicator" in bad.text
    one = await it.slash("vic", "actions", "chart compare", symbols="SPY")
    assert "two to four" in one.text
    nobody = await look(it, "tom", "orders", "chart payoff", id="T-NONE")
    assert "No open trade" in nobody.text


async def test_symbols_are_compared_and_the_desks_own_figures_have_periods(it):
    used = await look(it, "vic", "actions", "chart compare", symbols="spy, QQQ NONE")
    shown = used.reply
    words = plain(shown)
    assert "leads with" in words
    assert "without NONE" in words
    assert "rebased to 100" in shown.attachments[0].description
    for kind, period in (("pnl", "Week"), ("equity", "All")):
        used = await look(it, "tom", "orders", f"chart {kind}")
        figures = used.reply
        assert period in figures.labels
        await it.user("tom").click(figures, period).acked()
        await it.until(lambda f=figures: f.edits, 30)
    private = await look(it, "tom", "all-messages", "chart pnl")
    assert private.ephemeral


async def test_an_option_position_shows_what_it_pays(it):
    trade = next(t for t in it.book.open_trades() if t.asset == "option")
    it.price(stock("SPY"), "600.00", "600.02")
    choices = await it.user("tom").autocomplete("orders", "chart payoff", "id", id="spy")
    assert [c["value"] for c in choices.choices] == [trade.trade_id]
    heat = await look(it, "tom", "orders", "chart heatmap")
    assert heat.reply.attachments[0].data.startswith(b"\x89PNG")
    used = await look(it, "tom", "orders", "chart payoff", id=trade.trade_id)
    shown = used.reply
    assert "no limit" in plain(shown)
    assert "break-even" in plain(shown)
    assert shown.attachments[0].description.startswith("Pay-off of SPY 603C")


async def test_symbols_and_indicators_are_offered_while_typing(it):
    found = await it.user("vic").autocomplete("actions", "chart candles", "symbol", symbol="s")
    names = [c["value"] for c in found.choices]
    assert names[0] == "SPY", "what is held comes first"
    assert len(names) > 10
    more = await it.user("vic").autocomplete(
        "actions", "chart compare", "symbols", symbols="SPY, qq"
    )
    assert more.choices[0]["value"] == "SPY, QQQ"
    also = await it.user("vic").autocomplete(
        "actions", "chart candles", "indicators", indicators="rsi, b"
    )
    assert [c["value"] for c in also.choices] == ["rsi, bollinger", "rsi"]


@pytest.mark.parametrize("kind", ["candles", "compare", "pnl", "equity"])
async def test_every_button_of_a_chart_is_known_and_fits(it, kind):
    what = "SPY261120C00600000" if kind == "candles" else "AAPL,MSFT,GOOGL,BTC/USD"
    own = kind in ("pnl", "equity")
    wish = Wish(
        kind=kind,
        what="-" if own else what,
        range="month" if own else "1y",
        marks="abcdefvrmtl" if kind == "candles" else "",
    )
    view = chart_view(it.app, wish)
    ids = [item.custom_id for item in view.children]
    assert len(set(ids)) == len(ids)
    assert all(isinstance(item, ChartButton) for item in view.children)
    for custom_id in ids:
        assert len(custom_id) <= 100
        assert is_known(custom_id)


async def test_a_button_of_an_earlier_life_of_the_bot_works(it):
    """No view of this process ever bore its id: all it means stands in the id."""
    shown = (await look(it, "vic", "actions", "chart candles", symbol="SPY")).reply
    custom_id = Wish(kind="candles", what="QQQ", range="3m", marks="ar").custom_id("r")
    shown.components[0]["components"][0]["custom_id"] = custom_id
    data = {"component_type": 2, "custom_id": custom_id, "id": 1}
    it.sandbox.interactions.create(3, it.user("vic").user, shown.channel, data, shown)
    await it.until(lambda: "QQQ" in plain(shown) and "in 3M" in plain(shown), 30)
    assert "Candles of QQQ, 1d" in shown.attachments[0].description
