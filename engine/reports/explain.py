"""Why a position is held: the words it came from, how it was sized and judged, what protects it.

Everything is as it was recorded when it was decided; nothing is made up afterwards.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from engine.domain.desk import AlertRecord
from engine.domain.order import Intent, Verdict
from engine.domain.source import MANUAL
from engine.domain.trade import Trade
from engine.reports import Figure, Frame, Missing, Stamp, instruments_of
from engine.reports.journal import Entry, Note
from engine.reports.journal import entry as build_entry


@dataclass(frozen=True, slots=True, kw_only=True)
class ExplainReport:
    """One position with its reasons."""

    stamp: Stamp
    entry: Entry
    words: str
    """The alert as written; other people's words. Empty: a person entered it."""
    author: str
    read_as: str
    """Why its alert stands where it stands."""
    sizing: str
    guard: str
    """What the price at receipt was worth against the alerted one."""
    verdicts: tuple[Verdict, ...]
    reward: Figure
    """Dollars from entry to the first target per dollar from entry to the first stop."""
    is_by_hand: bool


def build(
    frame: Frame,
    *,
    trade: Trade,
    alert: AlertRecord | None,
    intents: Iterable[Intent] = (),
    positions: Iterable[Any] = (),
    notes: Iterable[Note] = (),
) -> ExplainReport:
    """The story of one trade; ``intents``: those of its alert, the one it was entered by counts."""
    own = [i for i in intents if i.trade_id == trade.trade_id]
    intent = own[-1] if own else None
    return ExplainReport(
        stamp=frame.stamp(trade.alert_id, instruments_of(trade.legs)),
        entry=build_entry(trade, frame, notes=tuple(notes), held=tuple(positions)),
        words="" if alert is None else alert.text,
        author="" if alert is None else alert.author_name,
        read_as="" if alert is None else alert.reason,
        sizing="" if intent is None else intent.sizing,
        guard="" if intent is None else intent.guard,
        verdicts=() if intent is None else intent.verdicts,
        reward=_reward(trade),
        is_by_hand=alert is None or alert.source == MANUAL,
    )


def _reward(trade: Trade) -> Figure:
    if trade.entry_price is None or trade.initial_stop is None:
        return Missing("no stop at entry")
    if not trade.targets:
        return Missing("no target")
    risk = (trade.entry_price - trade.initial_stop) * trade.direction
    gain = (trade.targets[0].price - trade.entry_price) * trade.direction
    return gain / risk if risk > 0 else Missing("the stop was beyond the entry")
