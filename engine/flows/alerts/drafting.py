"""What a person's order would be at this moment: size, stop, checks; nothing is written or sent."""

from dataclasses import dataclass, replace
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from typing import Literal

from engine import bars, guard, pricing
from engine.desk import Desk
from engine.domain.alert import Alert, Level, RawAlert, Signal
from engine.domain.desk import AlertRecord, Who
from engine.domain.money import floor_to, rounded
from engine.domain.order import Intent, Side, Verdict
from engine.domain.quote import UnitQuote
from engine.domain.refusal import Denial
from engine.domain.source import SourceProfile
from engine.domain.trade import Trade
from engine.flows.alerts import decide
from engine.flows.limits import facts
from engine.flows.trades import enter
from engine.risk import only, run_checks
from engine.risk.stop_distance import StopDistance
from engine.routing import Routed
from engine.sizing import exposure_usd, unit_risk

Unit = Literal["units", "shares", "contracts", "usd", "risk-pct"]
_ATR_BARS, _ATR_MULTIPLE = 14, Decimal(2)
"""Rules 3.6: the first stop of a share or future is two average true ranges away."""
_PREVIEW = "A-TICKET"


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """An order as a person asks for it."""

    side: Side
    symbol: str
    """As he writes it."""
    amount: Decimal
    unit: Unit = "units"
    """``usd``: dollars of value; ``risk-pct``: percent of equity lost at the stop."""
    limit: Decimal | None = None
    stop: Decimal | None = None
    target: Decimal | None = None
    at: str = ""
    """Account or broker; empty: where routes send it."""
    trade_id: str = ""
    """The trade that it adds to; empty: none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Planned:
    """What he asks for, as something that can be traded: nothing is decided yet."""

    wanted: Wanted
    who: Who
    signal: Signal
    profile: SourceProfile
    routed: Routed
    reduces: tuple[tuple[str, Decimal], ...] = ()
    """Trades and units that it closes; empty: it is an entry."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """The order that would be sent at this moment, or why none would."""

    planned: Planned
    intent: Intent | None
    """None when not even a size can be worked out."""
    refused: str = ""
    """Why it may not be sent; empty when it may."""
    question: str = ""
    """Why somebody else has to approve it; empty when a click of his own is enough."""
    stop_why: str = ""
    quote: UnitQuote | None = None


def draft(desk: Desk, planned: Planned, record: AlertRecord | None = None) -> Draft:
    """The entry that would be sent at this moment, with every check's verdict.

    ``record``: the story that it belongs to; None while it is only looked at.
    """
    wanted, routed = planned.wanted, planned.routed
    quote = desk.quote(routed.legs)
    now = desk.clock.now()
    price = guard.judge(
        side=routed.side,
        alerted=None,
        alerted_range=None,
        quote=quote,
        profile=planned.profile,
        posted_at=now,
        now=now,
        max_quote_age_s=desk.settings.max_quote_age_s,
        asset=routed.asset,
    )
    if quote is None and wanted.limit is None:
        return Draft(planned=planned, intent=None, refused="there is no fresh quote for this")
    tick = routed.legs[0].instrument.tick
    limit = pricing.entry_limit(
        routed.side, wanted.limit, quote, planned.profile, tick, routed.asset
    )
    stop, why = _stop(desk, planned, limit)
    signal = replace(
        planned.signal,
        price=wanted.limit,
        stop=stop,
        targets=(Level(kind="price", value=wanted.target),) if wanted.target else (),
    )
    quantity = _quantity(desk, planned, limit, stop)
    if isinstance(quantity, Denial):
        return Draft(planned=planned, intent=None, refused=quantity.detail, quote=quote)
    built = enter.build(
        desk,
        planned.profile,
        record or record_of(desk, planned, 0),
        0,
        replace(signal, quantity=quantity),
        routed,
        quote,
        price,
    )
    if isinstance(built, Denial):
        return Draft(planned=planned, intent=None, refused=built.detail, quote=quote, stop_why=why)
    intent = replace(built, requested_by=planned.who.user_id)
    intent = _judged(desk, planned, intent, quote)
    denied = enter.first_denial(intent)
    refused = denied.detail if denied else price.reason if price.decision == "skip" else ""
    return Draft(
        planned=planned,
        intent=intent,
        refused=refused,
        question=_question(desk, planned.who, price, intent),
        stop_why=why,
        quote=quote,
    )


def _judged(desk: Desk, planned: Planned, intent: Intent, quote: UnitQuote | None) -> Intent:
    """Every check's verdict; an addition is judged by itself and as the whole that it makes."""
    trade = desk.book.trades.get(planned.wanted.trade_id)
    if trade is None:
        return enter.checked(desk, intent, quote)
    own = replace(
        intent,
        intent_id=f"{trade.trade_id}/A{intent.intent_id.partition('-')[2]}",
        trade_id=trade.trade_id,
        alert_id=trade.alert_id,
    )
    own = enter.checked(desk, own, quote)
    return replace(own, verdicts=(*own.verdicts, *_as_a_whole(desk, own, trade, quote)))


def _as_a_whole(
    desk: Desk, intent: Intent, trade: Trade, quote: UnitQuote | None
) -> tuple[Verdict, ...]:
    """What the limits of one position say to what is held and what is added together."""
    qty = trade.qty_open + intent.qty
    price = intent.limit if intent.limit is not None else trade.entry_price
    tied_up = None
    if price is not None:
        tied_up = exposure_usd(intent.legs, intent.side, qty, price, desk.settings.sizing)
    whole = replace(intent, qty=qty, notional_usd=tied_up, risk_usd=None, targets=(), verdicts=())
    seen = facts.gather(desk, intent.account, whole, quote)
    judges = [(n, c) for n, c in desk.checks if n in ("risk_per_trade", "position_size")]
    verdicts = run_checks(judges, whole, seen, desk.clock.monotonic)
    return tuple(
        replace(v, check=f"{v.check} of the whole") for v in verdicts if not v.is_ok or v.detail
    )


def _question(desk: Desk, who: Who, price: guard.GuardVerdict, intent: Intent) -> str:
    """Why a second person decides; what only needs a person is decided by his own click."""
    most = desk.settings.two_person_above_usd
    if most is not None and (intent.notional_usd or Decimal(0)) > most:
        return f"it is above ${most:,.2f}: a second person approves it"
    if price.decision == "ask" and not who.may_approve:
        return price.reason
    return ""


def _quantity(desk: Desk, planned: Planned, limit: Decimal, stop: Level | None) -> Decimal | Denial:
    """Units asked for; the limits may still cut them."""
    wanted, routed = planned.wanted, planned.routed
    instrument = routed.legs[0].instrument
    step = desk.settings.sizing.step_of(instrument)
    if wanted.unit == "usd":
        units = floor_to(wanted.amount / (limit * instrument.multiplier), step)
        if units <= 0:
            each = f"${limit * instrument.multiplier:,.2f}"
            return Denial(code="ticket.usd", detail=f"one unit costs {each}, more than that")
        return units
    if wanted.unit == "risk-pct":
        worth = facts.equity_at_least(desk, desk.book.accounts[routed.account])
        if worth is None:
            return Denial(code="ticket.equity", detail="the account's equity is not known")
        each_usd = unit_risk(routed.legs, routed.side, limit, _stop_price(stop, routed, limit))
        if isinstance(each_usd, Denial):
            return each_usd
        units = floor_to(worth * wanted.amount / 100 / each_usd, step)
        if units <= 0:
            return Denial(
                code="ticket.risk", detail=f"one unit risks ${each_usd:,.2f}, more than that"
            )
        return units
    if instrument.kind != "crypto" and wanted.amount != wanted.amount.to_integral_value():
        return Denial(code="ticket.quantity", detail="the quantity must be a whole number here")
    return wanted.amount


def _stop_price(stop: Level | None, routed: Routed, limit: Decimal) -> Decimal | None:
    if stop is None or stop.value is None or stop.kind == "price":
        return stop.value if stop is not None else None
    distance = stop.value if stop.kind == "points" else limit * stop.value / 100
    return limit - distance * routed.direction


# -- the first stop -----------------------------------------------------------------------------


def _stop(desk: Desk, planned: Planned, limit: Decimal) -> tuple[Level | None, str]:
    """Where the stop goes, and why: as named, as the trade has it, by ATR, by the house's rule."""
    wanted, routed = planned.wanted, planned.routed
    if wanted.stop is not None:
        return Level(kind="price", value=wanted.stop), "as you named it"
    trade = desk.book.trades.get(wanted.trade_id)
    if trade is not None and trade.stop is not None:
        return Level(kind="price", value=trade.stop.price), "the stop of the trade, for all of it"
    instrument = routed.legs[0].instrument
    if instrument.kind in ("stock", "crypto", "future"):
        atr = bars.atr(desk.bars.of(instrument.key), _ATR_BARS)
        if atr is not None and atr > 0:
            return _by_atr(desk, routed, limit, atr * _ATR_MULTIPLE)
    level = desk.settings.manual.stops.get(routed.asset)
    if level is None or level.value is None:
        return None, "none is set for such things"
    unit = "%" if level.kind == "percent" else "points"
    what = "premium" if instrument.kind == "option" else "price"
    return level, f"the house's {level.value:f} {unit} of the {what}: no ATR is known"


def _by_atr(desk: Desk, routed: Routed, limit: Decimal, distance: Decimal) -> tuple[Level, str]:
    """Two ATR away, within what the distance check allows, on a tick."""
    instrument = routed.legs[0].instrument
    check = only(desk.checks, StopDistance)
    why = f"2 × ATR({_ATR_BARS}) = {distance.normalize():.4f}".rstrip("0").rstrip(".")
    if check is not None:
        low, high = check.bounds(instrument, routed.side, limit)
        held = min(max(distance, low), high)
        if held != distance:
            why += f", held within {low.normalize():f} and {high.normalize():f}"
        up = ROUND_CEILING if held < high else ROUND_FLOOR
        distance = rounded(held, instrument.tick, up)
    price = limit - distance * routed.direction
    return Level(kind="price", value=price), why


# -- the story ------------------------------------------------------------------------------------


def words(wanted: Wanted) -> str:
    """What he asked for, as one would write it in a room."""
    verb = "BUY" if wanted.side is Side.BUY else "SELL"
    amount = {
        "usd": f"${wanted.amount:,f}",
        "risk-pct": f"{wanted.amount:f} % of risk in",
    }.get(wanted.unit, f"{wanted.amount:f}")
    said = f"{verb} {amount} {wanted.symbol.upper()}"
    for name, value in (("@", wanted.limit), ("stop", wanted.stop), ("target", wanted.target)):
        said += f" {name} {value:f}" if value is not None else ""
    return said


def record_of(desk: Desk, planned: Planned, key: int) -> AlertRecord:
    """His order as the beginning of a story: found, traced and counted like an alert."""
    now = desk.clock.now()
    message = RawAlert(
        guild_id=None,
        channel_id=planned.profile.channel_id,
        message_id=key,
        author_id=planned.who.user_id,
        author_name=planned.who.name,
        posted_at=now,
        received_at=now,
        text=words(planned.wanted),
    )
    record = decide.new_record(planned.profile, message, Alert(signals=(planned.signal,)))
    return record if key else replace(record, alert_id=_PREVIEW)
