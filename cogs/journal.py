"""The trade journal: read, search, write notes, tag, look back; and save a message to it."""

from typing import Literal

import discord
from discord import app_commands
from discord.ext import commands

from bot import dialogs, reply, text
from bot.buttons.journal import ReviewButton
from bot.cards import journal as card
from bot.client import DeskBot
from bot.incoming import raw_alert
from bot.lasting import below
from bot.suggest import among
from engine.domain.errors import UserError
from engine.flows.common import journal
from engine.flows.trades import follow
from engine.reports.journal import Outcome, Wanted, week_before

Press = discord.Interaction[DeskBot]
Choices = list[app_commands.Choice[str]]
Assets = Literal["stock", "option", "spread", "future", "crypto"]

_STATS_PER_PAGE = 1


class Journal(
    commands.GroupCog, group_name="journal", group_description="What trades did, and your words"
):
    """Facts come from the ledger, words from people."""

    def __init__(self, bot: DeskBot) -> None:
        self.bot = bot
        self._menu = app_commands.ContextMenu(name="Save to journal", callback=self.save)

    async def cog_load(self) -> None:
        """The menu comes with the cog."""
        self.bot.tree.add_command(self._menu)

    async def cog_unload(self) -> None:
        """And goes with it."""
        self.bot.tree.remove_command(self._menu.name, type=self._menu.type)

    # -- reading -------------------------------------------------------------------------------

    @app_commands.command(name="list", description="Your round trips with results, tags and notes")
    @app_commands.describe(
        tag="Only with this tag",
        symbol="Only this symbol",
        strategy="Only this room",
        asset="Only this class; spreads are options too",
        outcome="Won, lost or open",
        page="1 is the newest",
    )
    async def list_(
        self,
        interaction: Press,
        tag: str = "",
        symbol: str = "",
        strategy: str = "",
        asset: Assets | None = None,
        outcome: Outcome = "all",
        page: app_commands.Range[int, 1, 400] = 1,
    ) -> None:
        """A page of entries, newest first."""
        await self._begin(interaction, "journal list")
        wanted = _wanted(tag, symbol, strategy, asset, outcome)
        report = await self.bot.app.chronicle.journal(wanted, page=page)
        await reply.report(interaction, card.show(report))

    @app_commands.command(description="Find words in notes, reasons, tags and names")
    @app_commands.describe(words="What to look for", page="1 is the newest")
    @app_commands.rename(words="text")
    async def search(
        self,
        interaction: Press,
        words: app_commands.Range[str, 1, 100],
        page: app_commands.Range[int, 1, 400] = 1,
    ) -> None:
        """Entries that hold the words."""
        await self._begin(interaction, "journal search")
        report = await self.bot.app.chronicle.journal(Wanted(text=words.strip()), page=page)
        await reply.report(interaction, card.show(report, title=f"“{text.safe_line(words, 40)}”"))

    @app_commands.command(description="One trade: result, MAE and MFE, reason, notes, picture")
    @app_commands.describe(id="The trade's id")
    async def show(self, interaction: Press, id: str) -> None:  # noqa: A002
        """One entry in full."""
        await self._begin(interaction, "journal show")
        report = await self.bot.app.chronicle.entry(id)
        await reply.report(interaction, card.one(report))

    @app_commands.command(description="What all your trades come to, by tag and by room")
    @app_commands.describe(
        tag="Only with this tag",
        symbol="Only this symbol",
        strategy="One room",
        asset="Only this class; spreads are options too",
    )
    async def stats(
        self,
        interaction: Press,
        tag: str = "",
        symbol: str = "",
        strategy: str = "",
        asset: Assets | None = None,
    ) -> None:
        """Win rate, mean R, MAE and MFE."""
        await self._begin(interaction, "journal stats")
        wanted = _wanted(tag, symbol, strategy, asset, "all")
        report = await self.bot.app.chronicle.journal(wanted, per_page=_STATS_PER_PAGE)
        await reply.report(interaction, card.stats(report))

    @app_commands.command(description="The picture of one trade: entry, stop, targets, exit")
    @app_commands.describe(id="The trade's id")
    async def chart(self, interaction: Press, id: str) -> None:  # noqa: A002
        """Its price from entry to exit."""
        app = self.bot.app
        await self._begin(interaction, "journal chart")
        report = await app.chronicle.entry(id)
        trade = await journal.trade_of(app.desk, id)
        theme = app.people.theme(interaction.user.id)
        files = await app.chronicle.picture(trade, report.rows[0].card, theme, "trade.png")
        embed = card.one(report)
        if files:
            embed.set_image(url="attachment://trade.png")
        await reply.report(interaction, embed, files=files)

    @app_commands.command(description="The last seven days, and questions to answer in writing")
    async def review(self, interaction: Press) -> None:
        """Best, worst, what nobody wrote about; a button opens the form."""
        app = self.bot.app
        await self._begin(interaction, "journal review")
        wanted = Wanted(since=week_before(app.clock.now()))
        report = await app.chronicle.journal(wanted)
        await reply.report(interaction, card.review(report), view=below([ReviewButton()]))

    # -- writing -------------------------------------------------------------------------------

    @app_commands.command(description="Write about a trade; without words a form opens")
    @app_commands.describe(id="The trade's id", words="Your note")
    @app_commands.rename(words="text")
    async def note(
        self,
        interaction: Press,
        id: str,  # noqa: A002
        words: app_commands.Range[str, 1, 2000] | None = None,
    ) -> None:
        """Keep a note."""
        app = self.bot.app
        who = app.gate.require(interaction, "journal note")
        if words is None:
            trade = await journal.trade_of(app.desk, id)
            await dialogs.show(app, interaction, "note", trade.trade_id)
            return
        await reply.think(interaction, private=True)
        await journal.note(app.desk, who, id, words)
        await reply.report(interaction, card.one(await app.chronicle.entry(id)))

    @app_commands.command(description="Tag a trade: breakout late-entry; -tag takes one away")
    @app_commands.describe(id="The trade's id", tags="Words, with - before one to take away")
    async def tag(
        self,
        interaction: Press,
        id: str,  # noqa: A002
        tags: app_commands.Range[str, 1, 200],
    ) -> None:
        """Set its tags."""
        app = self.bot.app
        who = app.gate.require(interaction, "journal tag")
        await reply.think(interaction, private=True)
        await journal.tag(app.desk, who, id, tags)
        await reply.report(interaction, card.one(await app.chronicle.entry(id)))

    async def save(self, interaction: Press, message: discord.Message) -> None:
        """A message's words, kept; with its trade when it is an alert's."""
        app = self.bot.app
        who = app.gate.require(interaction, "Save to journal")
        await reply.think(interaction, private=True)
        raw = raw_alert(message, app.clock.now())
        parts = [raw.text, *(f"{e.title}\n{e.description}".strip() for e in raw.embeds)]
        words = "\n".join(p for p in parts if p)[:2000]
        if not words.strip():
            raise UserError("This message has no text to keep. Nothing was saved.")
        alert = app.desk.book.alerts.get(
            app.desk.book.by_message.get((message.channel.id, message.id), "")
        )
        trade_id = alert.trade_ids[0] if alert is not None and alert.trade_ids else ""
        author, link = message.author.display_name, message.jump_url
        await journal.save(app.desk, who, text=words, author=author, link=link, trade_id=trade_id)
        where = f" with trade {trade_id}" if trade_id else ""
        await reply.say(interaction, f"📌 Saved to the journal{where}. /journal search finds it.")

    # -- suggestions ---------------------------------------------------------------------------

    @show.autocomplete("id")
    @chart.autocomplete("id")
    @note.autocomplete("id")
    @tag.autocomplete("id")
    async def _trades(self, interaction: Press, current: str) -> Choices:
        app, wanted = self.bot.app, current.casefold()
        if not app.gate.allows(interaction, "journal show"):
            return []
        book = app.desk.book
        known = [*book.open_trades(), *reversed(book.round_trips.values())]
        found: Choices = []
        for trade in known:
            name = f"{follow.label(trade)} · {trade.trade_id}"
            if wanted in name.casefold():
                value = trade.trade_id
                found.append(app_commands.Choice(name=text.shorten(name, 100), value=value))
            if len(found) == 25:
                break
        return found

    @list_.autocomplete("tag")
    @stats.autocomplete("tag")
    @tag.autocomplete("tags")
    async def _tags(self, interaction: Press, current: str) -> Choices:
        app = self.bot.app
        if not app.gate.allows(interaction, "journal list"):
            return []
        before, _, last = current.lower().rpartition(" ")
        fits = [t for t in journal.known_tags(app.desk) if t.startswith(last.lstrip("-"))]
        names = [f"{before} {t}".strip()[:100] for t in fits[:25]]
        return [app_commands.Choice(name=n, value=n) for n in names]

    @list_.autocomplete("symbol")
    @stats.autocomplete("symbol")
    async def _symbols(self, interaction: Press, current: str) -> Choices:
        app = self.bot.app
        if not app.gate.allows(interaction, "journal list"):
            return []
        book = app.desk.book
        names = {t.symbol for t in (*book.open_trades(), *book.round_trips.values())}
        return among(sorted(names), current)

    @list_.autocomplete("strategy")
    @stats.autocomplete("strategy")
    async def _rooms(self, interaction: Press, current: str) -> Choices:
        app = self.bot.app
        if not app.gate.allows(interaction, "journal list"):
            return []
        return among(app.desk.settings.sources, current)

    async def _begin(self, interaction: Press, name: str) -> None:
        """Always private: notes are the traders' own."""
        self.bot.app.gate.require(interaction, name)
        await reply.think(interaction, private=True)


def _wanted(tag: str, symbol: str, room: str, asset: str | None, outcome: Outcome) -> Wanted:
    return Wanted(
        tag=tag.strip().lower(),
        symbol=symbol.strip().upper().lstrip("$/"),
        room=room.strip(),
        asset=asset or "",
        outcome=outcome,
    )


async def setup(bot: DeskBot) -> None:
    """Called by discord.py when the cog is loaded."""
    await bot.add_cog(Journal(bot))
