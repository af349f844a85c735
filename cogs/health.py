"""How the desk itself is: /health."""

from typing import Literal

import discord
from discord import app_commands
from discord.ext import commands

from bot import reply
from bot.cards import brokers as brokers_card
from bot.cards import metrics as metrics_card
from bot.cards import status as status_card
from bot.client import DeskBot
from bot.drawn import drawn
from bot.reading.status import status_of
from bot.suggest import among

Press = discord.Interaction[DeskBot]


class Health(commands.Cog):
    """Parts of the desk and the providers that it calls."""

    def __init__(self, bot: DeskBot) -> None:
        self.bot = bot

    health = app_commands.Group(name="health", description="How the desk and its providers are")

    @health.command(name="summary", description="Each part: well or not, and since when")
    async def summary(self, interaction: Press) -> None:
        """The same figures as /status."""
        app = self.bot.app
        await app.gate.begin(interaction, "health summary")
        await reply.report(interaction, status_card.show(status_of(app)))

    @health.command(name="detailed", description="Each part in full, or one of them")
    @app_commands.describe(component="Only this part")
    async def detailed(self, interaction: Press, component: str = "") -> None:
        """With the reason and since when."""
        app = self.bot.app
        await app.gate.begin(interaction, "health detailed")
        await reply.report(interaction, status_card.detailed(status_of(app), component))

    @detailed.autocomplete("component")
    async def _parts(self, interaction: Press, current: str) -> list[app_commands.Choice[str]]:
        app = self.bot.app
        if not app.gate.allows(interaction, "health detailed"):
            return []
        names = ["gateway", "books", "feed", *app.desk.brokers, *sorted(app.desk.health)]
        return among(names, current)

    @health.command(name="metrics", description="Memory, processor, lag of the loop, the books")
    @app_commands.describe(theme="Colours of the chart")
    async def metrics(
        self, interaction: Press, theme: Literal["dark", "light"] | None = None
    ) -> None:
        """Of the last four hours."""
        app = self.bot.app
        await app.gate.begin(interaction, "health metrics")
        report = app.vitals.report()
        files: tuple[discord.File, ...] = ()
        if len(report.samples) > 1:
            colours = app.people.theme(interaction.user.id, theme)
            alt = metrics_card.alt(report)
            files = await drawn(app, "metrics", report, colours, metrics_card.PICTURE, alt)
        await reply.report(
            interaction, metrics_card.show(report, has_picture=bool(files)), files=files
        )

    @health.command(name="api-usage", description="Calls, what is left, refusals per provider")
    async def api_usage(self, interaction: Press) -> None:
        """As the providers' own answers say."""
        app = self.bot.app
        await app.gate.begin(interaction, "health api-usage")
        stamp = app.reading.frame().stamp("api-usage")
        await reply.report(interaction, brokers_card.usage(app.outside.apis(), stamp))


async def setup(bot: DeskBot) -> None:
    """Called by discord.py when the cog is loaded."""
    await bot.add_cog(Health(bot))
