"""Conditions of the form ``> 190``: a comparison with a number."""

import operator
import re
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from engine.domain.errors import UserError
from engine.domain.instrument import Instrument

if TYPE_CHECKING:
    from bot.app import App

_SIGNS: dict[str, Callable[[Any, Any], bool]] = {
    ">": operator.gt,
    ">=": operator.ge,
    "<": operator.lt,
    "<=": operator.le,
}
_FORM = re.compile(
    r"(?P<name>[a-z ]*?) *(?P<sign>[<>]=?) *"
    r"(?P<number>-?\$?-?(?:[0-9]{1,3}(?:,[0-9]{3})+|[0-9]+)(?:\.[0-9]+)?)(?P<pct> *%)?"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """A name, a sign and a number: ``day < -500``."""

    name: str
    sign: str
    number: Decimal
    is_percent: bool

    def holds(self, value: Decimal) -> bool:
        """Whether it is true of this value."""
        return _SIGNS[self.sign](value, self.number)


def comparison(condition: str, names: tuple[str, ...], hint: str) -> Comparison:
    """Read one; ``names``: what may stand before the sign.

    Raises:
        UserError: says how it is written.
    """
    found = _FORM.fullmatch(" ".join(condition.lower().split()))
    if found is None or found["name"].strip() not in names:
        raise UserError(f"condition: write it like {hint}. Nothing was changed.")
    number = found["number"].replace("$", "").replace(",", "")
    return Comparison(
        name=found["name"].strip(),
        sign=found["sign"],
        number=Decimal(number),
        is_percent=bool(found["pct"]),
    )


def middle(app: "App", instrument: Instrument | None) -> Decimal | None:
    """Between bid and ask just now; None while the newest quote is old or one-sided."""
    quote = None if instrument is None else app.board.last(instrument)
    if quote is None or quote.bid is None or quote.ask is None:
        return None
    age_s = (app.clock.now() - quote.received_at).total_seconds()
    if age_s > float(app.desk.settings.max_quote_age_s):
        return None
    return (quote.bid + quote.ask) / 2
