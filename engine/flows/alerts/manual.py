"""A person orders by himself: the same sizing, guard, checks and write-ahead as for an alert.

First a draft that shows what would be sent and why (or why not); then, after his click, the draft
is made anew from the facts of that moment and sent. An order never flips a position: a sale of
what is held long takes units off, and no more than are held.
"""

import asyncio
from dataclasses import dataclass, replace
from decimal import Decimal

from engine import naming
from engine.desk import Desk
from engine.domain.alert import Signal
from engine.domain.desk import AlertRecord, Who
from engine.domain.errors import NotAllowed, UserError
from engine.domain.money import floor_to
from engine.domain.order import Intent, Order, Side
from engine.domain.source import SourceProfile
from engine.domain.trade import Trade, TradeState
from engine.flows.acts import outcomes
from engine.flows.acts.outcomes import Outcome
from engine.flows.alerts import decide
from engine.flows.alerts.drafting import Draft, Planned, Wanted, draft, record_of
from engine.flows.limits import facts, learning, links, month, routes
from engine.flows.trades import fan, manage, reprice
from engine.market import new_york_date
from engine.reports import unit_label
from engine.routing import Refused, Routed, lanes, route

_FITS: dict[str, tuple[str, ...]] = {
    "shares": ("stock", "crypto"),
    "contracts": ("option", "future", "spread"),
}


# -- planning ---------------------------------------------------------------------------------


async def plan(desk: Desk, who: Who, wanted: Wanted) -> Planned:
    """Find what is meant and where it goes, and ask for its quotes.

    Raises:
        NotAllowed, UserError: it cannot be ordered; nothing was sent.
    """
    if not who.may_trade:
        raise NotAllowed("Only a trader may order. Nothing was sent.")
    on = new_york_date(desk.clock.now())
    if wanted.trade_id:
        return await _adding(desk, who, wanted)
    terms = desk.settings.manual
    signal = naming.entry(wanted.symbol, wanted.side, on)
    _check_unit(wanted, signal)
    profile = replace(terms.profile, account=_account(desk, who, wanted, signal, terms.profile))
    routed = route(signal, profile, desk.settings.accounts, on)
    if not isinstance(routed, Refused):
        routed = await month.judged(desk, signal, routed)
    if isinstance(routed, Refused):
        raise UserError(f"{routed.reason}. Nothing was sent.")
    held = _held_against(desk, routed, wanted)
    if wanted.side is Side.SELL and not held and not terms.allow_short:
        names = sorted({unit_label(t.legs) for t in desk.book.open_trades()})
        raise UserError(
            f"{routed.legs[0].instrument.label} is not held, and short entries are off "
            f"(manual.allow_short). Nothing was sent. Held: {', '.join(names) or 'nothing'}."
        )
    await _look(desk, routed)
    planned = Planned(wanted=wanted, who=who, signal=signal, profile=profile, routed=routed)
    return replace(planned, reduces=_reductions(desk, planned, held)) if held else planned


async def _look(desk: Desk, routed: Routed) -> None:
    await asyncio.gather(
        desk.watch(routed.legs),
        learning.before_entry(desk, routed.account, routed.legs, routed.direction),
    )
    async with desk.lock(routed.account):
        await facts.roll(desk, routed.account)


def _check_unit(wanted: Wanted, signal: Signal) -> None:
    for name in ("amount", "limit", "stop", "target"):
        value = getattr(wanted, name)
        if value is not None and not (value.is_finite() and value > 0):
            raise UserError(f"{name} must be a number above 0. Nothing was sent.")
    kinds = _FITS.get(wanted.unit)
    if kinds is not None and signal.asset not in kinds:
        what = "contracts" if wanted.unit == "shares" else "shares"
        raise UserError(f"{signal.symbol} is traded in {what}. Nothing was sent.")


def _account(desk: Desk, who: Who, wanted: Wanted, signal: Signal, profile: SourceProfile) -> str:
    """Where it goes: as named, else his linked account, else where routes send such an asset."""
    known = desk.settings.accounts
    if wanted.at:
        name = wanted.at.strip().lower()
        found = [a for a, broker in known.items() if name in (a, broker)]
        if not found:
            raise UserError(f"There is no such account; there are: {', '.join(known)}.")
        return found[0]
    linked = links.account_of(desk, who.user_id)
    if linked:
        return linked
    lane = lanes(
        routes.rules(desk), signal.asset, profile.channel_id, who.user_id, profile.account
    )[0]
    on = new_york_date(desk.clock.now())
    return fan.healthy_first(desk, profile, signal, lane, on)[0]


def _held_against(desk: Desk, routed: Routed, wanted: Wanted) -> list[Trade]:
    """Trades in the very same unit that this order works against, the oldest first."""
    keys = [leg.instrument.key for leg in routed.legs]
    return [
        t
        for t in desk.book.open_trades()
        if [leg.instrument.key for leg in t.legs] == keys
        and t.direction != routed.direction
        and t.qty_open > 0
        and (not wanted.at or t.account == routed.account)
    ]


def _reductions(desk: Desk, planned: Planned, held: list[Trade]) -> tuple[tuple[str, Decimal], ...]:
    """How many units of which trades are closed: the oldest first, never more than are held."""
    wanted = planned.wanted
    if wanted.limit is not None or wanted.stop is not None or wanted.target is not None:
        raise UserError(
            "This is held, so the order closes it, at market. For a price set a target or a stop "
            f"(#{held[0].symbol} target 240). Nothing was sent."
        )
    left = _units(desk, planned, held[0])
    found: list[tuple[str, Decimal]] = []
    for trade in held:
        part = min(left, trade.qty_open)
        left -= part
        if part > 0:
            found.append((trade.trade_id, part))
    return tuple(found)


def _units(desk: Desk, planned: Planned, trade: Trade) -> Decimal:
    wanted, instrument = planned.wanted, trade.legs[0].instrument
    if wanted.unit == "risk-pct":
        raise UserError("Closing has no risk to size by: say how many. Nothing was sent.")
    units = wanted.amount
    if wanted.unit == "usd":
        quote = desk.quote(trade.legs)
        if quote is None:
            raise UserError("There is no fresh price to count dollars by. Nothing was sent.")
        step = desk.settings.sizing.step_of(instrument)
        units = floor_to(wanted.amount / (quote.mid * instrument.multiplier), step)
    elif instrument.kind != "crypto" and units != units.to_integral_value():
        raise UserError("The quantity must be a whole number here. Nothing was sent.")
    if units <= 0:
        raise UserError(f"${wanted.amount:,.2f} is less than one unit. Nothing was sent.")
    return units


async def _adding(desk: Desk, who: Who, wanted: Wanted) -> Planned:
    """More of a trade that is held: its own account and direction."""
    trade = _may_grow(desk, wanted.trade_id)
    kind = trade.legs[0].instrument.kind
    if len(trade.legs) > 1:
        raise UserError("A spread is not added to by one leg. Nothing was sent.")
    side = Side.BUY if trade.direction > 0 else Side.SELL
    on = new_york_date(desk.clock.now())
    label = trade.legs[0].instrument.label
    name = trade.legs[0].instrument.key if kind in ("option", "future", "crypto") else label
    signal = naming.entry(f"${name}" if kind == "stock" else name, side, on)
    _check_unit(wanted, signal)
    profile = replace(desk.settings.manual.profile, account=trade.account)
    routed = Routed(
        account=trade.account,
        broker=trade.broker,
        asset=trade.asset,
        symbol=trade.symbol,
        side=side,
        legs=trade.legs,
        direction=trade.direction,
    )
    await _look(desk, routed)
    whole = replace(wanted, side=side)
    return Planned(wanted=whole, who=who, signal=signal, profile=profile, routed=routed)


def _may_grow(desk: Desk, trade_id: str) -> Trade:
    trade = desk.book.trades.get(trade_id)
    if trade is None or trade.state is not TradeState.OPEN or trade.qty_open <= 0:
        raise UserError("That trade is not open any more. Nothing was sent.")
    if trade.closes:
        raise UserError("It is being closed, so nothing is added to it. Nothing was sent.")
    if not trade.is_entry_over:
        raise UserError("Its entry still works: change or cancel that. Nothing was sent.")
    return trade


# -- doing --------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """What an order led to."""

    order_id: str = ""
    approval_id: str = ""
    question: str = ""


async def send(desk: Desk, planned: Planned, key: int) -> Done:
    """Decide on the facts of now, write down, then send or ask.

    ``key``: Discord's id of the click; the same click never orders twice.

    Raises:
        UserError: it may not be sent now; nothing was.
    """
    if planned.reduces:
        return await _reduce(desk, planned)
    record = record_of(desk, planned, key)
    async with desk.lock(planned.routed.account):
        await facts.roll(desk, planned.routed.account)
        if planned.wanted.trade_id:
            outcome = await _added(desk, planned, record)
        else:
            outcome = await _entered(desk, planned, record)
    await outcomes.act(desk, outcome)
    return Done(
        order_id=outcome.send.order_id if outcome.send else "",
        approval_id=outcome.approval_ids[0] if outcome.approval_ids else "",
        question=outcome.reason,
    )


def _certain(desk: Desk, planned: Planned, record: AlertRecord) -> tuple[Draft, Intent]:
    made = draft(desk, planned, record)
    if made.refused or made.intent is None:
        raise UserError(f"{made.refused}. Nothing was sent.")
    return made, made.intent


async def _entered(desk: Desk, planned: Planned, record: AlertRecord) -> Outcome:
    made, intent = _certain(desk, planned, record)
    trade = outcomes.new_trade(desk, planned.profile, record, intent, planned.routed)
    if made.question:
        proposer = planned.who.user_id
        outcome = outcomes.asked(desk, 0, intent, trade, made.question, proposer=proposer)
    else:
        outcome = outcomes.sent(desk, intent, trade)
    after = decide.after_outcome(record, outcome)
    await desk.commit(
        desk.event(
            f"alert.{outcome.state.lower()}",
            record.alert_id,
            after,
            *outcome.puts,
            actor=f"user:{planned.who.user_id}",
            cards=(("alert", record.alert_id, "trade_alerts"), *outcome.cards),
            reason=outcome.reason,
            asked=record.text,
        )
    )
    return outcome


async def _added(desk: Desk, planned: Planned, record: AlertRecord) -> Outcome:
    """The trade expects more; its targets stretch over all of it, its stop follows the fills."""
    trade = _may_grow(desk, planned.wanted.trade_id)
    made, intent = _certain(desk, planned, record)
    if made.question:
        raise UserError(f"{made.question}. An addition is not put to anybody. Nothing was sent.")
    outcome = outcomes.sent(desk, intent, trade)
    after = reprice.grown(trade, intent.qty)
    puts = [after if put is trade else put for put in outcome.puts]
    await desk.commit(
        desk.event(
            "trade.added",
            trade.alert_id,
            *puts,
            actor=f"user:{planned.who.user_id}",
            cards=(("trade", trade.trade_id, "orders"),),
            trade_id=trade.trade_id,
            qty=str(intent.qty),
            limit=str(intent.limit),
        )
    )
    return outcome


async def _reduce(desk: Desk, planned: Planned) -> Done:
    for trade_id, qty in planned.reduces:
        trade = desk.book.trades.get(trade_id)
        if trade is None:
            raise UserError("What it would close is not open any more. Nothing more was sent.")
        await manage.close(desk, trade_id, planned.who, qty=min(qty, trade.qty_open))
    return Done()


def waits_all_day(desk: Desk, order: Order) -> bool:
    """Whether a person named its price himself: such an order is not taken back in minutes."""
    intent = desk.book.intents.get(order.intent_id)
    return intent is not None and is_own_limit(intent)


def is_own_limit(intent: Intent) -> bool:
    """Whether a person named the price of this entry himself."""
    return intent.requested_by is not None and intent.alerted_price is not None
