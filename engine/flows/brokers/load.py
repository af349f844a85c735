"""Fill the book from the store: live things whole, finished ones of the last days."""

from collections.abc import Callable, Iterable

from engine.desk import Desk
from engine.domain.desk import AlertRecord, Approval, ApprovalState, Fact, Intake, Notice, Posted
from engine.domain.order import Intent, Order, OrderState
from engine.domain.record import Record
from engine.domain.trade import Account, Execution, Position, Trade, TradeState

_LIVE = tuple(state for state in OrderState if not state.is_terminal)
_NOTICE_DAYS = 3
_N_ALERTS, _N_INTAKE, _N_CLOSED = 1000, 2000, 500

Put = Callable[[Record], None]


async def load(desk: Desk) -> None:
    """Everything the desk works with, into an empty book."""
    store, book = desk.store, desk.book
    recent = desk.since(days=_NOTICE_DAYS)
    closed = await store.find(
        Trade,
        where={"state": (TradeState.CLOSED,)},
        since=("closed_at", recent),
        newest_first=True,
        limit=_N_CLOSED,
    )
    closed.sort(key=lambda t: t.closed_at or t.created_at)
    book.load(closed)
    book.load(await store.find(Intent, since=("created_at", desk.since(hours=1))))
    alerts = await store.find(
        AlertRecord, since=("received_at", recent), newest_first=True, limit=_N_ALERTS
    )
    book.load(reversed(alerts))
    intake = await store.find(
        Intake, since=("received_at", desk.since(hours=6)), newest_first=True, limit=_N_INTAKE
    )
    book.load(reversed(intake))
    await _live(desk, book.put)
    book.newest_message |= await store.highest_message_ids()
    await _notices(desk)


async def refresh(desk: Desk) -> None:
    """Take in what the store knows better, after a commit of which nobody knows the outcome."""
    desk.is_behind = False
    try:
        await _live(desk, desk.book.put_newer)
        for trade_id in list(desk.book.trades):
            stored = await desk.store.get(Trade, trade_id)
            if stored is not None:
                desk.book.put_newer(stored)
        for order_id in list(desk.book.orders):
            order = await desk.store.get(Order, order_id)
            if order is not None:
                desk.book.put_newer(order)
        for approval_id in list(desk.book.approvals):
            approval = await desk.store.get(Approval, approval_id)
            if approval is not None:
                desk.book.put_newer(approval)
    except BaseException:
        desk.is_behind = True
        raise


async def _live(desk: Desk, put: Put) -> None:
    store = desk.store
    _all(put, await store.find(Fact))
    _all(put, await store.find(Account))
    trades = await store.find(Trade, where={"state": (TradeState.PENDING, TradeState.OPEN)})
    _all(put, trades)
    _all(put, await store.find(Order, where={"state": _LIVE}))
    ids = tuple(trade.trade_id for trade in trades)
    if ids:
        for kind in (Order, Position, Execution, Intent):
            _all(put, await store.find(kind, where={"trade_id": ids}))
    approvals = await store.find(Approval, where={"state": (ApprovalState.PENDING,)})
    _all(put, approvals)
    for alert_id in dict.fromkeys(
        [*(t.alert_id for t in trades), *(a.alert_id for a in approvals)]
    ):
        alert = await store.get(AlertRecord, alert_id)
        if alert is not None:
            put(alert)


def _all(put: Put, records: Iterable[Record]) -> None:
    for record in records:
        put(record)


async def _notices(desk: Desk) -> None:
    """Cards of the last days, and what people see of them; what differs is posted again."""
    since = desk.since(days=_NOTICE_DAYS)
    posted = await desk.store.find(Posted, since=("posted_at", since))
    for record in posted:
        desk.book.posted[record.notice_id] = record
    for notice in await desk.store.find(Notice, since=("created_at", since)):
        desk.book.put(notice)
    for notice_id in [n for n in desk.book.posted if n not in desk.book.notices]:
        del desk.book.posted[notice_id]
