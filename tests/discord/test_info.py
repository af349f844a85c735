"""/help, /about, /market-status and /export as people use them."""

import csv
import hashlib
import io
import json

from bot import reply
from tests.discord.kit import SPY, desk, plain


async def test_help_lists_what_one_may_do_and_nothing_else(tmp_path, monkeypatch):
    async with desk(tmp_path, monkeypatch) as it:
        viewer = plain((await it.slash("vic", "actions", "help")).reply)
        trader = plain((await it.slash("tom", "actions", "help")).reply)
        admin = plain((await it.slash("ada", "admin", "help")).reply)
        assert "/status" in viewer
        assert "/close" not in viewer
        assert "/close" in trader
        assert "/resume-trading" not in trader
        assert "/resume-trading" in admin
        one = plain((await it.slash("tom", "actions", "help", topic="/order cancel")).reply)
        assert "id" in one
        assert "may be left out" in one
        hidden = await it.slash("vic", "actions", "help", topic="close")
        assert "You have no command" in hidden.text
        found = await it.user("tom").autocomplete("actions", "help", "topic", topic="/pos")
        assert found.choices[0]["value"] == "positions"


async def test_help_lists_the_actions_that_one_may_use(tmp_path, monkeypatch):
    async with desk(tmp_path, monkeypatch) as it:
        told = plain((await it.slash("tom", "actions", "help", topic="#")).reply)
        assert "#buy TSLA 50" in told
        assert "asks one click" in told
        assert "#resume" not in told  # for admins
        shown = await it.user("tom").autocomplete("actions", "help", "topic", topic="#")
        assert [c["value"] for c in shown.choices] == ["#actions"]


async def test_every_command_is_explained_within_discords_limits(tmp_path, monkeypatch):
    async with desk(tmp_path, monkeypatch) as it:
        for name in ("profit-loss", "export", "broker disable", "alerts list"):
            used = await it.slash("ada", "admin", "help", topic=name)
            assert f"/{name}" in plain(used.reply)


async def test_about_and_the_markets(tmp_path, monkeypatch):
    async with desk(tmp_path, monkeypatch) as it:
        about = plain((await it.slash("vic", "actions", "about")).reply)
        assert "TradeStream 0." in about
        assert "Not investment advice" in about
        markets = plain((await it.slash("vic", "actions", "market-status")).reply)
        assert "NYSE" in markets


async def test_the_books_are_taken_along_exactly(tmp_path, monkeypatch):
    async with desk(tmp_path, monkeypatch) as it:
        empty = await it.slash("tom", "orders", "export", what="trades")
        assert "There are no trades" in empty.text
        trade, card = await it.held()
        it.price(SPY, "2.60", "2.62")
        await it.press("tom", card, "Close all")
        await it.user("tom").click(card.channel, "Close all of SPY").acked()
        closed = await it.over(trade.trade_id)
        shown = await it.slash("tom", "orders", "export", what="trades")
        await it.until(lambda: shown.reply.attachments)
        (file,) = shown.reply.attachments
        assert shown.ephemeral
        assert hashlib.sha256(file.data).hexdigest() in plain(shown.reply)
        (row,) = csv.DictReader(io.StringIO(file.data.decode()))
        assert row["realised_usd"] == f"{closed.realised_usd:f}"
        assert row["fees_usd"] == f"{closed.fees_usd:f}"
        used = await it.slash("tom", "orders", "export", what="ledger", format="json")
        await it.until(lambda: used.reply.attachments)
        bookings = json.loads(used.reply.attachments[0].data)
        assert sum(float(b["realised_usd"]) for b in bookings) == float(closed.realised_usd)


async def test_a_wrong_day_is_named_and_the_journal_is_for_admins(tmp_path, monkeypatch):
    async with desk(tmp_path, monkeypatch) as it:
        bad = await it.slash("tom", "orders", "export", what="orders", since="yesterday")
        assert "since: “yesterday” is not a day" in bad.text
        turned = await it.slash(
            "tom", "orders", "export", what="orders", since="2026-02-02", until="2026-01-01"
        )
        assert "before since" in turned.text
        refused = await it.slash("tom", "orders", "export", what="audit")
        assert refused.text.startswith("⛔")
        wrong_room = await it.slash("ada", "orders", "export", what="audit")
        assert wrong_room.text.startswith("⛔")
        journal = await it.slash("ada", "admin", "export", what="audit")
        await it.until(lambda: journal.reply.attachments)


async def test_every_short_answer_says_in_which_mode_the_desk_is(tmp_path, monkeypatch):
    """A19: answers, refusals, outcomes of a click, files and # actions alike."""
    async with desk(tmp_path, monkeypatch) as it:
        badge = "PAPER · SYNTHETIC MARKET"
        refused = await it.slash("vic", "orders", "buy", symbol="AAPL", quantity=1)
        wrong = await it.slash("tom", "orders", "alerts show", id="A-NONE")
        for used in (refused, wrong):
            assert used.text.endswith(f"\n-# {badge}"), used.text
        asked = await it.slash("tom", "orders", "prefs reset")
        await it.user("tom").click(asked.reply, "Reset").acked()
        await it.until(lambda: asked.text.endswith(f"again.\n-# {badge}"))
        exported = await it.slash("tom", "orders", "prefs export")
        await it.until(lambda: exported.reply.attachments)
        assert exported.text.endswith(badge)
        (typed,) = await it.told(it.act("#watch NVDA"))
        assert typed.text.endswith(badge)
        (card,) = await it.told(it.act("#SPY"))
        assert plain(card).count("PAPER") == 1, "a card bears its own"
        whole = reply.badged(it.app, "x" * 3000)
        assert len(whole) == 2000
        assert whole.endswith(badge)
