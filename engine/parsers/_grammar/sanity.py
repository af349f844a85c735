"""Sanity of prices, stops and amounts: what does not fit together is doubted."""

from __future__ import annotations

from decimal import Decimal
from itertools import pairwise
from typing import TYPE_CHECKING

from engine.domain.alert import Level, Signal
from engine.parsers._grammar.facts import Facts

if TYPE_CHECKING:
    from engine.parsers._grammar.orders import Draft

_ODD_RATIO = {"option": Decimal(8), "spread": Decimal(8), "stock": Decimal("1.6"),
              "future": Decimal("1.25")}  # fmt: skip


def check_levels(signal: Signal, side: str, doubts: dict[str, str]) -> None:
    """Stop on the losing side, targets on the winning one, and prices of one magnitude."""
    sign = 1 if side == "long" else -1
    near = far = signal.price  # the end of a range that the stop, or a target, must lie beyond
    if signal.price_range is not None:
        near, far = signal.price_range[::sign]
    if not near or not far:
        return
    odd = _ODD_RATIO[signal.asset or "stock"]
    reach = 1 if signal.asset == "future" else 3
    if signal.stop is not None:
        _check_stop(signal.stop, near, sign, odd, doubts)
    for target in signal.targets:
        if target.kind == "percent" and not target.value:
            doubts.setdefault("targets", "a target of 0% is none")
        if target.kind != "price" or target.value is None:
            continue
        if (target.value - far) * sign <= 0:
            doubts.setdefault("targets", f"the target {target.value} is on the losing side")
        elif max(target.value, far) > min(target.value, far) * odd * reach:
            doubts.setdefault("targets", f"the target {target.value} is far from {far}")


def _check_stop(
    stop: Level, price: Decimal, sign: int, odd: Decimal, doubts: dict[str, str]
) -> None:
    value = stop.value
    if stop.kind == "percent" and value is not None and not 0 < value <= 100:
        doubts.setdefault("stop", f"a stop of {value}% is impossible")
    if stop.kind != "price" or value is None:
        return
    if value <= 0:
        doubts.setdefault("stop", "the stop is zero")
    elif max(value, price) > min(value, price) * odd:
        doubts.setdefault("price", f"the price {price} and the stop {value} are far apart")
    elif (price - value) * sign <= 0:
        doubts.setdefault("stop", f"the stop {value} is on the wrong side of {price}")


def in_prices(levels: tuple[Level, ...], entry: Decimal | None, sign: int) -> tuple[Level, ...]:
    """Points turned into prices when the entry is known; ``sign`` 1 is above the entry."""
    if entry is None or not levels:
        return levels
    return tuple(
        Level(kind="price", value=entry + sign * level.value)
        if level.kind == "points" and level.value is not None
        else level
        for level in levels
    )


def check_new_levels(signal: Signal, base: Signal | None, facts: Facts) -> None:
    """A new stop lies in the region of the entry it protects; it is told from there as well."""
    stop = signal.stop
    if facts.has("relative"):
        name = "stop" if stop is not None else "targets"
        facts.doubt(name, "is that from the entry, or from where it stands?")
    if base is None or not base.price or stop is None or stop.kind != "price" or not stop.value:
        return
    low, high = sorted((base.price, stop.value))
    if high > low * _ODD_RATIO[signal.asset or "stock"]:
        facts.doubt("stop", f"the stop {stop.value} is far from the entry {base.price}")


def check_exit_price(signal: Signal, base: Signal | None, facts: Facts) -> None:
    """The exit of a share or future lies in the region of its entry."""
    if base is None or not base.price or not signal.price or signal.asset not in _ODD_RATIO:
        return
    low, high = sorted((base.price, signal.price))
    if signal.asset in ("stock", "future") and high > low * _ODD_RATIO[signal.asset]:
        facts.doubt("price", f"the price {signal.price} is far from the entry {base.price}")


def check_rest_stop(signal: Signal, facts: Facts) -> None:
    """The stop of what is kept lies on the losing side of the exit price."""
    stop, price = signal.stop, signal.price
    is_all = signal.fraction == 1 and not facts.has("part", "share", "pct")
    if is_all and (stop is not None or signal.targets) and signal.price_range is None:
        facts.doubt("fraction", "is a part of it kept, with that stop or target?")
    if stop is None or stop.kind != "price" or stop.value is None or price is None:
        return
    is_short = signal.action.effect.value == "close-"
    if (stop.value > price) != is_short and stop.value != price:
        facts.doubt("stop", f"the stop {stop.value} is on the wrong side of {price}")


def check_into(last: Draft, facts: Facts) -> None:
    """``Out of A into B``: what follows is bought, and its verb is missing."""
    if last.intent.family == "close" and last.facts.items[-1].text in ("into", "to", "for"):
        facts.doubt("action", "is the second one bought?")


def check_together(drafts: list[Draft]) -> None:
    """What only several trades of one message can have wrong."""
    if len(drafts) > 1:
        _check_shared_price(drafts)
        _check_shared_amount(drafts)
        _check_twice(drafts)
        _check_round_trip(drafts)


def _check_round_trip(drafts: list[Draft]) -> None:
    """``BTO ... @ 1.00`` and then ``STC`` of the same: a trade that is over, or a plan for it."""
    opened: set[tuple[object, ...]] = set()
    for draft in drafts:
        one = draft.signal
        key = (one.symbol, one.expiry, one.strike, one.right, one.contract)
        if draft.intent.family == "close" and key in opened:
            draft.doubts.setdefault("action", "the same is opened and closed at once")
        if draft.intent.family == "open":
            opened.add(key)


def _check_twice(drafts: list[Draft]) -> None:
    """The same contract opened twice in one message: which of the two prices?"""
    seen: set[tuple[object, ...]] = set()
    for draft in drafts:
        one = draft.signal
        key = (one.symbol, one.expiry, one.strike, one.right, one.legs, one.contract, one.action)
        if draft.intent.family == "open" and key in seen:
            draft.doubts.setdefault("price", "the same is opened twice")
        seen.add(key)


def _check_shared_amount(drafts: list[Draft]) -> None:
    """``STC A @ 2 half, B @ 3``: half of B as well?"""
    first = drafts[0].signal
    is_part = first.is_partial or first.fraction not in (None, 1)
    for draft in drafts[1:]:
        if is_part and draft.signal.fraction == 1 and not draft.facts.has("verb", "part", "share"):
            draft.doubts.setdefault("fraction", "is the amount said for both?")


def _check_shared_price(drafts: list[Draft]) -> None:
    """Two contracts bought and one price: whose is it?"""
    opens = [draft for draft in drafts if draft.intent.family == "open"]
    unpriced = [
        draft for draft in opens
        if draft.signal.price is None and draft.signal.price_range is None
        and not draft.facts.has("market")
    ]  # fmt: skip
    if len(unpriced) == len(opens):
        unpriced = []
    for one, two in pairwise(drafts):
        is_led = two.facts.has("verb", "entryword") or two.signal.price is None
        if not is_led and one.signal.price is None and one.intent.family == "close":
            unpriced.append(one)
    for draft in unpriced:
        draft.doubts.setdefault("price", "one price is stated for two contracts")
