"""Keep a prop-firm account within its firm's rules: count its days, close it in time.

Called by the sweep. The state of an account is one fact of the desk, durable before it counts.
"""

import asyncio
from dataclasses import replace

from engine import prop
from engine.desk import Desk
from engine.flows.acts import flatten
from engine.flows.holdings import priced
from engine.flows.limits import facts, prop_account
from engine.market import CME
from engine.risk import Facts, only
from engine.risk.prop_flat_by import PropFlatBy
from engine.risk.prop_loss_limit import PropLossLimit


async def watch(desk: Desk) -> None:
    """One round over all prop-firm accounts, each for itself."""
    names = [name for name in desk.settings.prop_firms if name in desk.book.accounts]
    await asyncio.gather(*(_watch(desk, name) for name in names))


async def _watch(desk: Desk, account: str) -> None:
    async with desk.lock(account):
        await _count_days(desk, account)
    seen = facts.gather(desk, account)
    why = _why_flat(desk, seen)
    near = await _too_near(desk, account, seen)
    if why or near:
        await flatten.of_account(desk, account, near or why)
    await _tell_of_late(desk, account)


async def _count_days(desk: Desk, account: str) -> None:
    """Begin the firm's next day: the balance that the last one ended with may move the floor.

    Only once the account was compared with its broker: a balance that is not sure moves nothing.
    """
    firm = desk.settings.prop_firms[account]
    known = prop_account.state(desk, account)
    if known is None:
        if prop_account.fact_name(account) in desk.book.facts:
            desk.health[f"prop {account}"] = "what is kept of its days cannot be read: no entries"
            return
        await _keep(desk, account, prop.first_state(firm, desk.clock.now()))
        return
    today = prop.day_of(firm, desk.clock.now())
    if today <= known.day_on or account not in desk.compared_at:
        return
    record = desk.book.accounts[account]
    worth = facts.equity(desk, record)
    if worth is None:
        return  # something is held and has no price: no entries until the day can be counted
    after = prop.ended(known, max(record.cash_usd, worth), today)
    await _keep(desk, account, after)
    at = prop.floor(firm, after)
    if CME.next_trading_day(known.day_on) < today and at < firm.start_balance_usd:
        await desk.tell(
            "admin",
            f"⚠ {account}: the desk has not seen how the firm's days from {known.day_on} until "
            f"{today} ended. It counts with the floor ${at:,.2f}: compare it with the firm's "
            f"dashboard, and set accounts.{account}.prop_firm.floor_usd if that says more.",
            note_id=f"prop-missed-{account}-{today}",
        )


async def _keep(desk: Desk, account: str, state: prop.PropState) -> None:
    firm = desk.settings.prop_firms[account]
    await desk.commit(
        desk.event(
            "prop.day",
            f"prop-{account}-{state.day_on}",
            desk.fact(prop_account.fact_name(account), state.text()),
            floor_usd=str(prop.floor(firm, state)),
            peak_usd=str(state.peak_usd),
        )
    )


def _why_flat(desk: Desk, seen: Facts) -> str:
    """Why the firm's time is up; empty when it is not, or nothing is held."""
    check = only(desk.checks, PropFlatBy)
    return "the prop firm wants it flat" if check is not None and check.is_due(seen) else ""


async def _tell_of_late(desk: Desk, account: str) -> None:
    """Call people when something is held past the firm's time: it may close the account."""
    now, firm = desk.clock.now(), desk.settings.prop_firms[account]
    on = prop.day_of(firm, now)
    held = [t for t in desk.book.open_trades(account) if t.qty_open != 0]
    if held and now >= prop.flat_at(firm, on):
        await desk.tell(
            "admin",
            f"🛑 {account}: {', '.join(t.symbol for t in held)} could not be closed by "
            f"{prop.flat_at(firm, on).astimezone(prop.CHICAGO):%H:%M} Chicago, when the firm "
            "wants it flat. Close it at the broker; the desk goes on trying.",
            note_id=f"prop-late-{account}-{on}",
        )


async def _too_near(desk: Desk, account: str, seen: Facts) -> str:
    """Why everything must go before the firm closes the account; said and kept once a day."""
    check = only(desk.checks, PropLossLimit)
    state = seen.prop.state if seen.prop is not None else None
    if check is None or state is None or account not in desk.compared_at:
        return ""
    denial = check.reached(seen)
    if denial is not None and denial.code == "prop_loss_limit.unknown" and seen.trades:
        desk.health[f"prop {account}"] = denial.detail  # what is held cannot be judged
    else:
        desk.health.pop(f"prop {account}", None)
    if denial is None or denial.code != "prop_loss_limit.reached":
        return ""
    if priced.is_slip(desk, account, "floor"):
        return ""  # one closes nothing
    if state.closed_on != state.day_on:
        async with desk.lock(account):
            newest = prop_account.state(desk, account) or state
            await _keep(desk, account, replace(newest, closed_on=newest.day_on))
        await desk.tell(
            "admin",
            f"🛑 {account}: {denial.detail}. No entries until the firm's next day.",
            note_id=f"prop-{account}-{state.day_on}",
        )
    return "near the prop firm's maximum loss limit"
