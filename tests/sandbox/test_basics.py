"""An unmodified discord.py logs in, talks, takes commands and buttons."""

from __future__ import annotations

import io

import aiohttp
import discord
import pytest
from discord import app_commands

from bot.sandbox import NotAnswered, Refused, Sandbox
from bot.sandbox.hooks import QuickBot, running


async def test_a_login_brings_everybody_in_the_server(sandbox: Sandbox, bot: QuickBot) -> None:
    async with running(bot):
        guild = bot.guilds[0]
        assert guild.chunked
        assert {m.name for m in guild.members} == {
            "olivia",
            "tom",
            "vera",
            "signalbot",
            "TradeStream",
        }
        assert bot.application_id == sandbox.state.bot.id


async def test_a_message_goes_round(sandbox: Sandbox, bot: QuickBot) -> None:
    @bot.event
    async def on_message(message: discord.Message) -> None:
        if message.author != bot.user:
            await message.reply(f"heard {message.content}", mention_author=False)

    async with running(bot):
        asked = sandbox.user("tom").say("desk", "hello")
        answer = await sandbox.until(lambda: sandbox.sent() and sandbox.sent()[-1])
        assert answer.content == "heard hello"
        assert answer.replied_to is asked
        assert answer.mentions == []


async def test_embeds_and_files_arrive_with_their_bytes(sandbox: Sandbox, bot: QuickBot) -> None:
    async with running(bot):
        channel = bot.get_channel(sandbox.channel("desk").id)
        embed = discord.Embed(title="P&L", description="+1.00", colour=0x2ECC71)
        embed.add_field(name="Day", value="+$1.00").set_image(url="attachment://pnl.png")
        image = discord.File(io.BytesIO(b"\x89PNG..."), "pnl.png", description="equity")
        table = discord.File(io.BytesIO(b"a,b\n1,2\n"), "trades.csv")
        sent = await channel.send(embed=embed, files=[image, table])
        stored = sandbox.channel("desk").last
        assert [a.data for a in stored.attachments] == [b"\x89PNG...", b"a,b\n1,2\n"]
        assert stored.embeds[0]["image"]["url"] == stored.attachments[0].url
        assert [a.filename for a in sent.attachments] == ["trades.csv"]
        async with aiohttp.ClientSession() as client, client.get(sent.embeds[0].image.url) as got:
            assert await got.read() == b"\x89PNG..."


def risk_group() -> app_commands.Group:
    group = app_commands.Group(name="risk", description="risk")

    @group.command(description="set a limit")
    async def limit(interaction: discord.Interaction, pct: float, who: discord.Member) -> None:
        await interaction.response.send_message(f"{pct} for {who.name}", ephemeral=True)

    return group


async def test_subcommands_take_options_and_answer_privately(
    sandbox: Sandbox, bot: QuickBot
) -> None:
    bot.tree.add_command(risk_group())
    async with running(bot):
        await bot.tree.sync()
        used = await sandbox.user("tom").slash("desk", "risk limit", pct=1.5, who="vera")
        assert used.text == "1.5 for vera"
        assert used.ephemeral
        assert used.reply.ephemeral_for is sandbox.state.user("tom")
        with pytest.raises(Refused, match="required"):
            sandbox.user("tom").slash("desk", "risk limit", pct=1.5)
        with pytest.raises(Refused, match="no slash command"):
            sandbox.user("tom").slash("desk", "nothing")


class Confirm(discord.ui.View):
    @discord.ui.button(label="Confirm", custom_id="confirm")
    async def confirm(
        self, interaction: discord.Interaction, button: discord.ui.Button[Confirm]
    ) -> None:
        button.disabled = True
        await interaction.response.edit_message(content=f"done by {interaction.user}", view=self)


async def test_a_button_edits_its_message_once(sandbox: Sandbox, bot: QuickBot) -> None:
    async with running(bot):
        channel = bot.get_channel(sandbox.channel("approvals").id)
        await channel.send("sure?", view=Confirm())
        message = sandbox.channel("approvals").last
        pressed = await sandbox.user("tom").click("approvals", "Confirm")
        assert pressed.ack == 7
        assert message.content == "done by tom"
        assert [version.content for version in message.edits] == ["sure?"]
        with pytest.raises(Refused, match="disabled"):
            sandbox.user("tom").click(message, "Confirm")


async def test_a_silent_bot_is_seen_as_silent(sandbox: Sandbox, bot: QuickBot) -> None:
    async with running(bot):
        await bot.get_channel(sandbox.channel("desk").id).send("?", view=Confirm())
        bot._connection._view_store._views.clear()
        pressed = sandbox.user("tom").click("desk", "Confirm")
        with pytest.raises(NotAnswered):
            await pressed.acked(timeout_s=0.1)
