"""An alert asks for exposure: route it, price it, size it, check it, then send or ask."""

from decimal import Decimal
from itertools import islice

from engine import guard, pricing
from engine.desk import Desk
from engine.domain.alert import RawAlert, Signal
from engine.domain.copying import replace
from engine.domain.desk import AlertRecord, AlertState
from engine.domain.order import (
    Intent,
    OrderType,
    Purpose,
    Verdict,
)
from engine.domain.quote import UnitQuote
from engine.domain.source import Handling, SourceProfile
from engine.flows.acts.outcomes import Outcome, asked, new_trade, rejected, sent
from engine.flows.limits import curbs, facts, learning, month, room
from engine.market import new_york_date
from engine.protection import Protection, protect
from engine.risk import Denial, loss_streak, only, run_checks
from engine.risk.allocation import Allocation
from engine.routing import Refused, Routed, route
from engine.sizing import EQUITY_UNKNOWN, Sized, kelly_fraction, size

_AUTO_OFF_AFTER = 3
"""Losses in a row after which a source's automatic entries are off (rules 3.2)."""


async def judge(
    desk: Desk,
    profile: SourceProfile,
    message: RawAlert,
    record: AlertRecord,
    number: int,
    signal: Signal,
) -> Outcome:
    """Decide about an opening signal, under the account's lock."""
    on = new_york_date(message.posted_at)
    routed = route(signal, profile, desk.settings.accounts, on)
    if not isinstance(routed, Refused):
        routed = await month.judged(desk, signal, routed)
    if isinstance(routed, Refused):
        return rejected(routed.reason)
    late_s = (desk.clock.now() - message.posted_at).total_seconds()
    if message.is_caught_up and late_s > profile.max_age_s:
        return rejected(
            f"missed: seen {late_s / 60:.0f} min late while the desk was away; not traded",
            AlertState.HELD,
        )
    await facts.roll(desk, routed.account)
    await learning.before_entry(desk, routed.account, routed.legs, routed.direction)
    quote = desk.quote(routed.legs)
    price = guard.judge(
        side=routed.side,
        alerted=signal.price,
        alerted_range=signal.price_range,
        quote=quote,
        profile=profile,
        posted_at=message.posted_at,
        now=desk.clock.now(),
        max_quote_age_s=desk.settings.max_quote_age_s,
        asset=routed.asset,
    )
    intent = build(desk, profile, record, number, signal, routed, quote, price)
    if isinstance(intent, Denial):
        return rejected(intent.detail, AlertState.RISK_REJECTED)
    intent = checked(desk, intent, quote)
    is_unquoted = price.code == "guard.no_quote"
    denied = first_denial(intent, but_for=("data_fresh",) if is_unquoted else ())
    if denied is not None:
        return Outcome(state=AlertState.RISK_REJECTED, reason=denied.detail, puts=(intent,))
    if price.decision == "skip":
        return Outcome(state=AlertState.REJECTED, reason=price.reason, puts=(intent,))
    question = _question(desk, profile, message, price, intent)
    trade = new_trade(desk, profile, record, intent, routed)
    if question:
        others = _question(desk, profile, message, replace(price, decision="trade"), intent)
        waits = is_unquoted and not others
        return asked(desk, number, intent, trade, question, waits_for_quote=waits)
    return sent(desk, intent, trade)


def _question(
    desk: Desk,
    profile: SourceProfile,
    message: RawAlert,
    price: guard.GuardVerdict,
    intent: Intent,
) -> str:
    """Why a person has to decide; empty when the entry may go out by itself."""
    repeat = next((v.detail for v in intent.verdicts if not v.is_ok and v.check == "duplicate"), "")
    if repeat:
        return repeat
    if price.decision == "ask":
        return price.reason
    if message.is_caught_up:
        return "this alert was read after a gap; caught-up entries never trade by themselves"
    if profile.handling is not Handling.AUTO:
        return "this source trades with approval"
    if intent.stop is None and len(intent.legs) == 1:
        return "neither the alert nor this source's terms say a stop"
    losses = loss_streak(facts.recent_exits(desk, profile.account), source=profile.name)
    if losses >= _AUTO_OFF_AFTER:
        return f"{losses} losses in a row from this source: it trades with approval until a win"
    edge = kelly_fraction(_results(desk, profile.name), desk.settings.sizing)
    if edge is not None and edge <= 0:
        return f"no edge so far (Kelly {edge:.2f}): this source trades with approval"
    return ""


def _usable(desk: Desk, broker: str, equity: Decimal | None) -> Decimal | None:
    """Of real money no more than was set aside for it."""
    limits = only(desk.checks, Allocation)
    return equity if limits is None else limits.usable(equity, is_paper=_is_paper(desk, broker))


def _is_paper(desk: Desk, broker: str) -> bool:
    return broker in desk.brokers and desk.broker(broker).caps.is_paper


def build(
    desk: Desk,
    profile: SourceProfile,
    record: AlertRecord,
    number: int,
    signal: Signal,
    routed: Routed,
    quote: UnitQuote | None,
    price: guard.GuardVerdict,
    *,
    qty: Decimal | None = None,
    revision: int = 0,
) -> Intent | Denial:
    """Size and protect an entry; ``qty`` is a person's own figure, still cut by every limit."""
    tick = routed.legs[0].instrument.tick
    alerted = _alerted(signal)
    entry = alerted if alerted is not None else price.achievable
    if entry is None:
        return Denial(code="price.unknown", detail="neither the alert nor the market has a price")
    limit = pricing.entry_limit(routed.side, alerted, quote, profile, tick, routed.asset)
    plan: Protection | Refused = protect(
        signal, profile, entry=entry, direction=routed.direction, qty=Decimal(1), tick=tick
    )
    if isinstance(plan, Refused):
        return Denial(code="protection.refused", detail=plan.reason)
    account = desk.book.accounts[routed.account]
    equity = facts.equity_at_least(desk, account)
    wanted = signal if qty is None else replace(signal, quantity=qty, size_class=None)
    sized = size(
        signal=wanted,
        profile=profile,
        entry=limit,
        stop=plan.stop,
        legs=routed.legs,
        direction=routed.direction,
        equity=_usable(desk, routed.broker, equity),
        settings=desk.settings.sizing,
        streaks=(account.loss_streak, account.win_streak),
        results=_results(desk, profile.name),
        room_usd=room.in_sector(desk, routed.account, routed.legs, equity),
        said_m=curbs.multiplier(desk, routed.legs[0].instrument.symbol),
    )
    if not isinstance(sized, Sized):
        is_unheard = sized.code == EQUITY_UNKNOWN
        why = desk.health.get(f"broker {routed.broker}", "") if is_unheard else ""
        return replace(sized, detail=f"{sized.detail} ({why})") if why else sized
    final: Protection | Refused = plan
    if plan.targets:  # they share the quantity out among them
        final = protect(
            signal, profile, entry=entry, direction=routed.direction, qty=sized.qty, tick=tick
        )
    if isinstance(final, Refused):
        return Denial(code="protection.refused", detail=final.reason)
    suffix = f"{number}" + (f"e{record.edit_no}" if record.edit_no else "")
    suffix += f"r{revision}" if revision else ""
    suffix += f"-{routed.account.replace('_', '-')}" if profile.is_copy else ""
    return Intent(
        intent_id=f"{record.alert_id}/{suffix}",
        alert_id=record.alert_id,
        trade_id=f"T-{record.alert_id[2:]}-{suffix}",
        account=routed.account,
        broker=routed.broker,
        source=profile.name,
        author_id=record.author_id,
        purpose=Purpose.ENTRY,
        symbol=routed.symbol,
        side=routed.side,
        legs=routed.legs,
        qty=sized.qty,
        type=OrderType.LIMIT,
        limit=limit,
        stop=final.stop,
        targets=final.targets,
        trail=signal.trail,
        alerted_price=alerted,
        quote=quote,
        risk_usd=sized.risk_usd,
        notional_usd=sized.notional_usd,
        sizing=sized.note,
        guard=price.reason,
        created_at=desk.clock.now(),
    )


def _results(desk: Desk, source: str) -> list[Decimal]:
    """Net dollars of the source's closed trades, newest first; as many as are counted."""
    closed = reversed(desk.book.round_trips.values())
    theirs = (t.realised_usd for t in closed if t.source == source)
    return list(islice(theirs, desk.settings.sizing.kelly_max_trades))


def _alerted(signal: Signal) -> Decimal | None:
    """The alerted price; for a range its far end is never assumed, the middle is."""
    if signal.price is not None or signal.price_range is None:
        return signal.price
    low, high = signal.price_range
    return (low + high) / 2


def checked(desk: Desk, intent: Intent, quote: UnitQuote | None) -> Intent:
    """The intent with every check's verdict on fresh facts."""
    seen = facts.gather(desk, intent.account, intent, quote)
    verdicts = run_checks(desk.checks, intent, seen, desk.clock.monotonic)
    return replace(intent, verdicts=verdicts)


def first_denial(intent: Intent, but_for: tuple[str, ...] = ()) -> Verdict | None:
    """First check in the order of evaluation that said no; a mere repeat is asked about."""
    passed = ("duplicate", *but_for)
    return next((v for v in intent.verdicts if not v.is_ok and v.check not in passed), None)
