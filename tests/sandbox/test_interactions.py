"""Slash, autocomplete, menus, buttons, selects, modals: answers and the rules around them."""

from __future__ import annotations

import asyncio
import re
from typing import Any

import discord
import pytest
from discord import app_commands

from bot.sandbox import Refused, Sandbox, Upload
from bot.sandbox.hooks import QuickBot, running


def command(bot: QuickBot, **options: Any) -> Any:
    """Register a decorated coroutine as a slash command."""
    return bot.tree.command(**options)


async def synced(bot: QuickBot) -> None:
    await bot.tree.sync()


async def test_every_option_kind_arrives_as_its_type(sandbox: Sandbox, bot: QuickBot) -> None:
    seen: dict[str, Any] = {}

    @bot.tree.command(name="all", description="all kinds")
    @app_commands.choices(side=[app_commands.Choice(name="Buy", value="b")])
    async def everything(
        interaction: discord.Interaction,
        text: str,
        count: app_commands.Range[int, 1, 10],
        ratio: float,
        flag: bool,
        who: discord.Member,
        where: discord.TextChannel,
        role: discord.Role,
        file: discord.Attachment,
        side: app_commands.Choice[str],
    ) -> None:
        seen.update(
            text=text, count=count, ratio=ratio, flag=flag, who=who.name, where=where.id,
            role=role.name, file=await file.read(), side=side.value,
            permissions=interaction.permissions.send_messages, top=who.guild_permissions.value,
        )  # fmt: skip
        await interaction.response.send_message("ok")

    async with running(bot):
        await synced(bot)
        tom = sandbox.user("tom")
        given = {
            "text": "x", "count": 3, "ratio": 0.5, "flag": True, "who": "vera", "where": "desk",
            "role": "Trader", "file": Upload("a.csv", b"1,2"), "side": "Buy",
        }  # fmt: skip
        await tom.slash("desk", "all", given)
        assert seen | {"top": 0} == {
            "text": "x", "count": 3, "ratio": 0.5, "flag": True, "who": "vera",
            "where": sandbox.channel("desk").id, "role": "Trader", "file": b"1,2", "side": "b",
            "permissions": True, "top": 0,
        }  # fmt: skip
        for wrong in ({"count": 11}, {"side": "Sell"}, {"ratio": "nan"}, {"who": "nobody"}):
            with pytest.raises(Refused):
                tom.slash("desk", "all", given | wrong)


async def test_autocomplete_offers_choices(sandbox: Sandbox, bot: QuickBot) -> None:
    async def symbols(_: discord.Interaction, typed: str) -> list[app_commands.Choice[str]]:
        known = ("AAPL", "AMD", "MSFT")
        return [app_commands.Choice(name=s, value=s) for s in known if s.startswith(typed.upper())]

    @bot.tree.command(description="quote")
    @app_commands.autocomplete(symbol=symbols)
    async def quote(interaction: discord.Interaction, symbol: str) -> None:
        await interaction.response.send_message(symbol)

    async with running(bot):
        await synced(bot)
        typed = await sandbox.user("tom").autocomplete("desk", "quote", "symbol", symbol="a")
        assert [c["value"] for c in typed.choices] == ["AAPL", "AMD"]


async def test_context_menus_carry_their_target(sandbox: Sandbox, bot: QuickBot) -> None:
    @bot.tree.context_menu(name="Journal")
    async def journal(interaction: discord.Interaction, message: discord.Message) -> None:
        await interaction.response.send_message(f"noted {message.content}", ephemeral=True)

    @bot.tree.context_menu(name="Limits")
    async def limits(interaction: discord.Interaction, user: discord.Member) -> None:
        await interaction.response.send_message(f"limits of {user.name}", ephemeral=True)

    async with running(bot):
        await synced(bot)
        tom = sandbox.user("tom")
        said = tom.say("desk", "BTO AAPL")
        assert (await tom.context("desk", "Journal", said)).text == "noted BTO AAPL"
        assert (await tom.context("desk", "Limits", "vera")).text == "limits of vera"


class Approve(discord.ui.DynamicItem[discord.ui.Button[Any]], template=r"trade:(?P<id>\d+)"):
    def __init__(self, number: str) -> None:
        super().__init__(discord.ui.Button(label="Approve", custom_id=f"trade:{number}"))
        self.number = number

    @classmethod
    async def from_custom_id(
        cls, interaction: discord.Interaction, item: Any, match: re.Match[str]
    ) -> Approve:
        return cls(match["id"])

    async def callback(self, interaction: discord.Interaction) -> None:
        await interaction.response.edit_message(content=f"approved {self.number}", view=None)


async def test_dynamic_items_survive_a_restart_of_the_bot(sandbox: Sandbox) -> None:
    first = QuickBot()
    async with running(first):
        view = discord.ui.View(timeout=None)
        view.add_item(Approve("77"))
        await first.get_channel(sandbox.channel("approvals").id).send("trade 77", view=view)
    second = QuickBot()
    second.add_dynamic_items(Approve)
    async with running(second):
        await sandbox.user("tom").click("approvals", "Approve")
        assert sandbox.channel("approvals").last.content == "approved 77"


async def test_selects_resolve_what_was_chosen(sandbox: Sandbox, bot: QuickBot) -> None:
    picked: list[Any] = []

    class Pick(discord.ui.View):
        @discord.ui.select(
            placeholder="Symbols",
            max_values=2,
            options=[discord.SelectOption(label=s) for s in ("AAPL", "AMD", "MSFT")],
        )
        async def text(self, interaction: discord.Interaction, select: Any) -> None:
            picked.append(select.values)
            await interaction.response.defer()

        @discord.ui.select(cls=discord.ui.UserSelect, placeholder="Who")
        async def people(self, interaction: discord.Interaction, select: Any) -> None:
            picked.append([user.name for user in select.values])
            await interaction.response.defer()

        @discord.ui.select(cls=discord.ui.RoleSelect, placeholder="Role")
        async def roles(self, interaction: discord.Interaction, select: Any) -> None:
            picked.append([role.name for role in select.values])
            await interaction.response.defer()

        @discord.ui.select(cls=discord.ui.ChannelSelect, placeholder="Where")
        async def channels(self, interaction: discord.Interaction, select: Any) -> None:
            picked.append([channel.name for channel in select.values])
            await interaction.response.defer()

    async with running(bot):
        await bot.get_channel(sandbox.channel("desk").id).send("pick", view=Pick())
        tom = sandbox.user("tom")
        await tom.choose("desk", "AAPL", "AMD", menu="Symbols")
        await tom.choose("desk", "vera", menu="Who")
        await tom.choose("desk", "Trader", menu="Role")
        await tom.choose("desk", "desk", menu="Where")
        assert picked == [["AAPL", "AMD"], ["vera"], ["Trader"], ["desk"]]
        with pytest.raises(Refused, match="choose 1 to 2"):
            tom.choose("desk", "AAPL", "AMD", "MSFT", menu="Symbols")
        with pytest.raises(Refused, match="not offered"):
            tom.choose("desk", "TSLA", menu="Symbols")


class Note(discord.ui.Modal, title="Trade note"):
    why = discord.ui.Label(text="Why", component=discord.ui.TextInput(max_length=20))
    tag = discord.ui.Label(
        text="Tag",
        component=discord.ui.Select(options=[discord.SelectOption(label=s) for s in "AB"]),
    )
    hint = discord.ui.TextDisplay("Be brief.")

    async def on_submit(self, interaction: discord.Interaction) -> None:
        text = f"{self.why.component.value} [{self.tag.component.values[0]}]"
        await interaction.response.send_message(text, ephemeral=True)


async def test_modals_are_filled_in_and_checked(sandbox: Sandbox, bot: QuickBot) -> None:
    @bot.tree.command(description="note")
    async def note(interaction: discord.Interaction) -> None:
        await interaction.response.send_modal(Note())

    async with running(bot):
        await synced(bot)
        tom = sandbox.user("tom")
        asked = await tom.slash("desk", "note")
        assert asked.modal["title"] == "Trade note"
        sent = await tom.submit(asked, Why="breakout", Tag="B")
        assert sent.text == "breakout [B]"
        with pytest.raises(Refused, match="characters"):
            tom.submit(asked, Why="x" * 21, Tag="B")
        with pytest.raises(Refused, match="required"):
            tom.submit(asked, Tag="B")
        with pytest.raises(Refused, match="shown to tom"):
            sandbox.user("vera").submit(asked, Why="x", Tag="B")


async def test_a_thinking_defer_keeps_its_privacy_and_is_filled_by_the_follow_up(
    sandbox: Sandbox, bot: QuickBot
) -> None:
    @bot.tree.command(description="slow")
    async def slow(interaction: discord.Interaction) -> None:
        await interaction.response.defer(ephemeral=True, thinking=True)
        await asyncio.sleep(0.02)
        await interaction.followup.send("first")
        await interaction.followup.send("second", ephemeral=True)
        await interaction.edit_original_response(content="first, edited")

    async with running(bot):
        await synced(bot)
        used = sandbox.user("tom").slash("desk", "slow")
        await used.acked()
        assert used.reply.is_loading
        await used
        await sandbox.until(lambda: used.reply.content == "first, edited")
        assert used.ephemeral
        assert [m.content for m in used.followups] == ["second"]


async def test_answering_twice_is_40060_and_too_late_is_10062(
    sandbox: Sandbox, bot: QuickBot
) -> None:
    codes: list[int] = []

    @bot.tree.command(description="twice")
    async def twice(interaction: discord.Interaction) -> None:
        await interaction.response.send_message("one")
        interaction.response._response_type = None
        try:
            await interaction.response.send_message("two")
        except discord.HTTPException as error:
            codes.append(error.code)

    @bot.tree.command(description="late")
    async def late(interaction: discord.Interaction) -> None:
        sandbox.advance(3.1)
        try:
            await interaction.response.send_message("late")
        except discord.NotFound as error:
            codes.append(error.code)

    async with running(bot):
        await synced(bot)
        used = await sandbox.user("tom").slash("desk", "twice")
        await sandbox.until(lambda: codes == [40060])
        assert used.text == "one"
        missed = sandbox.user("tom").slash("desk", "late")
        await sandbox.until(lambda: codes == [40060, 10062])
        assert missed.is_late
        assert missed.refusals == [10062]


async def test_the_token_ends_after_15_minutes(sandbox: Sandbox, bot: QuickBot) -> None:
    kept: list[discord.Interaction] = []

    @bot.tree.command(description="later")
    async def later(interaction: discord.Interaction) -> None:
        kept.append(interaction)
        await interaction.response.send_message("wait")

    async with running(bot):
        await synced(bot)
        await sandbox.user("tom").slash("desk", "later")
        sandbox.advance(15 * 60 + 1)
        with pytest.raises(discord.HTTPException) as caught:
            await kept[0].followup.send("done")
        assert (caught.value.status, caught.value.code) == (401, 50027)


async def test_a_component_defer_and_edit_changes_the_message(
    sandbox: Sandbox, bot: QuickBot
) -> None:
    class Slow(discord.ui.View):
        @discord.ui.button(label="Go")
        async def go(self, interaction: discord.Interaction, _: Any) -> None:
            await interaction.response.defer()
            await interaction.edit_original_response(content="gone", view=None)

    async with running(bot):
        await bot.get_channel(sandbox.channel("desk").id).send("ready", view=Slow())
        await sandbox.user("tom").click("desk", "Go")
        await sandbox.until(lambda: sandbox.channel("desk").last.content == "gone")


async def test_layout_views_render_and_answer(sandbox: Sandbox, bot: QuickBot) -> None:
    class Card(discord.ui.LayoutView):
        box = discord.ui.Container(
            discord.ui.TextDisplay("## AAPL"),
            discord.ui.Separator(),
            discord.ui.Section(
                discord.ui.TextDisplay("x"),
                accessory=discord.ui.Button(label="More", custom_id="more"),
            ),
            accent_colour=0x2ECC71,
        )

    async with running(bot):
        await bot.get_channel(sandbox.channel("desk").id).send(view=Card())
        message = sandbox.channel("desk").last
        assert message.is_v2
        assert message.text == "## AAPL\nx"
        assert message.labels == ["More"]


async def test_commands_hidden_by_permissions_are_refused_unless_the_client_is_manipulated(
    sandbox: Sandbox, bot: QuickBot
) -> None:
    @bot.tree.command(description="admin")
    @app_commands.default_permissions(manage_guild=True)
    async def admin(interaction: discord.Interaction) -> None:
        await interaction.response.send_message("ok")

    async with running(bot):
        await synced(bot)
        await sandbox.user("olivia").slash("desk", "admin")
        with pytest.raises(Refused, match="default_member_permissions"):
            sandbox.user("tom").slash("desk", "admin")
        assert (await sandbox.user("tom", strict=False).slash("desk", "admin")).text == "ok"


async def test_two_clicks_reach_the_bot_in_one_breath(sandbox: Sandbox, bot: QuickBot) -> None:
    seen: list[str] = []

    class Once(discord.ui.View):
        @discord.ui.button(label="Go")
        async def go(self, interaction: discord.Interaction, _: Any) -> None:
            seen.append(interaction.user.name)
            await interaction.response.send_message(f"{len(seen)}", ephemeral=True)

    async with running(bot):
        await bot.get_channel(sandbox.channel("desk").id).send("!", view=Once())
        first = sandbox.user("tom").click("desk", "Go")
        second = sandbox.user("olivia").click("desk", "Go")
        assert {(await first).text, (await second).text} == {"1", "2"}
        with pytest.raises(Refused, match="not visible to vera"):
            sandbox.user("vera").click(first, "Go")
