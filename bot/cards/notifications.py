"""What a rule has told, the rules themselves, and the history."""

from collections.abc import Sequence

import discord

from bot import text
from bot.cards._layout import Tone, card
from bot.notify import Rule
from bot.told import Told
from engine.reports import Stamp

_TONES = {"info": Tone.INFO, "warning": Tone.WAIT, "critical": Tone.BAD}
_MARKS = {"info": "🔔", "warning": "⚠", "critical": "🚨"}


def bell(stamp: Stamp, told: Told) -> discord.Embed:
    """One notification; quiet once somebody has seen it."""
    failed = [f"{c} {why}" for c, why in told.delivered.items() if why.startswith("failed")]
    return card(
        tone=Tone.QUIET if told.seen_by else _TONES[told.severity],
        title=f"{_MARKS[told.severity]} {text.safe_line(told.text, 200)}",
        stamp=stamp,
        lines=[
            f"✓ seen by {text.safe_line(told.seen_by, 40)}" if told.seen_by else "",
            f"⚠ not delivered: {text.safe_line('; '.join(failed), 120)}" if failed else "",
        ],
    )


def rules(stamp: Stamp, found: Sequence[Rule]) -> discord.Embed:
    """Every rule, with what it waits for."""
    return card(
        tone=Tone.INFO if found else Tone.QUIET,
        title=f"{len(found)} rules" if len(found) != 1 else "1 rule",
        stamp=stamp,
        lines=[_rule(r) for r in found[:25]] or ["`/notify rule-add` makes one."],
    )


def rule(stamp: Stamp, made: Rule) -> discord.Embed:
    """One rule."""
    return card(tone=Tone.GOOD, title="Rule in force", stamp=stamp, lines=[_rule(made)])


def history(stamp: Stamp, found: Sequence[Told]) -> discord.Embed:
    """Newest first."""
    return card(
        tone=Tone.INFO if found else Tone.QUIET,
        title="Notifications" if found else "Nothing was told yet",
        stamp=stamp,
        lines=[_told(t) for t in found],
    )


def channels(stamp: Stamp, names: Sequence[str]) -> discord.Embed:
    """Where rules may be told; never an address."""
    outside = [f"✓ **{text.safe_line(n, 40)}**" for n in names[2:]]
    return card(
        tone=Tone.INFO,
        title=f"{len(names)} channels",
        stamp=stamp,
        lines=[
            "✓ **discord** the activity room",
            "✓ **dm** the rule's owner, as /prefs dm says",
            "✓ **@Role** the activity room, and a ping of that role alone",
            *outside,
            "-# Another: put its address into TS_NOTIFY_<NAME> (see .env.example), restart.",
        ],
    )


def _rule(found: Rule) -> str:
    state = " · holds now" if found.is_on else ""
    quiet = f" · quiet until {text.moment(found.snoozed_until)}" if found.snoozed_until else ""
    last = f" · last {text.ago(found.fired_at)}" if found.fired_at else ""
    where = _ways(found.channels)
    owner = text.safe_line(found.name, 30)
    return (
        f"**{found.kind}** {text.safe_line(found.words, 60)}\n"
        f"-# {found.severity} · {where} · {owner}{state}{last}{quiet} · "
        f"{found.rule_id}"
    )


def _ways(channels: Sequence[str]) -> str:
    return ", ".join(_way(c) for c in channels)


def _way(channel: str) -> str:
    """Its name; a role as Discord shows it, which pings nobody in a card."""
    role_id = channel.removeprefix("role:")
    return f"<@&{role_id}>" if role_id != channel else text.safe_line(channel, 40)


def _told(told: Told) -> str:
    seen = f" · seen by {text.safe_line(told.seen_by, 30)}" if told.seen_by else ""
    ways = ", ".join(
        f"{_way(c)}: {text.safe_line(told.delivered.get(c, 'under way'), 60)}"
        for c in told.channels
    )
    return (
        f"{_MARKS[told.severity]} {text.safe_line(told.text, 120)}\n"
        f"-# {text.ago(told.at)}{seen} · {ways} · {told.notification_id}"
    )
