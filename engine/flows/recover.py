"""Start is recovery: load what is live, compare with every broker, protect, then allow entries."""

import asyncio
import logging
from dataclasses import replace
from datetime import timedelta

from engine import ledger, orders, reconcile
from engine.brokers import BrokerFill
from engine.desk import Desk
from engine.domain.desk import (
    AlertRecord,
    Approval,
    ApprovalState,
    Fact,
    Intake,
    Notice,
    Posted,
)
from engine.domain.errors import (
    BrokerAuthError,
    BrokerUnavailable,
    Conflict,
    OrderStateUnknown,
)
from engine.domain.order import Intent, Order, OrderState, Trigger
from engine.domain.record import Record
from engine.domain.trade import Account, Execution, Position, Trade, TradeState
from engine.flows import send, settle

log = logging.getLogger(__name__)

_LIVE_STATES = tuple(s for s in OrderState if not s.is_terminal)
_DOUBTFUL = (OrderState.SUBMITTING, OrderState.UNKNOWN, OrderState.PENDING_REPLACE)
_NOTICE_DAYS = 3


async def load(desk: Desk) -> None:
    """Fill the book from the store: live things whole, finished ones of the last days."""
    store, book = desk.store, desk.book
    recent = desk.since(days=_NOTICE_DAYS)
    book.load(await store.find(Fact))
    book.load(await store.find(Account))
    closed = await store.find(
        Trade, where={"state": (TradeState.CLOSED,)}, since=("closed_at", recent)
    )
    book.load(closed[-500:])
    live = await store.find(Trade, where={"state": (TradeState.PENDING, TradeState.OPEN)})
    book.load(live)
    book.load(await store.find(Order, where={"state": _LIVE_STATES}))
    for trade in live:
        book.load(await store.find(Order, where={"trade_id": trade.trade_id}))
        book.load(await store.find(Position, where={"trade_id": trade.trade_id}))
        book.load(await store.find(Execution, where={"trade_id": trade.trade_id}))
        book.load(await store.find(Intent, where={"trade_id": trade.trade_id}))
        await _load_alert(desk, trade.alert_id)
    approvals = await store.find(Approval, where={"state": (ApprovalState.PENDING,)})
    book.load(approvals)
    for approval in approvals:
        await _load_alert(desk, approval.alert_id)
    book.load(await store.find(AlertRecord, since=("received_at", recent), limit=1000))
    book.newest_message |= await store.highest_message_ids()
    book.load(await store.find(Intake, since=("received_at", desk.since(hours=6)), limit=2000))
    await _load_notices(desk)


async def _load_alert(desk: Desk, alert_id: str) -> None:
    alert = await desk.store.get(AlertRecord, alert_id)
    if alert is not None:
        desk.book.put(alert)


async def _load_notices(desk: Desk) -> None:
    """Cards of the last days, and what people see of them; what differs is posted again."""
    since = desk.since(days=_NOTICE_DAYS)
    posted = await desk.store.find(Posted, since=("posted_at", since))
    for record in posted:
        desk.book.posted[record.notice_id] = record
    for notice in await desk.store.find(Notice, since=("created_at", since)):
        desk.book.put(notice)
    for notice_id in [n for n in desk.book.posted if n not in desk.book.notices]:
        del desk.book.posted[notice_id]


async def start(desk: Desk) -> str:
    """Everything between a durable store and trading; one line for the report card.

    Trading stays off for an account whose broker could not be compared.
    """
    await load(desk)
    await _open_accounts(desk)
    lines = [
        f"{len(desk.book.open_trades())} open, {len(desk.book.approvals)} waiting for approval"
    ]
    await _watch_open(desk)
    ok = True
    for name in desk.brokers:
        try:
            await asyncio.wait_for(desk.broker(name).connect(), desk.settings.broker_timeout_s)
            lines.append(await compare(desk, name))
        except (BrokerUnavailable, BrokerAuthError, OrderStateUnknown, TimeoutError) as error:
            ok = False
            desk.health[f"broker {name}"] = str(error) or "no answer"
            lines.append(f"{name}: not reachable, entries stay off ({error})")
    desk.is_reconciled = ok
    for trade in list(desk.book.trades.values()):
        await settle.run(desk, trade.trade_id)
    lines += await _tell_interrupted(desk)
    return " · ".join(lines)


async def _open_accounts(desk: Desk) -> None:
    """First start: an account begins with its opening deposit."""
    for name, broker in desk.settings.accounts.items():
        if name in desk.book.accounts:
            continue
        account = Account(name=name, broker=broker)
        puts: list[Record] = [account]
        cash = desk.settings.start_cash_usd.get(name)
        if cash is not None:
            funded, entry = ledger.deposit(account, cash, desk.clock.now(), f"deposit-{name}")
            puts = [_first(funded), entry]
        await desk.commit(
            desk.event("account.opened", f"account-{name}", *puts, cash_usd=str(cash))
        )


def _first(account: Account) -> Account:
    return replace(account, version=1)


async def _watch_open(desk: Desk) -> None:
    legs = [leg for t in desk.book.trades.values() for leg in t.legs]
    if not legs:
        return
    try:
        await asyncio.wait_for(desk.watch(legs), desk.settings.broker_timeout_s)
    except Exception as error:  # noqa: BLE001 - a feed that is down must not stop recovery
        desk.health["feed"] = f"{type(error).__name__}: {error}"


async def compare(desk: Desk, broker_name: str) -> str:
    """Compare one broker with our books and adopt what it knows; never sends an order.

    Raises:
        BrokerUnavailable, BrokerAuthError, OrderStateUnknown: nothing was concluded.
    """
    broker = desk.broker(broker_name)
    found_all: list[str] = []
    for account, name in desk.settings.accounts.items():
        if name != broker_name:
            continue
        await _resolve_doubts(desk, account)
        live = [o for o in desk.book.orders.values() if o.account == account]
        since = min((o.created_at for o in live), default=desk.since(days=1)) - timedelta(hours=1)
        fills = await broker.fills_since(account, since)
        for fill in fills:
            await _take_fill(desk, fill)
        for report in await broker.orders_since(account, since):
            await send.on_report(desk, report, asked=True)
        findings = reconcile.compare(
            orders=tuple(o for o in desk.book.orders.values() if o.account == account),
            trades=tuple(t for t in desk.book.trades.values() if t.account == account),
            positions=tuple(p for p in desk.book.positions.values() if p.account == account),
            executions=frozenset(desk.book.executions),
            broker_open=await broker.open_orders(account),
            broker_recent=await broker.orders_since(account, since),
            broker_fills=fills,
            broker_positions=await broker.positions(account),
            balance=await broker.balance(account),
            account=desk.book.accounts[account],
            now=desk.clock.now(),
        )
        lines = reconcile.lines(findings)
        found_all += lines
        if lines:
            await _record(desk, account, lines)
    return f"{broker_name}: {'; '.join(found_all) if found_all else 'books agree'}"


async def _take_fill(desk: Desk, fill: BrokerFill) -> None:
    """Book a fill unless it is; after a restart only the store knows those of closed trades."""
    if fill.execution_id not in desk.book.executions:
        booked = await desk.store.get(Execution, fill.execution_id)
        if booked is not None:
            desk.book.put(booked)
            return
    await send.on_fill(desk, fill)


async def _record(desk: Desk, account: str, lines: list[str]) -> None:
    text = f"Reconciliation of {account}: " + "; ".join(lines)
    if desk.health.get(f"reconcile {account}") == text:
        return
    desk.health[f"reconcile {account}"] = text
    try:
        await desk.commit(
            desk.event(
                "reconcile.difference",
                f"reconcile-{account}",
                desk.note("admin", text),
                lines=lines,
            )
        )
    except Conflict:
        log.exception("reconciliation note was not stored")


async def _resolve_doubts(desk: Desk, account: str) -> None:
    """Orders of which we do not know whether they left: ask, adopt or void; never guess."""
    for order in list(desk.book.orders.values()):
        if order.account != account:
            continue
        if order.state is OrderState.INTENT:
            await _void(desk, order)
        elif order.state is OrderState.PENDING_CANCEL:
            await send.cancel(desk, order)
        elif order.state in _DOUBTFUL and not await send.look_up(
            desk, order.order_id, refused="restart"
        ):
            await send.doubt(desk, order, "not answered at start")


async def _void(desk: Desk, order: Order) -> None:
    async with desk.lock(order.account):
        void = orders.moved(order, Trigger.VOID, desk.clock.now(), reason="never sent")
        await desk.commit(desk.event("order.void", order.alert_id, void, why="restart"))


async def _tell_interrupted(desk: Desk) -> list[str]:
    """Alerts whose later trades were not judged because the process died in between."""
    lines = []
    for alert in list(desk.book.alerts.values()):
        total = len(getattr(alert.parsed, "signals", ()))
        if 0 < alert.n_judged < total:
            text = (
                f"Alert {alert.alert_id} asked for {total} trades; only {alert.n_judged} were "
                "judged before a restart. The rest was not traded."
            )
            await desk.tell("admin", text, note_id=f"interrupted-{alert.alert_id}")
            lines.append(text)
    return lines
