"""Gather what is true of an account right now: the facts that risk checks judge by."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from typing import Any

from engine import ledger, standing
from engine.desk import Desk
from engine.domain.instrument import Kind, underlying_of
from engine.domain.money import ZERO
from engine.domain.order import Intent, Order, OrderState, Purpose
from engine.domain.quote import UnitQuote
from engine.domain.record import R, changed
from engine.domain.trade import Account, BegunDay, Position, Trade
from engine.flows.common import broker_switch, mode
from engine.flows.holdings import priced
from engine.flows.limits import curbs, prop_account
from engine.market import new_york_date
from engine.portfolio.sectors import reference_of
from engine.quality import Report
from engine.risk import Facts, RecentExit, only
from engine.risk.daily_loss import DailyLoss, Day
from engine.risk.duplicate import entry_name
from engine.routing import underlying
from engine.sizing import exposure_usd

_EXITS_BACK_S = 72 * 3600
_WORST_CASES_KEPT = 10_000
_DAYS_KEPT = 3
_WORST, _BEST = -1, 1
_NEAR_RATIO = Decimal("0.01")
"""A day may start from equity that is known to so much of itself."""
_PEAK_STEP = Decimal("1.001")
"""Within a day a new peak is written down when it is so much higher than the last one."""


def marks(desk: Desk, account: str) -> dict[str, Decimal]:
    """Mid of every instrument that the account holds and that has a quote, by instrument key."""
    found: dict[str, Decimal] = {}
    for trade in desk.book.open_trades(account):
        for leg in trade.legs:
            quote = desk.board.last(leg.instrument)
            if quote is not None:
                found[leg.instrument.key] = quote.mid
    return found


def equity(desk: Desk, account: Account) -> Decimal | None:
    """Cash plus marked positions; None when a mark is missing."""
    return _marked(desk, account)[0]


def equity_at_least(desk: Desk, account: Account) -> Decimal | None:
    """The same, where an option that nobody bids for counts at its worst: enough for an entry."""
    return _marked(desk, account, _WORST)[0]


def _marked(desk: Desk, account: Account, bound: int = 0) -> tuple[Decimal | None, Decimal | None]:
    """Equity by the last marks; open P&L, None where one of an open market is of long ago.

    An option that is offered, and that nobody bids for, has no mark but two bounds, nothing and
    its ask: ``bound`` counts it at the worst or the best of them.
    """
    held = _held(desk, account.name)
    if not held:
        return account.cash_usd, ZERO
    prices = marks(desk, account.name)
    if bound:
        prices |= _bounds(desk, held, bound)
    is_old = any(
        priced.is_old(desk, trade, is_bound=bool(bound))
        for trade in desk.book.open_trades(account.name)
    )
    open_pnl = None if is_old else ledger.unrealised(held, prices)
    return ledger.equity(account, held, prices), open_pnl


def _bounds(desk: Desk, held: list[Position], bound: int) -> dict[str, Decimal]:
    """What is held and nobody bids for: at what it could be sold for and bought back, or not."""
    net: dict[str, Decimal] = defaultdict(Decimal)
    found: dict[str, Decimal] = {}
    for position in held:
        quote = desk.board.bounding(position.instrument)
        if quote is not None:
            key = position.instrument.key
            net[key] += position.qty
            found[key] = quote.bid if net[key] * bound < 0 else quote.ask
    return found


def _held(desk: Desk, account: str) -> list[Position]:
    return [p for p in desk.book.positions.values() if p.account == account]


def gather(
    desk: Desk, account_name: str, intent: Intent | None = None, quote: UnitQuote | None = None
) -> Facts:
    """Everything known at this moment; what is not known stays None and is denied on."""
    now = desk.clock.now()
    account = desk.book.accounts[account_name]
    broker = intent.broker if intent else account.broker
    kind = intent.legs[0].instrument.kind if intent else "stock"
    own = intent.intent_id if intent else ""
    session = desk.calendar(kind).session_at(now)
    open_trades = tuple(desk.book.open_trades(account_name))
    pending = tuple(o for o in desk.book.pending_entries(account_name) if o.intent_id != own)
    worth, open_pnl = _marked(desk, account, 0 if intent is None else _WORST)
    notional = at_work(desk, open_trades, pending)
    return Facts(
        now=now,
        session_on=session.on if session else None,
        minutes_after_open=int((now - session.opens_at).total_seconds() // 60) if session else None,
        minutes_to_close=int((session.closes_at - now).total_seconds() // 60) if session else None,
        halted=desk.halted,
        unsound=desk.unsound,
        mode=mode.of(desk),
        is_paper_broker=_is_paper(desk, broker),
        broker_off=broker_switch.off(desk, broker) or _standing(desk, account_name, kind),
        is_reconciled=not desk.gate(broker),
        not_reconciled_why=desk.health.get(f"broker {broker}", ""),
        account=account,
        equity_usd=worth,
        buying_power_usd=_power(
            desk,
            account_name,
            None if worth is None else worth - sum(notional.values(), ZERO),
        ),
        open_pnl_usd=open_pnl,
        trades=open_trades,
        notional_by_trade=notional,
        pending=pending,
        unknown_symbols=frozenset(
            o.legs[0].instrument.symbol
            for o in desk.book.orders.values()
            if o.account == account_name and _is_unanswered(o)
        ),
        recent_exits=tuple(recent_exits(desk, account_name, underlying(intent.symbol)))
        if intent
        else (),
        recent_entries=_recent_entries(desk, intent) if intent else (),
        quote=quote,
        data=_data(desk, intent),
        prop=prop_account.of(desk, account, pending, worth, open_pnl),
        sectors=desk.settings.sectors,
        accepted_loss_usd=_accepted(desk, account),
        freezes=curbs.freezes(desk),
        overrides=curbs.overrides(desk),
        **_closes(desk, intent, open_trades, pending),
    )


def _closes(
    desk: Desk, intent: Intent | None, trades: tuple[Trade, ...], pending: tuple[Order, ...]
) -> dict[str, Any]:
    """Daily closes behind everything that an entry is compared with."""
    if intent is None or not (trades or pending):
        return {}  # nothing to compare with
    units = [intent.legs, *(t.legs for t in trades), *(o.legs for o in pending)]
    wanted = {reference_of(legs[0].instrument) for legs in units}
    found = desk.closes.of(wanted)
    return {
        "closes": found,
        "no_closes": {name: desk.closes.why_not(name) for name in wanted - found.keys()},
    }


def _is_unanswered(order: Order) -> bool:
    """Asking to cancel it is no answer."""
    return order.state is OrderState.UNKNOWN or (
        order.state is OrderState.PENDING_CANCEL and order.accepted_at is None
    )


def _standing(desk: Desk, account: str, kind: Kind) -> str:
    """What the account's broker says against entries, as last heard."""
    balance = desk.balances.get(account)
    said = standing.why_no_entry(balance, kind) if balance is not None else ""
    return f"{account}: {said}" if said else ""


def _power(desk: Desk, account: str, ours: Decimal | None) -> Decimal | None:
    """Ours, and never more than the broker says; of our own paper accounts ours alone."""
    balance = desk.balances.get(account)
    if ours is None or balance is None or account in desk.settings.start_cash_usd:
        return ours
    theirs = balance.buying_power_usd
    return ours if theirs is None else min(ours, theirs)


def _is_paper(desk: Desk, broker: str) -> bool | None:
    known = desk.brokers.get(broker)
    return None if known is None else known.caps.is_paper


def _data(desk: Desk, intent: Intent | None) -> Report | None:
    quality, now = desk.board.quality, desk.clock.now()
    if quality is None or intent is None:
        return None
    own = quality.worst(intent.legs, now)
    written_on = {underlying_of(e.instrument) for e in intent.legs if e.instrument.kind == "option"}
    is_halted = any(r is not None and r.is_halted for r in (quality.of(u, now) for u in written_on))
    return own if own is None or not is_halted else replace(own, is_halted=True)


def at_work(
    desk: Desk, open_trades: tuple[Trade, ...], pending: tuple[Order, ...]
) -> dict[str, Decimal]:
    """Worst-case dollars per trade: what is held plus what may still fill."""
    found: dict[str, Decimal] = {}
    for trade in open_trades:
        if (held := _worst_case(desk, trade, _of_trade)) is not None:
            found[trade.trade_id] = held
    for order in pending:
        if (more := _worst_case(desk, order, _of_order)) is not None:
            known = found.get(order.trade_id)
            found[order.trade_id] = more if known is None else known + more
    return found


def _worst_case(desk: Desk, record: R, work_out: Callable[[Desk, R], Decimal | None]) -> Any:
    """Worked out once per version of a record: every entry asks it of all that is at work."""
    sizing = desk.settings.sizing
    known = desk.worst_cases.get(record.key)
    if known is not None and known[0] is record and known[1] is sizing:
        return known[2]
    if len(desk.worst_cases) >= _WORST_CASES_KEPT:
        desk.worst_cases.clear()
    found = work_out(desk, record)
    desk.worst_cases[record.key] = record, sizing, found
    return found


def _of_trade(desk: Desk, trade: Trade) -> Decimal | None:
    if trade.entry_price is None:
        return None
    side = trade.direction > 0
    return exposure_usd(trade.legs, side, trade.qty_open, trade.entry_price, desk.settings.sizing)


def _of_order(desk: Desk, order: Order) -> Decimal | None:
    price = order.limit if order.limit is not None else order.stop
    if price is None:
        intent = desk.book.intents.get(order.intent_id)  # written before it, and kept as it was
        price = intent.quote.ask if intent is not None and intent.quote is not None else None
    if price is None:
        return None
    bought = order.side.sign > 0
    return exposure_usd(order.legs, bought, order.leaves, price, desk.settings.sizing)


def recent_exits(desk: Desk, account: str, symbol: str = "") -> Iterator[RecentExit]:
    """Closed trades of the last days, newest first; of what one symbol is counted by, or all."""
    since, book = desk.since(seconds=_EXITS_BACK_S), desk.book
    every: Iterable[Trade] = reversed(book.round_trips.values())
    for t in book.ended.since(symbol, since) if symbol else every:  # a trade's is its underlying
        if t.account == account and t.closed_at and t.closed_at >= since:
            yield RecentExit(
                symbol=t.symbol,
                source=t.source,
                opened_at=t.opened_at,
                closed_at=t.closed_at,
                realised_usd=t.realised_usd,
                was_stopped=t.close_reason.startswith(("stop", "trail")),
            )


def _recent_entries(
    desk: Desk, intent: Intent
) -> tuple[tuple[datetime, str, str, Decimal | None], ...]:
    """Entries of the last minutes that may be repeated by this one."""
    since = desk.since(seconds=600)
    found = []
    for other in desk.book.intents_like(intent):
        is_new = other.created_at >= since and other.intent_id != intent.intent_id
        if is_new and other.purpose is Purpose.ENTRY:
            price = other.alerted_price
            found.append((other.created_at, entry_name(other), other.alert_id, price))
    return tuple(found)


async def roll(desk: Desk, account_name: str) -> None:
    """Begin the account's new session day, or trip its daily breaker; caller holds its lock."""
    if account_name in desk.unopened:
        return
    account = desk.book.accounts[account_name]
    worth, open_pnl = _marked(desk, account)
    fresh = _rolled(desk, account, _nearly(desk, account) if worth is None else worth)
    if fresh is None:
        await _trip(desk, account, worth, open_pnl)
    else:
        await desk.commit(
            desk.event(
                "account.day",
                f"day-{account_name}-{fresh.session_on}",
                fresh,
                day_start_equity_usd=str(fresh.day_start_equity_usd),
            )
        )


def _nearly(desk: Desk, account: Account) -> Decimal | None:
    """The most that equity may be, where what nobody bids for makes no difference to speak of."""
    least, most = _marked(desk, account, _WORST)[0], _marked(desk, account, _BEST)[0]
    if least is None or most is None or most - least > most * _NEAR_RATIO:
        return None
    return most


async def _trip(
    desk: Desk, account: Account, worth: Decimal | None, open_pnl: Decimal | None
) -> None:
    """Trip the account's breaker once the day has cost enough; told to people once."""
    breaker = only(desk.checks, DailyLoss)
    if breaker is None or account.tripped_on == account.session_on:
        return
    day = Day(
        account=account,
        equity_usd=worth,
        open_pnl_usd=open_pnl,
        accepted_loss_usd=_accepted(desk, account),
    )
    denial = breaker.reached(day)
    if denial is None or denial.code != "daily_loss.reached":
        return
    if priced.is_slip(desk, account.name, "day"):
        return  # one shuts no day
    await desk.commit(
        desk.event(
            "breaker.tripped",
            "breaker",
            changed(account, tripped_on=account.session_on),
            desk.note("admin", f"🛑 {account.name}: {denial.detail}. Exits keep working."),
            account=account.name,
            why=denial.detail,
        )
    )


def accepted_name(account: str) -> str:
    """Fact: the session day and the loss that an admin has accepted when he reset its breaker."""
    return f"breaker.accepted:{account}"


def _accepted(desk: Desk, account: Account) -> Decimal:
    fact = desk.book.facts.get(accepted_name(account.name))
    if fact is None:
        return ZERO
    on, _, usd = fact.value.partition("|")
    return Decimal(usd) if usd and on == str(account.session_on) else ZERO


def _rolled(desk: Desk, account: Account, worth: Decimal | None) -> Account | None:
    now = desk.clock.now()
    session = desk.calendar("stock").session_at(now)
    day = session.on if session else new_york_date(now)
    peak = account.peak_equity_usd
    if account.session_on == day:
        start = worth if account.day_start_equity_usd is None else account.day_start_equity_usd
        if worth is not None and (peak is None or worth >= peak * _PEAK_STEP):
            peak = worth
        if (start, peak) == (account.day_start_equity_usd, account.peak_equity_usd):
            return None
        return changed(account, day_start_equity_usd=start, peak_equity_usd=peak)
    if worth is not None:
        peak = worth if peak is None else max(peak, worth)
    fresh = BegunDay(on=day, start_equity_usd=worth, realised_usd=ZERO, n_trades=0)
    others = [d for d in _begun(account) if d.on != day]
    today = next((d for d in account.other_days if d.on == day), fresh)  # none begins twice
    start = today.start_equity_usd
    if worth is not None and start is not None and account.session_on and account.session_on < day:
        start = max(start, worth)  # the first time may have been a clock's error, hours too soon
    return changed(
        account,
        session_on=day,
        day_start_equity_usd=start,
        realised_today_usd=today.realised_usd,
        n_trades_today=today.n_trades,
        other_days=tuple(others[:_DAYS_KEPT]),
        peak_equity_usd=peak,
    )


def _begun(account: Account) -> Iterator[BegunDay]:
    """The account's days that were begun, this one first."""
    if account.session_on is not None:
        yield BegunDay(
            on=account.session_on,
            start_equity_usd=account.day_start_equity_usd,
            realised_usd=account.realised_today_usd,
            n_trades=account.n_trades_today,
        )
    yield from account.other_days
