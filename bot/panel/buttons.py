"""Buttons and the menu of the live panel; answers are for the presser alone.

What only shows something runs the slash command itself, with its rights, its report and its card.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

import discord
from discord import app_commands

from bot import reply, text
from bot.cards import Tone
from bot.cards import panel as card
from bot.confirm import Question, ask_first
from bot.lasting import Lasting, choice, choices
from bot.questions.flatten import close_everything, ended
from bot.reply import Press
from engine.domain.errors import UserError
from engine.flows.acts import halt
from engine.flows.alerts import listening
from engine.flows.limits import curbs
from engine.reports.panel import SECTIONS, PanelReport, Section

if TYPE_CHECKING:
    from bot.app import App
    from bot.client import DeskBot

Style = discord.ButtonStyle
Command = app_commands.Command[Any, ..., Any]

ROW: Mapping[str, str] = {
    "positions": "Positions",
    "order list": "Orders",
    "approvals list": "Approvals",
    "alerts list": "Alerts",
    "profit-loss": "Charts",
}
"""Commands of the first row, with what their buttons say."""
MENU = (
    *("status", "portfolio-summary", "performance", "exposure", "risk-analysis", "risk-limits"),
    *("circuit-breaker", "trades recent", "trades open", "alerts stats", "correlation"),
    *("what-to-do", "take-profits", "cut-losses", "watchlist view", "market-status"),
    *("market-summary", "broker list", "data quality", "monitor status", "health summary"),
    *("notify history", "mode show", "help"),
)
"""What the menu offers, where it is there; none needs a parameter, none changes anything."""
LEARNT = ("about", "data sources", "market-sentiment", "news", "sector-analysis", "trades closed")
"""Further ones that lessons and examples may run."""
_SAFE = frozenset((*ROW, *MENU, *LEARNT))


def command_of(client: "DeskBot", name: str) -> Command | None:
    """The command of that full name; None when this desk has none."""
    first, *rest = name.split()
    found: Any = client.tree.get_command(first)
    for word in rest:
        found = found.get_command(word) if isinstance(found, app_commands.Group) else None
    return found if isinstance(found, app_commands.Command) else None


async def run(press: Press, name: str) -> None:
    """Do what the slash command does without parameters: it judges and answers by itself.

    Raises:
        NotAllowed, UserError: as the command does; or there is none of that name.
    """
    found = command_of(press.client, name) if name in _SAFE else None
    if found is None:
        raise UserError(f"“{text.safe_line(name, 40)}” is not there any more. Nothing was done.")
    callback: Any = found.callback
    await (callback(press) if found.binding is None else callback(found.binding, press))


class RunButton(
    Lasting[discord.ui.Button[Any]],
    template=r"ts:run:(?P<name>[a-z]+(?:[ -][a-z]+)*)",
):
    """One command that only shows something."""

    def __init__(self, name: str, label: str = "…", style: Style = Style.secondary) -> None:
        super().__init__(
            discord.ui.Button(label=label[:80], style=style, custom_id=f"ts:run:{name}")
        )
        self.name = name

    async def callback(self, interaction: Press) -> None:
        """Show it, privately."""
        await reply.handled(interaction, lambda: run(interaction, self.name))


class MenuSelect(Lasting[discord.ui.Select[Any]], template=r"ts:panel:menu"):
    """Everything else that can be looked at."""

    def __init__(self, options: Sequence[discord.SelectOption] = ()) -> None:
        super().__init__(
            discord.ui.Select(
                placeholder="Show me …",
                options=list(options) or [discord.SelectOption(label="…", value="help")],
                custom_id="ts:panel:menu",
            )
        )

    async def callback(self, interaction: Press) -> None:
        """Show what was chosen, privately."""
        await reply.handled(interaction, lambda: run(interaction, choice(interaction)))


class DeskButton(
    Lasting[discord.ui.Button[Any]],
    template=r"ts:panel:(?P<verb>start|stop|pause|resume|emergency)",
):
    """Start or stop acting on alerts, or stop everything."""

    LOOKS: ClassVar[dict[str, tuple[str, Style, str]]] = {
        "start": ("Start monitor", Style.success, "▶️"),
        "stop": ("Stop monitor", Style.secondary, "⏸️"),
        "pause": ("Pause entries", Style.secondary, "🧊"),
        "resume": ("Resume entries", Style.success, "▶️"),
        "emergency": ("Emergency stop", Style.danger, "🛑"),
    }

    def __init__(self, verb: str, *, disabled: bool = False) -> None:
        words, style, emoji = self.LOOKS[verb]
        super().__init__(
            discord.ui.Button(
                label=words,
                style=style,
                emoji=emoji,
                custom_id=f"ts:panel:{verb}",
                disabled=disabled,
            )
        )
        self.verb = verb

    async def callback(self, interaction: Press) -> None:
        """Act, or ask first."""
        app: App = interaction.client.app
        await reply.handled(interaction, lambda: _WORK[self.verb](app, interaction))


async def _start(app: "App", press: Press) -> str:
    who = app.gate.require(press, "press monitor")
    await reply.think(press, private=True)
    await listening.start(app.desk, who)
    return "▶ The monitor is running: new alerts are acted on. What came meanwhile is not."


async def _stop(app: "App", press: Press) -> None:
    app.gate.require(press, "press monitor")
    await reply.think(press, private=True)
    await ask_first(app, press, stop_question(app))


async def _pause(app: "App", press: Press) -> str:
    who = app.gate.require(press, "press monitor")
    await reply.think(press, private=True)
    await curbs.freeze(app.desk, who, "all", "", "paused on the panel")
    return "🧊 Entries are paused: none is sent until somebody resumes them. Exits go on."


async def _resume(app: "App", press: Press) -> str:
    who = app.gate.require(press, "press monitor")
    await reply.think(press, private=True)
    await curbs.unfreeze(app.desk, who, "all", "", "resumed on the panel")
    return "▶ Entries are allowed again."


def stop_question(app: "App", channel_id: int | None = None, reason: str = "") -> Question:
    """The confirmation before alerts are no longer acted on.

    Raises:
        UserError: it is stopped already, or the channel is no alert room.
    """
    desk = app.desk
    room = None if channel_id is None else desk.source_of(channel_id)
    if channel_id is not None and room is None:
        raise UserError("That channel is no alert room of this desk. Nothing was changed.")
    named = f"of {text.safe_line(room.name, 40)}" if room is not None else "of all alert rooms"

    def body() -> str:
        if listening.stopped(desk, channel_id) is not None:
            raise UserError("The monitor is stopped there already. Nothing was changed.")
        n_open = len(desk.book.open_trades())
        return "\n".join(
            [
                f"Alerts {named} are kept, but **no longer acted on, closings included**.",
                f"{text.count(n_open, 'open trade')}: stops, targets and buttons stay as they are.",
                "It holds until somebody starts it again, also over a restart.",
            ]
        )

    async def go(press: Press) -> str:
        who = app.gate.require(press, "press monitor")
        await listening.stop(desk, who, reason, channel_id)
        return f"⏸ The monitor {named} is stopped. Exits go on."

    body()
    return Question(
        title="Stop the monitor?",
        yes="Stop the monitor",
        body=body,
        action=go,
        state=lambda: listening.stopped(desk, channel_id),
    )


async def _emergency(app: "App", press: Press) -> str | None:
    who = app.gate.require(press, "press emergency-stop")
    # Before Discord is even answered: the stop must not wait for anybody.
    stopping = asyncio.ensure_future(
        halt.emergency_stop(app.desk, who, close=False, reason="emergency stop on the panel")
    )
    await asyncio.sleep(0)
    await reply.think(press, private=True)
    told = ended(await stopping)
    if not app.desk.book.open_trades():
        return f"{told} Nothing is open."
    await ask_first(app, press, close_everything(app, told))
    return None


_WORK: Mapping[str, Callable[["App", Press], Awaitable[str | None]]] = {
    "start": _start,
    "stop": _stop,
    "pause": _pause,
    "resume": _resume,
    "emergency": _emergency,
}


class SectionsSelect(Lasting[discord.ui.Select[Any]], template=r"ts:panel:sections"):
    """What the panel shows below its figures."""

    PERMISSION: ClassVar[str] = "panel"

    def __init__(self, chosen: Sequence[Section] = ()) -> None:
        options = [
            discord.SelectOption(label=card.NAMES[s], value=s, default=s in chosen)
            for s in SECTIONS
        ]
        super().__init__(
            discord.ui.Select(
                placeholder="What the panel shows",
                options=options,
                min_values=0,
                max_values=len(options),
                custom_id="ts:panel:sections",
            )
        )

    async def callback(self, interaction: Press) -> None:
        """Keep the choice and show it."""
        await reply.defer(interaction)
        await reply.handled(interaction, lambda: self._choose(interaction))

    async def _choose(self, press: Press) -> str:
        app: App = press.client.app
        who = app.gate.require(press, self.PERMISSION)
        wanted = choices(press)
        chosen = tuple(s for s in SECTIONS if s in wanted)
        await app.panel.choose(who, chosen)
        return f"✔ The panel shows: {', '.join(card.NAMES[s] for s in chosen) or 'figures alone'}."


BUTTONS = (RunButton, MenuSelect, DeskButton, SectionsSelect)


def layout(report: PanelReport, client: "DeskBot", *, has_picture: bool) -> discord.ui.LayoutView:
    """The whole panel as one message of text, picture and buttons."""
    box: discord.ui.Container[Any] = discord.ui.Container(accent_colour=card.tone(report).value)
    *body, stamp = card.blocks(report)
    for n, words in enumerate(body):
        if n > 1:
            box.add_item(discord.ui.Separator())
        box.add_item(discord.ui.TextDisplay(words))
    if has_picture:
        picture = discord.MediaGalleryItem(
            f"attachment://{card.PICTURE}", description=card.alt(report)
        )
        box.add_item(discord.ui.MediaGallery(picture))
    row: discord.ui.ActionRow[Any] = discord.ui.ActionRow()
    for name, label in ROW.items():
        if command_of(client, name) is not None:
            row.add_item(RunButton(name, label, Style.primary))
    box.add_item(row)
    box.add_item(
        discord.ui.ActionRow(
            DeskButton("start", disabled=not _is_anywhere_stopped(report)),
            DeskButton("stop", disabled=bool(report.stopped)),
            DeskButton("resume" if report.paused else "pause"),
            DeskButton("emergency"),
        )
    )
    box.add_item(discord.ui.ActionRow(MenuSelect(_options(client))))
    box.add_item(discord.ui.TextDisplay(stamp))
    view = discord.ui.LayoutView(timeout=None)
    view.add_item(box)
    return view


def stopped_layout(report: PanelReport) -> discord.ui.LayoutView:
    """What stays when the desk is told to end: no buttons that nobody would answer."""
    box: discord.ui.Container[Any] = discord.ui.Container(accent_colour=Tone.QUIET.value)
    for words in card.stopped(report):
        box.add_item(discord.ui.TextDisplay(words))
    view = discord.ui.LayoutView(timeout=None)
    view.add_item(box)
    return view


def _is_anywhere_stopped(report: PanelReport) -> bool:
    return bool(report.stopped) or any(room.stopped for room in report.rooms)


def _options(client: "DeskBot") -> list[discord.SelectOption]:
    found = [(name, command) for name in MENU if (command := command_of(client, name)) is not None]
    return [
        discord.SelectOption(
            label=name.replace("-", " ").capitalize(),
            value=name,
            description=command.description[:100],
        )
        for name, command in found[:25]
    ]
