"""Distances in ticks: so many steps of the future that is named, and nothing without one."""

from decimal import Decimal

from engine.domain.instrument import FUTURES
from engine.parsers._grammar.items import Item


def settle(items: list[Item]) -> None:
    """``40 ticks`` of NQ are 10 points; ticks of an unknown contract and pips are odd."""
    found = [item for item in items if item.kind == "ticks"]
    if not found:
        return
    step = _step(items)
    for item in found:
        is_gain = item.text[0] in "+-"
        if step is not None and item.value is not None and "pip" not in item.text:
            item.value *= step
            item.kind = "gain" if is_gain else "points"
            item.text = f"{item.value.normalize():f}pt"
        else:
            item.kind = "gain" if is_gain else "oddnum"


def _step(items: list[Item]) -> Decimal | None:
    """The tick of the one future that is named; None when none or several are."""
    roots = {str(item.value[0]).upper() for item in items if item.kind == "future"}
    roots |= {item.text.upper() for item in items if item.kind == "sym" and item.text in FUTURES}
    return Decimal(FUTURES[roots.pop()][1]) if len(roots) == 1 and roots <= FUTURES.keys() else None
