"""The page of commands is what the bot registers, within Discord's limits."""

from pathlib import Path

from bot.access import ASKS, PERMISSIONS
from bot.cli import commands

PAGE = Path(__file__).parents[3] / "docs" / "commands.md"


async def test_the_page_of_commands_is_current() -> None:
    assert PAGE.read_text(encoding="utf-8") == await commands.page(), (
        "out of date: tradestream commands > docs/commands.md"
    )


async def test_every_command_has_a_permission_and_fits_discord() -> None:
    found = {c.qualified_name: c for c in await commands.tree()}
    assert set(found) <= set(PERMISSIONS)
    assert set(ASKS) <= set(found)
    assert len({name.split()[0] for name in found}) <= 100
    menus = [c for c in found.values() if not hasattr(c, "parameters")]
    assert len(menus) <= 4
    for command in found.values():
        if command in menus:
            continue
        assert len(command.description) <= 100
        assert len(command.parameters) <= 25
        assert all(len(p.choices) <= 25 for p in command.parameters)
