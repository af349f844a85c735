"""/audit, /logs and the menus on messages, as people use them."""

import asyncio
import json
import logging
import sys
import threading

import pytest

from bot import log
from tests.discord.kit import NAMED, desk, plain


async def test_admins_see_who_did_what_and_what_it_changed(tmp_path, monkeypatch):
    async with desk(tmp_path, monkeypatch) as it:
        await it.held()
        await (await it.slash("tom", "actions", "mode paper")).replied()
        for _ in range(1500):
            if await it.events("access.denied"):
                break
            await asyncio.sleep(0.02)
        found = await it.slash("ada", "admin", "audit search", action="access.denied")
        words = plain(found.reply)
        assert "1 found" in words
        assert "mode paper" in words
        assert found.ephemeral
        ordered = plain((await it.slash("ada", "admin", "audit search", entity="T-")).reply)
        assert "order." in ordered
        (last,) = [j for j in await it.app.desk.store.events() if j.event.kind == "access.denied"]
        one = await it.slash("ada", "admin", "audit show", number=last.seq)
        assert f"Audit {last.seq}" in plain(one.reply)
        assert "It changed no record" in plain(one.reply)
        none = await it.slash("ada", "admin", "audit show", number=999_999)
        assert "no row 999999" in none.text


async def test_a_change_is_shown_field_by_field(tmp_path, monkeypatch):
    async with desk(tmp_path, monkeypatch) as it:
        trade, _ = await it.held()
        rows = await it.app.desk.store.events(ref=trade.alert_id)
        later = [
            j for j in rows if any(p.TABLE == "orders" and p.version > 1 for p in j.event.puts)
        ]
        shown = plain((await it.slash("ada", "admin", "audit show", number=later[0].seq)).reply)
        assert "orders" in shown
        assert "→" in shown


@pytest.fixture
def logging_as_it_was():
    root, hooks = logging.getLogger(), (sys.excepthook, threading.excepthook)
    handlers, level, factory = root.handlers[:], root.level, logging.getLogRecordFactory()
    yield
    for made in root.handlers[:]:
        if made not in handlers:
            root.removeHandler(made)
    for kept in handlers:
        if kept not in root.handlers:
            root.addHandler(kept)
    root.setLevel(level)
    logging.setLogRecordFactory(factory)
    logging.captureWarnings(capture=False)
    sys.excepthook, threading.excepthook = hooks


async def test_the_log_is_read_in_discord_without_secrets(tmp_path, monkeypatch, logging_as_it_was):
    async with desk(tmp_path, monkeypatch) as it:
        log.start(level="INFO", secrets=["canary-token-of-the-bot"])
        logging.getLogger("engine.brokers.alpaca").warning("login canary-token-of-the-bot ended")
        logging.getLogger("engine.parsers").info("something else")
        used = await it.slash("ada", "admin", "logs", component="brokers", level="WARNING")
        await it.until(lambda: "ended" in plain(used.reply))
        shown = plain(used.reply)
        assert "[secret]" in shown
        assert "canary" not in shown
        assert "something else" not in shown
        for number in range(60):
            logging.getLogger("bot").info("line %s of a long story", number)
        long = await it.slash("ada", "admin", "logs")
        await it.until(lambda: long.reply.attachments)
        lines = long.reply.attachments[0].data.decode().splitlines()
        assert json.loads(lines[-1])["message"] == "line 59 of a long story"
        nothing = await it.slash("ada", "admin", "logs", correlation="A-nobody")
        assert "no such line" in nothing.text


async def test_any_message_can_be_read_as_an_alert(tmp_path, monkeypatch):
    async with desk(tmp_path, monkeypatch) as it:
        kinds = ("alert", "intent", "order", "approval")
        message = it.user("tom").say("orders", f"BOT {NAMED} @ 2.50 stop 1.90")
        used = it.user("tom").context("orders", "Parse as alert", message)
        await used.replied()
        assert "dry run" in plain(used.reply)
        assert "603C" in plain(used.reply)
        done = [j.event.kind for j in await it.app.desk.store.events()]
        assert not [kind for kind in done if kind.startswith(kinds)]
        chat = it.user("tom").say("orders", "good morning")
        used = it.user("tom").context("orders", "Parse as alert", chat)
        await used.replied()
        assert "no alert" in used.text


async def test_a_card_or_an_alert_is_followed_from_its_message(tmp_path, monkeypatch):
    async with desk(tmp_path, monkeypatch) as it:
        trade, card = await it.held()
        used = it.user("tom").context(card.channel, "Trace this", card)
        await used.replied()
        assert "Trace" in plain(used.reply)
        assert trade.alert_id in plain(used.reply)
        chat = it.user("tom").say("orders", f"ref {trade.alert_id}")
        used = it.user("tom").context("orders", "Trace this", chat)
        await used.replied()
        assert "knows nothing of this message" in used.text
