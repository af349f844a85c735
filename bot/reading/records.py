"""Records for reports: from memory while they live, from the store once they are over."""

import re
from collections.abc import Callable, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any, Literal

from bot import export, text
from bot.authors import author_names
from bot.cards import trade_card as trade_embed
from bot.cards._layout import badges
from bot.reading.performance import measured
from engine.desk import Desk
from engine.domain.desk import AlertRecord, Approval
from engine.domain.errors import UserError
from engine.domain.instrument import Instrument
from engine.domain.money import Price, Qty
from engine.domain.order import Intent, Order
from engine.domain.trade import Account, LedgerEntry, Trade, TradeState
from engine.flows.common import mode
from engine.flows.limits import facts
from engine.market import NYSE, Calendar, Market
from engine.reports import (
    Frame,
    Stamp,
    alert_card,
    alerts,
    approval_card,
    is_of_class,
    limits,
    performance,
    pnl,
    positions,
    trace,
    trade_card,
    trades,
)
from engine.reports import exposure as stakes
from engine.reports import orders as order_rows
from engine.reports.pnl import By, Period

_PER_PAGE = 8
_ID = re.compile(r"[A-Za-z0-9/_-]{1,80}")
"""The shape of every id of ours; nothing else is looked up."""
_SYMBOL = re.compile(r"[A-Za-z0-9./]{1,12}")


class Reading:
    """The one place that gathers what a report is made of."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def frame(self) -> Frame:
        """The moment, the mode and the newest quotes."""
        desk = self._desk
        return Frame(
            now=desk.clock.now(),
            mode=mode.of(desk),
            quotes=desk.board.all(),
            is_synthetic=bool(desk.feed and desk.feed.is_synthetic),
            n_accounts=len(desk.settings.accounts),
            feeless=frozenset(n for n, b in desk.brokers.items() if not b.caps.tells_fees),
            grade=self._grade,
        )

    def _grade(self, instrument: Instrument) -> str:
        quality = self._desk.board.quality
        found = quality and quality.seen(instrument, self._desk.clock.now())
        return found.value if found else ""

    def badges(self) -> str:
        """Mode and market in words, as on every card."""
        return badges(self.frame().stamp(""))

    async def alert(self, alert_id: str) -> alert_card.AlertCard | None:
        """One alert with everything that came of it."""
        desk, store = self._desk, self._desk.store
        if not _ID.fullmatch(alert_id):
            return None
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
        if not _ID.fullmatch(approval_id):
            return None
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
            order=await desk.order(approval.order_id) if approval.order_id else None,
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

    def one_line(self, trade: Trade) -> str:
        """A trade as its card's headline."""
        return trade_embed.title(self.live_trade(trade))

    def which(self, trade: Trade) -> str:
        """A trade by its symbol and, where the desk has several accounts, its account."""
        several = len(self._desk.settings.accounts) > 1
        return f"{trade.symbol} in {trade.account}" if several else trade.symbol

    def worth(self, trade: Trade, units: Decimal) -> str:
        """What closing so many units would bring, in words."""
        quote = self._desk.quote(trade.legs)
        of = trade.legs[0].instrument
        if quote is None:
            return "no fresh price: it goes out at whatever the market pays"
        price = quote.touch(trade.direction < 0)
        words = f"now {text.price(quote.bid, of)} / {text.price(quote.ask, of)}"
        if of.kind != "future":
            words += f" · about {text.usd(abs(of.notional(Price(price), Qty(units))))}"
        if trade.entry_price is not None:
            gain = of.notional(Price(price - trade.entry_price), Qty(units)) * trade.direction
            words += f" · est. P&L of this part {text.usd(gain, sign=True)}"
        return words

    def equity(self, account: str) -> Decimal | None:
        """Cash plus marked positions of one account; None when a mark is missing."""
        record = self._desk.book.accounts.get(account)
        return None if record is None else facts.equity(self._desk, record)

    async def pnl(self, period: Period = "all", by: By = "trade") -> pnl.PnlReport:
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
            by=by,
            sectors=desk.settings.sectors,
            authors=await author_names(desk, closed) if by == "author" else None,
        )

    async def performance(self, period: Period) -> performance.PerformanceReport:
        """How well the closed trades of a period did, without the market beside."""
        return await measured(self._desk, self.frame(), period)

    def calendars(self) -> dict[str, Calendar]:
        """Each market once, by the name that people know it by."""
        names = {Market.NYSE: "NYSE", Market.CME: "CME Globex", Market.ALWAYS: "Crypto"}
        used = {c.market: c for c in (NYSE, *self._desk.calendars.values())}
        return {names[market]: calendar for market, calendar in used.items()}

    async def records(
        self, what: str, begin: datetime | None, end: datetime | None
    ) -> list[export.Row]:
        """Rows to take along, oldest first; those whose moment is within the time."""
        store = self._desk.store
        if what == "positions":
            return export.position_rows(self.positions())
        if what == "audit":
            events = [j.event for j in await store.events()]
            return [
                {"at": e.at, "kind": e.kind, "ref": e.ref, "actor": e.actor, "data": e.data}
                for e in events
                if _within(e.at, begin, end)
            ]
        kind, moment, row = _RECORDS[what]
        found = await store.find(kind)
        return [row(r) for r in found if _within(getattr(r, moment), begin, end)]

    def limits(self) -> limits.LimitsReport:
        """How much of each limit is used, as the checks themselves see it."""
        desk = self._desk
        seen = {name: facts.gather(desk, name) for name in desk.book.accounts}
        return limits.build(
            self.frame(),
            accounts=[
                limits.of_account(
                    known.account,
                    [gauge for _, check in desk.checks for gauge in check.gauges(known)],
                    [check.warning(known) for _, check in desk.checks],
                )
                for known in seen.values()
            ],
            halted=desk.halted,
            unsound=desk.unsound,
        )

    def exposure(self, by: stakes.By = "symbol") -> stakes.ExposureReport:
        """What is at stake and where."""
        book = self._desk.book
        return stakes.build(
            self.frame(),
            trades=book.open_trades(),
            positions=list(book.positions.values()),
            accounts=list(book.accounts.values()),
            by=by,
        )

    def positions(
        self, *, broker: str = "", asset: str = "", sort: positions.Sort = "pl"
    ) -> positions.PositionsReport:
        """Everything that is held, or what is at one broker or of one asset class."""
        book = self._desk.book
        return positions.build(
            self.frame(),
            trades=book.open_trades(),
            positions=list(book.positions.values()),
            orders=list(book.orders.values()),
            broker=broker,
            asset=asset,
            sort=sort,
        )

    async def trades(
        self,
        limit: int,
        symbol: str | None,
        states: Literal["recent", "open", "closed"] = "recent",
        *,
        asset: str = "",
        broker: str = "",
    ) -> trades.TradesReport:
        """The newest round trips: all, the live ones, or those that are over."""
        desk = self._desk

        def fits(trade: Trade) -> bool:
            return is_of_class(trade.asset, asset) and broker in ("", trade.broker)

        where: dict[str, object] = {"state": (TradeState.CLOSED,)}
        if symbol:
            where["symbol"] = _symbol(symbol)
        closed: Sequence[Trade] = ()
        live: Sequence[Trade] = ()
        n_closed = 0
        if states != "open":
            most = None if asset or broker else limit
            found = await desk.store.find(Trade, where=where, newest_first=True, limit=most)
            closed = [t for t in found if fits(t)]
            n_closed = await desk.store.count(Trade, where=where) if most else len(closed)
        if states != "closed":
            held = desk.book.trades.values() if states == "open" else desk.book.open_trades()
            live = [t for t in held if (not symbol or t.symbol == where["symbol"]) and fits(t)]
        return trades.build(
            self.frame(),
            trades=[*live, *closed],
            positions=list(desk.book.positions.values()),
            title=f"{states.capitalize()} trades",
            limit=limit,
            n_in_all=len(live) + n_closed,
            sought=" ".join(
                w for w in ((symbol or "").upper(), asset, f"at {broker}" if broker else "") if w
            ),
        )

    async def orders(self, *, is_live: bool, limit: int) -> order_rows.OrdersReport:
        """Orders by their last change: those that are not over, or all."""
        desk = self._desk
        if is_live:
            live = [o for o in desk.book.orders.values() if not o.state.is_terminal]
            return order_rows.build(self.frame(), orders=live, limit=limit)
        found = await desk.store.find(Order, newest_first=True, limit=limit)
        known = {o.order_id: o for o in (*found, *desk.book.orders.values())}
        return order_rows.build(
            self.frame(),
            orders=known.values(),
            limit=limit,
            n_in_all=await desk.store.count(Order),
        )

    async def order(self, order_id: str) -> tuple[order_rows.Row, Stamp]:
        """One order, live or over.

        Raises:
            UserError: there is none of that id.
        """
        found = await self._desk.order(order_id) if _ID.fullmatch(order_id) else None
        if found is None:
            shown = text.safe_line(order_id, 40)
            raise UserError(f"There is no order “{shown}”. Nothing was done.")
        frame = self.frame()
        row = order_rows.row(found, frame, self._desk.settings.lookup_ladder_s)
        return row, frame.stamp(found.alert_id)

    def order_row(self, order_id: str) -> order_rows.Row:
        """A live order as it is now.

        Raises:
            UserError: it is over.
        """
        found = self._desk.book.orders.get(order_id)
        if found is None or found.state.is_terminal:
            raise UserError("That order is over. Nothing was changed.")
        return order_rows.row(found, self.frame())

    async def alerts(self, symbol: str | None, page: int) -> alerts.AlertsReport:
        """A page of alerts, newest first."""
        desk = self._desk
        where = {"symbol": _symbol(symbol)} if symbol else None
        total = await desk.store.count(AlertRecord, where=where)
        page = max(min(page, -(-total // _PER_PAGE)), 1)
        found = await desk.store.find(
            AlertRecord, where=where, newest_first=True, limit=_PER_PAGE * page
        )
        shown = found[_PER_PAGE * (page - 1) :]
        ids = {i for a in shown for i in a.trade_ids}
        known = {i: t for i in ids if (t := await desk.trade(i)) is not None}
        return alerts.build(
            self.frame(),
            alerts=shown,
            trades=known,
            page=page,
            per_page=_PER_PAGE,
            n_in_all=total,
        )

    def named(self, approval: Approval) -> str:
        """What an open question is about, on one line."""
        alert = self._desk.book.alerts.get(approval.alert_id)
        words = f"{alert.symbol} {alert.text}" if alert is not None else approval.question
        return " ".join(words.split())[:70]

    async def trace(self, asked: str) -> trace.TraceReport | None:
        """The path of the story that an id of any kind belongs to."""
        store = self._desk.store
        if not _ID.fullmatch(asked):
            return None
        ref = await self._ref_of(asked)
        return trace.build(self.frame(), ref=ref, events=await store.events(ref=ref), asked=asked)

    async def _ref_of(self, asked: str) -> str:
        store = self._desk.store
        for kind in (Trade, Order, Approval, Intent):
            record = await store.get(kind, asked)
            if record is not None:
                return record.alert_id  # type: ignore[attr-defined,no-any-return]
        return asked


_RECORDS: dict[str, tuple[type[Any], str, Callable[[Any], export.Row]]] = {
    "trades": (Trade, "created_at", export.trade_row),
    "orders": (Order, "created_at", export.order_row),
    "alerts": (AlertRecord, "received_at", export.alert_row),
    "ledger": (LedgerEntry, "booked_at", export.ledger_row),
}
"""What can be exported: its record, the moment that it is found by, and its row."""


def _within(at: datetime, begin: datetime | None, end: datetime | None) -> bool:
    return (begin is None or at >= begin) and (end is None or at < end)


def _symbol(typed: str) -> str:
    """A symbol as it is stored.

    Raises:
        UserError: it cannot be one.
    """
    plain = typed.strip().lstrip("$/#")
    if not _SYMBOL.fullmatch(plain):
        raise UserError(f"“{text.safe_line(typed, 20)}” is no symbol. Nothing was looked up.")
    return plain.upper()
