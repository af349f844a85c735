"""Emergency stop and resume, and what admins ask for in their private channel."""

from typing import Any

import discord
from discord import app_commands
from discord.ext import commands

from bot import errors
from bot.cards import trade_card
from bot.client import DeskBot
from bot.confirm import ask_first
from engine.flows import halt

Press = discord.Interaction[DeskBot]


class ResumeDialog(discord.ui.Modal, title="Resume trading"):
    """A typed word: entries are allowed again only on purpose."""

    def __init__(self, cog: "Admin", reason: str) -> None:
        super().__init__(timeout=120)
        self._cog, self._reason = cog, reason
        self.word = discord.ui.TextInput[Any](placeholder="RESUME", max_length=10)
        self.add_item(discord.ui.Label(text="Type RESUME to allow entries", component=self.word))

    async def on_submit(self, interaction: Press, /) -> None:  # type: ignore[override]
        """Resume when the word is right."""
        await interaction.response.defer(ephemeral=True)
        if self.word.value.strip().upper() != "RESUME":
            await errors.say(interaction, "⚠ The word was not RESUME. Trading stays halted.")
            return
        try:
            app = self._cog.bot.app
            who = app.gate.require(interaction, "resume-trading")
            await halt.resume(app.desk, who, self._reason)
        except Exception as error:  # noqa: BLE001 - the outermost edge of the dialog
            await errors.answer(interaction, error)
            return
        await errors.say(interaction, "▶ Trading is resumed.")


class Admin(commands.Cog):
    """Stops at once, resumes on purpose."""

    def __init__(self, bot: DeskBot) -> None:
        self.bot = bot

    @app_commands.command(
        name="emergency-stop", description="No more entries at once; then close everything"
    )
    @app_commands.describe(close="Also close every open trade", reason="Why, for the journal")
    async def emergency_stop(
        self,
        interaction: Press,
        close: bool = True,
        reason: app_commands.Range[str, 0, 200] = "",
    ) -> None:
        """Entries stop with the command; closing asks for one confirmation."""
        app = self.bot.app
        who = app.gate.require(interaction, "emergency-stop")
        await interaction.response.defer(ephemeral=True)
        killed = await halt.emergency_stop(app.desk, who, close=False, reason=reason)
        held = app.desk.book.open_trades()
        told = f"🛑 Entries are stopped; {len(killed)} waiting or working entries ended."
        if not close or not held:
            await errors.say(interaction, told)
            return

        async def flatten(press: Press) -> str:
            again = app.gate.who(press)
            tally = await halt.emergency_stop(app.desk, again, close=True, reason=reason)
            failed = {k: v for k, v in tally.items() if v != "closing"}
            rest = "".join(f"\n⚠ {k}: {v}" for k, v in failed.items())
            return f"🛑 Closing {sum(v == 'closing' for v in tally.values())} trades.{rest}"

        await ask_first(
            app,
            interaction,
            title=f"Close all {len(held)} open trades at market?",
            body=f"{told}\n"
            + "\n".join(trade_card.title(app.reading.live_trade(t)) for t in held[:15]),
            yes="Close everything",
            action=flatten,
        )

    @app_commands.command(name="resume-trading", description="Allow entries again (admins)")
    @app_commands.describe(reason="Why it is safe now")
    async def resume_trading(
        self, interaction: Press, reason: app_commands.Range[str, 1, 200]
    ) -> None:
        """Asks for a typed word."""
        self.bot.app.gate.require(interaction, "resume-trading")
        await interaction.response.send_modal(ResumeDialog(self, reason))


async def setup(bot: DeskBot) -> None:
    """Called by discord.py when the cog is loaded."""
    await bot.add_cog(Admin(bot))
