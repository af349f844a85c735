"""What can be traded, what one point of it is worth, and the one name each thing has."""

from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from functools import lru_cache
from typing import Literal

from engine.domain.alert import Right
from engine.domain.money import Price, Qty, Usd

Kind = Literal["stock", "option", "future", "crypto"]

MONTH_CODES = "FGHJKMNQUVXZ"

FUTURES: dict[str, tuple[str, str]] = {
    # root: (dollars per point, tick); CME contract specifications, rules 3.1
    "ES": ("50", "0.25"),
    "MES": ("5", "0.25"),
    "NQ": ("20", "0.25"),
    "MNQ": ("2", "0.25"),
    "YM": ("5", "1"),
    "MYM": ("0.5", "1"),
    "RTY": ("50", "0.1"),
    "M2K": ("5", "0.1"),
    "CL": ("1000", "0.01"),
    "MCL": ("100", "0.01"),
    "GC": ("100", "0.1"),
    "MGC": ("10", "0.1"),
    "SI": ("5000", "0.005"),
    "NG": ("10000", "0.001"),
    "ZB": ("1000", "0.03125"),
    "ZN": ("1000", "0.015625"),
    "6E": ("125000", "0.00005"),
}
"""Contract table: an alerted root that is not here is refused, never guessed."""

QUARTERLY = frozenset({"ES", "MES", "NQ", "MNQ", "YM", "MYM", "RTY", "M2K"})
"""Index futures: the front month follows from the date. Other roots need their month named."""

CASH_SETTLED = frozenset({"SPX", "SPXW", "NDX", "NDXP", "RUT", "RUTW", "VIX", "VIXW", "XSP", "DJX"})
"""Index options: exercise pays cash; all other options deliver stock."""


AM_SETTLED = frozenset({"VIX", "VIXW"})
"""Options that pay by the opening prices of their last day, and stop trading the day before."""
AM_MONTHLY = frozenset({"SPX", "NDX", "RUT", "DJX"})
"""Roots of which the same is true in the third week of a month."""

INDEX_OF = {"SPXW": "SPX", "NDXP": "NDX", "RUTW": "RUT", "VIXW": "VIX"}
"""Option roots that are not named like the index they are written on."""


class _Named:
    """Room for the name of a thing that never changes: it is asked for hundreds of times."""

    __slots__ = ("_key",)
    _key: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Instrument(_Named):
    """One tradable thing; build it with stock(), option(), future() or crypto().

    ``multiplier`` is dollars per 1.00 of price and unit; ``tick`` the smallest price step.
    """

    kind: Kind
    symbol: str
    expiry: date | None = None
    strike: Decimal | None = None
    right: Right | None = None
    multiplier: Decimal = Decimal(1)
    tick: Decimal = Decimal("0.01")

    @property
    def key(self) -> str:
        """Canonical name: ``AAPL``, OCC 21 characters, ``/MESZ26``, ``BTC/USD``."""
        try:
            return self._key
        except AttributeError:
            object.__setattr__(self, "_key", self._name())
            return self._key

    def _name(self) -> str:
        if self.kind == "option":
            assert self.expiry is not None  # noqa: S101 - by construction
            assert self.strike is not None  # noqa: S101 - by construction
            thousandths = int(self.strike * 1000)
            return f"{self.symbol:<6}{self.expiry:%y%m%d}{self.right}{thousandths:08d}"
        if self.kind == "future":
            assert self.expiry is not None  # noqa: S101 - by construction
            return f"/{self.symbol}{MONTH_CODES[self.expiry.month - 1]}{self.expiry:%y}"
        return self.symbol

    @property
    def label(self) -> str:
        """How a trader says it: ``SPY 603C 1/31``, ``/MESZ26``, ``AAPL``."""
        if self.kind == "option":
            assert self.expiry is not None  # noqa: S101 - by construction
            assert self.strike is not None  # noqa: S101 - by construction
            strike = f"{self.strike.normalize():f}"
            return f"{self.symbol} {strike}{self.right} {self.expiry.month}/{self.expiry.day}"
        return self.key

    def notional(self, price: Price, qty: Qty) -> Usd:
        """Dollars that ``qty`` units at ``price`` are worth; the only place that multiplies."""
        return Usd(price * qty * self.multiplier)


def stock(symbol: str) -> Instrument:
    """A share or ETF."""
    return Instrument(kind="stock", symbol=symbol)


def underlying_of(contract: Instrument) -> Instrument:
    """The share or index that an option is written on."""
    return stock(INDEX_OF.get(contract.symbol, contract.symbol))


def option(symbol: str, expiry: date, strike: Decimal, right: Right) -> Instrument:
    """A listed US option on ``symbol``; 100 per contract."""
    whole = strike == strike.to_integral()
    return Instrument(
        kind="option",
        symbol=symbol,
        expiry=expiry,
        strike=strike.quantize(Decimal(1)) if whole else strike.normalize(),
        right=right,
        multiplier=Decimal(100),
    )


def future(root: str, expiry: date) -> Instrument:
    """A dated future of the contract table; ``expiry`` is any day of the contract month.

    Raises:
        ValueError: when the root is not in the contract table.
    """
    if root not in FUTURES:
        raise ValueError(f"{root} is not in the futures contract table")
    multiplier, tick = FUTURES[root]
    return Instrument(
        kind="future",
        symbol=root,
        expiry=third_friday(expiry.year, expiry.month),
        multiplier=Decimal(multiplier),
        tick=Decimal(tick),
    )


def crypto(base: str, quote: str = "USD") -> Instrument:
    """A spot pair."""
    return Instrument(kind="crypto", symbol=f"{base}/{quote}")


def front_future(root: str, on: date, roll_days: int = 8) -> Instrument:
    """The quarterly index contract that trades most on ``on``: next of H, M, U, Z.

    Rolls ``roll_days`` before the third Friday (the usual Thursday of the week before).
    """
    year, month = on.year, on.month
    while True:
        if month % 3 == 0 and on <= third_friday(year, month) - timedelta(days=roll_days):
            return future(root, date(year, month, 1))
        month += 1
        if month > 12:
            year, month = year + 1, 1


def third_friday(year: int, month: int) -> date:
    """Third Friday of a month, market holidays not considered."""
    first = date(year, month, 1)
    return first + timedelta(days=(4 - first.weekday()) % 7 + 14)


@lru_cache(maxsize=4096)
def parse_key(key: str) -> Instrument:
    """Read a canonical name back; ``parse_key(i.key) == i``.

    Raises:
        ValueError: when it is no canonical name.
    """
    try:
        if key.startswith("/"):
            root, code, year = key[1:-3], key[-3], 2000 + int(key[-2:])
            return future(root, date(year, MONTH_CODES.index(code) + 1, 1))
        if len(key) == 21 and key[12] in "CP":
            day = date(2000 + int(key[6:8]), int(key[8:10]), int(key[10:12]))
            right: Right = "C" if key[12] == "C" else "P"
            return option(key[:6].strip(), day, Decimal(int(key[13:])) / 1000, right)
    except (ValueError, IndexError) as error:
        raise ValueError(f"{key!r} is not an instrument name") from error
    if "/" in key:
        base, _, quote = key.partition("/")
        return crypto(base, quote)
    if not key or not key.replace(".", "").replace("-", "").isalnum():
        raise ValueError(f"{key!r} is not an instrument name")
    return stock(key)
