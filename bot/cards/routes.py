"""Where entries go, as rules in their order."""

import discord

from bot import text
from bot.cards._layout import Tone, card
from engine.reports.routes import Place, Route, RoutesReport

_MOST = 12


def show(report: RoutesReport) -> discord.Embed:
    """One line a rule, then what takes the rest."""
    lines = [f"{n}. {_rule(route)}" for n, route in enumerate(report.routes[:_MOST], start=1)]
    if len(report.routes) > _MOST:
        lines.append(f"and {len(report.routes) - _MOST} more")
    rooms = [f"room {text.safe_line(name, 40)} → {_place(at)}" for name, at in report.rooms[:_MOST]]
    if len(report.rooms) > _MOST:
        rooms.append(f"and {len(report.rooms) - _MOST} more rooms")
    head = "**What no rule names** goes to the room's own account" if lines else ""
    kept = "-# Only what decides about that; without an asset class: every rule."
    return card(
        tone=Tone.INFO,
        title=_title(report),
        stamp=report.stamp,
        lines=[*lines, head, *rooms, kept if report.asset else ""],
    )


def _title(report: RoutesReport) -> str:
    what = {"": "Entries go", "crypto": "Crypto goes", "everything else": "Everything else goes"}
    who = what.get(report.asset, f"{report.asset.capitalize()}s go")
    if not report.routes:
        return f"{who} to the room's own account"
    return f"{who} by {text.count(len(report.routes), 'rule')}, the first that fits"


def _rule(route: Route) -> str:
    what = [", ".join(route.assets) or "everything"]
    if route.channel_ids:
        what.append("in " + ", ".join(f"<#{i}>" for i in route.channel_ids[:5]))
    if route.author_ids:
        what.append("by " + ", ".join(f"<@{i}>" for i in route.author_ids[:5]))
    word = " and to " if route.is_copied else ", else "
    where = word.join(map(_place, route.places[:8]))
    by = "" if route.is_set else " · configured"
    return f"**{' '.join(what)}** → {where}{by}"


def _place(place: Place) -> str:
    return f"{text.safe_line(place.account, 40)} at {text.safe_line(place.broker, 40)}"
