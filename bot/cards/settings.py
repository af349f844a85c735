"""The configuration as admins see and change it."""

from collections.abc import Iterable, Mapping, Sequence

import discord

from bot import text
from bot.cards._layout import Tone, card
from bot.settings import Step, Version
from engine.reports import Stamp

_SHOWN = 40
_STEPS = 20


def values(
    stamp: Stamp, under: str, found: Mapping[str, str], sources: Mapping[str, str]
) -> discord.Embed:
    """Keys at or below a path, with what they hold and where it comes from."""
    lines = [
        _value(path, under, value, sources[path]) for path, value in list(found.items())[:_SHOWN]
    ]
    rest = len(found) - _SHOWN
    return card(
        tone=Tone.INFO,
        title=f"Settings · {text.safe_line(under, 60)}" if under else "Settings",
        stamp=stamp,
        lines=[*lines, f"-# and {rest} more; name a path" if rest > 0 else ""],
    )


def sections(stamp: Stamp, counted: Mapping[str, int], number: int) -> discord.Embed:
    """The sections there are."""
    return card(
        tone=Tone.INFO,
        title=f"Settings · version {number}" if number else "Settings · as the file has them",
        stamp=stamp,
        lines=[
            *(f"`{name}` {text.count(n, 'key')}" for name, n in counted.items()),
            "-# /settings view with a path shows its keys; /settings set changes one.",
        ],
    )


def history(stamp: Stamp, versions: Sequence[Version]) -> discord.Embed:
    """Newest first."""
    return card(
        tone=Tone.INFO if versions else Tone.QUIET,
        title=f"Settings · version {versions[0].number}" if versions else "Settings: never changed",
        stamp=stamp,
        lines=[line for version in versions for line in _version(version)],
    )


def diff(stamp: Stamp, title: str, steps: Sequence[Step]) -> discord.Embed:
    """What is different."""
    return card(
        tone=Tone.WAIT if any(s.is_loosening for s in steps) else Tone.INFO,
        title=title,
        stamp=stamp,
        lines=list(said(steps)) or ["Nothing is different."],
    )


def said(steps: Sequence[Step]) -> Iterable[str]:
    """One line per key: old and new."""
    for step in steps[:_STEPS]:
        mark = " ⚠ looser" if step.is_loosening else ""
        path, old, new = (text.safe_line(w, 80) for w in (step.path, step.old, step.new))
        yield f"**{path}** {old} → {new}{mark}"
    if len(steps) > _STEPS:
        yield f"-# and {len(steps) - _STEPS} more"


def _value(path: str, under: str, value: str, source: str) -> str:
    """The title says what all keys have in front."""
    name = path.removeprefix(f"{under}.") if under else path
    shown = "not set" if value == "null" else value
    where = "" if source == "default" else f"\n-# {source}"
    return f"**{text.safe_line(name, 80)}** {text.safe_line(shown, 120)}{where}"


def _version(version: Version) -> Iterable[str]:
    who = text.safe_line(version.name, 40)
    yield f"**{version.number}** {text.ago(version.at)} by {who}"
    yield f"-# {text.safe_line(version.why or 'no reason given', 120)}"
    yield from (
        f"-# {text.safe_line(f'{s.path}: {s.old} → {s.new}', 120)}" for s in version.steps[:3]
    )
    if len(version.steps) > 3:
        yield f"-# and {len(version.steps) - 3} more"
