"""/about and /invite: what this is, what it is not, how it is let in."""

from collections.abc import Sequence
from datetime import datetime

import discord

from bot import text
from bot.about import MadeOf
from bot.cards._layout import Tone, card
from engine.reports import Stamp


def program(made: MadeOf, stamp: Stamp, *, since: datetime) -> discord.Embed:
    """Version, commit, schema, uptime."""
    commit = f"`{made.commit}`" if made.commit else "n/a (not run from a checkout)"
    return card(
        tone=Tone.INFO,
        title=f"TradeStream {made.version}",
        stamp=stamp,
        lines=[
            "Alerts in, risk-checked orders out; every figure comes from the ledger.",
            f"**Commit** {commit} · **Books** schema {made.schema}",
            f"**Up** since {text.ago(since)}",
            "-# Not investment advice. Trading loses money; options and futures lose it fast.",
            "-# In full: `/about part:disclaimer`",
        ],
    )


def disclaimer(words: Sequence[str], stamp: Stamp, *, is_accepted: bool) -> discord.Embed:
    """All of it, and whether the reader has accepted it."""
    return card(
        tone=Tone.QUIET if is_accepted else Tone.WAIT,
        title="What this is not",
        stamp=stamp,
        lines=[
            *(f"• {line}" for line in words),
            "✓ You have accepted this." if is_accepted else "Accept it once before you trade.",
        ],
    )


def invite(links: Sequence[tuple[str, str]], stamp: Stamp) -> discord.Embed:
    """Links with what each of them grants."""
    return card(
        tone=Tone.INFO,
        title="Let the bot into a server",
        stamp=stamp,
        lines=[
            *(f"**[{what}]({link})**" for what, link in links),
            "One desk serves one server: the one in its configuration.",
        ],
    )
