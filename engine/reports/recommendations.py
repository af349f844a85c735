"""What could be done now, most pressing first: each with its reason, its dollars and one #action.

The rules that make them stand in ``engine/copilot/recommend`` and ``ideas``; this is the list that
commands, the copilot and ``/why`` read. Nothing here acts: an action is a text for a button.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import IntEnum
from typing import Literal

from engine.domain.instrument import Instrument
from engine.reports import NO_QUOTE, Figure, Frame, Missing, Stamp
from engine.reports._said import Said

Kind = Literal["take", "cut", "idea", "risk", "rebalance"]


class Urgency(IntEnum):
    """How soon somebody should look."""

    LATER = 1
    """When convenient."""
    TODAY = 2
    NOW = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Advice:
    """One thing that could be done."""

    key: str
    """What it is about: ``take:T-1``; the same advice keeps its key while it stands."""
    kind: Kind
    symbol: str
    label: str
    """How a trader says it: ``SPY 603C 1/31``; may hold other people's words."""
    action: str
    """One line of the # grammar: ``#SPY close 50%``."""
    button: str
    """What its button says: a verb and its object."""
    reason: Said
    rule: str
    """The rule that made it, in plain words without figures of the day."""
    at_stake_usd: Figure
    """Dollars that the action is about: a gain to be kept, a loss to be stopped."""
    urgency: Urgency
    trade_id: str = ""
    alert_id: str = ""
    price: Figure = NO_QUOTE
    """Unit price when it was made: what its outcome is measured from."""
    direction: int = 0
    """+1: a rising price speaks for having followed it, -1: a falling one, 0: neither."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RecommendationsReport:
    """Advice in order of urgency, then of dollars."""

    stamp: Stamp
    title: str
    rows: tuple[Advice, ...]
    n_in_all: int
    rules: tuple[str, ...]
    """The rules that were looked at, in words: what no row says was fine by them."""
    risk_note: Said | None = None
    """What speaks against doing anything new right now."""


def build(
    frame: Frame,
    *,
    title: str,
    advised: Iterable[Advice],
    rules: Iterable[str],
    limit: int = 7,
    risk_note: Said | None = None,
    instruments: Iterable[Instrument] = (),
) -> RecommendationsReport:
    """The most pressing ``limit``; one per trade and action, the more urgent one stays.

    ``instruments``: whose prices the rules looked at.
    """
    found: dict[tuple[str, str], Advice] = {}
    for advice in sorted(advised, key=_pressing):
        found.setdefault((advice.trade_id or advice.key, advice.action), advice)
    rows = tuple(found.values())
    return RecommendationsReport(
        stamp=frame.stamp("recommendations", instruments),
        title=title,
        rows=rows[:limit],
        n_in_all=len(rows),
        rules=tuple(rules),
        risk_note=risk_note,
    )


def _pressing(advice: Advice) -> tuple[int, bool, Figure | int, str]:
    stake = advice.at_stake_usd
    is_missing = isinstance(stake, Missing)
    return -advice.urgency, is_missing, 0 if isinstance(stake, Missing) else -abs(stake), advice.key
