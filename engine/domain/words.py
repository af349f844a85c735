"""How people call the states of the desk's records: the one place that says so.

Cards, replies, notices and the copilot's facts take their words from here; a state's own name is
for the books and for exports.
"""

from collections.abc import Mapping

from engine.domain.desk import AlertState, ApprovalState
from engine.domain.order import OrderState
from engine.domain.trade import TradeState

ALERT: Mapping[AlertState, str] = {
    AlertState.RECEIVED: "received",
    AlertState.PARSED: "read, not traded",
    AlertState.REJECTED: "not traded",
    AlertState.HELD: "waits for a person",
    AlertState.RISK_REJECTED: "refused by risk",
    AlertState.ROUTED: "order on its way",
    AlertState.ORDERED: "order working",
    AlertState.PARTIAL: "partly filled",
    AlertState.FILLED: "filled",
    AlertState.MANAGED: "position managed",
    AlertState.CLOSED: "closed",
    AlertState.WITHDRAWN: "withdrawn",
    AlertState.ERROR: "needs a look",
}
ORDER: Mapping[OrderState, str] = {
    OrderState.DRAFT: "not asked for yet",
    OrderState.PENDING_APPROVAL: "waits for approval",
    OrderState.APPROVED: "approved, not sent yet",
    OrderState.INTENT: "about to be sent",
    OrderState.SUBMITTING: "being sent",
    OrderState.ACCEPTED: "working",
    OrderState.UNKNOWN: "in doubt",
    OrderState.PARTIAL: "partly filled",
    OrderState.PENDING_CANCEL: "being cancelled",
    OrderState.PENDING_REPLACE: "being replaced",
    OrderState.FILLED: "filled",
    OrderState.CANCELED: "cancelled",
    OrderState.EXPIRED: "expired",
    OrderState.REJECTED: "refused by the broker",
    OrderState.REPLACED: "replaced",
    OrderState.DENIED: "denied",
    OrderState.VOID: "not sent",
}
APPROVAL: Mapping[ApprovalState, str] = {
    ApprovalState.PENDING: "waiting",
    ApprovalState.APPROVED: "approved",
    ApprovalState.REJECTED: "rejected",
    ApprovalState.EXPIRED: "expired",
    ApprovalState.WITHDRAWN: "withdrawn",
}
TRADE: Mapping[TradeState, str] = {
    TradeState.PENDING: "waiting for its fill",
    TradeState.OPEN: "open",
    TradeState.CLOSED: "closed",
    TradeState.VOID: "never filled",
}


def at_broker(state: str) -> str:
    """A state as a broker's report names it: ``accepted``."""
    return ORDER[OrderState(state.upper())]
