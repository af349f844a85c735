"""An indicator of daily closes passes a level: ``rsi > 70``, ``price > sma50``."""

import re
from collections.abc import Callable
from decimal import Decimal
from typing import TYPE_CHECKING

from bot.notify import Kind, Rule
from bot.notify._compare import middle
from engine import indicators as ind
from engine.domain.errors import UserError
from engine.domain.instrument import Instrument

if TYPE_CHECKING:
    from bot.app import App

_MOST = 200
_TERM = r"price|rsi|(?:sma|ema) ?\d{1,3}"
_FORM = re.compile(rf"(?P<left>{_TERM}) ?(?P<sign>[<>]) ?(?P<right>{_TERM}|[0-9]+(?:\.[0-9]+)?)")
_LINES: dict[str, Callable[[list[float], int], ind.Line]] = {"sma": ind.sma, "ema": ind.ema}
_RSI = 14


class Indicator(Kind):
    """Of the closes of finished days, with the newest price as today's."""

    hint = "`rsi > 70`, `rsi < 30`, `price > sma50` or `sma20 > sma50`"
    needs_symbol = True

    def check(self, app: "App", condition: str) -> None:
        """Two of price, SMA and EMA; or RSI and a number from 0 to 100."""
        del app
        self._read(condition)

    def watches(self, app: "App", rule: Rule) -> Instrument | None:
        """What it is about: of an option or a future no closes are kept.

        Raises:
            UserError.
        """
        found = super().watches(app, rule)
        if found is not None and found.kind not in ("stock", "crypto"):
            raise UserError(
                f"symbol: {found.label} has no daily closes here; name a share, a fund or a coin. "
                "Nothing was changed."
            )
        return found

    async def met(self, app: "App", rule: Rule) -> str:
        """An old quote, or too few closes, tell nothing."""
        instrument = self.watches(app, rule)
        if instrument is None:
            return ""
        app.desk.closes.also.add(instrument.key)
        known = app.desk.closes.of([instrument.key]).get(instrument.key)
        now = middle(app, instrument)
        if known is None or now is None:
            return ""
        prices = [*known.prices, float(now)]
        left, sign, right = self._read(rule.condition)
        a, b = _value(left, prices), _value(right, prices)
        if a is None or b is None or not (a > b if sign == ">" else a < b):
            return ""
        shown = f"{left} {a:.2f}" + (
            "" if right.replace(".", "").isdigit() else f", {right} {b:.2f}"
        )
        return f"{rule.symbol}: {rule.condition} ({shown})"

    def _read(self, condition: str) -> tuple[str, str, str]:
        found = _FORM.fullmatch(" ".join(condition.lower().split()))
        if found is not None:
            left, right = found["left"].replace(" ", ""), found["right"].replace(" ", "")
            if _fits(left, right):
                return left, found["sign"], right
        raise UserError(
            f"condition: write it like {self.hint}, with averages of 2 to {_MOST} days. "
            "Nothing was changed."
        )


def _fits(left: str, right: str) -> bool:
    """Whether the two are of one kind: a price is compared with no percentage."""
    lengths = [int(term[3:]) for term in (left, right) if term[:3] in _LINES]
    is_number = right[0].isdigit()
    if not all(2 <= n <= _MOST for n in lengths) or left == right:
        return False
    if left == "rsi":
        return is_number and Decimal(right) <= 100
    return bool(lengths) and not is_number and right != "rsi"


def _value(term: str, prices: list[float]) -> float | None:
    if term == "price":
        return prices[-1]
    if term == "rsi":
        return ind.rsi(prices, _RSI)[-1]
    if term[:3] in _LINES:
        return _LINES[term[:3]](prices, int(term[3:]))[-1]
    return float(term)
