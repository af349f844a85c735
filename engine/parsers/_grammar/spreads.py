"""Legs of option spreads, from their names or from legs spelled one by one."""

from datetime import date
from decimal import Decimal
from typing import cast

from engine.domain.alert import Action, SignalLeg
from engine.parsers._grammar.facts import Facts
from engine.parsers._grammar.structures import (
    MAKERS,
    Effect,
    Plan,
    Strike,
    Unclear,
    make_leg,
    vertical,
)
from engine.parsers._grammar.verbs import Intent

NAMED = frozenset(("condor", "fly", "ironfly", "straddle", "strangle", "calendar", "diagonal",
                   "ratio", "other"))  # fmt: skip


def is_spread(facts: Facts) -> bool:
    """Whether the trade names a spread, or more than one strike."""
    if facts.has("spread"):
        return True
    for at in facts.at("strikes"):
        if len(facts.items[at].value) >= 2:
            return True
    return bool(leg_verbs(facts))


def settle_strikes(facts: Facts) -> None:
    """``8/22 12/14 call debit spread``: of two slashed pairs the one before the name is strikes."""
    if facts.has("strikes", "opt", "list") or not facts.has("spread"):
        return
    slashes = facts.at("slash")
    if len(slashes) < 2 and not facts.has("date", "when", "ndte"):
        return
    for at in slashes:
        if facts.kind(at + 1 if at + 1 < len(facts.items) else None) in ("spread", "right"):
            item = facts.items[at]
            item.kind = "strikes"
            item.value = tuple((Decimal(part), "") for part in item.value)
            facts.by["strikes"] = [at]
            facts.by["slash"].remove(at)
            return


def read_spread(facts: Facts, intent: Intent, expiries: list[date]) -> Plan:
    """Build the legs; ``plan.doubt`` is set when they are not certain."""
    plan = Plan()
    try:
        _build(facts, intent, expiries, plan)
    except Unclear as why:
        plan.doubt = str(why)
        plan.legs = []
    return plan


def _build(facts: Facts, intent: Intent, expiries: list[date], plan: Plan) -> None:
    names = [str(facts.take(at).value) for at in facts.at("spread")]
    plan.kind = _kind(names)
    kinds = {word for name in names for word in name.split()}
    _effect_of_name(plan, kinds)
    _effect_of_words(facts, intent, plan)
    verb_legs = leg_verbs(facts)
    strikes = _strikes(facts, kinds)
    if plan.kind == "calendar" or plan.kind == "diagonal":
        _calendar(facts, strikes, expiries, plan)
        return
    if len(expiries) != 1:
        raise Unclear("the spread needs one expiry")
    if verb_legs:
        plan.legs = _spelled(facts, verb_legs, expiries[0])
        plan.effect = plan.effect or _effect_of_legs(plan.legs, intent)
        return
    MAKERS.get(plan.kind, vertical)(strikes, expiries[0], plan, intent, facts)


def _kind(names: list[str]) -> str:
    special = [word for name in names for word in name.split() if word in NAMED]
    if len(set(special)) > 1:
        raise Unclear("two kinds of spread are named")
    return special[0] if special else "vertical"


def _effect_of_name(plan: Plan, kinds: set[str]) -> None:
    named = kinds & {"debit", "credit"}
    if len(named) == 2:
        raise Unclear("both a debit and a credit spread are named")
    if named:
        plan.effect = cast("Effect", named.pop())


def _effect_of_words(facts: Facts, intent: Intent, plan: Plan) -> None:
    """``4.50 cr`` is what this order pays; a debit spread is closed for a credit."""
    said = {str(facts.take(at).value) for at in facts.at("effect")}
    if len(said) > 1:
        raise Unclear("both debit and credit are named")
    if not said:
        return
    effect = cast("Effect", said.pop())
    if intent.family == "close":
        effect = flipped(effect)
    if plan.effect not in (None, effect):
        raise Unclear("the kind of spread and debit or credit do not agree")
    plan.effect = effect


def flipped(effect: Effect) -> Effect:
    """What a spread pays when it is closed instead of opened."""
    return "credit" if effect == "debit" else "debit"


# --- strikes ------------------------------------------------------------------------------------


def _strikes(facts: Facts, kinds: set[str]) -> list[Strike]:
    """All strikes in the order written; a right said once holds for all without their own."""
    found: list[Strike] = []
    for at in facts.at("strikes", "opt", "list"):
        item = facts.take(at)
        found += [item.value] if item.kind == "opt" else list(item.value)
    if not found:
        _loose_strikes(facts, found)
    right = _common_right(facts, kinds)
    if right:
        if any(own and own != right for _, own in found):
            raise Unclear("calls and puts are both named")
        return [(strike, own or right) for strike, own in found]
    return found


def _loose_strikes(facts: Facts, found: list[Strike]) -> None:
    """``5/10 calls``, ``230-240 call spread`` or a single ``130 straddle``."""
    for at in facts.at("range", "slash", "strike"):
        item = facts.take(at)
        values = item.value if isinstance(item.value, tuple) else (item.value,)
        found += [(Decimal(value), "") for value in values]
        return
    stated = facts.has("paid", "market")
    nums = facts.at("num", "money")
    if nums and (stated or len(nums) == 2):
        tied = [at for at in nums if facts.kind(facts.after(at)) in ("spread", "")]
        at = tied[0] if stated and tied else nums[0]
        found.append((facts.take(at).value, ""))


def _common_right(facts: Facts, kinds: set[str]) -> str:
    rights = {str(facts.take(at).value) for at in facts.at("right")}
    rights |= {word[0].upper() for word in kinds & {"call", "put"}}
    if len(rights) > 1:
        raise Unclear("calls and puts are both named")
    return rights.pop() if rights else ""


# --- legs spelled out: sell 5650C buy 5660C -----------------------------------------------------

_BUYS = frozenset(("buy", "long", "bto!"))
_SELLS = frozenset(("sell", "short", "sto!", "write"))


def leg_verbs(facts: Facts) -> list[tuple[int, Action]]:
    """(position of the strike, action) of legs that have a verb or sign of their own."""
    if len(facts.by.get("opt", ())) < 2:
        return []
    found: list[tuple[int, Action]] = []
    for at in facts.at("opt"):
        action = _own_action(facts, at)
        if action is None:
            return []
        found.append((at, action))
    actions = {action for _, action in found}
    return found if len(actions) == 2 else []


def spelled_verbs(facts: Facts) -> set[int]:
    """Positions of verbs that belong to one leg or one expiry, not to the whole order."""
    found: set[int] = set()
    anchors = [at for at, _ in leg_verbs(facts)]
    if facts.has("spread"):
        names = " ".join(map(str, facts.values("spread")))
        if "calendar" in names or "diagonal" in names:
            anchors += facts.at("slash", "date", "when")
    for at in anchors:
        for k in range(at - 1, max(at - 5, -1), -1):
            item = facts.items[k]
            if item.kind == "verb":
                found |= {k} if item.value in _BUYS | _SELLS else set()
                break
            if item.kind not in ("fill", "num", "qty", "money", "opt", "sym"):
                break
    return found


def _own_action(facts: Facts, at: int) -> Action | None:
    for k in range(at - 1, max(at - 4, -1), -1):
        item = facts.items[k]
        if item.kind == "verb" and item.value in _BUYS:
            return Action.BTO
        if item.kind == "verb" and item.value in _SELLS:
            return Action.STO
        if item.kind == "punct" and item.value in ("+", "-"):
            return Action.BTO if item.value == "+" else Action.STO
        is_named = item.kind == "sym" and facts.text(k - 1) in ("buy", "sell", "bto", "sto")
        if item.kind not in ("fill", "num", "qty", "money") and not is_named:
            return None
    return None


def _spelled(facts: Facts, found: list[tuple[int, Action]], on: date) -> list[SignalLeg]:
    legs: list[SignalLeg] = []
    for at, action in found:
        strike, right = facts.take(at).value
        legs.append(make_leg(action, right, strike, on, _written_ratio(facts, at)))
    return legs


def _written_ratio(facts: Facts, at: int) -> int:
    """``sell 2 240c``: the count before a leg's strike; 1 when none is written."""
    for k in (at - 1, at - 2):
        before = facts.items[k] if k >= 0 else None
        if before is not None and before.kind in ("num", "qty") and k not in facts.used:
            return _ratio_of(facts.take(k).value)
        if before is None or before.kind != "fill":
            return 1
    return 1


def _ratio_of(value: Decimal) -> int:
    if value != value.to_integral_value() or not 0 < value < 10:
        raise Unclear(f"{value} contracts of one leg")
    return int(value)


def _effect_of_legs(legs: list[SignalLeg], intent: Intent) -> Effect | None:
    """Debit or credit of a vertical or condor by its legs; None when not evident."""
    worth = {leg.action: leg.strike for leg in legs}
    rights = {leg.right for leg in legs}
    if len(legs) == 2 and len(rights) == 1 and len(worth) == 2:
        is_low_bought = worth[Action.BTO] < worth[Action.STO]
        return "debit" if is_low_bought == (rights == {"C"}) else "credit"
    if len(legs) == 4:
        calls = sorted(leg.strike for leg in legs if leg.right == "C" and leg.action is Action.STO)
        longs = sorted(leg.strike for leg in legs if leg.right == "C" and leg.action is Action.BTO)
        if len(calls) == len(longs) == 1:
            return "credit" if calls[0] < longs[0] else "debit"
    return "credit" if intent.side == "short" else None


# --- named spreads ------------------------------------------------------------------------------


def _calendar(facts: Facts, strikes: list[Strike], expiries: list[date], plan: Plan) -> None:
    """Two expiries. Each date belongs to the nearest buy or sell before it; else near is sold."""
    if len(expiries) != 2 or expiries[0] == expiries[1]:
        raise Unclear("a calendar has two expiries")
    values = strikes if len(strikes) == 2 else strikes * 2
    if len(values) != 2 or (plan.kind == "calendar" and len({v for v, _ in values}) != 1):
        raise Unclear("the strikes of the two expiries are not certain")
    actions = _dated_actions(facts)
    if actions is None and plan.kind == "calendar":
        near_first = expiries[0] < expiries[1]
        actions = (Action.STO, Action.BTO) if near_first else (Action.BTO, Action.STO)
        plan.effect = plan.effect or "debit"
        if plan.effect == "credit":
            raise Unclear("a calendar for a credit: which expiry is sold?")
    if actions is None or actions[0] is actions[1]:
        raise Unclear("which expiry is bought and which is sold?")
    pairs = zip(actions, values, expiries, strict=True)
    plan.legs = [make_leg(action, right, strike, on) for action, (strike, right), on in pairs]
    far_bought = {leg.action for leg in plan.legs if leg.expiry == max(expiries)} == {Action.BTO}
    plan.effect = plan.effect or ("debit" if far_bought else None)


def _dated_actions(facts: Facts) -> tuple[Action, Action] | None:
    found: list[Action] = []
    for at, item in enumerate(facts.items):
        if item.kind not in ("slash", "date", "when"):
            continue
        for k in range(at - 1, max(at - 5, -1), -1):
            before = facts.items[k]
            if before.kind == "verb" and before.value in _BUYS | _SELLS:
                found.append(Action.BTO if before.value in _BUYS else Action.STO)
                break
            if before.kind not in ("fill", "opt", "num"):
                break
    return (found[0], found[1]) if len(found) == 2 else None
