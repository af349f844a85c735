"""The configuration as admins see and change it."""

from collections.abc import Iterable, Mapping, Sequence

import discord

from bot import text
from bot.cards._layout import Tone, card
from bot.settings.snapshots import Snapshot
from bot.settings.versions import Step, Version
from engine.reports import Stamp

_SHOWN = 40
_STEPS = 20
_KEPT = 20


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


def history(
    stamp: Stamp, versions: Sequence[Version], snapshots: Sequence[Snapshot] = ()
) -> discord.Embed:
    """Newest first: what admins changed, and what a snapshot found different."""
    kept: list[Version | Snapshot] = [*versions, *(s for s in snapshots if s.changed)]
    newest = sorted(kept, key=lambda one: one.at, reverse=True)[:_KEPT]
    taken = f"-# whole configuration last kept {text.ago(snapshots[0].at)}" if snapshots else ""
    return card(
        tone=Tone.INFO if versions else Tone.QUIET,
        title=f"Settings · version {versions[0].number}" if versions else "Settings: never changed",
        stamp=stamp,
        lines=[
            *(
                line
                for one in newest
                for line in (_version(one) if isinstance(one, Version) else _snapshot(one))
            ),
            taken,
        ],
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
    yield from _few([(s.path, s.old, s.new) for s in version.steps])


def _snapshot(found: Snapshot) -> Iterable[str]:
    yield f"**snapshot** {text.ago(found.at)} · version {found.number} in force"
    yield from _few(found.changed)


def _few(changed: Sequence[tuple[str, str, str]]) -> Iterable[str]:
    for path, old, new in changed[:3]:
        yield f"-# {text.safe_line(f'{path}: {old} → {new}', 120)}"
    if len(changed) > 3:
        yield f"-# and {len(changed) - 3} more"
