"""Records for reports: from memory while they live, from the store once they are over."""

from collections.abc import Sequence
from decimal import Decimal

from engine.desk import Desk
from engine.domain.desk import AlertRecord, Approval
from engine.domain.order import Intent, Order
from engine.domain.quote import Quote
from engine.domain.trade import Account, LedgerEntry, Trade, TradeState
from engine.flows import facts
from engine.reports import Frame, alert_card, approval_card, pnl, trade_card


class Reading:
    """The one place that gathers what a report is made of."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def frame(self) -> Frame:
        """The moment, the mode and the newest quotes."""
        desk = self._desk
        return Frame(
            now=desk.clock.now(),
            mode=desk.settings.mode,
            quotes=_Quotes(desk),
            is_synthetic=bool(desk.feed and desk.feed.is_synthetic),
        )

    async def alert(self, alert_id: str) -> alert_card.AlertCard | None:
        """One alert with everything that came of it."""
        desk, store = self._desk, self._desk.store
        record = desk.book.alerts.get(alert_id) or await store.get(AlertRecord, alert_id)
        if record is None:
            return None
        where = {"alert_id": alert_id}
        trades = [t for i in record.trade_ids if (t := await desk.trade(i)) is not None]
        return alert_card.build(
            record,
            self.frame(),
            approvals=await store.find(Approval, where=where),
            intents=await store.find(Intent, where=where),
            orders=await store.find(Order, where=where),
            trades=trades,
        )

    async def approval(self, approval_id: str) -> approval_card.ApprovalCard | None:
        """One question with the order that a yes would send."""
        desk, store = self._desk, self._desk.store
        approval = desk.book.approvals.get(approval_id) or await store.get(Approval, approval_id)
        if approval is None:
            return None
        intent = None
        if approval.intent_id:
            intent = desk.book.intents.get(approval.intent_id) or await store.get(
                Intent, approval.intent_id
            )
        alert = desk.book.alerts.get(approval.alert_id) or await store.get(
            AlertRecord, approval.alert_id
        )
        return approval_card.build(
            approval,
            self.frame(),
            intent=intent,
            alert=alert,
            equity_usd=self.equity(approval.account),
        )

    async def trade(self, trade_id: str) -> trade_card.TradeCard | None:
        """One round trip."""
        desk = self._desk
        trade = await desk.trade(trade_id)
        return None if trade is None else self.live_trade(trade)

    def live_trade(self, trade: Trade) -> trade_card.TradeCard:
        """One round trip whose record is at hand."""
        book = self._desk.book
        return trade_card.build(
            trade,
            self.frame(),
            positions=book.positions_of(trade.trade_id),
            orders=book.orders_of(trade.trade_id),
        )

    def equity(self, account: str) -> Decimal | None:
        """Cash plus marked positions of one account; None when a mark is missing."""
        record = self._desk.book.accounts.get(account)
        return None if record is None else facts.equity(self._desk, record)

    async def pnl(self, period: pnl.Period = "all") -> pnl.PnlReport:
        """Profit and loss from the ledger."""
        desk = self._desk
        closed: Sequence[Trade] = await desk.store.find(
            Trade, where={"state": (TradeState.CLOSED,)}
        )
        entries = await desk.store.find(LedgerEntry)
        accounts: list[Account] = list(desk.book.accounts.values())
        return pnl.build(
            self.frame(),
            period=period,
            trades=[*closed, *desk.book.open_trades()],
            entries=entries,
            accounts=accounts,
            positions=list(desk.book.positions.values()),
        )


class _Quotes(dict[str, Quote]):
    """The board as a mapping by instrument key."""

    def __init__(self, desk: Desk) -> None:
        super().__init__(desk.board.all())
