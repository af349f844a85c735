"""Alert rooms: every message, edit and deletion, also those missed while away; /alerts."""

import discord
from discord import app_commands
from discord.ext import commands

from bot import dry_run, reply, text
from bot.cards import alert_card
from bot.cards import alerts as alerts_card
from bot.client import DeskBot
from bot.incoming import is_rewritten, is_unreadable
from engine.desk import Desk

Press = discord.Interaction[DeskBot]


class Alerts(
    commands.GroupCog, group_name="alerts", group_description="Alerts and what became of them"
):
    """Listens to the watched channels."""

    def __init__(self, bot: DeskBot) -> None:
        self.bot = bot

    @property
    def _desk(self) -> Desk:
        return self.bot.app.desk

    def _is_watched(self, channel_id: int) -> bool:
        return self._desk.source_of(channel_id) is not None

    @commands.Cog.listener()
    async def on_message(self, message: discord.Message) -> None:
        """A new message in a watched channel."""
        if not self._is_watched(message.channel.id) or self.bot.catch_up.is_ours(message):
            return
        self.bot.link.note_content(is_readable=not is_unreadable(message))
        await self.bot.catch_up.posted(message)

    @commands.Cog.listener()
    async def on_raw_message_edit(self, payload: discord.RawMessageUpdateEvent) -> None:
        """A message of a watched channel has a new text (or only got a link preview)."""
        message = payload.message
        if not self._is_watched(payload.channel_id) or self.bot.catch_up.is_ours(message):
            return
        if message.flags.source_message_deleted:
            await self.bot.catch_up.deleted(payload.channel_id, [payload.message_id])
        elif is_rewritten(message) and not is_unreadable(message):
            await self.bot.catch_up.edited(message)

    @commands.Cog.listener()
    async def on_raw_message_delete(self, payload: discord.RawMessageDeleteEvent) -> None:
        """A message of a watched channel was deleted."""
        if self._is_watched(payload.channel_id):
            await self.bot.catch_up.deleted(payload.channel_id, [payload.message_id])

    @commands.Cog.listener()
    async def on_raw_bulk_message_delete(self, payload: discord.RawBulkMessageDeleteEvent) -> None:
        """A moderator has cleaned up."""
        if self._is_watched(payload.channel_id):
            await self.bot.catch_up.deleted(payload.channel_id, payload.message_ids)

    # -- commands ---------------------------------------------------------------------------

    @app_commands.command(name="list", description="The latest alerts and what became of them")
    @app_commands.describe(symbol="Only this symbol", page="1 is the newest")
    async def list_(
        self,
        interaction: Press,
        symbol: str | None = None,
        page: app_commands.Range[int, 1, 100] = 1,
    ) -> None:
        """Rows of recent alerts."""
        app = self.bot.app
        await app.gate.begin(interaction, "alerts list")
        report = await app.reading.alerts(symbol=symbol, page=page)
        await reply.report(interaction, alerts_card.show(report))

    @list_.autocomplete("symbol")
    async def _symbols(self, interaction: Press, current: str) -> list[app_commands.Choice[str]]:
        if not self.bot.app.gate.allows(interaction, "alerts list"):
            return []
        wanted = current.upper().lstrip("$/")
        names = {a.symbol for a in self._desk.book.alerts.values() if wanted in a.symbol}
        return [app_commands.Choice(name=n, value=n) for n in sorted(names - {""})[:25]]

    @app_commands.command(name="show", description="One alert, step by step")
    @app_commands.describe(id="The alert's id, as in its card's footer")
    async def show(self, interaction: Press, id: str) -> None:  # noqa: A002
        """The card of one alert."""
        app = self.bot.app
        await app.gate.begin(interaction, "alerts show")
        card = await app.reading.alert(id.strip())
        if card is None:
            await reply.say(interaction, f"⚠ There is no alert “{text.safe_line(id, 40)}”.")
            return
        await reply.report(interaction, alert_card.show(card))

    @show.autocomplete("id")
    async def _ids(self, interaction: Press, current: str) -> list[app_commands.Choice[str]]:
        if not self.bot.app.gate.allows(interaction, "alerts show"):
            return []
        wanted = current.lower()
        found = [
            app_commands.Choice(name=f"{a.symbol} · {words[:60]} · {a.alert_id}", value=a.alert_id)
            for a in reversed(self._desk.book.alerts.values())
            for words in (" ".join(a.text.split()),)
            if wanted in f"{a.symbol} {a.alert_id} {words}".lower()
        ]
        return found[:25]

    @app_commands.command(name="test", description="Read a text as an alert; nothing is sent")
    @app_commands.describe(words="The alert as its author would write it", source="Room it is from")
    @app_commands.rename(words="text")
    async def test(
        self,
        interaction: Press,
        words: app_commands.Range[str, 1, 1000],
        source: str | None = None,
    ) -> None:
        """Dry run: parse, route, price, size and check; nothing is stored or sent."""
        app = self.bot.app
        await app.gate.begin(interaction, "alerts test")
        embed = await dry_run.run(app, words, source, interaction.channel_id or 0)
        await reply.report(interaction, embed)

    @test.autocomplete("source")
    async def _sources(self, interaction: Press, current: str) -> list[app_commands.Choice[str]]:
        if not self.bot.app.gate.allows(interaction, "alerts test"):
            return []
        names = [n for n in self._desk.settings.sources if current.lower() in n.lower()]
        return [app_commands.Choice(name=n, value=n) for n in names[:25]]


async def setup(bot: DeskBot) -> None:
    """Called by discord.py when the cog is loaded."""
    await bot.add_cog(Alerts(bot))
