"""/tutorial, /examples, /invite, /about and the disclaimer at the loopback Discord."""

import re
from typing import Any

import pytest

from bot import disclaimer
from bot.learning import EXAMPLES, LESSONS
from bot.panel.buttons import command_of
from tests.discord.kit import Desk, desk, plain


@pytest.fixture
async def it(tmp_path, monkeypatch) -> Any:
    async with desk(tmp_path, monkeypatch, discord={"disclaimer": True}) as made:
        yield made


async def test_nobody_opens_a_position_before_he_has_accepted_once(it: Desk) -> None:
    approval, card = await it.asked()
    _, second = await it.asked("Long AAPL 190, stop 186, target 200", "mike", "stocks-room")
    pressed = it.user("tom").click(card, "Approve")
    words = await it.answer(pressed)
    assert "Before your first order" in words
    assert disclaimer.WORDS[-1] in words
    assert approval.approval_id in it.book.approvals, "nothing was decided"
    accepted = it.user("tom").click(pressed.reply, "I understand and accept")
    assert "Accepted" in await it.answer(accepted)
    assert "approved" in await it.press("tom", card, "Approve")
    events = await it.events("disclaimer.accepted")
    assert [e.data["edition"] for e in events] == [disclaimer.EDITION]
    assert "Before" in await it.press("ann", second, "Approve"), "each person for himself"
    assert "Before" not in await it.press("tom", second, "Approve"), "once"


async def test_stopping_and_rejecting_never_ask_for_it(it: Desk) -> None:
    assert not {"sell", "#sell", "close", "#close", "press close"} & disclaimer.OPENS
    _, card = await it.asked()
    assert "Before" not in await it.press("ann", card, "Reject")
    used = await it.slash("tom", "orders", "emergency-stop", close=False)
    await used.replied()
    assert it.app.desk.halted


async def test_about_says_version_commit_and_schema_and_offers_the_disclaimer(it: Desk) -> None:
    used = await it.slash("vic", "orders", "about")
    await used.replied()
    assert "Commit" in plain(used.reply)
    assert "schema" in plain(used.reply)
    used = await it.slash("vic", "orders", "about", part="disclaimer")
    await used.replied()
    assert used.reply.ephemeral_for is used.user
    accepted = it.user("vic").click(used, "I understand and accept")
    assert "Accepted" in await it.answer(accepted)
    used = await it.slash("vic", "orders", "about", part="disclaimer")
    await used.replied()
    assert "You have accepted this" in plain(used.reply)
    used = await it.slash("vic", "orders", "invite")
    await used.replied()
    assert "permissions=" in used.reply.text


async def test_the_tutorial_turns_its_pages_with_what_the_desk_holds(it: Desk) -> None:
    await it.asked()
    used = await it.slash("tom", "orders", "tutorial")
    await used.replied()
    page = used.reply
    seen = []
    for n in range(1, len(LESSONS) + 1):
        await it.until(lambda n=n: f"{n}/{len(LESSONS)}" in plain(page))
        seen.append(plain(page))
        shows = next((label for label in page.labels if label.startswith("Show /")), "")
        assert shows, n
        looked = await it.user("tom").click(page, shows).replied(40)
        assert not plain(looked.reply).startswith(("⛔", "⚠")), (n, plain(looked.reply))
        if "Next ▶" in page.labels:
            await it.user("tom").click(page, "Next ▶").acked()
    assert any("1 question waits" in words for words in seen)
    await it.user("tom").click(page, "◀ Back").acked()
    await it.until(lambda: f"{len(LESSONS) - 1}/{len(LESSONS)}" in plain(page))


def fits(it: Desk, typed: str) -> None:
    """Every parameter of an example is one of its command, every choice one that it offers."""
    name, *given = re.split(r" (\w+):", typed)
    if not typed.startswith("/"):
        return
    command = command_of(it.app.bot, name[1:])
    assert command is not None, typed
    for parameter, value in zip(given[::2], given[1::2], strict=True):
        found = {p.display_name: p for p in command.parameters}.get(parameter)
        assert found is not None, typed
        assert not found.choices or value in {str(c.value) for c in found.choices}, typed


async def test_examples_are_commands_that_there_are_and_their_buttons_work(it: Desk) -> None:
    for category in EXAMPLES:
        used = await it.slash("tom", "orders", "examples", category=category)
        await used.replied()
        words = plain(used.reply)
        assert words.count("\n") >= 5, category
        for typed, _ in EXAMPLES[category]:
            fits(it, typed)
        for label in used.reply.labels:
            looked = await it.user("tom").click(used, label).replied(40)
            assert not plain(looked.reply).startswith("⛔"), label
            assert "not there any more" not in plain(looked.reply), label
