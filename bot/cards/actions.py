"""What can be done now: the menu's card."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import discord

from bot import text
from bot.cards._layout import Tone, card
from engine.reports import Stamp

if TYPE_CHECKING:
    from bot.actions import Offer

_SHOWN = 12


def menu(found: "Sequence[Offer]", stamp: Stamp) -> discord.Embed:
    """One line per thing that can be typed, too."""
    rows = [f"`#{o.text}` {text.safe_line(o.detail, 60)}".rstrip() for o in found[:_SHOWN]]
    rest = len(found) - _SHOWN
    return card(
        tone=Tone.INFO if found else Tone.QUIET,
        title=f"{len(found)} things to do now" if found else "Nothing is open or working",
        stamp=stamp,
        lines=[
            *rows,
            f"-# and {rest} more in the menu" if rest > 0 else "",
            "-# `/action` and the action channel take the same words.",
        ],
    )
