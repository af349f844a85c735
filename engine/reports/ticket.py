"""A person's own order before it is sent: what it costs, what it risks, what speaks against it."""

from dataclasses import dataclass
from decimal import Decimal

from engine.domain.order import Intent, Verdict
from engine.reports import Frame, Stamp, instruments_of
from engine.reports.approval_card import Ticket, ticket


@dataclass(frozen=True, slots=True, kw_only=True)
class TicketReport:
    """The order that a click would send, or why there is none."""

    stamp: Stamp
    asked: str
    """As the person asked for it."""
    ticket: Ticket | None
    """None when not even a size could be worked out."""
    asked_qty: Decimal | None
    """Units asked for, when the limits cut them; else None."""
    stop_why: str
    refused: str
    """Why it may not be sent; empty when it may."""
    question: str
    """Why somebody else has to approve it; empty when a click of his own is enough."""
    verdicts: tuple[Verdict, ...]
    waits_s: float | None
    """How long it works unfilled before it is taken back; None: until the end of the day."""


def build(
    frame: Frame,
    *,
    asked: str,
    intent: Intent | None,
    refused: str = "",
    question: str = "",
    stop_why: str = "",
    asked_qty: Decimal | None = None,
    equity_usd: Decimal | None = None,
    waits_s: float | None = None,
) -> TicketReport:
    """``asked_qty``: units, when he named units; ``equity_usd``: of the account it goes to."""
    used = instruments_of(intent.legs) if intent is not None else ()
    is_cut = intent is not None and asked_qty is not None and intent.qty < asked_qty
    return TicketReport(
        stamp=frame.stamp("ticket", used),
        asked=asked,
        ticket=None if intent is None else ticket(intent, equity_usd),
        asked_qty=asked_qty if is_cut else None,
        stop_why=stop_why,
        refused=refused,
        question=question,
        verdicts=intent.verdicts if intent is not None else (),
        waits_s=waits_s,
    )
