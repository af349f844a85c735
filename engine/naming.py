"""What a person calls a thing he wants to trade: a share, an option, a future or a coin. Pure.

Nothing is guessed: a name that could be two things is refused, with both ways to write it.
"""

import re
from datetime import date
from decimal import Decimal
from typing import Any

from engine.domain.alert import Action, Asset, Right, Signal
from engine.domain.errors import UserError
from engine.domain.instrument import FUTURES, parse_key
from engine.domain.order import Side

_SYM = r"[A-Za-z]{1,5}(?:\.[A-Za-z]{1,2})?"
_DAY = r"(?P<month>\d{1,2})/(?P<day>\d{1,2})(?:/(?P<year>\d{2}|\d{4}))?"
_STRIKE = r"(?P<strike>\d{1,5}(?:\.\d{1,3})?)(?P<right>[CcPp])"
_OPTIONS = (
    re.compile(rf"\$?(?P<symbol>{_SYM}) {_STRIKE}(?: {_DAY})?", re.ASCII),
    re.compile(rf"\$?(?P<symbol>{_SYM}) {_DAY} {_STRIKE}", re.ASCII),
)
_OCC = re.compile(r"(?P<root>[A-Za-z]{1,6}) ?(?P<rest>\d{6}[CcPp]\d{8})", re.ASCII)
_PAIR = re.compile(r"(?P<base>[A-Za-z]{2,6})/USD", re.IGNORECASE)
_FUTURE = re.compile(
    r"/(?P<root>[A-Za-z0-9]{1,3}?)(?P<month>[FGHJKMNQUVXZfghjkmnquvxz]\d{1,2})?", re.ASCII
)
_SHARE = re.compile(rf"(?P<mark>\$?)(?P<symbol>{_SYM})")
_MICROS = frozenset({"MES", "MNQ", "MYM", "M2K", "MCL", "MGC"})
"""Roots that no listed share bears: they need no slash."""

_OPENS: dict[tuple[Side, str], Action] = {
    (Side.BUY, "option"): Action.BTO,
    (Side.SELL, "option"): Action.STO,
    (Side.BUY, "future"): Action.LONG,
}


def is_name(typed: str) -> bool:
    """Whether it has the shape of a name; it may still be none that is listed."""
    plain = " ".join(typed.split())
    shapes = (*_OPTIONS, _OCC, _PAIR, _FUTURE, _SHARE)
    return plain.upper() in _MICROS or any(shape.fullmatch(plain) for shape in shapes)


def entry(typed: str, side: Side, on: date) -> Signal:
    """An entry in what is named, without any price or size; ``on`` is today in New York.

    Raises:
        UserError: it names nothing, or it may name two things.
    """
    plain = " ".join(typed.split())
    found = _option(plain, on) or _future(plain) or _pair(plain) or _share(plain)
    if found is None:
        shown = "".join(c for c in plain[:30] if c.isalnum() or c in " ./$")
        raise UserError(
            f"“{shown}” is nothing that I can name. Write AAPL, SPY 603C 11/21, /MES or BTC/USD. "
            "Nothing was sent."
        )
    asset: Asset = found["asset"]
    action = _OPENS.get((side, asset), Action.BUY if side is Side.BUY else Action.SHORT)
    return Signal(action=action, **found)


def _option(plain: str, on: date) -> dict[str, Any] | None:
    listed = _OCC.fullmatch(plain)
    if listed is not None:
        try:
            option = parse_key(f"{listed['root'].upper():<6}{listed['rest'].upper()}")
        except ValueError:
            return None
        return {
            "asset": "option",
            "symbol": option.symbol,
            "expiry": option.expiry,
            "strike": option.strike,
            "right": option.right,
        }
    match = next((m for p in _OPTIONS if (m := p.fullmatch(plain))), None)
    if match is None:
        return None
    symbol = match["symbol"].upper()
    if match["month"] is None:
        raise UserError(
            f"Which expiry? Write {symbol} {match['strike']}{match['right'].upper()} 11/21. "
            "Nothing was sent."
        )
    right: Right = "C" if match["right"].upper() == "C" else "P"
    return {
        "asset": "option",
        "symbol": symbol,
        "expiry": _expiry(match, on),
        "strike": Decimal(match["strike"]),
        "right": right,
    }


def _expiry(match: re.Match[str], on: date) -> date:
    """The day as written; without a year the next such day."""
    month, day, year = int(match["month"]), int(match["day"]), match["year"]
    try:
        if year is not None:
            return date(int(year) + (2000 if len(year) == 2 else 0), month, day)
        this = date(on.year, month, day)
        return this if this >= on else date(on.year + 1, month, day)
    except ValueError:
        raise UserError(f"{month}/{day} is no day. Nothing was sent.") from None


def _future(plain: str) -> dict[str, Any] | None:
    upper = plain.upper()
    if upper in _MICROS:
        return {"asset": "future", "symbol": upper}
    if not upper.startswith("/"):
        if upper in FUTURES:
            raise UserError(
                f"{upper} is a future and may be a share: write /{upper} or ${upper}. Nothing was "
                "sent."
            )
        return None
    if upper[1:] in FUTURES:
        return {"asset": "future", "symbol": upper[1:]}
    match = _FUTURE.fullmatch(upper)
    if match is None:
        return None
    contract = f"{match['root']}{match['month']}" if match["month"] else None
    return {"asset": "future", "symbol": match["root"], "contract": contract}


def _pair(plain: str) -> dict[str, Any] | None:
    match = _PAIR.fullmatch(plain)
    return {"asset": "crypto", "symbol": match["base"].upper()} if match else None


def _share(plain: str) -> dict[str, Any] | None:
    match = _SHARE.fullmatch(plain)
    return {"asset": "stock", "symbol": match["symbol"].upper()} if match else None
