"""What all cards share: places, colours, badges, and Discord's limits, held by construction."""

from collections.abc import Iterable, Sequence
from decimal import Decimal
from enum import Enum

import discord

from bot import text
from engine.reports import Figure, Missing, Stamp

TITLE_MAX = 256
DESCRIPTION_MAX = 4096
FIELD_NAME_MAX = 256
FIELD_VALUE_MAX = 1024
FIELDS_MAX = 25
FOOTER_MAX = 2048
TOTAL_MAX = 6000

_CUT = "\n-# … shortened"


class Tone(Enum):
    """What a card's colour means; its words always say the same."""

    GOOD = 0x23A55A
    """Profit, done, healthy."""
    BAD = 0xDA373C
    """Loss, refused, failed."""
    WAIT = 0xF0B232
    """A person or a broker has to answer; look here."""
    QUIET = 0x80848E
    """Over, flat or not acted upon."""
    INFO = 0x5865F2
    """Neither good nor bad."""


def tone_of(value: Figure) -> Tone:
    """Profit or loss, to the cent; quiet when flat or unknown."""
    if isinstance(value, Missing) or abs(value) < Decimal("0.005"):
        return Tone.QUIET
    return Tone.GOOD if value > 0 else Tone.BAD


def badges(stamp: Stamp) -> str:
    """The line above every title: ``PAPER``, ``LIVE``, ``SYNTHETIC MARKET``, ``STALE PRICES``."""
    words = [stamp.mode.upper()]
    if stamp.is_synthetic:
        words.append("SYNTHETIC MARKET")
    if stamp.is_stale:
        words.append("STALE PRICES")
    return " · ".join(words)


def as_of(stamp: Stamp) -> str:
    """The small last line: age of the card, origin, grade and age of its prices."""
    parts = [f"as of {text.ago(stamp.at)}"]
    if stamp.source:
        parts.append(f"prices {text.safe_line(stamp.source, 60)}{graded(stamp)}")
        if stamp.is_stale and stamp.quoted_at is not None:
            parts.append(f"last quote {text.ago(stamp.quoted_at)}")
    return "-# " + " · ".join(parts)


def graded(stamp: Stamp) -> str:
    """``, grade B``: how good the prices are, to follow their origin."""
    return f", grade{text.NBSP}{stamp.grade}" if stamp.grade else ""


def card(
    *,
    tone: Tone,
    title: str,
    stamp: Stamp,
    lines: Iterable[str],
    fields: Sequence[tuple[str, str]] = (),
    picture: str = "",
) -> discord.Embed:
    """The one maker of embeds. ``lines`` that are empty are left out; ``picture`` is a file name.

    ``title`` and ``lines`` are ready text: whoever puts foreign words in has made them safe.
    """
    footer = f"ref {stamp.ref}" if stamp.ref else "no reference"
    head = badges(stamp)
    title = text.shorten(title.strip() or "TradeStream", TITLE_MAX)
    footer = text.shorten(text.visible(footer), FOOTER_MAX)
    kept = [
        (text.shorten(name, FIELD_NAME_MAX), text.shorten(value, FIELD_VALUE_MAX))
        for name, value in fields[:FIELDS_MAX]
        if name and value
    ]
    used = len(head) + len(title) + len(footer) + sum(len(n) + len(v) for n, v in kept)
    last = as_of(stamp)
    room = min(DESCRIPTION_MAX, TOTAL_MAX - used) - len(last) - 1
    body = _fit([line for line in lines if line], room)
    embed = discord.Embed(
        title=title, description=f"{body}\n{last}" if body else last, colour=tone.value
    )
    embed.set_author(name=head)
    embed.set_footer(text=footer)
    for name, value in kept:
        embed.add_field(name=name, value=value, inline=False)
    if picture:
        embed.set_image(url=f"attachment://{picture}")
    return embed


def _fit(lines: Sequence[str], room: int) -> str:
    """Whole lines (a table is one) as long as they fit; says when some were left out."""
    whole = "\n".join(lines)
    if len(whole) <= room:
        return whole
    room -= len(_CUT)
    kept: list[str] = []
    for line in lines:
        if len(line) + 1 > room:
            break
        kept.append(line)
        room -= len(line) + 1
    return "\n".join(kept) + _CUT


def signed(value: Figure) -> str:
    """An arrow and the figure, for titles: ``▲ +$110.00``; never broken across lines."""
    if isinstance(value, Missing):
        return f"P&L{text.NBSP}n/a"
    mark = {Tone.GOOD: "▲", Tone.BAD: "▼", Tone.QUIET: ""}[tone_of(value)]
    return f"{mark}{text.NBSP if mark else ''}{text.usd(value, sign=True)}"


def apart(which: str, more: Figure) -> str:
    """Of two that were compared: ``▲ The second made $12.00 more``."""
    if isinstance(more, Missing):
        return f"Which made more is n/a ({more.reason})"
    if not more:
        return "Both made the same"
    mark, word = ("▲", "more") if more > 0 else ("▼", "less")
    return f"{mark}{text.NBSP}The {which} made {text.usd(abs(more))} {word}"


def in_r(value: Figure) -> str:
    """`` (+1.21R)`` to follow a figure; nothing when it is not known."""
    return "" if isinstance(value, Missing) else f"{text.NBSP}({text.r(value)})"


def one_line(label: str, value: str) -> str:
    """``**label** value``; nothing when there is no value."""
    return f"**{label}** {value}" if value else ""
