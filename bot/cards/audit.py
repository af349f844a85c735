"""The journal as admins search it: who did what, and what it changed."""

import discord

from bot import text
from bot.cards._layout import Tone, card
from engine.reports.audit import AuditReport, AuditRow, Change, Row

_SHOWN = 20
_FIELDS = 12


def show(report: AuditReport) -> discord.Embed:
    """Newest first; says how far back was looked."""
    rest = len(report.rows) - _SHOWN
    back = "" if report.looked_back_to is None else f" back to {text.ago(report.looked_back_to)}"
    return card(
        tone=Tone.INFO if report.rows else Tone.QUIET,
        title=f"Audit · {len(report.rows)} found" if report.rows else "Audit · nothing found",
        stamp=report.stamp,
        lines=[
            *(_line(r) for r in report.rows[:_SHOWN]),
            f"-# and {rest} more; narrow the search" if rest > 0 else "",
            f"-# {report.n_looked_at:,} rows looked at{back} · `/audit show` with a number for all",
        ],
    )


def one(report: AuditRow) -> discord.Embed:
    """One row with every field that it changed."""
    row = report.row
    changed = [line for change in report.changes for line in _change(change)]
    return card(
        tone=Tone.INFO,
        title=f"Audit {row.seq} · {text.safe_line(row.kind, 60)}",
        stamp=report.stamp,
        lines=[
            f"{who(row.actor)} · {text.eastern_day(row.at)} ET",
            text.safe_line(row.detail, 600),
            *(changed or ["-# It changed no record."]),
        ],
    )


def who(actor: str) -> str:
    """A person as a mention, anything else by its name."""
    kind, _, user = actor.partition(":")
    return f"<@{user}>" if kind == "user" and user.isdigit() else text.safe_line(actor, 40)


def _line(row: Row) -> str:
    head = f"`{row.seq}` {text.eastern_day(row.at)} **{text.safe_line(row.kind, 40)}**"
    below = " · ".join(
        p for p in (text.safe_line(row.ref, 40), text.safe_line(row.detail, 90)) if p
    )
    return f"{head} {who(row.actor)}" + (f"\n-# {below}" if below else "")


def _change(change: Change) -> list[str]:
    name = f"**{change.table}** {text.safe_line(change.key, 60)} v{change.version}"
    fields = [f"-# {n} {_step(old, new)}" for n, old, new in change.fields[:_FIELDS]]
    rest = len(change.fields) - _FIELDS
    return [name, *fields, f"-# and {rest} more fields" if rest > 0 else ""]


def _step(old: str, new: str) -> str:
    after = text.safe_line(new, 80) or "nothing"
    return f"{text.safe_line(old, 80)} → {after}" if old else after
