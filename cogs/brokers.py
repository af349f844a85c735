"""Where orders go: /broker, /mode, /reconcile. No secret is ever typed here."""

from datetime import timedelta
from typing import Any, Literal

import discord
from discord import app_commands
from discord.ext import commands

from bot import dialogs, reconnect, reply, text
from bot.cards import brokers as brokers_card
from bot.cards import mode as mode_card
from bot.cards import reconcile as reconcile_card
from bot.cards import routes as routes_card
from bot.client import DeskBot
from bot.confirm import Question, ask_first
from bot.numbers import number
from bot.reply import Press as AnyPress
from bot.suggest import among
from engine.domain.errors import NotAllowed, UserError
from engine.flows.brokers import by_hand, recover
from engine.flows.common import broker_switch, mode
from engine.flows.limits import routes

Press = discord.Interaction[DeskBot]


class Brokers(commands.Cog):
    """Brokers and the mode; changes are for admins, in their room."""

    def __init__(self, bot: DeskBot) -> None:
        self.bot = bot

    broker = app_commands.Group(name="broker", description="Where orders go, and whether they may")
    mode_group = app_commands.Group(name="mode", description="Paper or real money")

    @broker.command(name="list", description="Every broker: entries, accounts, live orders")
    async def list_all(self, interaction: Press) -> None:
        """One screen."""
        app = self.bot.app
        await app.gate.begin(interaction, "broker list")
        await reply.report(interaction, brokers_card.show(await app.outside.brokers()))

    @broker.command(name="status", description="One broker with what its accounts hold right now")
    @app_commands.describe(broker="Which one")
    async def status(self, interaction: Press, broker: str) -> None:
        """One of them, in full."""
        app = self.bot.app
        await app.gate.begin(interaction, "broker status")
        await reply.report(interaction, brokers_card.one(await app.outside.brokers(broker)))

    @broker.command(name="test", description="Try each capability, without leaving a trace")
    @app_commands.describe(broker="Which one")
    async def test(self, interaction: Press, broker: str) -> None:
        """Log in, read, price, dry-run an order."""
        app = self.bot.app
        await app.gate.begin(interaction, "broker test")
        name = app.outside.named(broker)
        checks = await app.outside.tested(name)
        stamp = app.reading.frame().stamp(f"broker-{name}")
        await reply.report(interaction, brokers_card.tested(name, checks, stamp))

    @broker.command(name="attend", description="You are present: an attended broker takes entries")
    @app_commands.describe(broker="A broker that wants a person present")
    async def attend(self, interaction: Press, broker: str) -> None:
        """Counts for as long as its settings say."""
        app = self.bot.app
        await app.gate.begin(interaction, "broker attend")
        name = app.outside.named(broker)
        found: Any = app.desk.brokers[name]
        confirm = getattr(found, "confirm_presence", None)
        if confirm is None or found.attended_left_s is None:
            raise UserError(f"{name} does not ask for a person present. Nothing was changed.")
        confirm()
        span = text.span(timedelta(seconds=found.attended_left_s))
        await reply.say(interaction, f"👤 {name}: you are present; entries may go for {span}.")

    @broker.command(name="disable", description="No new entry goes there; exits and stops still do")
    @app_commands.describe(broker="Which one", reason="Why, for the journal")
    async def disable(
        self, interaction: Press, broker: str, reason: app_commands.Range[str, 0, 200] = ""
    ) -> None:
        """Asks once."""
        app = self.bot.app
        await app.gate.begin(interaction, "broker disable")
        name = app.outside.named(broker)
        broker_switch.is_to_be(app.desk, name, in_use=False)

        async def go(press: AnyPress) -> str:
            return await broker_switch.disable(app.desk, name, app.gate.who(press), reason)

        await ask_first(
            app,
            interaction,
            Question(
                title=f"Take {name} out of use?",
                yes=f"Disable {name}",
                body=lambda: (
                    "No new entry goes there, working ones are cancelled. What is open there is "
                    "managed to its end."
                ),
                action=go,
            ),
        )

    @broker.command(name="enable", description="Entries may go there again")
    @app_commands.describe(broker="Which one")
    async def enable(self, interaction: Press, broker: str) -> None:
        """Asks once."""
        app = self.bot.app
        await app.gate.begin(interaction, "broker enable")
        name = app.outside.named(broker)
        broker_switch.is_to_be(app.desk, name, in_use=True)

        async def go(press: AnyPress) -> str:
            return await broker_switch.enable(app.desk, name, app.gate.who(press))

        await ask_first(
            app,
            interaction,
            Question(
                title=f"Let entries go to {name} again?",
                yes=f"Enable {name}",
                body=lambda: text.safe_line(broker_switch.off(app.desk, name), 300),
                action=go,
            ),
        )

    @broker.command(name="connect", description="Log in anew; the old connection stays if it fails")
    @app_commands.describe(broker="Which one")
    async def connect(self, interaction: Press, broker: str) -> None:
        """Asks once; secrets come from their source, never from here."""
        app = self.bot.app
        await app.gate.begin(interaction, "broker connect")
        await self._renew(interaction, broker, "Connect {} anew?")

    @broker.command(name="rotate", description="Take the secrets that were put in place; log in")
    @app_commands.describe(broker="Which one")
    async def rotate(self, interaction: Press, broker: str) -> None:
        """Asks once; put the new secret into its file or the environment's first."""
        app = self.bot.app
        await app.gate.begin(interaction, "broker rotate")
        await self._renew(interaction, broker, "Change to the new secrets of {}?")

    @broker.command(name="settings", description="Change what may be changed while the desk runs")
    @app_commands.describe(broker="Which one")
    async def settings(self, interaction: Press, broker: str) -> None:
        """Opens a form and asks once; addresses and keys are never typed here."""
        app = self.bot.app
        is_allowed = app.gate.allows(interaction, "broker settings")
        name = app.outside.named(broker) if is_allowed else ""  # strangers learn no names
        await dialogs.show(app, interaction, "broker", name)

    @broker.command(
        name="route", description="Which account takes what; without an account: the table"
    )
    @app_commands.describe(
        asset="Asset class",
        account="Account that is to take it",
        priority="1: first; 0: takes it out of the list",
    )
    async def route(
        self,
        interaction: Press,
        asset: Literal["stock", "option", "spread", "future", "crypto", "everything else"]
        | None = None,
        account: str = "",
        priority: app_commands.Range[int, 0, 20] = 1,
    ) -> None:
        """Asks once; from then on it comes before the configured routes."""
        app = self.bot.app
        await app.gate.begin(interaction, "broker route")
        if not account:
            await reply.report(interaction, routes_card.show(app.outside.routes(asset or "")))
            return
        if asset is None:
            raise UserError("Which asset class is it to take? Choose one. Nothing was changed.")
        what = routes.ANY if asset == "everything else" else asset
        await self._ask_route(interaction, what, account, priority)

    @broker.command(name="default", description="The account that takes what no route names")
    @app_commands.describe(account="Account that is to take it")
    async def default(self, interaction: Press, account: str) -> None:
        """Asks once."""
        app = self.bot.app
        await app.gate.begin(interaction, "broker default")
        await self._ask_route(interaction, routes.ANY, account, 1)

    @route.autocomplete("account")
    @default.autocomplete("account")
    async def _accounts(self, interaction: Press, current: str) -> list[app_commands.Choice[str]]:
        app = self.bot.app
        if not app.gate.allows(interaction, "broker list"):
            return []
        return among(sorted(app.desk.settings.accounts), current)

    async def _ask_route(self, interaction: Press, asset: str, account: str, priority: int) -> None:
        app = self.bot.app
        account = account.strip()

        async def go(press: AnyPress) -> str:
            who = app.gate.who(press)
            return f"🧭 {await routes.put(app.desk, who, asset, account, priority)}"

        def body() -> str:
            then = routes.changed(app.desk, asset, account, priority)
            now = routes.accounts(app.desk, asset)
            return f"now {routes.said(asset, now)}\nthen {routes.said(asset, then)}"

        question = Question(
            title="Change where entries go?",
            yes="Change the route",
            body=body,
            action=go,
        )
        await ask_first(app, interaction, question)

    async def _renew(self, interaction: Press, broker: str, title: str) -> None:
        app = self.bot.app
        name = app.outside.named(broker)
        reconnect.check(name)

        steps: list[str] = []

        async def go(press: AnyPress) -> str:
            return await reconnect.run(app, name, app.gate.who(press), steps.append)

        await ask_first(
            app,
            interaction,
            Question(
                title=title.format(name),
                yes=f"Connect {name}",
                body=lambda: (
                    "Secrets are read from their files or the environment. Entries wait until its "
                    "books were compared; stops at the broker keep working."
                ),
                action=go,
                step=lambda: "".join(steps[-1:]),
            ),
        )

    @status.autocomplete("broker")
    @connect.autocomplete("broker")
    @rotate.autocomplete("broker")
    @settings.autocomplete("broker")
    @test.autocomplete("broker")
    @attend.autocomplete("broker")
    @disable.autocomplete("broker")
    @enable.autocomplete("broker")
    async def _brokers(self, interaction: Press, current: str) -> list[app_commands.Choice[str]]:
        app = self.bot.app
        if not app.gate.allows(interaction, "broker list"):
            return []
        return among(sorted(app.desk.brokers), current)

    @app_commands.command(description="Our books against the brokers': what was read, what differs")
    @app_commands.describe(
        apply="Compare everything now and take over what differs; no orders",
        what="A quantity that differs, and whose price no broker tells",
        price="What each was bought or sold at, as the broker's app shows it; 0: worthless",
        reason="What you saw there, for the journal",
    )
    async def reconcile(
        self,
        interaction: Press,
        apply: bool = False,
        what: str = "",
        price: str = "",
        reason: app_commands.Range[str, 0, 200] = "",
    ) -> None:
        """The last comparison; with ``apply`` a new one, with ``what`` a price for a difference."""
        app = self.bot.app
        await app.gate.begin(interaction, "reconcile")
        if what or price:
            await self._by_hand(interaction, what, price, reason)
            return
        if not apply:
            await reply.report(interaction, reconcile_card.show(recover.report(app.desk)))
            return

        async def go(press: AnyPress) -> str:
            if not app.gate.who(press).may_admin:
                raise NotAllowed("Only an admin may compare the books. Nothing was done.")
            report = await recover.on_demand(app.desk)
            await reply.say(press, embed=reconcile_card.show(report))
            return f"{'✔' if report.is_clean else '⚠'} {reconcile_card.title(report)}"

        await ask_first(
            app,
            interaction,
            Question(
                title="Compare with every broker now?",
                yes="Compare and take over",
                body=lambda: (
                    "The broker is right about quantity and price. What differs becomes an entry "
                    "of the books, never an order."
                ),
                action=go,
            ),
        )

    @mode_group.command(name="show", description="Paper or live, since when, and what is missing")
    async def show(self, interaction: Press) -> None:
        """With the facts that decide."""
        app = self.bot.app
        await app.gate.begin(interaction, "mode show")
        may_see = app.gate.allows(interaction, "performance")
        made = await app.reading.performance("all") if may_see else None
        await reply.report(interaction, mode_card.show(mode.report(app.desk, made)))

    @mode_group.command(name="paper", description="No new entry of real money from now on")
    @app_commands.describe(reason="Why, for the journal")
    async def paper(self, interaction: Press, reason: app_commands.Range[str, 0, 200] = "") -> None:
        """Asks once; exits go on whatever the mode is."""
        app = self.bot.app
        await app.gate.begin(interaction, "mode paper")

        async def go(press: AnyPress) -> str:
            return await mode.to_paper(app.desk, app.gate.who(press), reason)

        question = Question(
            title="Back to paper?",
            yes="Back to paper",
            body=lambda: (
                "No new entry of real money; working ones are cancelled. "
                "What is open is managed to its end."
            ),
            action=go,
        )
        await ask_first(app, interaction, question)

    @mode_group.command(name="live", description="Trade real money; needs a second admin")
    @app_commands.describe(reason="Why now")
    async def live(self, interaction: Press, reason: app_commands.Range[str, 1, 200]) -> None:
        """Asks for a typed word; the second admin does the same."""
        await dialogs.show(self.bot.app, interaction, "live", "", typed={"reason": reason})

    async def _by_hand(self, interaction: Press, what: str, price: str, reason: str) -> None:
        app = self.bot.app
        if len(reason.strip()) < 3:
            raise UserError(
                "reason: say what you saw in the broker's app; it stays in the journal. Nothing "
                "was booked."
            )
        usd = number("price", price, may_be_zero=True)
        account, gap = by_hand.named(app.desk, what)

        async def go(press: AnyPress) -> str:
            return await by_hand.book(app.desk, app.gate.who(press), what, usd, reason.strip())

        question = Question(
            title="Book what no broker prices?",
            yes=f"Book {abs(gap.qty):f} {gap.instrument.label}"[:80],
            body=lambda: (
                f"{text.safe_line(by_hand.said(account, gap, usd), 300)}.\n"
                "The broker does not say at what price; you do, and profit and loss count with "
                "it. No order is sent for it; what protects the rest follows."
            ),
            action=go,
            state=lambda: by_hand.held(app.desk, what),
        )
        await ask_first(app, interaction, question)

    @reconcile.autocomplete("what")
    async def _apart(self, interaction: Press, current: str) -> list[app_commands.Choice[str]]:
        app = self.bot.app
        if not app.gate.allows(interaction, "reconcile"):
            return []
        return among(sorted(by_hand.gaps(app.desk)), current)


async def setup(bot: DeskBot) -> None:
    """Called by discord.py when the cog is loaded."""
    await bot.add_cog(Brokers(bot))
