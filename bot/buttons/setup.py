"""Buttons and menus of /setup. They hold no state; each press looks at the server anew."""

from typing import TYPE_CHECKING, Any

import discord

from bot import reply, setting_up
from bot.cards import setup as card
from bot.doctor.within import examined
from bot.lasting import Lasting, below, choice
from bot.reply import Press
from engine.domain.errors import UserError

if TYPE_CHECKING:
    from bot.app import App

Style = discord.ButtonStyle
_PARTS = ("login", "rooms")


class SetupButton(Lasting[discord.ui.Button[Any]], template=r"ts:setup:(?P<verb>go|check)"):
    """Do it, or look whether all is well."""

    LOOKS = {"go": ("Set it up", Style.success), "check": ("Check", Style.secondary)}  # noqa: RUF012

    def __init__(self, verb: str) -> None:
        words, style = self.LOOKS[verb]
        super().__init__(discord.ui.Button(label=words, style=style, custom_id=f"ts:setup:{verb}"))
        self.verb = verb

    async def callback(self, interaction: Press) -> None:
        """Judge, acknowledge, work, answer privately."""
        app: App = interaction.client.app
        await reply.handled(interaction, lambda: self._work(app, interaction))

    async def _work(self, app: "App", press: Press) -> None:
        who = setting_up.authority(app, press)
        await reply.think(press, private=True)
        made = setting_up.Done()
        if self.verb == "go":
            async with app.desk.lock("setup"):
                made = await setting_up.carry_out(app, press, who)
        found = await examined(app, _PARTS)
        stamp = app.reading.frame().stamp("setup")
        if self.verb == "check":
            from bot.cards.monitor import findings

            await reply.report(press, findings("The server", found, stamp))
        else:
            await reply.report(press, card.done(made, found, stamp))


class WhatSelect(Lasting[discord.ui.Select[Any]], template=r"ts:setup:what"):
    """For which purpose another channel or role is chosen."""

    def __init__(self) -> None:
        options = [
            discord.SelectOption(
                label=f"Channel: {purpose.replace('_', ' ')}",
                value=f"channel:{purpose}",
                description=topic,
            )
            for purpose, (_, topic) in setting_up.CHANNELS.items()
        ]
        options += [
            discord.SelectOption(label=f"Role: {purpose}", value=f"role:{purpose}")
            for purpose in setting_up.ROLES
        ]
        super().__init__(
            discord.ui.Select(
                placeholder="Choose a channel or role yourself …",
                options=options,
                custom_id="ts:setup:what",
            )
        )

    async def callback(self, interaction: Press) -> None:
        """Offer the server's channels or roles."""
        app: App = interaction.client.app

        async def work() -> None:
            setting_up.authority(app, interaction)
            kind, _, purpose = choice(interaction).partition(":")
            pick = ChannelPick(purpose) if kind == "channel" else RolePick(purpose)
            said = f"Which {kind} for **{purpose.replace('_', ' ')}**?"
            words = reply.badged(app, said)
            await interaction.response.send_message(words, view=below([pick]), ephemeral=True)

        await reply.handled(interaction, work)


class ChannelPick(
    Lasting[discord.ui.ChannelSelect[Any]],
    template=r"ts:setup:channel:(?P<purpose>[a-z_]{3,20})",
):
    """One channel for one purpose."""

    def __init__(self, purpose: str) -> None:
        super().__init__(
            discord.ui.ChannelSelect(
                channel_types=[discord.ChannelType.text],
                placeholder="Choose a channel",
                custom_id=f"ts:setup:channel:{purpose}",
            )
        )
        self.purpose = purpose

    async def callback(self, interaction: Press) -> None:
        """Take it."""
        await _take(interaction, "channel", self.purpose)


class RolePick(
    Lasting[discord.ui.RoleSelect[Any]],
    template=r"ts:setup:role:(?P<purpose>[a-z]{3,20})",
):
    """One role for one purpose."""

    def __init__(self, purpose: str) -> None:
        super().__init__(
            discord.ui.RoleSelect(placeholder="Choose a role", custom_id=f"ts:setup:role:{purpose}")
        )
        self.purpose = purpose

    async def callback(self, interaction: Press) -> None:
        """Take it."""
        await _take(interaction, "role", self.purpose)


BUTTONS = (SetupButton, WhatSelect, ChannelPick, RolePick)


def view() -> discord.ui.View:
    """What stands below the plan."""
    return below((SetupButton("go"), SetupButton("check"), WhatSelect()))


async def _take(press: Press, kind: str, purpose: str) -> None:
    app: App = press.client.app

    async def work() -> str:
        who = setting_up.authority(app, press)
        await reply.defer(press)
        known = setting_up.CHANNELS if kind == "channel" else setting_up.ROLES
        chosen = choice(press)
        if purpose not in known or not chosen.isdigit():
            raise UserError("That cannot be chosen here. Nothing was changed.")
        if kind == "role" and press.guild_id == int(chosen):
            raise UserError("@everyone cannot be a role of the desk. Nothing was changed.")
        await setting_up.choose(app, who, kind, purpose, int(chosen))
        named = f"<@&{chosen}>" if kind == "role" else f"<#{chosen}>"
        return f"✔ {purpose.replace('_', ' ')} is now {named}."

    await reply.handled(press, work)
