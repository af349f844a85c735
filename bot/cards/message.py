"""A card that carries words of our own: the question before acting."""

from collections.abc import Sequence
from datetime import datetime

import discord

from bot import text
from bot.cards._layout import Tone, card
from engine.reports import Stamp


def question(
    *, title: str, lines: Sequence[str], stamp: Stamp, ends_at: datetime, again: str = ""
) -> discord.Embed:
    """What exactly is about to be done; ``lines`` are ready text, the buttons are the view's."""
    return card(
        tone=Tone.WAIT,
        title=title,
        stamp=stamp,
        lines=[
            f"⚠ **{text.safe_line(again, 200)}**" if again else "",
            *lines,
            f"⏳ **Expires** {text.ago(ends_at)}",
        ],
    )
