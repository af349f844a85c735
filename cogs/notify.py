"""What people want to be told of: /notify."""

import re
from typing import Any, Literal

import discord
from discord import app_commands
from discord.ext import commands

from bot import reply
from bot.cards import notifications as notify_card
from bot.client import DeskBot
from bot.confirm import Question, ask_first
from bot.notify import Severity, kinds, rules
from bot.suggest import among
from engine.domain.errors import UserError

Press = discord.Interaction[DeskBot]
AnyPress = discord.Interaction[Any]
KindName = Literal["price", "indicator", "pnl", "risk", "health", "quality", "alert"]


class NotifyCog(
    commands.GroupCog,
    name="Notify",
    group_name="notify",
    group_description="Rules: what you want to be told of, and where",
):
    """Rules belong to whoever made them; admins may change them all."""

    def __init__(self, bot: DeskBot) -> None:
        self.bot = bot

    @app_commands.command(name="rule-add", description="Be told when a condition begins to hold")
    @app_commands.describe(
        kind="What it looks at",
        condition="> 190 · rsi > 70 · day < -500 · lost today > 80% · any · below C · rejected",
        symbol="For price, indicator, quality (or in the condition: SPY > 190); alert if you like",
        severity="Critical reaches you in quiet hours and pings",
        channels="discord, dm, @Role, or names of /notify channels, with commas",
    )
    @app_commands.rename(kind="type")
    async def rule_add(
        self,
        interaction: Press,
        kind: KindName,
        condition: app_commands.Range[str, 1, 60],
        symbol: app_commands.Range[str, 1, 24] = "",
        severity: Severity = "info",
        channels: str = "discord",
    ) -> None:
        """In force at once."""
        app = self.bot.app
        who = await app.gate.begin(interaction, "notify rule-add")
        made = await app.notifier.add(
            who,
            kind=kind,
            symbol=symbol,
            condition=condition,
            severity=severity,
            channels=_channels(channels),
        )
        await reply.report(interaction, notify_card.rule(self._stamp(made.rule_id), made))

    @app_commands.command(name="rule-list", description="Every rule and whether it holds now")
    async def rule_list(self, interaction: Press) -> None:
        """Oldest first."""
        app = self.bot.app
        await app.gate.begin(interaction, "notify rule-list")
        await reply.report(interaction, notify_card.rules(self._stamp("rules"), rules(app)))

    @app_commands.command(name="rule-edit", description="Another condition, severity or channels")
    @app_commands.rename(rule_id="id")
    async def rule_edit(
        self,
        interaction: Press,
        rule_id: str,
        condition: app_commands.Range[str, 1, 60] | None = None,
        severity: Severity | None = None,
        channels: str | None = None,
    ) -> None:
        """What is left out stays."""
        app = self.bot.app
        who = await app.gate.begin(interaction, "notify rule-edit")
        given = {
            "condition": condition,
            "severity": severity,
            "channels": None if channels is None else _channels(channels),
        }
        changes = {name: value for name, value in given.items() if value is not None}
        if not changes:
            raise UserError("Nothing to change was given. Nothing was changed.")
        made = await app.notifier.edit(who, rule_id, **changes)
        await reply.report(interaction, notify_card.rule(self._stamp(made.rule_id), made))

    @app_commands.command(name="rule-remove", description="A rule tells nothing any more")
    @app_commands.rename(rule_id="id")
    async def rule_remove(self, interaction: Press, rule_id: str) -> None:
        """Asks once."""
        app = self.bot.app
        await app.gate.begin(interaction, "notify rule-remove")
        found = next((r for r in rules(app) if r.rule_id == rule_id.strip().upper()), None)
        if found is None:
            raise UserError("There is no such rule. Nothing was changed.")

        async def go(press: AnyPress) -> str:
            gone = await app.notifier.remove(app.gate.who(press), found.rule_id)
            return f"🗑 {gone.words} is gone."

        question = Question(
            title="Remove this rule?",
            yes="Remove",
            body=lambda: f"{found.kind}: {found.words}",
            action=go,
        )
        await ask_first(app, interaction, question)

    @app_commands.command(description="What was told, newest first")
    async def history(self, interaction: Press) -> None:
        """With its way to each channel."""
        app = self.bot.app
        await app.gate.begin(interaction, "notify history")
        found = await app.notifier.history()
        await reply.report(interaction, notify_card.history(self._stamp("notify"), found))

    @app_commands.command(description="You have seen it")
    @app_commands.rename(notification_id="id")
    async def ack(self, interaction: Press, notification_id: str) -> None:
        """Its card goes quiet."""
        app = self.bot.app
        who = await app.gate.begin(interaction, "notify ack")
        await reply.say(interaction, f"✔ {await app.notifier.seen(who, notification_id)}")

    @app_commands.command(description="Its rule tells nothing for a while")
    @app_commands.rename(notification_id="id")
    async def snooze(
        self,
        interaction: Press,
        notification_id: str,
        minutes: app_commands.Range[int, 1, 10_080] = 60,
    ) -> None:
        """For so many minutes."""
        app = self.bot.app
        who = await app.gate.begin(interaction, "notify snooze")
        said = await app.notifier.snooze(who, notification_id, minutes)
        await reply.say(interaction, f"✔ {said}")

    @app_commands.command(description="Send one word to an outside channel")
    async def test(self, interaction: Press, channel: str) -> None:
        """E-mail, text message, webhook: whatever TS_NOTIFY_<NAME> holds."""
        app = self.bot.app
        await app.gate.begin(interaction, "notify test")
        await reply.say(interaction, await app.notifier.test(channel.strip().lower()))

    @app_commands.command(description="Where rules may be told; never an address")
    async def channels(self, interaction: Press) -> None:
        """Names alone."""
        app = self.bot.app
        await app.gate.begin(interaction, "notify channels")
        names = app.notifier.channels()
        await reply.report(interaction, notify_card.channels(self._stamp("notify"), names))

    @rule_edit.autocomplete("rule_id")
    @rule_remove.autocomplete("rule_id")
    async def _rules(self, interaction: Press, current: str) -> list[app_commands.Choice[str]]:
        app = self.bot.app
        if not app.gate.allows(interaction, "notify rule-list"):
            return []
        wanted = current.strip().lower()
        return [
            app_commands.Choice(name=f"{r.kind} {r.words} · {r.rule_id}"[:100], value=r.rule_id)
            for r in rules(app)
            if wanted in f"{r.kind} {r.words} {r.rule_id}".lower()
        ][:25]

    @rule_add.autocomplete("symbol")
    async def _symbols(self, interaction: Press, current: str) -> list[app_commands.Choice[str]]:
        app = self.bot.app
        if not app.gate.allows(interaction, "notify rule-add"):
            return []
        return app.suggest.choices(current)

    @rule_add.autocomplete("condition")
    async def _conditions(self, interaction: Press, current: str) -> list[app_commands.Choice[str]]:
        if not self.bot.app.gate.allows(interaction, "notify rule-add"):
            return []
        chosen = getattr(interaction.namespace, "type", None)
        known = kinds()
        hints = [known[chosen].hint] if chosen in known else [k.hint for k in known.values()]
        examples = [e for hint in hints for e in hint.split("`")[1::2]]
        typed = [current] if current.strip() else []
        found = dict.fromkeys([*typed, *(e for e in examples if current.lower() in e)])
        return [app_commands.Choice(name=e[:60], value=e[:60]) for e in list(found)[:25]]

    @rule_add.autocomplete("channels")
    @rule_edit.autocomplete("channels")
    async def _ways(self, interaction: Press, current: str) -> list[app_commands.Choice[str]]:
        """One more channel behind those that are typed already."""
        app = self.bot.app
        if not app.gate.allows(interaction, "notify rule-add"):
            return []
        *typed, last = [part.strip() for part in current.split(",")]
        head = "".join(f"{part}, " for part in typed)
        roles = {c: f"@{name}" for c, name in app.notifier.pingable().items()}
        ways = {**{c: c for c in app.notifier.channels()}, **roles}
        return [
            app_commands.Choice(name=f"{head}{name}"[:100], value=f"{head}{way}")
            for way, name in ways.items()
            if last.lower() in name.lower() and len(f"{head}{way}") <= 100 and way not in typed
        ][:25]

    @test.autocomplete("channel")
    async def _outside(self, interaction: Press, current: str) -> list[app_commands.Choice[str]]:
        app = self.bot.app
        if not app.gate.allows(interaction, "notify test"):
            return []
        return among(app.notifier.channels()[2:], current)

    def _stamp(self, ref: str) -> Any:
        return self.bot.app.reading.frame().stamp(ref)


def _channels(typed: str) -> tuple[str, ...]:
    spaced = re.sub(r"(<@&\d+>)", r",\1,", typed)
    names = [part.strip().lower() for part in spaced.split(",") if part.strip()]
    if not names:
        raise UserError("channels: at least one is needed. Nothing was changed.")
    return tuple(dict.fromkeys(names))


async def setup(bot: DeskBot) -> None:
    """Called by discord.py when the cog is loaded."""
    await bot.add_cog(NotifyCog(bot))
