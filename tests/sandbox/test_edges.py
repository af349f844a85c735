"""Odd corners: foreign servers, re-sent bodies, bursts, hanging requests, clocks, other fields."""

from __future__ import annotations

import asyncio
import dataclasses
import datetime
import io
import socket
import sys
from contextlib import suppress
from typing import Any
from urllib.parse import urlsplit

import aiohttp
import discord
import pytest
from discord import app_commands

from bot.sandbox import Refused, Sandbox, Upload, World, default_world
from bot.sandbox.hooks import QuickBot, point_discord_at, running
from bot.sandbox.rest import ROUTES
from bot.sandbox.world import ChannelSpec, GuildSpec, UserSpec
from tests.sandbox.conftest import SPEC

PNG = (
    b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR\x00\x00\x00\x08\x00\x00\x00\x04\x08\x02\x00\x00\x00"
    b"\x00\x00\x00\x00"
)


def two_guilds() -> World:
    base = default_world()
    other = GuildSpec(
        id=810_000_000_000_000_000,
        name="Elsewhere",
        owner="mallory",
        channels=(ChannelSpec(id=810_000_000_000_000_001, name="general"),),
        bot_present=False,
    )
    mallory = UserSpec(
        id=810_000_000_000_000_101, name="mallory", guilds=("Elsewhere", base.guilds[0].name)
    )
    return dataclasses.replace(base, guilds=(*base.guilds, other), users=(*base.users, mallory))


async def test_commands_from_a_foreign_server_need_a_user_install() -> None:
    seen: list[Any] = []
    sandbox = await Sandbox.start(two_guilds())
    point_discord_at(sandbox.api_base, sandbox.gateway_url)
    bot = QuickBot()

    @bot.tree.command(description="where")
    @app_commands.allowed_installs(guilds=True, users=True)
    @app_commands.allowed_contexts(guilds=True, dms=True, private_channels=True)
    async def where(interaction: discord.Interaction) -> None:
        seen.append((interaction.guild_id, interaction.is_user_integration()))
        await interaction.response.send_message("here", ephemeral=True)

    @bot.tree.command(description="home")
    @app_commands.guild_only()
    async def home(interaction: discord.Interaction) -> None:
        await interaction.response.send_message("home", ephemeral=True)

    async with sandbox, running(bot):
        await bot.tree.sync()
        mallory = sandbox.user("mallory")
        assert (await mallory.slash("Elsewhere/general", "where")).text == "here"
        await mallory.slash(sandbox.dm("mallory"), "where")
        await mallory.slash("desk", "where")
        assert seen == [(810_000_000_000_000_000, True), (None, True), (800000000000000000, False)]
        with pytest.raises(Refused, match="not in this server"):
            mallory.slash("Elsewhere/general", "home")
        with pytest.raises(Refused, match="not offered"):
            mallory.slash(sandbox.dm("mallory"), "home")
        forged = sandbox.user("mallory", strict=False).slash("Elsewhere/general", "home")
        assert (await forged).text == "home"
        with pytest.raises(Refused, match="not in Elsewhere"):
            sandbox.user("tom", strict=False).slash("Elsewhere/general", "where")
    assert not sandbox.problems


async def test_what_was_received_may_be_sent_again(sandbox: Sandbox, bot: QuickBot) -> None:
    async with running(bot):
        channel = bot.get_channel(sandbox.channel("desk").id)
        assert isinstance(channel, discord.TextChannel)
        embed = discord.Embed(
            title="x", url="https://example.org", timestamp=discord.utils.utcnow()
        )
        embed.set_image(url="attachment://a.png").set_author(name="a").set_footer(text="f")
        view = discord.ui.View()
        view.add_item(discord.ui.Button(label="B", custom_id="b", emoji="✅"))
        file = discord.File(io.BytesIO(PNG), "a.png")
        sent = await channel.send("hi", embed=embed, view=view, file=file)
        got = await channel.fetch_message(sent.id)
        assert (got.embeds[0].image.width, got.embeds[0].image.height) == (8, 4)
        again = await got.edit(embed=got.embeds[0], view=discord.ui.View.from_message(got))
        stored = sandbox.channel("desk").last
        assert stored.attachments[0].data == PNG
        assert again.embeds[0].image.url == stored.attachments[0].url
        other = discord.File(io.BytesIO(b"b"), "b.csv")
        await got.edit(content=None, embed=None, view=None, attachments=[other])
        assert [a.filename for a in stored.attachments] == ["b.csv"]
        assert len(stored.edits) == 2
        with pytest.raises(discord.HTTPException) as caught:
            await got.edit(attachments=[])
        assert caught.value.code == 50006
        await channel.set_permissions(bot.guilds[0].default_role, send_messages=False)
        with pytest.raises(Refused):
            sandbox.user("tom").say("desk", "x")
        await channel.purge(limit=10)
        assert sandbox.channel("desk").messages == []


async def test_a_classic_message_becomes_a_layout_and_stays_one(
    sandbox: Sandbox, bot: QuickBot
) -> None:
    class Card(discord.ui.LayoutView):
        box = discord.ui.Container(
            discord.ui.TextDisplay("card"),
            discord.ui.MediaGallery(discord.MediaGalleryItem("attachment://a.png")),
            discord.ui.File("attachment://t.csv"),
        )

    async with running(bot):
        channel = bot.get_channel(sandbox.channel("desk").id)
        assert isinstance(channel, discord.TextChannel)
        sent = await channel.send("classic")
        files = [discord.File(io.BytesIO(PNG), "a.png"), discord.File(io.BytesIO(b"1"), "t.csv")]
        await sent.edit(content=None, embeds=[], view=Card(), attachments=files)
        stored = sandbox.channel("desk").last
        assert stored.is_v2
        assert stored.text == "card"
        got = await channel.fetch_message(sent.id)
        assert got.attachments == []
        with pytest.raises(discord.HTTPException):
            await got.edit(content="back", view=None)
        assert sandbox.problems.pop().kind == "request"


class Form(discord.ui.Modal, title="Form"):
    pick = discord.ui.Label(
        text="Pick",
        component=discord.ui.RadioGroup(
            options=[discord.RadioGroupOption(label=s, value=s) for s in ("a", "b")]
        ),
    )
    many = discord.ui.Label(
        text="Many",
        component=discord.ui.CheckboxGroup(
            options=[discord.CheckboxGroupOption(label=s, value=s) for s in ("x", "y")],
            max_values=2,
        ),
    )
    sure = discord.ui.Label(text="Sure", component=discord.ui.Checkbox())
    file = discord.ui.Label(text="File", component=discord.ui.FileUpload(required=False))
    who = discord.ui.Label(text="Who", component=discord.ui.UserSelect())

    async def on_submit(self, interaction: discord.Interaction) -> None:
        data = await self.file.component.values[0].read()
        parts = (
            self.pick.component.value, sorted(self.many.component.values),
            self.sure.component.value, data, self.who.component.values[0].name,
        )  # fmt: skip
        await interaction.response.send_message(repr(parts), ephemeral=True)


async def test_every_modal_field_of_2026(sandbox: Sandbox, bot: QuickBot) -> None:
    @bot.tree.command(description="form")
    async def form(interaction: discord.Interaction) -> None:
        await interaction.response.send_modal(Form())

    async with running(bot):
        await bot.tree.sync()
        tom = sandbox.user("tom")
        asked = await tom.slash("desk", "form")
        given = {
            "Pick": "b", "Many": ["x", "y"], "Sure": True, "File": Upload("k.txt", b"key"),
            "Who": "vera",
        }  # fmt: skip
        sent = await tom.submit(asked, given)
        assert sent.text == "('b', ['x', 'y'], True, b'key', 'vera')"


async def test_a_burst_of_interactions_is_answered(sandbox: Sandbox, bot: QuickBot) -> None:
    @bot.tree.command(description="ping")
    async def ping(interaction: discord.Interaction) -> None:
        await interaction.response.send_message("pong", ephemeral=True)

    async with running(bot):
        await bot.tree.sync()
        used = [sandbox.user("tom").slash("desk", "ping") for _ in range(100)]
        await asyncio.gather(*(item.replied() for item in used))
        assert all(item.text == "pong" for item in used)


async def test_stopping_does_not_wait_for_hanging_requests() -> None:
    sandbox = await Sandbox.start()
    sandbox.fault("/users/@me", "delay", delay_s=30)
    headers = {"Authorization": "Bot sandbox-token"}
    async with aiohttp.ClientSession(headers=headers) as client:
        hanging = asyncio.create_task(client.get(f"{sandbox.api_base}/api/v10/users/@me"))
        socket = await client.ws_connect(sandbox.gateway_url)
        await asyncio.sleep(0.05)
        async with asyncio.timeout(20):  # the request hangs for longer
            await sandbox.stop()
        with pytest.raises(aiohttp.ClientError):
            await hanging
        with pytest.raises(aiohttp.ClientError):
            await client.get(f"{sandbox.api_base}/api/v10/gateway")
        await socket.close()


class FixedClock:
    def __init__(self) -> None:
        self.moment = datetime.datetime(2026, 11, 20, 14, 30, tzinfo=datetime.UTC)

    def now(self) -> datetime.datetime:
        return self.moment


@pytest.mark.parametrize("turns", range(5))
async def test_who_connects_as_it_stops_is_let_in_and_closed(turns: int) -> None:
    sandbox = await Sandbox.start()
    where = urlsplit(sandbox.api_base)
    with socket.create_connection((str(where.hostname), int(where.port or 0))) as late:
        for _ in range(turns):
            await asyncio.sleep(0)
        await sandbox.stop()
        late.settimeout(5)
        with suppress(ConnectionResetError):
            assert late.recv(1) == b"", "neither answered nor closed"


async def test_the_clock_is_the_one_given() -> None:
    clock = FixedClock()
    async with await Sandbox.start(clock=clock) as sandbox:
        first = sandbox.user("tom").say("desk", "a")
        assert first.created_at == clock.moment
        clock.moment += datetime.timedelta(hours=1)
        second = sandbox.user("tom").say("desk", "b")
        clock.moment -= datetime.timedelta(hours=2)
        third = sandbox.user("tom").say("desk", "c")
        assert second.created_at - first.created_at == datetime.timedelta(hours=1)
        assert first.id < second.id < third.id


@pytest.mark.skipif(not SPEC.is_file(), reason="Discord's openapi.json is not on this machine")
def test_all_routes_are_discords() -> None:
    from bot.sandbox.checks.spec import Spec

    spec = Spec(SPEC)
    unknown = {f"{r.method} {r.template}" for r in ROUTES if not spec.knows(r.method, r.template)}
    assert unknown == set()


async def test_a_spec_without_its_package_is_a_clear_error(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "jsonschema_rs", None)
    with pytest.raises(RuntimeError, match="jsonschema-rs"):
        await Sandbox.start(spec=SPEC)


@pytest.mark.skipif(not SPEC.is_file(), reason="Discord's openapi.json is not on this machine")
async def test_the_schema_catches_what_the_rules_do_not(sandbox: Sandbox) -> None:
    headers = {"Authorization": "Bot sandbox-token"}
    url = f"{sandbox.api_base}/api/v10/channels/{sandbox.channel('desk').id}/messages"
    button = {"type": 2, "style": 99, "custom_id": "a", "label": "x"}
    bodies = (
        {"content": "x", "embed": {"title": "old"}},
        {"content": 5},
        {"content": "x", "components": [{"type": 1, "components": [button]}]},
        {"embeds": [{"title": "x", "colour": 1}]},
    )
    async with aiohttp.ClientSession(headers=headers) as client:
        for body in bodies:
            async with client.post(url, json=body) as answer:
                assert answer.status == 400, body
    assert len(sandbox.problems) == len(bodies)
    assert "style" in str(sandbox.problems[2])
    sandbox.problems.clear()
