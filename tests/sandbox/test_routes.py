"""The REST side beyond plain messages: history, pins, reactions, threads, webhooks, roles."""

from __future__ import annotations

import asyncio
import datetime
from typing import Any

import aiohttp
import discord
import pytest

from bot.sandbox import Sandbox
from bot.sandbox.hooks import QuickBot, running


def here(bot: QuickBot, sandbox: Sandbox, name: str = "desk") -> discord.TextChannel:
    found = bot.get_channel(sandbox.channel(name).id)
    assert isinstance(found, discord.TextChannel)
    return found


async def test_history_before_after_and_limit(sandbox: Sandbox, bot: QuickBot) -> None:
    made = [sandbox.user("tom").say("desk", f"{n}") for n in range(120)]
    async with running(bot):
        channel = here(bot, sandbox)
        newest = [m.content async for m in channel.history(limit=3)]
        after = [
            m.content
            async for m in channel.history(
                after=discord.Object(made[10].id), oldest_first=True, limit=None
            )
        ]
        before = [m.content async for m in channel.history(before=discord.Object(made[2].id))]
    assert newest == ["119", "118", "117"]
    assert after == [f"{n}" for n in range(11, 120)]
    assert before == ["1", "0"]


async def test_edits_deletes_pins_and_reactions_are_kept_and_told(
    sandbox: Sandbox, bot: QuickBot
) -> None:
    told: list[str] = []

    @bot.event
    async def on_raw_message_edit(payload: discord.RawMessageUpdateEvent) -> None:
        told.append(f"edit {payload.message.content}")

    @bot.event
    async def on_raw_message_delete(payload: discord.RawMessageDeleteEvent) -> None:
        told.append("delete")

    @bot.event
    async def on_reaction_add(reaction: discord.Reaction, user: discord.User) -> None:
        told.append(f"{reaction.emoji} {user.name}")

    async with running(bot):
        tom = sandbox.user("tom")
        said = tom.say("desk", "BTO")
        await sandbox.until(lambda: bot.cached_messages)
        tom.edit(said, "BTO AAPL")
        tom.react(said, "👍")
        message = await here(bot, sandbox).fetch_message(said.id)
        await message.add_reaction("✅")
        await message.pin()
        assert [m.id async for m in here(bot, sandbox).pins()] == [said.id]
        await message.unpin()
        await message.remove_reaction("✅", bot.user)
        await message.delete()
        await sandbox.until(lambda: "delete" in told)
    assert said.reactions == {"👍": [sandbox.state.user("tom")]}
    assert [v.content for v in said.edits] == ["BTO"]
    assert said.deleted_at is not None
    assert {"edit BTO AAPL", "👍 tom", "✅ TradeStream", "delete"} <= set(told)


async def test_threads_from_a_message_and_on_their_own(sandbox: Sandbox, bot: QuickBot) -> None:
    async with running(bot):
        channel = here(bot, sandbox)
        alert = await channel.send("BTO AAPL")
        thread = await alert.create_thread(name="AAPL", auto_archive_duration=60)
        await thread.send("filled")
        assert sandbox.channel(thread.id).last.content == "filled"
        loose = await channel.create_thread(name="Ideas", type=discord.ChannelType.public_thread)
        assert {t.name for t in await bot.guilds[0].active_threads()} == {"AAPL", "Ideas"}
        await thread.add_user(discord.Object(sandbox.state.user("tom").id))
        await thread.edit(archived=True, locked=True)
        with pytest.raises(discord.HTTPException) as caught:
            await thread.send("late")
        assert caught.value.code == 50083
        await loose.edit(archived=True)
        assert [t.name async for t in channel.archived_threads()] == ["AAPL", "Ideas"]
        sandbox.user("tom").say(loose.id, "wake up")
        assert not sandbox.channel(loose.id).is_archived


async def test_followed_announcements_arrive_as_crossposts(sandbox: Sandbox, bot: QuickBot) -> None:
    got: list[discord.Message] = []

    @bot.event
    async def on_message(message: discord.Message) -> None:
        if message.webhook_id:
            got.append(message)

    async with running(bot):
        source = here(bot, sandbox, "announcements")
        await source.follow(destination=here(bot, sandbox, "trade-alerts"))
        said = sandbox.user("olivia").say("announcements", "BTO TSLA", publish=True)
        await sandbox.until(lambda: got)
        assert got[0].flags.is_crossposted
        assert got[0].reference.message_id == said.id
        assert got[0].author.name == "TradeStream Desk #announcements"
        sandbox.user("olivia").edit(said, "BTO TSLA 250c")
        assert sandbox.channel("trade-alerts").last.content == "BTO TSLA 250c"
        sandbox.user("olivia").delete(said)
        assert sandbox.channel("trade-alerts").last.flags & 8
        own = await source.send("ours")
        assert (await own.publish()) is None
        sandbox.webhook_say("TwinSight", "BTO AMD", crosspost=True)
        await sandbox.until(lambda: len(got) == 3)
        assert got[2].flags.is_crossposted
        assert got[2].author.name == "TwinSight"


async def test_webhooks_are_made_used_and_removed(sandbox: Sandbox, bot: QuickBot) -> None:
    async with running(bot):
        channel = here(bot, sandbox)
        hook = await channel.create_webhook(name="Feed")
        sent = await hook.send("one", username="Ticker", wait=True)
        await sent.edit(content="two")
        message = sandbox.channel("desk").last
        assert (message.content, message.author.name) == ("two", "Ticker")
        assert [w.name for w in await channel.webhooks()] == ["Feed"]
        await hook.delete()
        with pytest.raises(discord.NotFound):
            await hook.send("gone")


async def test_roles_channels_and_the_audit_log(sandbox: Sandbox, bot: QuickBot) -> None:
    told: list[Any] = []

    @bot.event
    async def on_member_update(before: discord.Member, after: discord.Member) -> None:
        told.append([role.name for role in after.roles])

    @bot.event
    async def on_audit_log_entry_create(entry: discord.AuditLogEntry) -> None:
        told.append(entry.action.name)

    async with running(bot):
        guild = bot.guilds[0]
        vera = guild.get_member(sandbox.state.user("vera").id)
        trader = discord.utils.get(guild.roles, name="Trader")
        await vera.add_roles(trader, reason="promoted")
        await sandbox.until(lambda: len(told) == 2)
        assert told == [["@everyone", "Viewer", "Trader"], "member_role_update"] or told == [
            ["@everyone", "Trader", "Viewer"],
            "member_role_update",
        ]
        await vera.remove_roles(trader)
        entries = [e async for e in guild.audit_logs(limit=5)]
        assert entries[1].reason == "promoted"
        made = await guild.create_text_channel("Side Desk", topic="x")
        await made.edit(topic="y", name="side")
        assert sandbox.channel("side").topic == "y"
        role = await guild.create_role(name="Quant", colour=0x123456)
        assert role in await guild.fetch_roles()
        await role.delete()
        await made.delete()
        assert (await guild.fetch_member(vera.id)).name == "vera"
        assert len([m async for m in guild.fetch_members(limit=None)]) == 5


async def test_direct_messages(sandbox: Sandbox, bot: QuickBot) -> None:
    @bot.event
    async def on_message(message: discord.Message) -> None:
        if message.guild is None and message.author != bot.user:
            await message.channel.send(f"you said {message.content}")

    async with running(bot):
        sandbox.user("tom").dm("hi")
        await sandbox.until(lambda: len(sandbox.dm("tom").messages) == 2)
        vera = await bot.fetch_user(sandbox.state.user("vera").id)
        await vera.send("psst")
        assert sandbox.dm("vera").last.content == "psst"
        sandbox.state.user("vera").has_dms_open = False
        with pytest.raises(discord.Forbidden) as caught:
            await vera.send("again")
        assert caught.value.code == 50007


async def test_forwards_and_typing(sandbox: Sandbox, bot: QuickBot) -> None:
    async with running(bot):
        said = sandbox.user("tom").say("desk", "look")
        message = await here(bot, sandbox).fetch_message(said.id)
        copy = await message.forward(here(bot, sandbox, "approvals"))
        assert copy.message_snapshots[0].content == "look"
        async with here(bot, sandbox).typing():
            await asyncio.sleep(0)


async def test_permissions_are_enforced(sandbox: Sandbox, bot: QuickBot) -> None:
    async with running(bot):
        channel = here(bot, sandbox)
        sandbox.overwrite("desk", "@bot", deny=["attach_files"])
        # An administrator passes every overwrite, so take that away first.
        sandbox.state.guilds[sandbox.guild().id].roles[sandbox.guild().id].permissions |= 0
        for role in sandbox.guild().roles.values():
            if role.managed_by:
                role.permissions = 0
        sandbox.overwrite("desk", "@bot", deny=["send_messages"])
        with pytest.raises(discord.Forbidden) as caught:
            await channel.send("x")
        assert caught.value.code == 50013
        sandbox.overwrite("desk", "@bot", deny=["view_channel"])
        with pytest.raises(discord.Forbidden) as caught:
            await channel.send("x")
        assert caught.value.code == 50001
        with pytest.raises(discord.NotFound) as gone:
            await bot.fetch_channel(1)
        assert gone.value.code == 10003
        other = sandbox.user("tom").say("approvals", "mine")
        theirs = await here(bot, sandbox, "approvals").fetch_message(other.id)
        with pytest.raises(discord.Forbidden) as caught:
            await theirs.edit(content="x")
        assert caught.value.code == 50005
        with pytest.raises(discord.Forbidden) as caught:
            await theirs.delete()
        assert caught.value.code == 50013


async def test_the_same_nonce_posts_once(sandbox: Sandbox, bot: QuickBot) -> None:
    async with running(bot):
        channel = here(bot, sandbox)
        first = await channel.send("filled", nonce="fill-1")
        again = await channel.send("filled", nonce="fill-1")
        assert first.id == again.id
        assert len(sandbox.channel("desk").messages) == 1
        sandbox.advance(301)
        assert (await channel.send("filled", nonce="fill-1")).id != first.id


async def test_mentions_follow_allowed_mentions(sandbox: Sandbox, bot: QuickBot) -> None:
    async with running(bot):
        tom = sandbox.state.user("tom")
        channel = here(bot, sandbox)
        await channel.send(
            f"<@{tom.id}> @everyone", allowed_mentions=discord.AllowedMentions.none()
        )
        assert sandbox.channel("desk").last.mentions == []
        assert not sandbox.channel("desk").last.mention_everyone
        await channel.send(f"<@{tom.id}> @everyone")
        assert sandbox.channel("desk").last.mentions == [tom]
        assert sandbox.channel("desk").last.mention_everyone


async def test_timeouts_of_snowflakes_grow_with_the_clock(sandbox: Sandbox, bot: QuickBot) -> None:
    first = sandbox.user("tom").say("desk", "a")
    sandbox.advance(3600)
    second = sandbox.user("tom").say("desk", "b")
    apart = discord.utils.snowflake_time(second.id) - discord.utils.snowflake_time(first.id)
    assert datetime.timedelta(minutes=59) < apart < datetime.timedelta(minutes=61)


async def test_unknown_routes_and_bad_bodies_are_recorded(sandbox: Sandbox) -> None:
    headers = {"Authorization": "Bot sandbox-token"}
    base = f"{sandbox.api_base}/api/v10"
    desk = sandbox.channel("desk").id
    async with aiohttp.ClientSession(headers=headers) as client:
        async with client.get(f"{base}/stage-instances/1") as answer:
            assert answer.status == 404
        body = {"content": "x" * 2001}
        async with client.post(f"{base}/channels/{desk}/messages", json=body) as answer:
            assert answer.status == 400
            data = await answer.json()
            assert data["code"] == 50035
            assert data["errors"]["content"]["_errors"][0]["code"] == "BASE_TYPE_MAX_LENGTH"
        async with client.get(f"{base}/users/@me", headers={"Authorization": "Bot x"}) as answer:
            assert answer.status == 401
        assert answer.headers["Content-Type"] == "application/json"
    assert [p.kind for p in sandbox.problems] == ["route", "request"]
    sandbox.problems.clear()
