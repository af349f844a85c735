"""Premiums that cannot be what they seem, and options on what is no share."""

from datetime import date, timedelta
from decimal import Decimal

from engine.domain.alert import Signal
from engine.parsers._grammar.facts import Facts

_LEAST_TOTAL = 20
_LEAST_STRIKE = 20
_NEAR = timedelta(days=45)


_FUTURES_ONLY = frozenset(("MES", "MNQ", "NQ", "MYM", "YM", "RTY", "M2K", "MCL", "MGC", "GC", "ZB",
                           "ZN", "ZF", "ZT", "6E", "6B", "6J"))  # fmt: skip
_LEAST_INDEX = 1000


def is_on_future(signal: Signal, facts: Facts) -> bool:
    """``ES 6500C`` and ``/ES``: an option on a future, which is no option on a share."""
    if facts.has("future") or signal.symbol in _FUTURES_ONLY:
        return True
    if 4 in [item.value for item in facts.items if item.kind == "sym"]:  # written with a slash
        return True
    if signal.symbol != "ES":
        return False
    strikes = [signal.strike or Decimal(0), *(leg.strike for leg in signal.legs)]
    return max(strikes) >= _LEAST_INDEX


def is_total(signal: Signal, facts: Facts, today: date, *, is_open: bool) -> bool:
    """``@ $100`` beside a near SPY call: whole dollars per contract, not a premium per share."""
    price = signal.price
    if price is None:
        return False
    is_near = signal.expiry is not None and signal.expiry - today <= _NEAR
    if is_near and signal.strike is not None and signal.strike >= _LEAST_STRIKE:
        share = price / signal.strike
        if share >= (Decimal("0.5") if is_open else Decimal("0.6")):
            return True  # the price of the stock, as in "NVDA 185C with NVDA at 182.5"
    if price < _LEAST_TOTAL or price.as_tuple().exponent != 0:
        return False
    if any(item.text in _PER_CONTRACT or item.text.startswith("cost ") for item in facts.items):
        return True
    if signal.strike is None or signal.expiry is None or signal.expiry - today > _NEAR:
        return False
    return price * (20 if is_open else 4) >= signal.strike


_PER_CONTRACT = frozenset(
    ("per contract", "a contract", "each contract", "contract", "per con", "a piece", "apiece")
)


def check_premium(signal: Signal, facts: Facts) -> None:
    """A premium above the strike, or a net price beyond the width, is a slip."""
    price = signal.price if signal.price_range is None else signal.price_range[1]
    if price is None:
        return
    if signal.strike is not None and price >= signal.strike:
        facts.doubt("price", f"the price {price} is not below the strike {signal.strike}")
    if len(signal.legs) != 2:
        return
    kinds = {(leg.right, leg.expiry, leg.ratio) for leg in signal.legs}
    if len(kinds) == 1 and len({leg.action for leg in signal.legs}) == 2:
        width = abs(signal.legs[0].strike - signal.legs[1].strike)
        if price >= width:
            facts.doubt("price", f"the net price {price} is not below the width {width}")
