"""Cards that carry words of our own: a failure, a question before acting, a plain note."""

from collections.abc import Sequence
from datetime import datetime

import discord

from bot import text
from bot.cards._layout import Tone, card, one_line
from engine.reports import Stamp


def failure(*, what: str, not_done: str, do: str, reference: str, stamp: Stamp) -> discord.Embed:
    """What happened, what was not done, what to do now, and the reference to look it up by."""
    return card(
        tone=Tone.BAD,
        title=f"⚠ {text.safe_line(what, 200)}",
        stamp=Stamp(at=stamp.at, mode=stamp.mode, ref=reference, is_synthetic=stamp.is_synthetic),
        lines=[
            one_line("Not done", text.safe_line(not_done, 400)),
            one_line("What to do", text.safe_line(do, 400)),
        ],
    )


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
