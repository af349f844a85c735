"""/setup: what is there, what would be made, what was done, what is left."""

from collections.abc import Sequence

import discord

from bot import text
from bot.cards._layout import Tone, card
from bot.cards.monitor import findings
from bot.doctor import Finding
from bot.setting_up import Done, Plan, Step
from engine.reports import Stamp


def plan(what: Plan, stamp: Stamp) -> discord.Embed:
    """Before anything is done."""
    n_new = sum(not s.found_id for s in what.steps)
    name = text.safe_line(what.guild_name, 60)
    return card(
        tone=Tone.BAD if what.lacking else Tone.GOOD if what.is_done else Tone.WAIT,
        title=f"{name} is set up" if what.is_done else f"Set up TradeStream in {name}",
        stamp=stamp,
        lines=[
            _lacking(what),
            "**Roles** " + " · ".join(_step(s) for s in what.steps if s.kind == "role"),
            "**Channels** " + " · ".join(_step(s) for s in what.steps if s.kind == "channel"),
            "A practice room is made too: the market is made up, post alerts into it yourself."
            if what.wants_practice
            else "",
            f"✓ chosen · ○ there, will be taken · + will be made ({n_new})"
            if not what.is_done
            else "Choose another channel or role below.",
            _who(what),
        ],
    )


def done(what: Done, found: Sequence[Finding], stamp: Stamp) -> discord.Embed:
    """Afterwards: what was made, what the looks found, what to do next."""
    bad = [f for f in found if f.is_ok is False]
    if bad:
        embed = findings("Set up", found, stamp)
    else:
        embed = card(
            tone=Tone.GOOD,
            title="Set up: everything works",
            stamp=stamp,
            lines=[
                _list("Made", what.made),
                _list("Taken", what.taken),
                _list("You now have", what.given),
                _next(what),
            ],
        )
    return embed


def _who(what: Plan) -> str:
    if what.is_done:
        return ""
    is_first = any(s.purpose == "admin" and not s.is_chosen for s in what.steps if s.kind == "role")
    first = " Whoever presses becomes the first admin, trader and approver." if is_first else ""
    return f"New channels are seen by these roles alone.{first}"


def _lacking(what: Plan) -> str:
    if not what.lacking:
        return ""
    return (
        f"✗ **I lack {', '.join(what.lacking)}.** Server Settings → Roles → my role: switch "
        "them on, then press Set it up. Or make channels and roles by hand and choose them below."
    )


def _step(step: Step) -> str:
    mark = "✓" if step.is_chosen else "○" if step.found_id else "+"
    if step.found_id is None:
        prefix = "@" if step.kind == "role" else "#"
        return f"{mark} {prefix}{text.safe_line(step.name, 40)}"
    named = f"<@&{step.found_id}>" if step.kind == "role" else f"<#{step.found_id}>"
    return f"{mark} {named}"


def _list(label: str, what: Sequence[str]) -> str:
    return f"**{label}** {', '.join(text.safe_line(w, 60) for w in what)}" if what else ""


def _next(what: Done) -> str:
    if what.practice_id is not None:
        return (
            f"**Try it:** post `{what.example}` in <#{what.practice_id}>, then press Approve in "
            "the approvals channel. `/tutorial` shows the rest."
        )
    return "**Next:** `/monitor sources` adds the alert rooms. `/tutorial` shows the rest."
