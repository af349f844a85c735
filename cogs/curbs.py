"""Limits by hand: /risk check, set, freeze, unfreeze, and /override."""

from typing import Literal

import discord
from discord import app_commands
from discord.ext import commands

from bot import dialogs, reply, text
from bot.cards import gates as gates_card
from bot.client import DeskBot
from bot.confirm import Question, ask_first
from bot.curb_forms import override_key, read_multiplier
from bot.numbers import number, optional_number
from bot.reply import Press as AnyPress
from bot.settings import paths
from bot.settings.changes import change
from bot.suggest import among
from engine.domain.curbs import FreezeScope, OverrideTarget
from engine.domain.errors import UserError
from engine.domain.order import Side
from engine.flows.alerts import drafting, manual
from engine.flows.alerts.drafting import Wanted
from engine.flows.limits import curbs
from engine.reports import gates

Press = discord.Interaction[DeskBot]
Scope = Literal["all", "symbol", "strategy", "broker", "author"]
_LIMITS = ("risk.", "sizing.")
Target = Literal["sizing", "sector", "correlation", "entry-window"]


class Curbs(commands.Cog):
    """Looks at gates, closes them, and opens the soft ones for a while."""

    def __init__(self, bot: DeskBot) -> None:
        self.bot = bot

    risk = app_commands.Group(name="risk", description="Gates of entries: try, freeze, allow again")

    @risk.command(description="A hypothetical order before every gate; nothing is sent")
    @app_commands.describe(
        symbol="As you would alert it: AAPL, SPY 603C 1/31, MES",
        side="Buy or sell",
        quantity="Shares or contracts",
        price="Limit; empty: what can be had now",
        stop="Empty: the desk's own",
    )
    async def check(
        self,
        interaction: Press,
        symbol: str,
        side: Literal["buy", "sell"],
        quantity: str,
        price: str = "",
        stop: str = "",
    ) -> None:
        """Sized and judged as it would be now."""
        app = self.bot.app
        who = await app.gate.begin(interaction, "risk check")
        wanted = Wanted(
            side=Side(side),
            symbol=symbol,
            amount=number("quantity", quantity),
            limit=optional_number("price", price),
            stop=optional_number("stop", stop),
        )
        planned = await manual.plan(app.desk, who, wanted)
        if planned.reduces:
            raise UserError(
                "That would only close what is held: exits pass every gate. Nothing was sent."
            )
        made = drafting.draft(app.desk, planned)
        report = gates.build(
            app.reading.frame(),
            asked=drafting.words(wanted),
            intent=made.intent,
            refused=made.refused,
            asks=made.question,
            equity_usd=app.reading.equity(planned.routed.account),
        )
        await reply.report(interaction, gates_card.show(report))

    @check.autocomplete("symbol")
    async def _symbols(self, interaction: Press, current: str) -> list[app_commands.Choice[str]]:
        app = self.bot.app
        return app.suggest.choices(current) if app.gate.allows(interaction, "risk check") else []

    @risk.command(name="set", description="Change a limit; looser needs a second admin")
    @app_commands.describe(path="Which", value="As in config.yaml: 3, null", reason="Why")
    @app_commands.rename(path="limit")
    async def set_(
        self,
        interaction: Press,
        path: str,
        value: str,
        reason: app_commands.Range[str, 0, 200] = "",
    ) -> None:
        """A version of the settings; in force at once."""
        app = self.bot.app
        await app.gate.begin(interaction, "risk set")
        if not path.startswith(_LIMITS):
            raise UserError("limit: must begin with risk. or sizing. Nothing was changed.")
        changes = {path.strip(): paths.read_value(value)}
        await change(
            interaction,
            app.settings.steps(changes),
            reason,
            lambda who, why, steps: app.settings.apply(who, changes, why, steps),
        )

    @set_.autocomplete("path")
    async def _limits(self, interaction: Press, current: str) -> list[app_commands.Choice[str]]:
        app = self.bot.app
        if not app.gate.allows(interaction, "risk set"):
            return []
        return among((p for p in app.settings.known() if p.startswith(_LIMITS)), current)

    @risk.command(description="No new entries there until you allow them again; exits pass")
    @app_commands.describe(scope="How much", name="Which one; empty for all", reason="Why")
    async def freeze(
        self,
        interaction: Press,
        scope: Scope,
        name: app_commands.Range[str, 0, 80] = "",
        reason: app_commands.Range[str, 0, 200] = "",
    ) -> None:
        """Asks once."""
        app = self.bot.app
        await app.gate.begin(interaction, "risk freeze")
        wanted: FreezeScope = scope
        what = curbs.named(app.desk, wanted, name)

        def body() -> str:
            held = [f"• {text.safe_line(f.words, 100)}" for f in curbs.freezes(app.desk)]
            rows = [f"New {text.safe_line(what, 100)} stop. Exits, stops and cancels go on."]
            return "\n".join([*rows, *(["Frozen already:", *held] if held else [])])

        async def go(press: AnyPress) -> str:
            by = app.gate.require(press, "risk freeze")
            made = await curbs.freeze(app.desk, by, wanted, name, reason or "no reason given")
            said = made.words[:1].upper() + made.words[1:]
            return f"🧊 {text.safe_line(said, 100)} are frozen. Exits go on."

        question = Question(
            title="Freeze these entries?",
            yes="Freeze",
            body=body,
            action=go,
            state=lambda: curbs.freezes(app.desk),
        )
        await ask_first(app, interaction, question)

    @risk.command(description="Allow entries again that were frozen")
    @app_commands.describe(scope="What was frozen", name="Which one", reason="Why it is safe now")
    async def unfreeze(
        self,
        interaction: Press,
        scope: Scope,
        name: app_commands.Range[str, 0, 80] = "",
        reason: app_commands.Range[str, 0, 200] = "",
    ) -> None:
        """Asks for a typed word."""
        typed = {"name": name, "reason": reason}
        await dialogs.show(self.bot.app, interaction, "unfreeze", scope, typed=typed)

    @freeze.autocomplete("name")
    @unfreeze.autocomplete("name")
    async def _names(self, interaction: Press, current: str) -> list[app_commands.Choice[str]]:
        app = self.bot.app
        if not app.gate.allows(interaction, "risk freeze"):
            return []
        scope = str(getattr(interaction.namespace, "scope", ""))
        known = {
            "strategy": sorted(app.desk.settings.sources),
            "broker": sorted(app.desk.brokers),
            "symbol": app.suggest.symbols(current),
        }.get(scope, [])
        return among(known, current)

    @app_commands.command(description="A soft limit does not bind for a while; hard caps always do")
    @app_commands.describe(
        target="Which limit",
        minutes="For how long",
        reason="Why",
        symbol="Only this one; empty: all",
        multiplier="For sizing: 0.5 to 2",
    )
    async def override(
        self,
        interaction: Press,
        target: Target,
        minutes: app_commands.Range[int, 1, 120],
        reason: app_commands.Range[str, 1, 200],
        symbol: app_commands.Range[str, 0, 20] = "",
        multiplier: app_commands.Range[float, 0.1, 5.0] | None = None,
    ) -> None:
        """Asks for a typed word."""
        of: OverrideTarget = target
        key = override_key(of, minutes, read_multiplier(multiplier))
        typed = {"symbol": symbol, "reason": reason}
        await dialogs.show(self.bot.app, interaction, "override", key, typed=typed)

    @override.autocomplete("symbol")
    async def _overridden(self, interaction: Press, current: str) -> list[app_commands.Choice[str]]:
        app = self.bot.app
        return app.suggest.choices(current) if app.gate.allows(interaction, "override") else []


async def setup(bot: DeskBot) -> None:
    """Called by discord.py when the cog is loaded."""
    await bot.add_cog(Curbs(bot))
