"""What was decided, by whom and how fast: questions of the last days, newest first."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from engine.domain.desk import Approval, ApprovalState
from engine.domain.order import Intent
from engine.reports import Figure, Frame, Missing, Stamp, unit_label


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One question that is over."""

    approval_id: str
    what: str
    """``buy 2 SPY 603C 1/31``; the question itself where there was no order."""
    state: ApprovalState
    decision: str
    decided_by: int | None
    at: datetime
    took: timedelta
    notional_usd: Figure


@dataclass(frozen=True, slots=True, kw_only=True)
class ApprovalsReport:
    """Decisions of a time, and how long they took."""

    stamp: Stamp
    days: int
    rows: tuple[Row, ...]
    n_in_all: int
    by_state: tuple[tuple[ApprovalState, int], ...]
    median_wait: timedelta | None
    """From the question to a person's answer; None while nobody has answered."""


def build(
    frame: Frame,
    *,
    approvals: Iterable[Approval],
    intents: Mapping[str, Intent],
    days: int,
    limit: int = 12,
) -> ApprovalsReport:
    """``approvals``: those that are over; ``intents`` by id, for what was asked."""
    over = sorted(approvals, key=_ended_at, reverse=True)
    answered = sorted(_ended_at(a) - a.created_at for a in over if a.decided_by)
    return ApprovalsReport(
        stamp=frame.stamp("approvals"),
        days=days,
        rows=tuple(_row(a, intents.get(a.intent_id)) for a in over[:limit]),
        n_in_all=len(over),
        by_state=tuple(Counter(a.state for a in over).most_common()),
        median_wait=answered[len(answered) // 2] if answered else None,
    )


def _ended_at(approval: Approval) -> datetime:
    return approval.decided_at or approval.expires_at


def _row(approval: Approval, intent: Intent | None) -> Row:
    what = approval.question
    if intent is not None:
        what = f"{intent.side} {intent.qty:f} {unit_label(intent.legs)}"
    at = _ended_at(approval)
    notional = approval.notional_usd
    return Row(
        approval_id=approval.approval_id,
        what=what,
        state=approval.state,
        decision=approval.decision,
        decided_by=approval.decided_by,
        at=at,
        took=max(at - approval.created_at, timedelta(0)),
        notional_usd=Missing("no order") if notional is None else notional,
    )
