"""What must be true of the books at every moment, whatever happened before."""

from collections import defaultdict
from decimal import Decimal

from engine import ledger
from engine.brokers import Broker
from engine.desk import Desk
from engine.domain.desk import Approval, ApprovalState
from engine.domain.money import ZERO
from engine.domain.order import Order, OrderState, Purpose
from engine.domain.trade import Account, Execution, LedgerEntry, Position, Trade, TradeState
from engine.reconcile import compare
from engine.store import RECORDS, Store

NEVER_SENT = (OrderState.DRAFT, OrderState.PENDING_APPROVAL, OrderState.DENIED, OrderState.VOID)


async def books(store: Store, *, auto: frozenset[str] = frozenset()) -> None:
    """Ledger identity, sums, one order per intent, approvals, journal. ``auto``: auto rooms."""
    await ledger_identity(store)
    await positions_are_sums_of_fills(store)
    await orders_have_a_mandate(store, auto)
    report = await store.verify()
    assert report.is_ok, report
    await replay_equals_tables(store)


async def ledger_identity(store: Store) -> None:
    entries = await store.find(LedgerEntry)
    executions = await store.find(Execution)
    rebuilt = ledger.rebuild(executions)
    positions = await store.find(Position)
    for account in await store.find(Account):
        mine = [e for e in entries if e.account == account.name]
        assert account.cash_usd == sum((e.cash_usd for e in mine), ZERO)
        assert account.realised_usd == sum((e.realised_usd for e in mine), ZERO)
        assert account.fees_usd == sum((e.fee_usd for e in mine), ZERO)
        deposits = sum((e.cash_usd for e in mine if e.kind == "deposit"), ZERO)
        assert account.deposits_usd == deposits
        held = [p for p in positions if p.account == account.name]
        marks = {p.instrument.key: Decimal(n + 1) * 3 for n, p in enumerate(held)}
        equity = ledger.equity(account, held, marks)
        open_pnl = ledger.unrealised(held, marks)
        assert equity is not None
        assert open_pnl is not None
        gain = account.realised_usd + open_pnl - ledger.open_fees(held)
        assert equity - account.deposits_usd == gain
        figures = rebuilt.accounts.get(account.name)
        if figures is not None:
            assert figures.realised_usd == account.realised_usd
            assert figures.cash_usd + deposits == account.cash_usd
    for trade in await store.find(Trade):
        own = [e for e in entries if e.trade_id == trade.trade_id]
        assert trade.realised_usd == sum((e.realised_usd for e in own), ZERO), trade.trade_id
        assert trade.fees_usd == sum((e.fee_usd for e in own), ZERO), trade.trade_id


async def positions_are_sums_of_fills(store: Store) -> None:
    sums: dict[str, Decimal] = defaultdict(Decimal)
    for execution in await store.find(Execution):
        key = f"{execution.trade_id}|{execution.instrument.key}"
        sign = -1 if execution.kind == "bust" else 1
        sums[key] += execution.qty * execution.side.sign * sign
    for position in await store.find(Position):
        assert position.qty == sums.pop(position.key, ZERO), position.key
    assert not {k: v for k, v in sums.items() if v}
    held: dict[str, list[Position]] = defaultdict(list)
    for position in await store.find(Position):
        if position.qty:
            held[position.trade_id].append(position)
    for trade in await store.find(Trade):
        is_held = trade.trade_id in held
        if is_held and len(trade.legs) > 1 and trade.state is TradeState.PENDING:
            continue  # one leg is booked, the other one is about to be
        assert is_held == (trade.state is TradeState.OPEN), (trade.trade_id, trade.state)


async def orders_have_a_mandate(store: Store, auto: frozenset[str]) -> None:
    """Every entry that was ever sent: an auto room's, or approved, once, by a person (I-28)."""
    approved: dict[str, int] = defaultdict(int)
    for approval in await store.find(Approval, where={"state": (ApprovalState.APPROVED,)}):
        approved[approval.order_id] += 1
    trades = {t.trade_id: t for t in await store.find(Trade)}
    intents: dict[str, int] = defaultdict(int)
    for order in await store.find(Order):
        intents[order.intent_id] += order.intent_id != ""
        if order.purpose is not Purpose.ENTRY or order.state in NEVER_SENT:
            continue
        source = trades[order.trade_id].source
        if source == "external":
            continue
        assert source in auto or approved[order.order_id] == 1, order.order_id
    assert all(n == 1 for n in intents.values() if n), "two orders of one intent"
    assert all(n == 1 for n in approved.values())


async def replay_equals_tables(store: Store) -> None:
    replay = getattr(store, "replay", None)
    if replay is None:
        return
    state = await replay()
    for kind in RECORDS:
        stored = {r.key: r for r in await store.find(kind)}
        replayed = {k: getattr(v, "record", v) for k, v in state.get(kind, {}).items()}
        assert stored == replayed, kind.__name__


async def memory_equals_disk(desk: Desk) -> None:
    """The book is a cache of the store's newest records, never more."""
    store, book = desk.store, desk.book
    live = {t.trade_id: t for t in await store.find(Trade) if t.state.value in ("PENDING", "OPEN")}
    assert book.trades == live
    for order in await store.find(Order):
        if order.trade_id in live or not order.state.is_terminal:
            assert book.orders.get(order.order_id) == order
    for position in await store.find(Position):
        if position.qty:
            assert book.positions.get(position.key) == position
    assert book.accounts == {a.name: a for a in await store.find(Account)}


async def same_as_broker(desk: Desk, broker: Broker, account: str = "main") -> None:
    """At rest: the same positions, the same cash, and no live order that only one side knows."""
    ours: dict[str, Decimal] = defaultdict(Decimal)
    for position in await desk.store.find(Position, where={"account": account}):
        ours[position.instrument.key] += position.qty
    theirs = {p.instrument.key: p.qty for p in await broker.positions(account)}
    assert {k: v for k, v in ours.items() if v} == theirs
    balance = await broker.balance(account)
    found = compare(
        orders=(),
        trades=(),
        positions=await desk.store.find(Position, where={"account": account}),
        executions=(),
        broker_open=(),
        broker_recent=(),
        broker_fills=(),
        broker_positions=await broker.positions(account),
        balance=balance,
        account=desk.book.accounts[account],
        now=desk.clock.now(),
    )
    assert found.cash is None, found.cash
    live = {o.client_order_id for o in await broker.open_orders(account)}
    known = {
        o.order_id
        for o in desk.book.orders.values()
        if o.account == account and o.state.is_at_broker
    }
    assert live == known


async def exits_fit(desk: Desk, broker: Broker, account: str = "main") -> None:
    """Live exits at the broker never add up to more than is held, per instrument (I-17)."""
    held = {p.instrument.key: abs(p.qty) for p in await broker.positions(account)}
    closing: dict[str, Decimal] = defaultdict(Decimal)
    for report in await broker.open_orders(account):
        order = await desk.order(report.client_order_id)
        if order is not None and order.purpose is not Purpose.ENTRY:
            for leg in report.legs:
                closing[leg.instrument.key] += (report.qty - report.filled) * abs(leg.ratio)
    for key, qty in closing.items():
        assert qty <= held.get(key, ZERO), (key, qty, held.get(key))
