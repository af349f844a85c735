"""Every command and every question about rights has its row in the access table."""

import ast
import importlib
import inspect
import pkgutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import discord
import pytest
from discord import app_commands
from discord.ext import commands

import cogs
from bot.access import PERMISSIONS

ROOT = Path(__file__).parents[2]
AREAS = sorted(m.name for m in pkgutil.iter_modules(cogs.__path__))
JUDGES = {"require": 1, "begin": 1, "allows": 1, "refusal": 1, "press_refusal": 1, "is_private": 0}
"""Call -> which argument is the name of the permission."""


def commands_of(area: str) -> Iterator[str]:
    """Full names of all slash commands that a cog brings."""
    module = importlib.import_module(f"cogs.{area}")
    for _, found in inspect.getmembers(module, inspect.isclass):
        if issubclass(found, commands.Cog) and found.__module__ == module.__name__:
            group = getattr(found, "__cog_group_name__", None)
            is_group = issubclass(found, commands.GroupCog) and isinstance(group, str)
            for command in _leaves(found.__cog_app_commands__):
                yield f"{group} {command}" if is_group else command


def _leaves(found: list[Any]) -> Iterator[str]:
    for command in found:
        if isinstance(command, app_commands.Group):
            yield from _leaves(command.commands)
        else:
            yield command.qualified_name


@pytest.mark.parametrize("area", AREAS)
def test_every_command_has_its_permission(area: str) -> None:
    assert [name for name in commands_of(area) if name not in PERMISSIONS] == []


def test_the_commands_of_the_readme_are_found() -> None:
    """The look-up above is not blind."""
    assert discord.version_info.major == 2
    found = {name for area in AREAS for name in commands_of(area)}
    assert {"status", "alerts list", "approvals show", "trades recent", "resume-trading"} <= found


def asked_for(source: str) -> Iterator[str]:
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
            continue
        place = JUDGES.get(node.func.attr)
        if place is not None and len(node.args) > place:
            argument = node.args[place]
            if isinstance(argument, ast.Constant) and isinstance(argument.value, str):
                yield argument.value


def test_nobody_asks_for_a_right_that_is_not_on_the_list() -> None:
    """It would be refused to everyone, always."""
    files = [*(ROOT / "bot").rglob("*.py"), *(ROOT / "cogs").glob("*.py")]
    asked = {
        (path.name, name) for path in files for name in asked_for(path.read_text(encoding="utf-8"))
    }
    assert {(file, name) for file, name in asked if name not in PERMISSIONS} == set()
    assert len(asked) > 5


def test_no_right_stands_on_the_list_that_nobody_asks_for() -> None:
    files = [p for folder in ("bot", "cogs") for p in (ROOT / folder).rglob("*.py")]
    words = {
        node.value
        for path in files
        if path.name != "access.py"
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }
    known = {name for area in AREAS for name in commands_of(area)}
    assert set(PERMISSIONS) - known - words == set()
