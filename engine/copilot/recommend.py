"""Rules over what is held: gains to take, losses to cut, risks to take away.

Each rule is stated in words beside its figure; a rule that cannot see its facts stays silent and
the report still names it. Nothing is sent from here.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from decimal import ROUND_CEILING, ROUND_DOWN, ROUND_FLOOR, Decimal

from engine.domain.money import rounded
from engine.domain.order import PlannedTarget
from engine.domain.refusal import Gauge
from engine.reports import Figure, Missing
from engine.reports._said import Fact, Said, number, say, words
from engine.reports.limits import LimitsReport, used_pct
from engine.reports.positions import PositionsReport
from engine.reports.recommendations import Advice, Urgency
from engine.reports.trade_card import TradeCard

TAKE_R = Decimal(1)
"""From so many R on a part of a gain is worth taking."""
_NEAR_TARGET = Decimal("0.9")
_RUNNING_R = Decimal(2)
_NEAR_STOP = Decimal("0.8")
_NEAR_LIMIT_PCT = Decimal(80)
_HALF = Decimal(50)
_LAST_DAY = 1
_PLACING = timedelta(seconds=5)
_SOURCE = "/positions"

TAKE_RULES = (
    "open gain of one initial risk or more: take half, or lock the entry in when one unit is left",
    "nine tenths of the way to the next target: take half before it turns",
    "a gain on a contract that expires by tomorrow: take all of it",
)
CUT_RULES = (
    "no working stop: close, or set one",
    "eight tenths of the way from entry to stop: closing now saves what a stop's slippage costs",
    "a loss on a contract that expires today: close it",
    "its room has said to close and we still hold it: the reason for it is gone",
)
RISK_RULES = (
    "a limit of the desk is four fifths used: take the position that is worst down",
    "entries are working while a loss limit is near: cancel them",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """What the rules look at."""

    positions: PositionsReport
    limits: LimitsReport | None = None
    called_off: frozenset[str] = frozenset()
    """Trades whose own room has alerted to close them, and that are still held."""
    n_working_entries: int = 0


def take(held: Held, min_r: Decimal = TAKE_R) -> Iterator[Advice]:
    """Gains worth taking; ``min_r``: from so many R on."""
    n_of = _counts(held.positions)
    for row in held.positions.rows:
        found = _take(row, min_r)
        if found is not None:
            why, rule, share, urgency = found
            yield _close(row, n_of, "take", why, rule, share, urgency, row.open_usd)


def cut(held: Held) -> Iterator[Advice]:
    """Losses to stop, and positions that nothing protects."""
    n_of = _counts(held.positions)
    for row in held.positions.rows:
        found = _cut(row, held.called_off)
        if found is not None:
            why, rule, urgency = found
            stake = row.basis_usd if _is_bare(row) else row.net_usd
            yield _close(row, n_of, "cut", why, rule, Decimal(100), urgency, stake)


def risk(held: Held) -> Iterator[Advice]:
    """What a nearly used limit of the desk asks for."""
    if held.limits is None:
        return
    worst = _worst(held.positions)
    n_of = _counts(held.positions)
    for account in held.limits.accounts:
        for gauge in account.gauges:
            used = used_pct(gauge)
            if used is None or used < _NEAR_LIMIT_PCT:
                continue
            facts = _gauge_facts(gauge, used)
            if held.n_working_entries and gauge.name in _LOSS_LIMITS:
                yield _cancel_all(gauge, facts, held.n_working_entries)
            elif worst is not None:
                text = (
                    "{limit.name} is {limit.used} used, and {pos.label} is worst down at {pos.net}"
                )
                known = {f.id: f for f in (*facts, *_facts(worst))}
                yield _close(
                    worst,
                    n_of,
                    "risk",
                    say(text, known),
                    RISK_RULES[0],
                    Decimal(100),
                    Urgency.TODAY if used < 100 else Urgency.NOW,
                    worst.net_usd,
                )
                break


_LOSS_LIMITS = ("lost today", "below peak")


def risk_note(limits: LimitsReport | None) -> Said | None:
    """What speaks against anything new; None when nothing does."""
    if limits is None:
        return None
    if limits.halted:
        halt = words("risk.halt", "why entries are halted", limits.halted, "/risk-limits")
        return Said(text="Entries are halted: {risk.halt}. Exits keep working.", facts=(halt,))
    if limits.unsound:
        why = words("risk.unsound", "what is wrong with the books", limits.unsound, "/status")
        return Said(text="No entries: {risk.unsound}.", facts=(why,))
    for account in limits.accounts:
        if account.tripped_on is not None:
            return Said(text="The daily breaker has tripped: no entries until the next session.")
    near = [g for a in limits.accounts for g in a.gauges if (used_pct(g) or 0) >= _NEAR_LIMIT_PCT]
    if not near:
        return None
    first = near[0]
    facts = _gauge_facts(first, used_pct(first) or Decimal(0))
    return Said(
        text="The limit “{limit.name}” is {limit.used} used: little room for new entries.",
        facts=facts,
    )


# -- one position ----------------------------------------------------------------------------------


def _take(row: TradeCard, min_r: Decimal) -> tuple[Said, str, Decimal, Urgency] | None:
    known = {f.id: f for f in _facts(row)}
    gain = row.open_usd
    if isinstance(gain, Missing) or gain <= 0:
        return None
    if row.dte is not None and row.dte <= _LAST_DAY:
        text = "{pos.label} is up {pos.open} and expires in days: {pos.dte}; time takes the rest"
        return say(text, known), TAKE_RULES[2], Decimal(100), Urgency.NOW
    way = _way_to_target(row)
    if way is not None and way >= _NEAR_TARGET:
        text = "{pos.label} has gone {pos.way} of the way to its target {pos.target}"
        known |= {f.id: f for f in _target_facts(row, way)}
        return say(text, known), TAKE_RULES[1], _HALF, Urgency.TODAY
    if isinstance(row.r_net, Missing) or row.r_net < min_r:
        return None
    text = "{pos.label} is at {pos.r}, {pos.open} open; its stop would give back to {pos.at_stop}"
    urgency = Urgency.TODAY if row.r_net >= _RUNNING_R else Urgency.LATER
    return say(text, known), TAKE_RULES[0], _HALF, urgency


def _cut(row: TradeCard, called_off: frozenset[str]) -> tuple[Said, str, Urgency] | None:
    known = {f.id: f for f in _facts(row)}
    if _is_bare(row):
        return say("{pos.label} has no working stop; {pos.basis} is unprotected", known), *(
            CUT_RULES[0],
            Urgency.NOW,
        )
    if row.trade_id in called_off:
        text = "the room that opened {pos.label} has said to close it, and it is still held"
        return say(text + " at {pos.net}", known), CUT_RULES[3], Urgency.NOW
    if isinstance(row.net_usd, Missing) or row.net_usd >= 0:
        return None
    if row.dte is not None and row.dte <= 0:
        text = "{pos.label} expires today and is down {pos.net}"
        return say(text, known), CUT_RULES[2], Urgency.NOW
    way = _way_to_stop(row)
    if way is not None and way >= _NEAR_STOP:
        text = "{pos.label} is down {pos.net} ({pos.r}); {pos.to_stop} from its stop {pos.stop}"
        return say(text, known), CUT_RULES[1], Urgency.TODAY
    return None


def _is_bare(row: TradeCard) -> bool:
    """Without a stop, or with none at work for longer than placing one takes."""
    since = row.unprotected_since
    return row.stop is None or (since is not None and row.stamp.at - since > _PLACING)


def _way_to_target(row: TradeCard) -> Decimal | None:
    ahead = _next_target(row)
    if ahead is None or isinstance(row.last, Missing) or isinstance(row.entry, Missing):
        return None
    whole = (ahead.price - row.entry) * row.direction
    return (row.last - row.entry) * row.direction / whole if whole > 0 else None


def _way_to_stop(row: TradeCard) -> Decimal | None:
    if row.stop is None or isinstance(row.last, Missing) or isinstance(row.entry, Missing):
        return None
    whole = (row.entry - row.stop.price) * row.direction
    return (row.entry - row.last) * row.direction / whole if whole > 0 else None


def _next_target(row: TradeCard) -> PlannedTarget | None:
    return next((t for t in row.targets if not t.is_hit), None)


def _facts(row: TradeCard) -> tuple[Fact, ...]:
    """What the sentences about one position may name."""
    of = row.legs[0].instrument
    symbol = row.symbol
    gap: Figure = Missing("no stop" if row.stop is None else "no quote")
    if row.stop is not None and not isinstance(row.last, Missing):
        gap = abs(row.last - row.stop.price)
    stop = None if row.stop is None else row.stop.price

    def made(name: str, what: str, value: Figure | int | None, unit: str, why: str = "") -> Fact:
        id_, about = f"pos.{name}", f"{what} of {row.label}"
        return number(id_, about, value, unit, _SOURCE, symbol=symbol, of=of, why=why)  # type: ignore[arg-type]

    return (
        words("pos.label", "the position", row.label, _SOURCE, symbol=symbol),
        made("open", "open P&L", row.open_usd, "pnl"),
        made("net", "net P&L", row.net_usd, "pnl"),
        made("r", "net result in R", row.r_net, "r"),
        made("basis", "dollars at entry", row.basis_usd, "usd"),
        made("at_stop", "P&L if the stop is hit", row.stop_usd, "pnl"),
        made("stop", "stop", stop, "price", "no stop"),
        made("to_stop", "distance from its stop", gap, "price"),
        made("last", "last price", row.last, "price"),
        made("dte", "days to expiry", row.dte, "n", "does not expire"),
    )


def _target_facts(row: TradeCard, way: Decimal) -> tuple[Fact, ...]:
    of, ahead = row.legs[0].instrument, _next_target(row)
    price = None if ahead is None else ahead.price
    return (
        number("pos.way", "way to the target", way * 100, "pct", _SOURCE, symbol=row.symbol),
        number("pos.target", "next target", price, "price", _SOURCE, symbol=row.symbol, of=of),
    )


# -- the action ----------------------------------------------------------------------------------


def _counts(report: PositionsReport) -> Mapping[str, int]:
    """How many open trades a # action by symbol would mean."""
    found: dict[str, int] = {}
    for row in report.rows:
        for name in {row.symbol, row.legs[0].instrument.symbol}:
            found[name] = found.get(name, 0) + 1
    return found


def _close(
    row: TradeCard,
    n_of: Mapping[str, int],
    kind: str,
    why: Said,
    rule: str,
    share: Decimal,
    urgency: Urgency,
    stake: Figure,
) -> Advice:
    action, button = close_action(row, n_of, share)
    return Advice(
        key=f"{kind}:{row.trade_id}",
        kind=kind,  # type: ignore[arg-type]
        symbol=row.symbol,
        label=row.label,
        action=action,
        button=button,
        reason=why,
        rule=rule,
        at_stake_usd=stake,
        urgency=urgency,
        trade_id=row.trade_id,
        alert_id=row.alert_id,
        price=row.last,
        direction=-row.direction,
    )


def close_action(row: TradeCard, n_of: Mapping[str, int], share: Decimal) -> tuple[str, str]:
    """The # action that takes so much off, and its button's words.

    A symbol that is held more than once is shown instead, with the buttons of each trade; of a
    single unit the stop goes to the entry, as nothing can be halved.
    """
    name = row.symbol
    if n_of.get(name, 1) > 1:
        return f"#{name}", f"Show {name}"
    if share >= 100:
        return f"#{name} close", f"Close {name}"
    if row.qty_open > 1 or row.legs[0].instrument.kind == "crypto":
        return f"#{name} close {share:f}%", f"Close {share:f} % of {name}"
    level = _entry_level(row)
    if level is None:
        return f"#{name}", f"Show {name}"
    return f"#{name} stop {level:f}", f"Stop of {name} to entry"


def _entry_level(row: TradeCard) -> Decimal | None:
    """The entry as a stop that would be accepted: on the tick, tighter than the present one."""
    if isinstance(row.entry, Missing) or isinstance(row.last, Missing):
        return None
    tick = row.legs[0].instrument.tick
    rounding = ROUND_CEILING if row.direction > 0 else ROUND_FLOOR
    level = rounded(row.entry, tick, rounding)
    is_behind = (row.last - level) * row.direction > 0
    is_tighter = row.stop is None or (level - row.stop.price) * row.direction > 0
    return level.quantize(tick, rounding=ROUND_DOWN) if is_behind and is_tighter else None


# -- limits --------------------------------------------------------------------------------------


def _worst(report: PositionsReport) -> TradeCard | None:
    down = [r for r in report.rows if isinstance(r.net_usd, Decimal) and r.net_usd < 0]
    return min(down, key=lambda r: (r.net_usd, r.trade_id), default=None)


def _gauge_facts(gauge: Gauge, used: Decimal) -> tuple[Fact, ...]:
    source = "/risk-limits"
    return (
        words("limit.name", "a limit of the desk", gauge.name, source),
        number("limit.used", f"used of the limit {gauge.name}", used, "pct", source),
    )


def _cancel_all(gauge: Gauge, facts: Iterable[Fact], n_entries: int) -> Advice:
    count = number("limit.entries", "entries at work", n_entries, "n", "/order list")
    text = "{limit.name} is {limit.used} used while entries are at work: {limit.entries}"
    return Advice(
        key=f"risk:{gauge.name.replace(' ', '-')}",
        kind="risk",
        symbol="",
        label=gauge.name,
        action="#cancel-all",
        button="Cancel working entries",
        reason=Said(text=text, facts=(*facts, count)),
        rule=RISK_RULES[1],
        at_stake_usd=Missing("not an amount"),
        urgency=Urgency.TODAY,
    )
