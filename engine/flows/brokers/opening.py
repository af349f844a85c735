"""An account that is new to the desk: its books begin as its broker's do, its first day then."""

from decimal import Decimal

from engine import ledger
from engine.desk import Desk
from engine.domain.copying import replace
from engine.domain.money import ZERO
from engine.domain.record import Record
from engine.domain.trade import Account, Trade
from engine.flows.brokers import heard
from engine.flows.holdings.cash import on_cash
from engine.reconcile import Findings

_HELD = "held before"
_SHOWN = 20
"""Holdings named in one message."""


async def of_all(desk: Desk) -> None:
    """First start: a paper account begins with its opening deposit, any other is compared first."""
    store, now = desk.store, desk.clock.now()
    newest = await store.events(after=store.health().last_seq - 1, limit=1)
    desk.left_at = newest[0].event.at if newest else None
    for name, broker in desk.settings.accounts.items():
        cash = desk.settings.start_cash_usd.get(name)
        account = desk.book.accounts.get(name)
        if cash is None and (account is None or _is_empty(account)):
            desk.unopened.add(name)
        if account is not None:
            first = await store.events(ref=f"account-{name}", limit=1)
            if first and newest:
                desk.opened_at[name] = first[0].event.at
                desk.heard_until[name] = heard.until(desk, name) or newest[0].event.at
            continue
        desk.opened_at[name] = now
        account = Account(name=name, broker=broker)
        mark = heard.begun(desk, name)
        puts: list[Record] = [account, mark]
        if cash is not None:
            funded, entry = ledger.deposit(account, cash, now, f"deposit-{name}")
            puts = [replace(funded, version=1), entry, mark]
        await desk.commit(
            desk.event("account.opened", f"account-{name}", *puts, cash_usd=str(cash))
        )


def _is_empty(account: Account) -> bool:
    return account.session_on is None and account.deposits_usd == ZERO


async def finish(desk: Desk, account: str, left: Findings) -> bool:
    """Take over the broker's cash, once all that is held there is in the books; whether it is done.

    At once and before a day begins: what is held without the money that paid for it passes for a
    worth of next to nothing, of which the first tick loses more than a day may.
    """
    if account not in desk.unopened:
        return False
    if left.positions or left.missed_fills or left.external_fills or left.settlements:
        return False
    held = desk.book.open_trades(account)
    if left.cash is not None:
        await on_cash(desk, account, left.cash.usd, left.cash.theirs, is_first=True)
    cash_usd = desk.book.accounts[account].cash_usd
    if left.cash is not None and cash_usd != left.cash.theirs:
        return False  # something was booked meanwhile
    await desk.commit(
        desk.event(
            "account.begun",
            f"account-{account}",
            desk.fact(f"{_HELD} {account}", " ".join(trade.trade_id for trade in held)),
            desk.note("admin", _said(desk, account, cash_usd, held), note_id=f"begun-{account}"),
        )
    )
    desk.unopened.discard(account)
    return True


def was_held(desk: Desk, trade: Trade) -> bool:
    """Whether its account's books began with it: people were told of all of that at once."""
    held = desk.book.facts.get(f"{_HELD} {trade.account}")
    return held is not None and trade.trade_id in held.value.split()


def _said(desk: Desk, account: str, cash_usd: Decimal, trades: list[Trade]) -> str:
    held = [
        f"{'short ' if trade.direction < 0 else ''}{abs(trade.qty_open):f} "
        f"{trade.legs[0].instrument.label}"
        for trade in trades
    ]
    broker = desk.settings.accounts[account]
    said = f"{account}: its books begin with ${cash_usd:,.2f} in cash at {broker}"
    if not held:
        return f"{said}."
    more = f" and {len(held) - _SHOWN} more" if len(held) > _SHOWN else ""
    return (
        f"{said} and what is held there: {', '.join(held[:_SHOWN])}{more}. None of it has a stop "
        "of the desk: each has a card to set one, or to close it."
    )
