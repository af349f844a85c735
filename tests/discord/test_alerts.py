"""/alerts: finding, counting, running once more, trying on paper, dropping."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from engine.domain.desk import AlertState
from tests.discord.kit import AAPL, NAMED, OTHER, SPY, Desk, desk, plain

ROOMY = {
    "cooldown": {"after_exit_min": 0},
    "trades_per_day": {"max_trades": 500, "max_per_symbol": 500},
    "correlation": {"max_correlation": 1},
    "entry_window": {"stock": None, "option": None, "future": None, "crypto": None},
}


@pytest.fixture
async def it(tmp_path: Any, monkeypatch: Any) -> AsyncIterator[Desk]:
    async with desk(tmp_path, monkeypatch, risk=ROOMY) as made:
        yield made


async def lost(it: Desk, price: str = "1.20") -> str:
    """An alert that came to nothing: the market had run away from its price."""
    it.price(SPY, "2.14", "2.16")
    before = set(it.book.alerts)
    it.user("rhea").say("options-room", f"BTO {NAMED} @ {price}")
    key = await it.until(lambda: next(iter(set(it.book.alerts) - before), None))
    assert it.book.alerts[key].state is AlertState.REJECTED
    return str(key)


async def test_alerts_are_found_by_state_author_asset_words_and_time(it: Desk) -> None:
    await lost(it)
    await it.asked(f"BTO {OTHER} @ 2.15")

    async def found(**options: Any) -> str:
        return plain((await it.slash("tom", "orders", "alerts list", **options)).reply)

    assert "2 alerts" in await found()
    assert "1 alert" in await found(status="rejected")
    assert "1 alert" in await found(status="held")
    assert "2 alerts" in await found(author="rhea", asset="option", since="24h")
    assert "No alerts that fit" in await found(asset="future")
    nobody = await found(author="nobody")
    assert "Looked for: author nobody" in nobody
    assert "2 alerts in all" in nobody
    assert "No alerts" in await found(since="2099-01-01")
    bad = await it.slash("tom", "orders", "alerts list", since="yesterday")
    assert "no time that I can read" in bad.text
    words = await it.slash("tom", "orders", "alerts search", text="qqq")
    assert "1 alert" in plain(words.reply)


async def test_the_funnel_counts_what_got_how_far_and_whose_was_good(it: Desk) -> None:
    empty = await it.slash("vic", "orders", "alerts stats")
    assert "No alerts in 7 days" in plain(empty.reply)
    await lost(it)
    trade, _ = await it.held(f"BTO {OTHER} @ 2.15")
    (question,) = await it.told(it.act("#QQQ close"))
    await it.user("tom").click(question, "Close all of QQQ").acked()
    await it.over(trade.trade_id)
    told = it.user("vic").slash("orders", "alerts stats", days=30)
    await told.replied(60)  # the first picture of a process takes its time
    words = plain(told.reply)
    assert "2 alerts in 30 days · 1 filled" in words
    assert "Came to nothing" in words
    assert "Rhea" in words
    assert told.reply.attachments


async def test_an_alert_that_came_to_nothing_is_run_once_more_through_every_check(
    it: Desk,
) -> None:
    key = await lost(it)
    it.price(SPY, "1.19", "1.20")
    shown = await it.slash("tom", "orders", "alerts show", id=key)
    assert {"Try again…", "Ignore"} <= set(shown.reply.labels)
    pressed = it.user("tom").click(shown.reply, "Try again…")
    question = await it.until(lambda: next(iter(pressed.followups), None))
    assert "came to nothing" in plain(question)
    await it.user("tom").click(question, "Run it").acked()
    trade = await it.until(lambda: next(iter(it.book.open_trades()), None))
    assert trade.alert_id == key
    again = await it.slash("tom", "orders", "alerts execute", id=key)
    assert "traded already" in again.text
    kept = await it.slash("tom", "orders", "alerts ignore", id=key)
    assert "close or cancel that" in kept.text


async def test_what_became_of_a_trade_that_is_over_is_not_rewritten_by_ignoring_its_alert(
    it: Desk,
) -> None:
    trade, _ = await it.held(f"BTO {OTHER} @ 2.15")
    (question,) = await it.told(it.act("#QQQ close"))
    await it.user("tom").click(question, "Close all of QQQ").acked()
    await it.over(trade.trade_id)
    key = trade.alert_id
    before = it.book.alerts[key]
    assert before.state is AlertState.CLOSED
    kept = await it.slash("tom", "orders", "alerts ignore", id=key)
    assert "closed already" in kept.text
    assert it.book.alerts[key] == before
    shown = await it.slash("tom", "orders", "alerts show", id=key)
    assert "not traded" not in plain(shown.reply)


async def test_it_stays_refused_while_the_price_has_not_come_back(it: Desk) -> None:
    key = await lost(it)
    asked = await it.slash("tom", "orders", "alerts execute", id=key)
    await it.user("tom").click(asked.reply, "Run it").acked()
    await it.until(lambda: plain(asked.reply).startswith("⚠") and "not chased" in asked.text)
    assert not it.book.orders
    dropped = await it.slash("tom", "orders", "alerts ignore", id=key)
    assert "Ignore this alert?" in plain(dropped.reply)
    assert it.book.alerts[key].reason != "ignored by Tom", "nothing before the click"
    await it.user("tom").click(dropped.reply, "Ignore it").acked()
    await it.until(lambda: "ignored by Tom" in dropped.text)
    assert it.book.alerts[key].reason == "ignored by Tom"
    nobody = await it.slash("tom", "orders", "alerts execute", id="A-NONE")
    assert "no alert of that id" in nobody.text


async def test_an_earlier_alert_is_replayed_dry_and_on_paper(it: Desk) -> None:
    it.price(AAPL, "189.99", "190.01")
    key = await lost(it)
    it.price(SPY, "1.19", "1.20")
    dry = await it.slash("tom", "orders", "alerts replay", id=key)
    assert "dry run" in plain(dry.reply)
    assert not it.book.orders
    asked = await it.slash("tom", "orders", "alerts replay", id=key, to="paper")
    assert "paper account" in plain(asked.reply)
    await it.user("tom").click(asked.reply, "Replay it").acked()
    trade = await it.until(lambda: next(iter(it.book.open_trades()), None))
    assert trade.alert_id != key
    assert it.book.alerts[key].state is AlertState.REJECTED
    (told,) = [e for e in await it.events("alert.held") if e.data.get("replay_of")]
    assert told.data["replay_of"] == key
