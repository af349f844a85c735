"""The page of commands is what the bot registers, within Discord's limits."""

import ast
from collections.abc import Iterator
from pathlib import Path

from bot.access import ASKS, PERMISSIONS
from bot.cli import commands

COGS = Path(__file__).parents[3] / "cogs"
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


def asking(area: str) -> Iterator[str]:
    """Commands of a cog that put a question, themselves or by a method that they call."""
    tree = ast.parse((COGS / f"{area}.py").read_text(encoding="utf-8"))
    found = [n for n in ast.walk(tree) if isinstance(n, ast.AsyncFunctionDef)]
    calls = {f.name: {_name(c) for c in ast.walk(f) if isinstance(c, ast.Call)} for f in found}
    asks = [
        f.name
        for f in found
        for n in ast.walk(f)
        if isinstance(n, ast.Call) and isinstance(n.func, ast.Name)
        if n.func.id in ("ask_first", "change")
    ]
    puts = set(asks)
    for function in found:
        if function.name not in puts and not calls[function.name] & puts:
            continue
        for call in ast.walk(function):
            if isinstance(call, ast.Call) and _name(call) in ("begin", "require"):
                for word in call.args[1:2]:
                    if isinstance(word, ast.Constant):
                        yield str(word.value)


def _name(call: ast.Call) -> str:
    return getattr(call.func, "attr", "") or getattr(call.func, "id", "")


def test_the_page_says_of_every_command_that_asks_that_it_does() -> None:
    found = {name for file in COGS.glob("[a-z]*.py") for name in asking(file.stem)}
    assert {"close", "prefs reset", "monitor stop", "settings set", "broker connect"} <= found
    assert found - set(ASKS) == set()
