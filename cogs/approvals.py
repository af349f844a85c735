"""Approvals: the cards live in their channel with buttons; here they are listed and decided too."""

import discord
from discord import app_commands
from discord.ext import commands

from bot import actions, reply, text
from bot import bulk as many
from bot.cards import approval_card
from bot.cards import approvals as approvals_card
from bot.client import DeskBot
from bot.numbers import optional_number
from bot.questions.approve import approval_id_of, approve_or_ask
from bot.reading import approvals as approval_reading
from bot.suggest import among
from bot.views import approval_view
from engine.domain.errors import UserError
from engine.flows.trades import approve as deciding
from engine.flows.trades import modify as changing

Press = discord.Interaction[DeskBot]
_PER_PAGE = 10


class Approvals(
    commands.GroupCog, group_name="approvals", group_description="Questions that wait for a person"
):
    """The same decisions as by the buttons of the cards."""

    def __init__(self, bot: DeskBot) -> None:
        self.bot = bot

    @app_commands.command(name="list", description="Everything that waits for a decision")
    @app_commands.describe(symbol="Only this symbol", page="1 ends soonest")
    async def list_(
        self,
        interaction: Press,
        symbol: str = "",
        page: app_commands.Range[int, 1, 50] = 1,
    ) -> None:
        """One block per open question, the soonest to end first."""
        app = self.bot.app
        await app.gate.begin(interaction, "approvals list")
        wanted = symbol.strip().upper().lstrip("$/")
        found = sorted(app.desk.book.approvals.values(), key=lambda a: a.expires_at)
        cards = [c for a in found if (c := await app.reading.approval(a.approval_id)) is not None]
        cards = [c for c in cards if not wanted or c.symbol == wanted]
        first = min((page - 1) * _PER_PAGE, max(len(cards) - 1, 0))
        embed = approvals_card.waiting(
            cards[first : first + _PER_PAGE],
            app.reading.frame().stamp("approvals"),
            page=page,
            n=len(cards),
        )
        await reply.report(interaction, embed)

    @app_commands.command(name="show", description="One question with its buttons")
    @app_commands.describe(id="The approval's id")
    async def show(self, interaction: Press, id: str) -> None:  # noqa: A002
        """The card again, with its buttons."""
        app = self.bot.app
        await app.gate.begin(interaction, "approvals show")
        card = await app.reading.approval(await approval_id_of(app, id))
        if card is None:
            await reply.say(interaction, f"⚠ There is no approval “{text.safe_line(id, 40)}”.")
            return
        approval = app.desk.book.approvals.get(card.approval_id)
        view = approval_view(app, approval) if approval else None
        await reply.report(interaction, approval_card.show(card), view=view)

    @app_commands.command(name="approve", description="Send what waits, checked again now")
    @app_commands.describe(id="The approval's id")
    async def approve(self, interaction: Press, id: str) -> None:  # noqa: A002
        """As the button; with real money it asks once more."""
        app = self.bot.app
        who = await app.gate.begin(interaction, "approvals approve")
        said = await approve_or_ask(app, await approval_id_of(app, id), None, who)
        await actions.show(app, interaction, said)

    @app_commands.command(name="reject", description="Drop what waits; nothing of it is ever sent")
    @app_commands.describe(id="The approval's id", reason="Why, for the journal")
    async def reject(
        self,
        interaction: Press,
        id: str,  # noqa: A002
        reason: app_commands.Range[str, 0, 200] = "",
    ) -> None:
        """As the button, with a reason."""
        app = self.bot.app
        who = await app.gate.begin(interaction, "approvals reject")
        word = f"rejected ({reason.strip()})" if reason.strip() else "rejected"
        decided = await deciding.reject(
            app.desk, await approval_id_of(app, id), None, who, decision=word
        )
        await reply.say(interaction, f"✔ {text.safe_line(decided.said, 200)}")

    @app_commands.command(name="modify", description="Another quantity or limit; it then asks anew")
    @app_commands.describe(
        id="The approval's id", quantity="How many", limit="The worst price", stop="The first stop"
    )
    async def modify(
        self,
        interaction: Press,
        id: str,  # noqa: A002
        quantity: str = "",
        limit: str = "",
        stop: str = "",
    ) -> None:
        """As the dialog of the card."""
        app = self.bot.app
        who = await app.gate.begin(interaction, "approvals modify")
        qty = optional_number("quantity", quantity)
        price, floor = optional_number("limit", limit), optional_number("stop", stop)
        if (qty, price, floor) == (None, None, None):
            raise UserError("Say a quantity, a limit or a stop. Nothing was changed.")
        decided = await changing.run(
            app.desk, await approval_id_of(app, id), None, who, qty=qty, limit=price, stop=floor
        )
        said = text.safe_line(decided.said, 200)
        await reply.say(interaction, f"✔ {said}. The card asks anew.")

    @app_commands.command(name="bulk", description="Decide many at once: a menu, then one click")
    @app_commands.describe(action="What to do with them", which="Which ones are offered")
    @app_commands.rename(which="filter")
    async def bulk(self, interaction: Press, action: many.Kind, which: many.Filter = "all") -> None:
        """At most 25, with their totals before the click."""
        app = self.bot.app
        await app.gate.begin(interaction, "approvals bulk")
        found = many.waiting(app, which, action)
        if not found:
            raise UserError("Nothing of that kind waits for a decision. Nothing was done.")
        await reply.say(
            interaction, f"{len(found)} may be chosen:", view=many.view(app, action, found)
        )

    @app_commands.command(name="history", description="What was decided, by whom, how fast")
    @app_commands.describe(days="So far back", user="Only his decisions")
    async def history(
        self,
        interaction: Press,
        days: app_commands.Range[int, 1, 90] = 7,
        user: discord.User | None = None,
    ) -> None:
        """Newest first."""
        app = self.bot.app
        await app.gate.begin(interaction, "approvals history")
        report = await approval_reading.history(app, days, user.id if user else None)
        await reply.report(interaction, approvals_card.history(report))

    @show.autocomplete("id")
    @approve.autocomplete("id")
    @reject.autocomplete("id")
    @modify.autocomplete("id")
    async def _ids(self, interaction: Press, current: str) -> list[app_commands.Choice[str]]:
        app = self.bot.app
        if not app.gate.allows(interaction, "approvals show"):
            return []
        return [
            app_commands.Choice(
                name=text.shorten(f"{app.reading.named(a)} · {a.approval_id}", 100),
                value=a.approval_id,
            )
            for a in app.desk.book.approvals.values()
            if current.lower() in f"{a.approval_id} {app.reading.named(a)}".lower()
        ][:25]

    @list_.autocomplete("symbol")
    async def _symbols(self, interaction: Press, current: str) -> list[app_commands.Choice[str]]:
        app = self.bot.app
        if not app.gate.allows(interaction, "approvals list"):
            return []
        book = app.desk.book
        names = {i.symbol for a in book.approvals.values() if (i := book.intents.get(a.intent_id))}
        return among(sorted(names), current)


async def setup(bot: DeskBot) -> None:
    """Called by discord.py when the cog is loaded."""
    await bot.add_cog(Approvals(bot))
