"""Which instrument a person wants to look at, by what he typed; pure, never guessed."""

import re
from datetime import date
from decimal import Decimal

from engine.domain.alert import Right
from engine.domain.errors import UserError
from engine.domain.instrument import (
    FUTURES,
    QUARTERLY,
    Instrument,
    front_future,
    option,
    parse_key,
    stock,
)
from engine.market import NYSE

_STOCK = re.compile(r"[A-Z]{1,6}([.-][A-Z]{1,2})?")
_PAIR = re.compile(r"[A-Z]{2,6}/[A-Z]{3,4}")
_ROOT = re.compile(r"/([A-Z0-9]{2,3})")
_MONTH = re.compile(r"/([A-Z0-9]{1,3}?)([FGHJKMNQUVXZ])(\d{1,2})")
_SHARE = re.compile(r"\$?(/?[A-Z0-9]{1,6}(?:[./-][A-Z]{1,4})?)[ =:]+(\d{1,3}(?:\.\d{1,2})?) ?%?")
_OCC = re.compile(r"([A-Z]{1,6}) *(\d{6}[CP]\d{8})")
_NAMES = re.compile(
    r"\$?[A-Z]{1,6} \d{1,5}(?:\.\d{1,3})?[CP] \d{1,2}/\d{1,2}(?:/\d{2,4})?|[^,;\s]+"
)
_OPTION = re.compile(
    r"(?P<root>[A-Z]{1,6}) (?P<strike>\d{1,5}(\.\d{1,3})?)(?P<right>[CP]) "
    r"(?P<month>\d{1,2})/(?P<day>\d{1,2})(/(?P<year>\d{2}|\d{4}))?"
)


def instrument_named(typed: str, today: date) -> Instrument:
    """``SPY``, ``BRK.B``, ``BTC/USD``, ``/MES`` (front month), ``/MESZ26``, ``SPY 603C 11/20``.

    An option's year may be left out: the next such day.

    Raises:
        UserError: nothing that can be quoted is called so.
    """
    name = " ".join(typed.upper().split()).lstrip("$")
    found = _future(name, today) if name.startswith("/") else _other(name, today)
    if found is None:
        shown = re.sub(r"[^A-Z0-9/.$ -]", "?", typed.upper())[:24]
        raise UserError(
            f"“{shown}” is no symbol that I can read. Write SPY, BTC/USD, /MES, /MESZ26 or "
            "SPY 603C 11/20. Nothing was looked up."
        )
    return found


def symbols_in(typed: str, most: int) -> list[str]:
    """Names that were typed with commas or blanks between them, upper case, each once.

    An option's name has blanks of its own: ``SPY 603C 11/20`` is one.

    Raises:
        UserError: there is none, or more than ``most``.
    """
    plain = " ".join(typed.upper().split())
    named = (name.lstrip("$") for name in _NAMES.findall(plain))
    names = list(dict.fromkeys(name for name in named if name))
    if not names:
        raise UserError("No symbol was named. Nothing was done.")
    if len(names) > most:
        raise UserError(f"{len(names)} symbols at once; at most {most}. Nothing was done.")
    return names


def shares_in(typed: str) -> dict[str, Decimal]:
    """``AAPL 10, SPY=5%``: percent of equity by symbol, 0 to 100 each and together.

    Raises:
        UserError: names what cannot be read.
    """
    found: dict[str, Decimal] = {}
    for part in filter(None, (p.strip() for p in re.split(r"[,;]", typed.upper()))):
        match = _SHARE.fullmatch(part)
        if match is None or match[1] in found:
            shown = re.sub(r"[^A-Z0-9/.$=% -]", "?", part)[:24]
            raise UserError(
                f"“{shown}”: write it like AAPL 10, SPY 5, each once. Nothing was done."
            )
        found[match[1]] = Decimal(match[2])
    if not found or sum(found.values()) > 100:
        raise UserError("shares: 0 to 100 percent together, like AAPL 10, SPY 5. Nothing was done.")
    return found


def _other(name: str, today: date) -> Instrument | None:
    if _STOCK.fullmatch(name):
        return stock(name.replace("-", "."))
    try:
        if _PAIR.fullmatch(name):
            return parse_key(name)
        if occ := _OCC.fullmatch(name):
            return parse_key(f"{occ[1]:<6}{occ[2]}")
        if said := _OPTION.fullmatch(name):
            return _option(said, today)
    except ValueError:
        return None
    return None


def _option(said: re.Match[str], today: date) -> Instrument:
    year = int(said["year"]) % 100 + 2000 if said["year"] else today.year
    expiry = date(year, int(said["month"]), int(said["day"]))
    if not said["year"] and expiry < today:
        expiry = expiry.replace(year=year + 1)
    if not NYSE.is_trading_day(expiry):
        raise ValueError("no trading day")
    right: Right = "C" if said["right"] == "C" else "P"
    return option(said["root"], expiry, Decimal(said["strike"]), right)


def _future(name: str, today: date) -> Instrument | None:
    root = _ROOT.fullmatch(name)
    if root is not None and root[1] in FUTURES:
        if root[1] not in QUARTERLY:
            raise UserError(
                f"{name} needs its month, such as {name}F{(today.year + 1) % 100:02d}. "
                "Nothing was looked up."
            )
        return front_future(root[1], today)
    month = _MONTH.fullmatch(name)
    if month is None:
        return None
    year = int(month[3]) if len(month[3]) == 2 else today.year // 10 % 10 * 10 + int(month[3])
    try:
        return parse_key(f"/{month[1]}{month[2]}{year:02d}")
    except ValueError:
        return None
