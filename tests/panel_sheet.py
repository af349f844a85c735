"""Photographs what only a running bot shows: the live panel, monitor, setup, lessons.

Run it with ``.venv/bin/python -m tests.panel_sheet``; needs chromium. Pictures in demo-out/cards.
"""

import asyncio
import itertools
import os
import tempfile
from pathlib import Path
from typing import Any

from bot.panel import live
from tests.card_sheet import OUT, browser, photograph
from tests.discord.kit import SPY, Desk, desk

SHOTS = (
    ("panel", "orders", "tom", ((900, 1400), (390, 1900))),
    ("desk", "admin", "ada", ((900, 6400), (390, 8400))),
)


class Environment:
    """What pytest's monkeypatch does for the kit, without undoing it: the process ends."""

    def setenv(self, name: str, value: str) -> None:
        """Set it."""
        os.environ[name] = value


async def panel(it: Desk) -> None:
    """A winner closed, another position open, an alert that waits."""
    live.LEAST_S = 0.3
    trade, card = await it.held()
    it.price(SPY, "2.60", "2.62")
    question = it.user("tom").click(card, "Close all")
    await it.answer(question)
    await it.user("tom").click(question, question.reply.labels[0]).acked()
    await it.over(trade.trade_id)
    it.user("stranger").say("options-room", "good morning everybody")
    await it.asked("Long AAPL 190, stop 186, target 200", "mike", "stocks-room")
    room = it.sandbox.channel("orders").id
    await used(it, "panel", action="post", channel=room)
    asked = await used(it, "panel", action="sections")
    await it.user("ada").choose(asked, "positions", "trades", "alerts", "brokers", "chart").acked()
    await it.until(lambda: it.app.panel.place and it.app.panel.place.message_id)
    message = it.sandbox.state.message(it.app.panel.place.message_id)
    await it.until(lambda: message.attachments, 30)


async def used(it: Desk, command: str, **options: Any) -> Any:
    """What an admin is answered."""
    return await (await it.slash("ada", "admin", command, **options)).replied(30)


async def commands(it: Desk) -> None:
    """One after the other."""
    await used(it, "monitor status")
    await used(it, "monitor sources", action="list")
    await used(it, "monitor test")
    await used(it, "diagnose")
    await used(it, "setup")
    await used(it, "about")
    await used(it, "about", part="disclaimer")
    await used(it, "invite")
    await used(it, "tutorial", step=4)
    await used(it, "examples", category="orders")
    await used(it, "monitor stop", reason="holiday")


async def main() -> None:
    """All of it."""
    OUT.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        async with desk(Path(folder), Environment()) as it, browser() as address:
            await panel(it)
            await commands(it)
            for name, channel, who, sizes in SHOTS:
                for (width, tall), theme in itertools.product(sizes, ("dark", "light")):
                    place = f"?channel={channel}&theme={theme}&as={who}"
                    url = f"{it.sandbox.api_base}/{place}"
                    shot = await photograph(address, url, width, tall)
                    (OUT / f"{name}-live-{width}-{theme}.png").write_bytes(shot)


if __name__ == "__main__":
    asyncio.run(main())
