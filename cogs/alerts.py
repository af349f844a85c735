"""Alert rooms: every message, edit and deletion, also those missed while away; /alerts."""

import asyncio
import logging

import discord
from discord import app_commands
from discord.ext import commands

from bot import dry_run, errors
from bot.cards import alert_card
from bot.cards import alerts as alerts_card
from bot.client import DeskBot
from bot.incoming import raw_alert
from engine.desk import Desk
from engine.domain.errors import TradeStreamError
from engine.flows import take_alert, withdraw

log = logging.getLogger(__name__)

_MOST_MISSED = 500
"""Messages read back per channel after a gap; more than any room posts in an outage."""


class Alerts(
    commands.GroupCog, group_name="alerts", group_description="Alerts and what became of them"
):
    """Listens to the watched channels."""

    def __init__(self, bot: DeskBot) -> None:
        self.bot = bot
        self._catching: dict[int, asyncio.Task[None]] = {}
        self._gap_from: dict[int, int | None] = {}
        """Channel -> newest message before the gap that is to be read back."""

    @property
    def _desk(self) -> Desk:
        return self.bot.app.desk

    async def cog_load(self) -> None:
        """Remember where each channel stood before anything new can come in."""
        await self._note_gap()

    async def _note_gap(self) -> None:
        for profile in self._desk.settings.sources.values():
            if profile.channel_id not in self._gap_from:
                self._gap_from[profile.channel_id] = await self._watermark(profile.channel_id)

    @commands.Cog.listener()
    async def on_disconnect(self) -> None:
        """The gateway is gone: whatever comes from here on may be missed."""
        await self._note_gap()

    @commands.Cog.listener()
    async def on_message(self, message: discord.Message) -> None:
        """A new message in a watched channel."""
        if self._is_ours(message) or self._desk.source_of(message.channel.id) is None:
            return
        await self._take(message)

    @commands.Cog.listener()
    async def on_raw_message_edit(self, payload: discord.RawMessageUpdateEvent) -> None:
        """A message of a watched channel has a new text (or only got a link preview)."""
        message = payload.message
        if self._desk.source_of(payload.channel_id) is None or self._is_ours(message):
            return
        await self._take(message, is_edit=True)

    @commands.Cog.listener()
    async def on_raw_message_delete(self, payload: discord.RawMessageDeleteEvent) -> None:
        """A message of a watched channel was deleted."""
        if self._desk.source_of(payload.channel_id) is not None:
            await withdraw.deleted(self._desk, payload.channel_id, payload.message_id)

    @commands.Cog.listener()
    async def on_ready(self) -> None:
        """Connected anew: read what was missed; this may come many times."""
        await self._catch_up_all()

    @commands.Cog.listener()
    async def on_resumed(self) -> None:
        """Resumed: Discord replays the gap itself, the watermark shows whether it did."""
        await self._catch_up_all()

    async def _catch_up_all(self) -> None:
        for profile in self._desk.settings.sources.values():
            running = self._catching.get(profile.channel_id)
            if running is None or running.done():
                self._catching[profile.channel_id] = asyncio.create_task(
                    self._catch_up(profile.channel_id), name=f"catch up {profile.name}"
                )
        await asyncio.gather(*self._catching.values(), return_exceptions=True)

    async def _catch_up(self, channel_id: int) -> None:
        """Read everything after the newest message that was taken in, oldest first."""
        if channel_id not in self._gap_from:
            return
        watermark = self._gap_from[channel_id]
        try:
            channel = self.bot.get_channel(channel_id) or await self.bot.fetch_channel(channel_id)
            if not isinstance(channel, discord.TextChannel | discord.Thread):
                return
            if watermark is None:
                await self._begin(channel)
                self._gap_from.pop(channel_id, None)
                return
            after = discord.Object(watermark)
            async for message in channel.history(
                limit=_MOST_MISSED, after=after, oldest_first=True
            ):
                if not self._is_ours(message):
                    await self._take(message, is_caught_up=True)
        except discord.HTTPException as error:
            self._desk.health[f"channel {channel_id}"] = f"cannot be read: {error.text}"
        else:
            self._desk.health.pop(f"channel {channel_id}", None)
            self._gap_from.pop(channel_id, None)

    async def _begin(self, channel: discord.TextChannel | discord.Thread) -> None:
        """First start in this channel: history is not ours; listen from here on."""
        newest = channel.last_message_id or 0
        desk = self._desk
        name = f"watermark:{channel.id}"
        await desk.commit(desk.event("channel.begun", name, desk.fact(name, str(newest))))

    async def _watermark(self, channel_id: int) -> int | None:
        """Id of the newest message that is durable; None when the channel is new to us."""
        taken = (await self._desk.store.highest_message_ids()).get(channel_id)
        fact = self._desk.book.facts.get(f"watermark:{channel_id}")
        begun = int(fact.value) if fact is not None else None
        known = [m for m in (taken, begun) if m is not None]
        return max(known) if known else None

    def _is_ours(self, message: discord.Message) -> bool:
        return self.bot.user is not None and message.author.id == self.bot.user.id

    async def _take(
        self, message: discord.Message, *, is_edit: bool = False, is_caught_up: bool = False
    ) -> None:
        raw = raw_alert(message, self._desk.clock.now(), is_edit=is_edit, is_caught_up=is_caught_up)
        try:
            await take_alert.run(self._desk, raw)
        except TradeStreamError as error:
            log.exception("message %s was not taken in", message.id)
            self._desk.health["intake"] = f"message {message.id}: {error}"
        else:
            self._desk.health.pop("intake", None)

    # -- commands ---------------------------------------------------------------------------

    @app_commands.command(name="list", description="The latest alerts and what became of them")
    @app_commands.describe(symbol="Only this symbol", page="1 is the newest")
    async def list_(
        self,
        interaction: discord.Interaction[DeskBot],
        symbol: str | None = None,
        page: app_commands.Range[int, 1, 100] = 1,
    ) -> None:
        """Rows of recent alerts."""
        app = self.bot.app
        app.gate.require(interaction, "alerts list")
        await interaction.response.defer(ephemeral=True)
        report = await app.reading.alerts(symbol=symbol, page=page)
        await errors.say(interaction, "", embed=alerts_card.show(report))

    @app_commands.command(name="show", description="One alert, step by step")
    @app_commands.describe(id="The alert's id, as in its card's footer")
    async def show(self, interaction: discord.Interaction[DeskBot], id: str) -> None:  # noqa: A002
        """The card of one alert."""
        app = self.bot.app
        app.gate.require(interaction, "alerts show")
        await interaction.response.defer(ephemeral=True)
        card = await app.reading.alert(id.strip())
        if card is None:
            await errors.say(interaction, f"⚠ There is no alert “{id[:40]}”.")
            return
        await errors.say(interaction, "", embed=alert_card.show(card))

    @show.autocomplete("id")
    async def _ids(
        self, interaction: discord.Interaction[DeskBot], current: str
    ) -> list[app_commands.Choice[str]]:
        del interaction
        found = [
            app_commands.Choice(name=f"{a.symbol} · {a.text[:60]} · {a.alert_id}", value=a.alert_id)
            for a in reversed(self._desk.book.alerts.values())
            if current.lower() in f"{a.symbol} {a.alert_id} {a.text}".lower()
        ]
        return found[:25]

    @app_commands.command(name="test", description="Read a text as an alert; nothing is sent")
    @app_commands.describe(text="The alert as its author would write it", source="Room it is from")
    async def test(
        self,
        interaction: discord.Interaction[DeskBot],
        text: app_commands.Range[str, 1, 1000],
        source: str | None = None,
    ) -> None:
        """Dry run: parse, route, price, size and check; nothing is stored or sent."""
        app = self.bot.app
        app.gate.require(interaction, "alerts test")
        await interaction.response.defer(ephemeral=True)
        embed = await dry_run.run(app, text, source, interaction.channel_id or 0)
        await errors.say(interaction, "", embed=embed)

    @test.autocomplete("source")
    async def _sources(
        self, interaction: discord.Interaction[DeskBot], current: str
    ) -> list[app_commands.Choice[str]]:
        del interaction
        names = [n for n in self._desk.settings.sources if current.lower() in n.lower()]
        return [app_commands.Choice(name=n, value=n) for n in names[:25]]


async def setup(bot: DeskBot) -> None:
    """Called by discord.py when the cog is loaded."""
    await bot.add_cog(Alerts(bot))
