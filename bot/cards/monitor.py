"""The monitor: which rooms are heard, who is trusted there, what was found when it was tried."""

from collections.abc import Iterable, Sequence

import discord

from bot import text
from bot.cards._layout import Tone, card
from bot.doctor import Finding
from engine.reports import Stamp
from engine.reports.monitor import MonitorReport, Room

_SHOWN = 15
_WORDS = {
    "listen": "listened to, never traded",
    "approve": "a person approves",
    "auto": "traded at once",
}


def show(report: MonitorReport) -> discord.Embed:
    """One line per room, those that are not heard first."""
    rooms = sorted(report.rooms, key=lambda r: not (r.problem or r.stopped))
    return card(
        tone=_tone(report),
        title=_title(report),
        stamp=report.stamp,
        lines=[
            "" if report.is_connected else "✗ **Discord is not connected**",
            _stopped(report),
            *(_room(r, is_all_off=bool(report.stopped)) for r in rooms[:_SHOWN]),
            f"-# and {len(rooms) - _SHOWN} more rooms" if len(rooms) > _SHOWN else "",
            "" if rooms else "Add one with `/monitor sources add`.",
        ],
    )


def sources(report: MonitorReport) -> discord.Embed:
    """Who is trusted where, and what happens to their alerts."""
    return card(
        tone=Tone.INFO,
        title=f"{len(report.rooms)} alert room{'' if len(report.rooms) == 1 else 's'}",
        stamp=report.stamp,
        lines=[_source(r) for r in report.rooms[:_SHOWN]]
        or ["None yet: `/monitor sources add` with a channel and an author."],
    )


def findings(title: str, found: Sequence[Finding], stamp: Stamp) -> discord.Embed:
    """What is not well first, each with how to mend it."""
    bad = [f for f in found if f.is_ok is False]
    hints = [f for f in found if f.is_ok is None]
    well = [f for f in found if f.is_ok]
    many = "" if len(bad) == 1 else "s"
    return card(
        tone=Tone.BAD if bad else Tone.GOOD,
        title=f"{title}: {len(bad)} thing{many} to mend" if bad else f"{title}: all is well",
        stamp=stamp,
        lines=[
            *(_finding("✗", f) for f in bad),
            *(_finding("?", f) for f in hints),
            *_ticks(well),
        ],
    )


def _tone(report: MonitorReport) -> Tone:
    if not report.is_connected or any(r.problem for r in report.rooms):
        return Tone.BAD
    is_off = report.stopped or any(r.stopped for r in report.rooms)
    return Tone.WAIT if is_off or not report.rooms else Tone.GOOD


def _title(report: MonitorReport) -> str:
    if report.stopped:
        return "Monitor stopped: alerts are not acted on"
    if not report.rooms:
        return "No alert room yet"
    return f"Listening to {report.n_heard} of {len(report.rooms)} rooms"


def _stopped(report: MonitorReport) -> str:
    if not report.stopped:
        return ""
    since = f" {text.ago(report.stopped_at)}" if report.stopped_at is not None else ""
    return f"⏸ {text.safe_line(report.stopped, 200)}{since}. Exits go on."


def _room(room: Room, *, is_all_off: bool) -> str:
    mark = "✗" if room.problem else "⏸" if room.stopped else "👂"
    last = f"last message {text.ago(room.last_at)}" if room.last_at else "silent so far"
    many = "" if room.n_alerts == 1 else "s"
    parts = [last, f"{room.n_heard} heard, {room.n_alerts} alert{many}"]
    if room.n_waiting:
        parts.append(f"**{room.n_waiting} waiting**")
    why = room.problem or ("" if is_all_off else room.stopped)
    said = f"\n-# {text.safe_line(why, 160)}" if why else ""
    head = f"{mark} **{text.safe_line(room.name, 40)}** <#{room.channel_id}>"
    return f"{head}\n{' · '.join(parts)}{said}"


def _source(room: Room) -> str:
    trusted = [f"<@{i}> `{i}`" for i in room.author_ids[:4]]
    trusted += [f"webhook `{i}`" for i in room.webhook_ids[:4]]
    more = len(room.author_ids) + len(room.webhook_ids) - len(trusted)
    if more > 0:
        trusted.append(f"{more} more")
    who = ", ".join(trusted) or "**nobody is trusted yet**"
    head = f"**{text.safe_line(room.name, 40)}** <#{room.channel_id}> `{room.channel_id}`"
    how = f"{_WORDS.get(room.handling, room.handling)} · parser {room.parser} → {room.account}"
    return f"{head}\n{how}\n-# trusts {who}"


def _finding(mark: str, found: Finding) -> str:
    mend = f"\n-# → {text.safe_line(found.mend, 300)}" if found.mend else ""
    if "https://" in found.mend:  # our own link: safe_line would break it
        mend = f"\n-# → {found.mend}"
    return f"{mark} **{text.safe_line(found.part, 40)}** {text.safe_line(found.said, 200)}{mend}"


def _ticks(well: Iterable[Finding]) -> list[str]:
    """One line each; channels that are fine share one."""
    rows, channels = [], []
    for f in well:
        said = text.safe_line(f.said, 80)
        if f.said.startswith("#"):
            channels.append(said)
        else:
            rows.append(f"✓ {text.safe_line(f.part, 40)}: {said}")
    if channels:
        rows.append(f"✓ {len(channels)} channels: {' · '.join(dict.fromkeys(channels))}")
    return ["\n".join(rows)] if rows else []
