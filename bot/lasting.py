"""Buttons and menus that outlive a restart: all that they stand for is in their id.

A view holds these alone: discord.py forgets their class for the whole process when a mixed view
ends.
"""

import re
from collections.abc import Iterable
from typing import Any, Self, TypeVar

import discord

from bot.reply import Press

I_co = TypeVar("I_co", bound=discord.ui.Item[Any], covariant=True)


class Lasting(discord.ui.DynamicItem[I_co], template=r"(?!)"):
    """A button or menu made anew from its id at every press."""

    @classmethod
    async def from_custom_id(
        cls, interaction: Press, item: discord.ui.Item[Any], match: re.Match[str], /
    ) -> Self:
        """Called by discord.py; what is chosen in a menu comes with the press."""
        del interaction, item
        return cls.of(match)

    @classmethod
    def of(cls, match: re.Match[str]) -> Self:
        """What the id stands for: its groups in their order, unless they are not words alone."""
        make: Any = cls
        made: Self = make(*match.groups())
        return made


def choices(press: Press) -> list[str]:
    """What was chosen in a menu."""
    data: Any = press.data or {}
    return [str(value) for value in data.get("values") or ()]


def choice(press: Press) -> str:
    """The one that was chosen; empty for none."""
    return next(iter(choices(press)), "")


def below(items: Iterable[discord.ui.DynamicItem[Any]]) -> discord.ui.View:
    """What goes below a card."""
    view = discord.ui.View(timeout=None)
    for item in items:
        view.add_item(item)
    return view
