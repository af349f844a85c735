"""What an opening alert means for the book: which contract, in which account."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import Literal

from engine.domain.alert import Asset, Effect, Signal, SignalLeg
from engine.domain.instrument import (
    FUTURES,
    INDEX_OF,
    MONTH_CODES,
    QUARTERLY,
    Instrument,
    crypto,
    front_future,
    future,
    option,
    stock,
    third_friday,
)
from engine.domain.money import ZERO
from engine.domain.order import Side
from engine.domain.quote import Leg
from engine.domain.refusal import Refused
from engine.domain.source import RouteRule, SourceProfile
from engine.market import NYSE, last_trading_day

__all__ = ["Refused", "Routed", "lanes", "route", "underlying"]

WEEKLY_ROOTS = {"SPX": "SPXW", "NDX": "NDXP", "RUT": "RUTW"}
"""Index -> root of its options that settle at the close, the ones alert rooms trade."""
_LAST_ENTRY_DAYS = {"CL": 16, "MCL": 16, "NG": 8, "GC": 6, "MGC": 6, "SI": 6, "ZB": 6, "ZN": 6}
"""Delivery: no entry later than so many days before the first of the contract's month."""
_FARTHEST = timedelta(days=3 * 366)
"""Options are not listed further out; a later date was misread."""
_STOCK = re.compile(r"[A-Z]{1,5}(\.[A-Z]{1,2})?")
CONTRACT = re.compile(r"(?P<root>[A-Z0-9]{1,3}?)(?P<month>[FGHJKMNQUVXZ])(?P<year>\d{1,2})")
"""A future as alert rooms name it: MESZ6."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Routed:
    """An entry as one unit structure of one account.

    ``side`` BUY pays the unit's price, SELL receives it: a credit structure is the SELL of the
    unit that one would buy back for a debit. ``direction`` +1 or -1 says the same as a sign.
    """

    account: str
    broker: str
    asset: Asset
    symbol: str
    """Underlying as the book counts it: SPX for SPXW options, MES for a mapped ES, BTC/USD."""
    side: Side
    legs: tuple[Leg, ...]
    direction: Literal[1, -1]
    note: str = ""
    """What was decided on the way: mapped root, month, settlement; empty when nothing was."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Unit:
    legs: tuple[Leg, ...]
    side: Side
    note: str = ""


def underlying(symbol: str) -> str:
    """The name that limits per symbol count by: SPXW and SPX are one."""
    return INDEX_OF.get(symbol, symbol)


def route(
    signal: Signal, profile: SourceProfile, accounts: Mapping[str, str], on: date
) -> Routed | Refused:
    """An opening signal as a unit to trade; ``on`` is the New York day of the alert."""
    asset = signal.asset
    if not signal.action.effect.opens:
        return _no("not_an_entry", f"{signal.action} opens nothing")
    if signal.ambiguous:
        return _no("ambiguous", f"not clear: {', '.join(signal.ambiguous)}")
    if asset is None:
        return _missing("asset")
    if asset not in profile.allowed_assets:
        return _no("asset", f"{profile.name} may not trade {asset}s")
    if profile.account not in accounts:
        return _no("account", f"account {profile.account} of {profile.name} is not configured")
    unit = _BUILD[asset](signal, profile, on)
    if isinstance(unit, Refused):
        return unit
    return Routed(
        account=profile.account,
        broker=accounts[profile.account],
        asset=asset,
        symbol=underlying(unit.legs[0].instrument.symbol),
        side=unit.side,
        legs=unit.legs,
        direction=1 if unit.side is Side.BUY else -1,
        note=unit.note,
    )


def lanes(
    rules: Sequence[RouteRule],
    asset: Asset | None,
    channel_id: int,
    author_id: int | None,
    home: str,
) -> tuple[tuple[str, ...], ...]:
    """Lists of accounts for an opening alert: one account of each list, tried in order.

    The first rule that fits decides; without one it is the room's own account, ``home``.
    """
    for rule in rules:
        fits = (
            (not rule.assets or asset in rule.assets)
            and (not rule.channel_ids or channel_id in rule.channel_ids)
            and (not rule.author_ids or author_id in rule.author_ids)
        )
        if fits and rule.to == "all":
            return tuple((account,) for account in rule.accounts)
        if fits:
            return (rule.accounts,)
    return ((home,),)


def _opening_side(signal: Signal) -> Side:
    return Side.BUY if signal.action.effect is Effect.OPEN_LONG else Side.SELL


def _single(signal: Signal, instrument: Instrument, note: str = "") -> _Unit:
    return _Unit(legs=(Leg(instrument=instrument),), side=_opening_side(signal), note=note)


def _stock(signal: Signal, profile: SourceProfile, on: date) -> _Unit | Refused:
    del profile, on
    if not _STOCK.fullmatch(signal.symbol):
        return _no("symbol", f"{signal.symbol or 'nothing'} is no share symbol")
    return _single(signal, stock(signal.symbol))


def _crypto(signal: Signal, profile: SourceProfile, on: date) -> _Unit | Refused:
    del profile, on
    base = signal.symbol.split("/")[0].removesuffix("USD") or signal.symbol
    if not base.isalnum():
        return _no("symbol", f"{signal.symbol or 'nothing'} is no coin")
    if signal.action.effect is Effect.OPEN_SHORT:
        return _no("short_crypto", "coins are bought, not sold short")
    return _single(signal, crypto(base))


def _option(signal: Signal, profile: SourceProfile, on: date) -> _Unit | Refused:
    del profile
    if signal.expiry is None:
        return _missing("expiry")
    if signal.strike is None:
        return _missing("strike")
    if signal.right is None:
        return _missing("right")
    built = _listed(signal.symbol, signal.expiry, signal.strike, signal.right, on)
    if isinstance(built, Refused):
        return built
    return _single(signal, built, _settlement(built))


def _listed(
    symbol: str, expiry: date, strike: Decimal, right: Literal["C", "P"], on: date
) -> Instrument | Refused:
    """The option as it is listed; refused when there can be no such contract."""
    if not _STOCK.fullmatch(symbol):
        return _no("symbol", f"{symbol or 'nothing'} is no underlying of options")
    if not strike.is_finite() or not ZERO < strike < 100_000 or strike * 1000 % 1 != 0:
        return _no("strike", f"{_brief(strike)} is no strike")
    if expiry < on:
        return _no("expired", f"{symbol} {expiry} has expired{_nearest(on, on)}")
    if expiry - on > _FARTHEST:
        return _no("expiry", f"no {symbol} option runs until {expiry}")
    if not NYSE.is_trading_day(expiry):
        return _no("expiry", f"{expiry:%A} {expiry} is no trading day{_nearest(expiry, on)}")
    found = option(_root(symbol, expiry), expiry, strike, right)
    last = last_trading_day(found)
    if last is not None and last < on:
        return _no("expired", f"{symbol} {expiry} was traded until {last}, and pays by the opening")
    return found


def _nearest(day: date, on: date) -> str:
    """The trading days around ``day`` that one might have meant."""
    before, after = NYSE.on_or_before(day), NYSE.on_or_after(day)
    choices = sorted({d for d in (before, after) if d >= on})
    return f"; nearest: {' or '.join(f'{d:%a} {d}' for d in choices)}" if choices else ""


def _root(symbol: str, expiry: date) -> str:
    """The root under which a contract is listed: index options of alert rooms settle PM."""
    if symbol == "VIX":
        year, month = (
            (expiry.year + 1, 1) if expiry.month == 12 else (expiry.year, expiry.month + 1)
        )
        monthly = third_friday(year, month) - timedelta(days=30)
        return "VIX" if expiry in (monthly, monthly - timedelta(days=1)) else "VIXW"
    return WEEKLY_ROOTS.get(symbol, symbol)


def _settlement(instrument: Instrument) -> str:
    index = INDEX_OF.get(instrument.symbol)
    return f"{index} traded as {instrument.symbol}" if index else ""


def _future(signal: Signal, profile: SourceProfile, on: date) -> _Unit | Refused:
    root = signal.symbol
    traded = profile.symbol_map.get(root, root)
    if traded not in FUTURES:
        return _no("root", f"{traded or 'nothing'} is not in the futures contract table")
    if signal.contract:
        built = _named_month(signal.contract, root, traded, on)
    elif traded in QUARTERLY:
        built = front_future(traded, on)
    else:
        built = _no("month", f"{root}: the contract month is not stated, and it is never guessed")
    if isinstance(built, Refused):
        return built
    return _single(signal, built, f"{root} traded as {built.key}")


def _named_month(contract: str, root: str, traded: str, on: date) -> Instrument | Refused:
    found = CONTRACT.fullmatch(contract.upper().lstrip("/"))
    if found is None or found["root"] not in (root, traded):
        return _no("contract", f"{contract} is no contract of {root}")
    month = MONTH_CODES.index(found["month"]) + 1
    if traded in QUARTERLY and month % 3:
        return _no("contract", f"{contract}: {traded} is listed for H, M, U and Z only")
    year = 2000 + int(found["year"])
    if len(found["year"]) == 1:
        year = on.year - on.year % 10 + int(found["year"])
        year += 10 if year < on.year else 0
    built = future(traded, date(year, month, 1))
    last = _last_entry(traded, year, month)
    if on > last:
        nearest = f"; nearest: {front_future(traded, on).key}" if traded in QUARTERLY else ""
        return _no("expired", f"{built.key} could be entered until {last}{nearest}")
    if year > on.year + 3:
        return _no("contract", f"{contract} is too far away to be meant")
    return built


def _last_entry(root: str, year: int, month: int) -> date:
    days = _LAST_ENTRY_DAYS.get(root)
    if days is not None:
        return date(year, month, 1) - timedelta(days=days)
    return third_friday(year, month) - timedelta(days=1 if root in QUARTERLY else 7)


def _spread(signal: Signal, profile: SourceProfile, on: date) -> _Unit | Refused:
    del profile
    if len(signal.legs) < 2:
        return _missing("legs")
    buys = signal.action.effect is Effect.OPEN_LONG
    if signal.price_effect is not None and (signal.price_effect == "debit") is not buys:
        return _no(
            "price_effect", f"{signal.action} for a {signal.price_effect} contradicts itself"
        )
    legs: list[Leg] = []
    for alerted in signal.legs:
        leg = _leg(signal.symbol, alerted, on)
        if isinstance(leg, Refused):
            return leg
        # A credit is the SELL of the unit with every leg turned round.
        legs.append(leg if buys else Leg(instrument=leg.instrument, ratio=-leg.ratio))
    if len({leg.instrument.key for leg in legs}) != len(legs):
        return _no("legs", "two legs name the same contract")
    against = _against_its_price(tuple(legs))
    if against:
        return _no("price_effect", against)
    note = _settlement(legs[0].instrument)
    return _Unit(legs=tuple(legs), side=Side.BUY if buys else Side.SELL, note=note)


def _leg(symbol: str, alerted: SignalLeg, on: date) -> Leg | Refused:
    effect = alerted.action.effect
    if not effect.opens or alerted.ratio < 1:
        return _no("legs", f"{alerted.action} {alerted.ratio} is no leg of an entry")
    built = _listed(symbol, alerted.expiry, alerted.strike, alerted.right, on)
    if isinstance(built, Refused):
        return built
    return Leg(instrument=built, ratio=alerted.ratio * (1 if effect is Effect.OPEN_LONG else -1))


def _against_its_price(legs: tuple[Leg, ...]) -> str:
    """Why buying this unit cannot cost a debit; empty when it can.

    A vertical's bought leg has to be the dearer one; structures of more legs are not judged.
    """
    if all(leg.ratio < 0 for leg in legs):
        return "the legs are all on the wrong side for this price"
    if len(legs) != 2 or legs[0].instrument.right != legs[1].instrument.right:
        return ""
    first, second = legs
    if first.instrument.expiry != second.instrument.expiry or first.ratio != -second.ratio:
        return ""
    bought, sold = (first, second) if first.ratio > 0 else (second, first)
    dearer = (sold.instrument.strike or ZERO) - (bought.instrument.strike or ZERO)
    if bought.instrument.right == "P":
        dearer = -dearer
    if dearer > 0:
        return ""
    return f"bought {bought.instrument.label} is the cheaper leg: debit and credit are mixed up"


_BUILD: dict[Asset, Callable[[Signal, SourceProfile, date], _Unit | Refused]] = {
    "option": _option,
    "stock": _stock,
    "future": _future,
    "spread": _spread,
    "crypto": _crypto,
}


# -- words ----------------------------------------------------------------------------------


def _no(code: str, reason: str) -> Refused:
    return Refused(code=f"route.{code}", reason=reason)


def _missing(field: str) -> Refused:
    return _no("missing", f"the alert does not say: {field}")


def _brief(value: Decimal) -> str:
    return str(value) if len(str(value)) < 20 else f"{str(value)[:12]}…"
