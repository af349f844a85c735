"""``tradestream commands``: every slash command as the bot registers it, in Markdown.

docs/commands.md is this output: ``tradestream commands > docs/commands.md``.
"""

import argparse
import asyncio
from collections.abc import Iterable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

HELP = "Print the table of every slash command (docs/commands.md)."

_MENUS = """
Right-click (or press long) on a message or a person, then *Apps*:

| Menu | On | Who | Where |
|---|---|---|---|
"""

_INTRO = """# Commands

Written by `tradestream commands` from the live command tree; a test fails when it is out of date.
Parameters in brackets may be left out; a star means that Discord suggests values while typing.
*Asks* is what stands between the command and its effect. Figures of accounts are shown to the asker
alone outside the desk's own rooms.

| Command | Parameters | Who | Where | Asks | What |
|---|---|---|---|---|---|
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of the verb: none."""
    del parser


def run(args: argparse.Namespace) -> int:
    """Print the page."""
    del args
    print(asyncio.run(page()), end="")
    return 0


async def page() -> str:
    """The whole page, as it stands in docs."""
    found = sorted(await tree(), key=lambda c: c.qualified_name)
    rows = [_row(command) for command in found if hasattr(command, "parameters")]
    menus = [_menu(command) for command in found if not hasattr(command, "parameters")]
    return _INTRO + "".join(rows) + _MENUS + "".join(menus)


async def tree() -> list[Any]:
    """Every command of a bot that was made and never connected."""
    from bot import config
    from bot.app import App
    from engine import registry

    with TemporaryDirectory() as folder:
        file = Path(folder) / "config.yaml"
        file.write_text("accounts: {main: {broker: paper}}\n", encoding="utf-8")
        bot = App(config.load(file)).bot
        for name in registry.names("cogs"):
            await bot.load_extension(f"cogs.{name}")
        return list(_leaves(bot.tree.get_commands()))


def _leaves(commands: Iterable[Any]) -> Iterator[Any]:
    from discord import app_commands

    for command in commands:
        if isinstance(command, app_commands.Group):
            yield from _leaves(command.commands)
        else:
            yield command


def _row(command: Any) -> str:
    from bot.access import ASKS, PERMISSIONS

    name = command.qualified_name
    permission = PERMISSIONS[name]
    who = permission.role.name.lower() + (" + approver" if permission.approves else "")
    cells = (
        f"/{name}",
        " ".join(_parameter(p) for p in command.parameters) or "none",
        who,
        permission.where.value,
        ASKS.get(name, "nothing"),
        command.description,
    )
    return "| " + " | ".join(cells) + " |\n"


def _menu(menu: Any) -> str:
    from bot.access import PERMISSIONS

    permission = PERMISSIONS[menu.qualified_name]
    cells = (
        menu.qualified_name,
        "a message" if menu.type.value == 3 else "a person",
        permission.role.name.lower(),
        permission.where.value,
    )
    return "| " + " | ".join(cells) + " |\n"


def _parameter(parameter: Any) -> str:
    choices = "{" + ", ".join(c.name for c in parameter.choices) + "}" if parameter.choices else ""
    word = f"{parameter.display_name}{choices}{'*' if parameter.autocomplete else ''}"
    return f"`{word}`" if parameter.required else f"`[{word}]`"
