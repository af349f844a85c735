"""What is live right now, held in memory: a cache of the store's newest records, never more."""

from collections import OrderedDict
from collections.abc import Callable, Iterable
from decimal import Decimal
from typing import Any, TypeVar

from engine.domain.desk import (
    AlertRecord,
    Approval,
    ApprovalState,
    Fact,
    Intake,
    Notice,
    Posted,
)
from engine.domain.order import Intent, Order, Purpose
from engine.domain.record import Record
from engine.domain.trade import Account, Execution, Position, Trade, TradeState
from engine.ended import Ended

V = TypeVar("V")

_RECENT = 2000
"""How many finished records of each kind stay in memory for quick answers."""


class Book:
    """Live trades with their orders, pending approvals, accounts, recent alerts.

    Filled from the store at start and by every commit afterwards; a reader may rely on every
    PENDING or OPEN trade, all its orders and positions, and every PENDING approval being here.
    """

    def __init__(self) -> None:
        self.trades: dict[str, Trade] = {}
        """PENDING and OPEN ones."""
        self.orders: dict[str, Order] = {}
        """Of live trades, and all that are not terminal."""
        self._orders_of: dict[str, dict[str, Order]] = {}
        self._entries_of: dict[str, dict[str, Order]] = {}
        """Account -> its entry orders that may still fill."""
        self._positions_of: dict[str, dict[str, Position]] = {}
        self.positions: dict[str, Position] = {}
        self.approvals: dict[str, Approval] = {}
        """PENDING ones."""
        self.accounts: dict[str, Account] = {}
        self.facts: dict[str, Fact] = {}
        self.notices: dict[str, Notice] = {}
        self.posted: dict[str, Posted] = {}
        self.alerts: OrderedDict[str, AlertRecord] = OrderedDict()
        self.intents: OrderedDict[str, Intent] = OrderedDict()
        self._intents_like: dict[tuple[str, Decimal | None], dict[str, Intent]] = {}
        """The same by the instrument of their first leg and the alerted price."""
        self.closed: OrderedDict[str, Trade] = OrderedDict()
        """Recently finished trades, oldest first."""
        self.round_trips: OrderedDict[str, Trade] = OrderedDict()
        """Those of them that ever held something."""
        self.ended = Ended()
        """The same by symbol and time."""
        self.executions: OrderedDict[str, Execution | None] = OrderedDict()
        """Executions booked lately, by id; the store refuses older repeats. None: an id beside
        the one under which it is booked."""
        self.intake: OrderedDict[str, Intake] = OrderedDict()
        """By ``channel:message``: the newest text of recent messages."""
        self.newest_message: dict[int, int] = {}
        """Channel -> highest message id ever taken in; what is above it is new to us."""
        self.by_message: dict[tuple[int, int], str] = {}
        """(channel, message) -> alert id, for replies, edits and deletions."""

    def put(self, record: Record) -> None:
        """Take the newest version of a record in."""
        keep = _KEEP.get(type(record))
        if keep is not None:
            keep(self, record)

    def put_newer(self, record: Record) -> None:
        """Take a record of the store in, unless the book has that version or a newer one."""
        known = self._known(record)
        if known is None or known.version < record.version:
            self.put(record)

    def _known(self, record: Record) -> Record | None:
        shelf = _SHELVES.get(type(record))
        return None if shelf is None else getattr(self, shelf).get(record.key)

    def load(self, records: Iterable[Record]) -> None:
        """Take many in, oldest first."""
        for record in records:
            self.put(record)

    def orders_of(self, trade_id: str) -> tuple[Order, ...]:
        """All known orders of a live trade, oldest first."""
        return tuple(self._orders_of.get(trade_id, {}).values())

    def positions_of(self, trade_id: str) -> tuple[Position, ...]:
        """Positions of a live trade."""
        return tuple(self._positions_of.get(trade_id, {}).values())

    def open_trades(self, account: str | None = None) -> list[Trade]:
        """Trades that hold something, of one account or all."""
        return [
            t
            for t in self.trades.values()
            if t.state is TradeState.OPEN and account in (None, t.account)
        ]

    def pending_entries(self, account: str) -> tuple[Order, ...]:
        """Entry orders that may still add exposure: being approved excluded, sent included."""
        return tuple(self._entries_of.get(account, {}).values())

    def intents_like(self, intent: Intent) -> Iterable[Intent]:
        """Recent ones for its first leg's instrument at its alerted price, newest version first."""
        return reversed(self._intents_like.get(_kind_of(intent), {}).values())

    @property
    def halted(self) -> str:
        """Why entries are halted; empty when they are not."""
        fact = self.facts.get("halt")
        return fact.value if fact else ""

    def seen(self, channel_id: int, message_id: int) -> Intake | None:
        """Newest text taken in of a recent message."""
        return self.intake.get(f"{channel_id}:{message_id}")

    # -- one keeper per kind of record ------------------------------------------------------

    def _trade(self, trade: Trade) -> None:
        if trade.state in (TradeState.PENDING, TradeState.OPEN):
            self.trades[trade.trade_id] = trade
            self.closed.pop(trade.trade_id, None)  # one of its executions was taken back
            return
        self.trades.pop(trade.trade_id, None)
        known = self.round_trips.get(trade.trade_id)
        is_new = known is None or known.closed_at != trade.closed_at
        _remember(self.closed, trade.trade_id, trade, is_new=is_new)
        if trade.qty_opened:
            forgotten = _remember(self.round_trips, trade.trade_id, trade, is_new=is_new)
            self.ended.put(trade)
            if forgotten is not None:
                self.ended.drop(forgotten.trade_id)
        for order in self.orders_of(trade.trade_id):
            if order.state.is_terminal:
                self._drop_order(order)
        for key in self._positions_of.pop(trade.trade_id, {}):
            del self.positions[key]

    def _order(self, order: Order) -> None:
        if order.purpose is Purpose.ENTRY:
            entries = self._entries_of.setdefault(order.account, {})
            if order.state.is_at_broker:
                entries[order.order_id] = order
            else:
                entries.pop(order.order_id, None)
        if order.state.is_terminal and order.trade_id not in self.trades:
            self._drop_order(order)
        else:
            self.orders[order.order_id] = order
            self._orders_of.setdefault(order.trade_id, {})[order.order_id] = order

    def _drop_order(self, order: Order) -> None:
        self.orders.pop(order.order_id, None)
        siblings = self._orders_of.get(order.trade_id, {})
        siblings.pop(order.order_id, None)
        if not siblings:
            self._orders_of.pop(order.trade_id, None)

    def _position(self, position: Position) -> None:
        siblings = self._positions_of.setdefault(position.trade_id, {})
        if position.lots or position.trade_id in self.trades:
            self.positions[position.key] = siblings[position.key] = position
        else:
            self.positions.pop(position.key, None)
            siblings.pop(position.key, None)

    def _approval(self, approval: Approval) -> None:
        if approval.state is ApprovalState.PENDING:
            self.approvals[approval.approval_id] = approval
        else:
            self.approvals.pop(approval.approval_id, None)

    def _alert(self, alert: AlertRecord) -> None:
        _remember(self.alerts, alert.alert_id, alert)
        self.by_message[alert.channel_id, alert.message_id] = alert.alert_id

    def _account(self, account: Account) -> None:
        self.accounts[account.name] = account

    def _fact(self, fact: Fact) -> None:
        self.facts[fact.name] = fact

    def _notice(self, notice: Notice) -> None:
        self.notices[notice.notice_id] = notice
        self._forget_shown(notice.notice_id)

    def _posted(self, posted: Posted) -> None:
        self.posted[posted.notice_id] = posted
        self._forget_shown(posted.notice_id)

    def _forget_shown(self, notice_id: str) -> None:
        if notice_id.startswith(("mirror:", "note:")) and not self.is_due(notice_id):
            self.notices.pop(notice_id, None)
            self.posted.pop(notice_id, None)

    def _intent(self, intent: Intent) -> None:
        before = self.intents.get(intent.intent_id)
        if before is not None:
            self._drop_like(before)  # its price may be another one now
        self._intents_like.setdefault(_kind_of(intent), {})[intent.intent_id] = intent
        forgotten = _remember(self.intents, intent.intent_id, intent)
        if forgotten is not None:
            self._drop_like(forgotten)

    def _drop_like(self, intent: Intent) -> None:
        alike = self._intents_like[_kind_of(intent)]
        del alike[intent.intent_id]
        if not alike:
            del self._intents_like[_kind_of(intent)]

    def _execution(self, execution: Execution) -> None:
        _remember(self.executions, execution.execution_id, execution)

    def known_execution(self, execution_id: str) -> None:
        """What it names is in the books, if under another id."""
        _remember(self.executions, execution_id, None)

    def _intake(self, intake: Intake) -> None:
        _remember(self.intake, f"{intake.channel_id}:{intake.message_id}", intake)
        newest = self.newest_message.get(intake.channel_id, 0)
        self.newest_message[intake.channel_id] = max(newest, intake.message_id)

    def is_due(self, notice_id: str) -> bool:
        """Whether people do not see the newest version of this card yet."""
        notice, posted = self.notices.get(notice_id), self.posted.get(notice_id)
        if notice is None:
            return False
        return posted is None or posted.shown_version < notice.version


_KEEP: dict[type[Record], Callable[[Book, Any], None]] = {
    Trade: Book._trade,
    Order: Book._order,
    Position: Book._position,
    Approval: Book._approval,
    AlertRecord: Book._alert,
    Account: Book._account,
    Fact: Book._fact,
    Notice: Book._notice,
    Posted: Book._posted,
    Intent: Book._intent,
    Execution: Book._execution,
    Intake: Book._intake,
}

_SHELVES: dict[type[Record], str] = {
    Trade: "trades",
    Order: "orders",
    Position: "positions",
    Approval: "approvals",
    AlertRecord: "alerts",
    Account: "accounts",
    Fact: "facts",
    Notice: "notices",
    Posted: "posted",
    Intent: "intents",
}
"""Where the newest version of a kind stands, by its key."""


def _remember(shelf: OrderedDict[str, V], key: str, value: V, *, is_new: bool = True) -> V | None:
    """Put it last, or where it was before; the oldest value, if it had to go for that."""
    shelf[key] = value
    if is_new:
        shelf.move_to_end(key)
    return shelf.popitem(last=False)[1] if len(shelf) > _RECENT else None


def _kind_of(intent: Intent) -> tuple[str, Decimal | None]:
    return intent.legs[0].instrument.key, intent.alerted_price
