"""What there is and when it works: /help, /about, /market-status."""

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any, Literal

import discord
from discord import app_commands
from discord.ext import commands

from bot import about, actions, disclaimer, reply, text
from bot.cards import Tone, card
from bot.cards import about as about_card
from bot.cards import markets as markets_card
from bot.client import DeskBot
from engine.domain.errors import UserError
from engine.reports import markets

if TYPE_CHECKING:
    from bot.app import App

Press = discord.Interaction[DeskBot]
Command = app_commands.Command[Any, ..., Any]


class Info(commands.Cog):
    """Help shows only what the asker may do."""

    def __init__(self, bot: DeskBot) -> None:
        self.bot = bot

    @app_commands.command(name="market-status", description="Which markets are open, until when")
    async def market_status(self, interaction: Press) -> None:
        """Open, short day or closed, and the next change."""
        app = self.bot.app
        await app.gate.begin(interaction, "market-status")
        report = markets.build(app.reading.frame(), app.reading.calendars())
        await reply.report(interaction, markets_card.show(report))

    @app_commands.command(name="help", description="What you may do here, and how it is written")
    @app_commands.describe(topic="A command, for its parameters")
    async def help_(self, interaction: Press, topic: str = "") -> None:
        """All commands of the asker, or one of them in full."""
        app = self.bot.app
        app.gate.require(interaction, "help")
        await reply.think(interaction, private=True)
        stamp = app.reading.frame().stamp("help")
        known = {c.qualified_name: c for c in self._allowed(interaction)}
        if topic.strip().startswith("#"):
            embed = card(
                tone=Tone.INFO,
                title="Actions, typed with #",
                stamp=stamp,
                lines=list(_actions(self.bot.app, interaction)),
            )
        elif topic:
            wanted = topic.strip().lstrip("/").lower()
            found = known.get(wanted)
            if found is None:
                shown = text.safe_line(topic, 40)
                raise UserError(f"You have no command “{shown}”; /help lists yours.")
            embed = card(
                tone=Tone.INFO, title=f"/{wanted}", stamp=stamp, lines=list(_explained(found))
            )
        else:
            embed = card(
                tone=Tone.INFO,
                title=f"{len(known)} commands for you",
                stamp=stamp,
                lines=[*_listed(known.values()), _ACTIONS],
            )
        await reply.report(interaction, embed)

    @help_.autocomplete("topic")
    async def _topics(self, interaction: Press, current: str) -> list[app_commands.Choice[str]]:
        if not self.bot.app.gate.allows(interaction, "help"):
            return []
        wanted = current.strip().lstrip("/").lower()
        names = sorted(c.qualified_name for c in self._allowed(interaction))
        fits = sorted((n for n in names if wanted in n), key=lambda n: not n.startswith(wanted))
        shown = [app_commands.Choice(name=f"/{n}", value=n) for n in fits[:24]]
        if "#actions".startswith(wanted):
            shown.append(app_commands.Choice(name="# actions", value="#actions"))
        return shown

    @app_commands.command(description="Version, uptime, and what this is not")
    @app_commands.describe(part="The desk, or the disclaimer in full")
    async def about(self, interaction: Press, part: Literal["desk", "disclaimer"] = "desk") -> None:
        """Nothing secret; the disclaimer is answered to the asker, who may accept it there."""
        app = self.bot.app
        app.gate.require(interaction, "about")
        is_words = part == "disclaimer"
        await reply.think(interaction, private=is_words)
        stamp = app.reading.frame().stamp("about")
        if is_words:
            accepted = disclaimer.has_accepted(app, interaction.user.id)
            embed = about_card.disclaimer(disclaimer.WORDS, stamp, is_accepted=accepted)
            view = None if accepted else disclaimer.view()
            await reply.report(interaction, embed, view=view)
            return
        made = about.made_of()
        await reply.report(interaction, about_card.program(made, stamp, since=app.started_at))

    def _allowed(self, interaction: Press) -> Iterator[Command]:
        """Commands that he might use, if only in another room."""
        gate = self.bot.app.gate
        for command in _leaves(self.bot.tree.get_commands()):
            if gate.might(interaction, command.qualified_name):
                yield command


_ACTIONS = "**# actions** in the action channel or /action: `#SPY close 50%`; `/help #` lists them"


def _actions(app: "App", asker: Press) -> Iterator[str]:
    """One line per verb that he may use: an example, what it does, what it asks first."""
    for action in actions.every().values():
        if app.gate.might(asker, action.permission):
            asks = f"\n-# asks {action.asks}" if action.asks else ""
            yield f"`#{action.examples[0]}` {action.says}{asks}"
    yield "-# One per line, at most ten; anything else is answered with this list, never guessed."


def _leaves(commands_: Iterable[Any]) -> Iterator[Command]:
    for command in commands_:
        if isinstance(command, app_commands.Group):
            yield from _leaves(command.commands)
        elif isinstance(command, app_commands.Command):
            yield command


def _listed(known: Iterable[Command]) -> Iterator[str]:
    """One line per group: ``/order`` list · status · cancel."""
    groups: dict[str, list[str]] = {}
    for command in sorted(known, key=lambda c: c.qualified_name):
        first, _, rest = command.qualified_name.partition(" ")
        groups.setdefault(first, []).append(rest)
    for name, parts in groups.items():
        words = " · ".join(p for p in parts if p)
        yield f"`/{name}` {words}".rstrip()


def _explained(command: Command) -> Iterator[str]:
    yield command.description
    for parameter in command.parameters:
        need = "" if parameter.required else " (may be left out)"
        choices = ", ".join(c.name for c in parameter.choices[:12])
        said = f": {choices}" if choices else ""
        yield f"`{parameter.display_name}` {parameter.description}{need}{said}"


async def setup(bot: DeskBot) -> None:
    """Called by discord.py when the cog is loaded."""
    await bot.add_cog(Info(bot))
