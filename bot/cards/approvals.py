"""Decisions of the last days; and what waits, in short blocks."""

from collections.abc import Sequence

import discord

from bot import text
from bot.cards import approval_card
from bot.cards._layout import Tone, card
from engine.domain import words
from engine.domain.desk import ApprovalState
from engine.reports import Stamp
from engine.reports.approval_card import ApprovalCard
from engine.reports.approvals import ApprovalsReport, Row

_MARK = {
    ApprovalState.APPROVED: "✅",
    ApprovalState.REJECTED: "✖️",
    ApprovalState.EXPIRED: "⌛",
    ApprovalState.WITHDRAWN: "↩️",
}


def history(report: ApprovalsReport) -> discord.Embed:
    """Newest first."""
    counts = " · ".join(f"{n} {words.APPROVAL[state]}" for state, n in report.by_state)
    wait = f" · answered in {text.span(report.median_wait)} (median)" if report.median_wait else ""
    rest = report.n_in_all - len(report.rows)
    return card(
        tone=Tone.INFO if report.rows else Tone.QUIET,
        title=f"{report.n_in_all or 'No'} decisions in {report.days} days",
        stamp=report.stamp,
        lines=[
            f"{counts}{wait}",
            *(_row(r) for r in report.rows),
            f"-# and {rest} more" if rest > 0 else "",
        ],
    )


def waiting(cards: Sequence[ApprovalCard], stamp: Stamp, *, page: int, n: int) -> discord.Embed:
    """A page of what waits; ``n`` in all."""
    accounts = [c.ticket.account if c.ticket else "" for c in cards]
    is_at_several = len(set(accounts)) > 1
    rows = [
        f"**{approval_card.title(c).removeprefix('Approve? ')}** · ends {text.ago(c.expires_at)}\n"
        f"-# {c.approval_id}{f' · {text.safe_line(account, 30)}' if is_at_several else ''}"
        for c, account in zip(cards, accounts, strict=True)
    ]
    return card(
        tone=Tone.WAIT if n else Tone.QUIET,
        title=f"{n} to decide" if n else "Nothing waits for a decision",
        stamp=stamp,
        lines=[*rows, f"-# page {page}" if n > len(cards) else ""],
    )


def _row(row: Row) -> str:
    who = f" <@{row.decided_by}>" if row.decided_by is not None else ""
    return (
        f"{_MARK.get(row.state, '•')} **{text.safe_line(row.what, 80)}**{who}\n"
        f"-# {text.ago(row.at)} · after {text.span(row.took)} · "
        f"{text.safe_line(row.decision, 80)} · {row.approval_id}"
    )
