"""Alert rooms: every message, edit and deletion, also those missed while away; /alerts."""

from typing import Literal

import discord
from discord import app_commands
from discord.ext import commands

from bot import dry_run, reply, text
from bot.buttons import alert as alert_buttons
from bot.cards import alert_card
from bot.cards import alert_stats as alert_stats_card
from bot.cards import alerts as alerts_card
from bot.client import DeskBot
from bot.confirm import ask_first
from bot.drawn import with_chart
from bot.incoming import is_rewritten, is_unreadable
from bot.numbers import optional_number
from bot.reading import alerts as alert_reading
from bot.suggest import among
from engine.desk import Desk
from engine.domain.alert import Asset
from engine.domain.desk import AlertState
from engine.flows.alerts import second_look

Press = discord.Interaction[DeskBot]
Status = Literal["held", "rejected", "risk", "routed", "filled", "closed", "withdrawn", "error"]
_STATES: dict[str, AlertState] = {
    "held": AlertState.HELD,
    "rejected": AlertState.REJECTED,
    "risk": AlertState.RISK_REJECTED,
    "routed": AlertState.ROUTED,
    "filled": AlertState.FILLED,
    "closed": AlertState.CLOSED,
    "withdrawn": AlertState.WITHDRAWN,
    "error": AlertState.ERROR,
}


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

    @app_commands.command(name="list", description="Alerts and what became of them")
    @app_commands.describe(
        symbol="Only this symbol",
        status="Only those that stand so",
        author="Only his, by a part of the name",
        asset="Only this kind of instrument",
        channel="Only this room's",
        since="24h, 7d or 2026-01-31",
        page="1 is the newest",
    )
    async def list_(
        self,
        interaction: Press,
        symbol: str = "",
        status: Status | None = None,
        author: str = "",
        asset: Asset | None = None,
        channel: discord.TextChannel | None = None,
        since: str = "",
        page: app_commands.Range[int, 1, 400] = 1,
    ) -> None:
        """Rows of alerts, newest first."""
        app = self.bot.app
        await app.gate.begin(interaction, "alerts list")
        sought = alert_reading.Sought(
            symbol=symbol,
            state=None if status is None else _STATES[status],
            author=author.strip(),
            asset=asset,
            channel_id=None if channel is None else channel.id,
            since=alert_reading.moment(app, since),
        )
        report = await alert_reading.page(app, sought, page)
        await reply.report(interaction, alerts_card.show(report))

    @app_commands.command(name="search", description="Alerts by their words")
    @app_commands.describe(
        words="A part of the text",
        channel="Only this room's",
        since="24h, 7d or 2026-01-31",
        page="1 is the newest",
    )
    @app_commands.rename(words="text")
    async def search(
        self,
        interaction: Press,
        words: app_commands.Range[str, 2, 100],
        channel: discord.TextChannel | None = None,
        since: str = "",
        page: app_commands.Range[int, 1, 400] = 1,
    ) -> None:
        """Newest first, among the last few thousand."""
        app = self.bot.app
        await app.gate.begin(interaction, "alerts search")
        sought = alert_reading.Sought(
            words=words,
            channel_id=None if channel is None else channel.id,
            since=alert_reading.moment(app, since),
        )
        report = await alert_reading.page(app, sought, page)
        await reply.report(interaction, alerts_card.show(report))

    @app_commands.command(
        name="stats", description="How many got how far, why not, whose were good"
    )
    @app_commands.describe(days="So far back", theme="Colours of the chart")
    async def stats(
        self,
        interaction: Press,
        days: app_commands.Range[int, 1, 365] = 7,
        theme: Literal["dark", "light"] | None = None,
    ) -> None:
        """The funnel with its picture, reasons, authors, latency."""
        app = self.bot.app
        await app.gate.begin(interaction, "alerts stats")
        report = await alert_reading.stats(app, days)
        colours = app.people.theme(interaction.user.id, theme)
        embed, files = await with_chart(app, alert_stats_card, report, colours)
        await reply.report(interaction, embed, files=files)

    @app_commands.command(name="execute", description="Run a held alert through the checks of now")
    @app_commands.describe(id="The alert's id", size="So many units instead")
    async def execute(
        self,
        interaction: Press,
        id: str,  # noqa: A002
        size: str = "",
    ) -> None:
        """Asks once; without the approver flag it then waits for one."""
        app = self.bot.app
        who = await app.gate.begin(interaction, "alerts execute")
        units = optional_number("size", size)
        await ask_first(
            app, interaction, await alert_buttons.execute_question(app, who, id.strip(), units)
        )

    @app_commands.command(name="ignore", description="Drop an alert; nothing more is done about it")
    @app_commands.describe(id="The alert's id")
    async def ignore(self, interaction: Press, id: str) -> None:  # noqa: A002
        """Asks once; what waits of it is dropped, too."""
        app = self.bot.app
        who = await app.gate.begin(interaction, "alerts ignore")
        question = await alert_buttons.ignore_question(app, who, id.strip())
        await ask_first(app, interaction, question)

    @app_commands.command(
        name="replay", description="An earlier alert once more, at today's prices"
    )
    @app_commands.describe(id="The alert's id", to="Only shown, or traded on paper")
    async def replay(
        self,
        interaction: Press,
        id: str,  # noqa: A002
        to: Literal["dry-run", "paper"] = "dry-run",
    ) -> None:
        """Nothing real: a dry run, or a story of its own in the paper account."""
        app = self.bot.app
        who = await app.gate.begin(interaction, "alerts replay")
        if to == "paper":
            question = await alert_buttons.paper_question(app, who, id.strip())
            await ask_first(app, interaction, question)
            return
        record = await second_look.known(app.desk, id.strip())
        profile = second_look.room(app.desk, record)
        source = next(k for k, p in app.desk.settings.sources.items() if p is profile)
        embed = await dry_run.run(app, record.text, source, record.channel_id)
        await reply.report(interaction, embed)

    @list_.autocomplete("symbol")
    async def _symbols(self, interaction: Press, current: str) -> list[app_commands.Choice[str]]:
        if not self.bot.app.gate.allows(interaction, "alerts list"):
            return []
        return among(sorted({a.symbol for a in self._desk.book.alerts.values()}), current)

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
        record = await second_look.known(app.desk, id.strip())
        await reply.report(interaction, alert_card.show(card), view=alert_buttons.view(record))

    @show.autocomplete("id")
    @execute.autocomplete("id")
    @ignore.autocomplete("id")
    @replay.autocomplete("id")
    async def _ids(self, interaction: Press, current: str) -> list[app_commands.Choice[str]]:
        name = interaction.command.qualified_name if interaction.command is not None else ""
        if not self.bot.app.gate.allows(interaction, name):
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
        return among(self._desk.settings.sources, current)


async def setup(bot: DeskBot) -> None:
    """Called by discord.py when the cog is loaded."""
    await bot.add_cog(Alerts(bot))
