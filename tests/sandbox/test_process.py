"""The sandbox as its own process, driven from outside; the world outlives the bot."""

from __future__ import annotations

import asyncio
import dataclasses
import os
import signal
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import discord
import pytest

from bot.sandbox import Refused, World, default_world
from bot.sandbox.hooks import QuickBot, point_discord_at, running
from bot.sandbox.remote import Remote

ROOT = Path(__file__).parents[2]


@pytest.fixture
async def remote(tmp_path: Path) -> AsyncIterator[Remote]:
    world = dataclasses.replace(default_world(), bot_name="Deskbot")
    path = tmp_path / "world.json"
    path.write_text(world.to_json(), encoding="utf-8")
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "bot.sandbox", "--port", "0", "--world", str(path), "--control",
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL, cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    assert process.stdout is not None
    line = (await asyncio.wait_for(process.stdout.readline(), 20)).decode().split()
    point_discord_at(line[2], line[4])
    async with Remote(line[2]) as made:
        yield made
    process.send_signal(signal.SIGTERM)
    assert await asyncio.wait_for(process.wait(), 5) == 0
    point_discord_at()


def answering_bot() -> QuickBot:
    bot = QuickBot()

    @bot.event
    async def on_message(message: discord.Message) -> None:
        if message.author.name != bot.user.name:
            await message.channel.send(f"heard {message.content}")

    @bot.tree.command(description="ping")
    async def ping(interaction: discord.Interaction) -> None:
        await interaction.response.defer(ephemeral=True)
        await interaction.followup.send("pong")

    return bot


async def test_the_verbs_work_from_another_process_and_state_survives_the_bot(
    remote: Remote,
) -> None:
    first = answering_bot()
    async with running(first):
        await first.tree.sync()
        assert first.user.name == "Deskbot"
        await remote("webhook_say", webhook="TwinSight", content="BTO AAPL", crosspost=True)
        found = await remote("wait", channel="trade-alerts", contains="heard BTO AAPL")
        assert found["found"]["author"]["bot"]
        used = await remote.answered("slash", {"as": "tom", "channel": "desk", "command": "ping"})
        assert used["reply"]["text"] == "pong"
        assert used["reply"]["ephemeral_for"]
        await remote("fault", path="/channels/*/messages", kind="429", times=1)
        await remote("drop", code=4000)
        await remote("say", {"as": "tom", "channel": "desk", "content": "again"})
        assert (await remote("wait", channel="desk", contains="heard again"))["found"]
        with pytest.raises(Refused):
            await remote("say", {"as": "tom", "channel": "admin", "content": "x"})
        with pytest.raises(ValueError, match="400"):
            await remote("say", {"as": "tom"})
    second = answering_bot()
    async with running(second):
        channel = second.get_channel(default_world().guilds[0].channels[1].id)
        assert isinstance(channel, discord.TextChannel)
        assert [m.content async for m in channel.history()] == ["heard BTO AAPL", "BTO AAPL"]
        state = await remote("state")
        assert state["online"]
        assert state["gateway"].count("identify") == 2
    assert await remote("problems") == []


def test_a_world_survives_its_file(tmp_path: Path) -> None:
    path = tmp_path / "w.json"
    path.write_text(default_world().to_json(), encoding="utf-8")
    assert World.load(path) == default_world()
    path.write_text('{"guilds": [], "users": [], "odd": 1}', encoding="utf-8")
    with pytest.raises(ValueError, match="odd"):
        World.load(path)
