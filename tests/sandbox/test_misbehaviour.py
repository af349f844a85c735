"""Discord on a bad day: drops, resumes, invalid sessions, 429, 5xx, lost answers, outages."""

from __future__ import annotations

import time
from typing import Any

import aiohttp
import discord
import pytest

from bot.sandbox import Sandbox
from bot.sandbox.hooks import QuickBot, point_discord_at, running
from bot.sandbox.world import World, default_world


class Listener(QuickBot):
    """A bot that notes contents and connection events."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.heard: list[str] = []
        self.events: list[str] = []

    async def on_message(self, message: discord.Message, /) -> None:
        if message.author != self.user:
            self.heard.append(message.content)

    async def on_ready(self) -> None:
        self.events.append("ready")

    async def on_resumed(self) -> None:
        self.events.append("resumed")

    async def on_guild_unavailable(self, guild: discord.Guild) -> None:
        self.events.append("unavailable")

    async def on_guild_available(self, guild: discord.Guild) -> None:
        self.events.append("available")

    @property
    def connections(self) -> list[str]:
        return [event for event in self.events if event in ("ready", "resumed")]

    async def on_guild_remove(self, guild: discord.Guild) -> None:
        self.events.append("removed")


@pytest.fixture(autouse=True)
def no_backoff(monkeypatch: pytest.MonkeyPatch) -> None:
    """discord.py waits seconds before it reconnects; the wait is not what is tested here."""
    monkeypatch.setattr(discord.backoff.ExponentialBackoff, "delay", lambda _self: 0.01)


def channel_of(bot: QuickBot, sandbox: Sandbox) -> discord.TextChannel:
    found = bot.get_channel(sandbox.channel("desk").id)
    assert isinstance(found, discord.TextChannel)
    return found


@pytest.mark.parametrize("code", [4000, None])
async def test_a_dropped_socket_resumes_without_loss_or_repeat(
    sandbox: Sandbox, code: int | None
) -> None:
    bot = Listener()
    async with running(bot):
        tom = sandbox.user("tom")
        tom.say("desk", "one")
        await sandbox.until(lambda: bot.heard == ["one"])
        sandbox.drop(code)
        tom.say("desk", "two")
        await sandbox.until(lambda: "resumed" in bot.events)
        tom.say("desk", "three")
        await sandbox.until(lambda: len(bot.heard) == 3)
    assert bot.heard == ["one", "two", "three"]
    assert bot.connections == ["ready", "resumed"]


async def test_op_7_makes_the_bot_resume(sandbox: Sandbox) -> None:
    bot = Listener()
    async with running(bot):
        sandbox.reconnect()
        sandbox.user("tom").say("desk", "during")
        await sandbox.until(lambda: "resumed" in bot.events)
        await sandbox.until(lambda: bot.heard == ["during"])
    assert "resume" in sandbox.gateway.log


async def test_op_9_starts_a_new_session_and_loses_the_gap(sandbox: Sandbox) -> None:
    bot = Listener()
    async with running(bot):
        sandbox.invalidate(resumable=False)
        sandbox.user("tom").say("desk", "lost")
        await sandbox.until(lambda: bot.connections == ["ready", "ready"])
        sandbox.user("tom").say("desk", "after")
        await sandbox.until(lambda: bot.heard == ["after"])
    assert sandbox.gateway.log.count("identify") == 2


async def test_a_wrong_token_and_a_forbidden_intent_end_the_bot(sandbox: Sandbox) -> None:
    with pytest.raises(discord.LoginFailure):
        async with running(QuickBot(), "wrong"):
            pass
    strict = await Sandbox.start(_world_without_content())
    point_discord_at(strict.api_base, strict.gateway_url)
    with pytest.raises(discord.PrivilegedIntentsRequired):
        async with running(QuickBot()):
            pass
    assert strict.gateway.log[0] == "close 4014"
    await strict.stop()


def _world_without_content() -> World:
    base = default_world()
    return World(guilds=base.guilds, users=base.users, privileged_intents=("members",))


async def test_without_message_content_foreign_text_is_blank_but_mentions_are_not(
    sandbox: Sandbox,
) -> None:
    bot = Listener(intents=discord.Intents.default())
    async with running(bot):
        tom = sandbox.user("tom")
        tom.say("desk", "BTO AAPL")
        tom.say("desk", f"<@{sandbox.state.bot.id}> hello")
        tom.dm("private")
        await sandbox.until(lambda: len(bot.heard) == 3)
    assert bot.heard == ["", f"<@{sandbox.state.bot.id}> hello", "private"]


async def test_content_can_be_stripped_at_any_time(sandbox: Sandbox) -> None:
    bot = Listener()
    async with running(bot):
        sandbox.user("tom").say("desk", "seen")
        sandbox.strip_content()
        sandbox.user("tom").say("desk", "blank")
        sandbox.strip_content(on=False)
        sandbox.user("tom").say("desk", "seen again")
        await sandbox.until(lambda: len(bot.heard) == 3)
    assert bot.heard == ["seen", "", "seen again"]


async def test_a_429_is_waited_out_and_5xx_is_retried(sandbox: Sandbox) -> None:
    bot = Listener()
    async with running(bot):
        sandbox.fault("/channels/*/messages", "429", retry_after_s=0.1)
        started = time.perf_counter()
        await channel_of(bot, sandbox).send("limited")
        assert time.perf_counter() - started >= 0.1
        sandbox.fault("/channels/*/messages", "429-global", retry_after_s=0.1)
        await channel_of(bot, sandbox).send("global")
        sandbox.fault("/channels/*/messages", "502", method="POST")
        await channel_of(bot, sandbox).send("retried")
    posts = [r.status for r in sandbox.requests if r.method == "POST"]
    assert posts == [429, 200, 429, 200, 502, 200]
    assert [m.content for m in sandbox.sent()] == ["limited", "global", "retried"]


async def test_a_lost_answer_was_still_handled(sandbox: Sandbox) -> None:
    bot = Listener()
    async with running(bot):
        sandbox.fault("/channels/*/messages", "reset_after")
        with pytest.raises(aiohttp.ClientError):
            await channel_of(bot, sandbox).send("once", nonce="n1")
        await channel_of(bot, sandbox).send("once", nonce="n1")
        sandbox.fault("/channels/*/messages", "reset_before")
        with pytest.raises(aiohttp.ClientError):
            await channel_of(bot, sandbox).send("never")
        sandbox.fault("/channels/*/messages", "403", code=50001, message="Missing Access")
        with pytest.raises(discord.Forbidden) as caught:
            await channel_of(bot, sandbox).send("no")
        assert caught.value.code == 50001
    assert [m.content for m in sandbox.sent()] == ["once"]


async def test_delays_and_latency_are_felt(sandbox: Sandbox) -> None:
    bot = Listener()
    async with running(bot):
        sandbox.fault("/channels/*/messages", "delay", delay_s=0.1)
        started = time.perf_counter()
        await channel_of(bot, sandbox).send("slow")
        assert time.perf_counter() - started >= 0.1
        sandbox.latency(0.05)
        started = time.perf_counter()
        sandbox.user("tom").say("desk", "x")
        await sandbox.until(lambda: bot.heard == ["x"])
        assert time.perf_counter() - started >= 0.05
        sandbox.latency(0)


async def test_real_limits_are_announced_so_that_the_client_waits_by_itself() -> None:
    sandbox = await Sandbox.start(realistic_limits=True)
    point_discord_at(sandbox.api_base, sandbox.gateway_url)
    bot = Listener()
    async with running(bot):
        for number in range(4):
            await channel_of(bot, sandbox).send(str(number))
        assert 429 not in {record.status for record in sandbox.requests}
        url = f"{sandbox.api_base}/api/v10/channels/{sandbox.channel('desk').id}/messages"
        headers = {"Authorization": "Bot sandbox-token"}
        async with aiohttp.ClientSession(headers=headers) as client:
            async with client.post(url, json={"content": "5"}) as answer:
                assert answer.headers["X-RateLimit-Remaining"] == "0"
            async with client.post(url, json={"content": "6"}) as answer:
                assert answer.status == 429
                assert "Via" in answer.headers
                assert (await answer.json())["retry_after"] > 3
    await sandbox.stop()


async def test_duplicates_are_delivered_on_command(sandbox: Sandbox) -> None:
    bot = Listener()
    async with running(bot):
        sandbox.duplicate_next()
        said = sandbox.user("tom").say("desk", "twice")
        sandbox.user("tom").say("desk", "once")
        await sandbox.until(lambda: len(bot.heard) == 3)
        sandbox.redeliver(said)
        await sandbox.until(lambda: len(bot.heard) == 4)
    assert bot.heard == ["twice", "twice", "once", "twice"]


async def test_discord_down_and_back(sandbox: Sandbox) -> None:
    bot = Listener()
    async with running(bot):
        channel = channel_of(bot, sandbox)
        sandbox.go_down()
        with pytest.raises(aiohttp.ClientError):
            await channel.send("nobody hears")
        await sandbox.until(lambda: not sandbox.gateway.is_connected)
        sandbox.user("tom").say("desk", "meanwhile")
        sandbox.come_back()
        await sandbox.until(lambda: bot.heard == ["meanwhile"])
    assert bot.connections == ["ready", "resumed"]


async def test_guild_outage_kick_and_return(sandbox: Sandbox) -> None:
    bot = Listener()
    async with running(bot):
        sandbox.guild_outage()
        await sandbox.until(lambda: bot.events[-1] == "unavailable")
        sandbox.guild_back()
        await sandbox.until(lambda: bot.events[-1] == "available")
        sandbox.leave(sandbox.state.bot.id)
        await sandbox.until(lambda: bot.events[-1] == "removed")
        with pytest.raises(discord.Forbidden):
            await bot.fetch_channel(sandbox.channel("desk").id)
        sandbox.join(sandbox.state.bot.id)
        await sandbox.until(lambda: bot.guilds)
        await bot.fetch_channel(sandbox.channel("desk").id)


async def test_missing_heartbeat_acks_make_the_client_reconnect() -> None:
    sandbox = await Sandbox.start(heartbeat_ms=60)
    point_discord_at(sandbox.api_base, sandbox.gateway_url)
    bot = Listener(heartbeat_timeout=0.15)
    async with running(bot):
        sandbox.mute_heartbeats()
        await sandbox.until(lambda: not sandbox.gateway.is_connected)
        sandbox.mute_heartbeats(on=False)
        await sandbox.until(lambda: "resumed" in bot.events)
    await sandbox.stop()
