"""The legs that the name of a spread stands for."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Literal, cast

from engine.domain.alert import Action, Right, SignalLeg
from engine.parsers._grammar.facts import Facts
from engine.parsers._grammar.verbs import Intent

Effect = Literal["debit", "credit"]


Strike = tuple[Decimal, str]


@dataclass(slots=True)
class Plan:
    """A spread as it stands when open: legs, whether bought for a debit, and what is unclear."""

    legs: list[SignalLeg] = field(default_factory=list)
    effect: Effect | None = None
    """How it was (or is to be) opened."""
    kind: str = "vertical"
    doubt: str = ""


class Unclear(Exception):
    """The legs cannot be told from the text."""


def make_leg(action: Action, right: str, strike: Decimal, on: date, ratio: int = 1) -> SignalLeg:
    if right not in ("C", "P"):
        raise Unclear("it is not said whether calls or puts")
    return SignalLeg(
        action=action, right=cast("Right", right), strike=strike, expiry=on, ratio=ratio
    )


def vertical(strikes: list[Strike], on: date, plan: Plan, intent: Intent, facts: Facts) -> None:
    if len(strikes) != 2:
        raise Unclear("a vertical has two strikes")
    (one, right), (two, other) = strikes
    if right != other:
        raise Unclear("calls and puts are both named")
    if one == two:
        raise Unclear("both strikes are the same")
    effect = plan.effect
    if effect is None:
        effect = _effect_of_side(intent)
        _check_order(strikes, right)
    plan.effect = effect
    low, high = min(one, two), max(one, two)
    is_low_bought = (effect == "debit") == (right == "C")
    bought = low if is_low_bought else high
    first = Action.BTO if one == bought else Action.STO
    second = Action.STO if first is Action.BTO else Action.BTO
    del facts
    plan.legs = [make_leg(first, right, one, on), make_leg(second, other, two, on)]


def _effect_of_side(intent: Intent) -> Effect:
    if intent.side == "short":
        return "credit"
    if intent.side == "long" or intent.family == "open":
        return "debit"
    raise Unclear("debit or credit is not said")


def _check_order(strikes: Sequence[Strike], right: str) -> None:
    """Without a name, the first strike is bought by BTO and sold by STO: only one order fits."""
    is_rising = strikes[0][0] < strikes[1][0]
    if is_rising != (right == "C"):
        raise Unclear("the order of the strikes and the verb do not agree")


def _condor(strikes: list[Strike], on: date, plan: Plan, intent: Intent, facts: Facts) -> None:
    if len(strikes) != 4:
        raise Unclear("a condor has four strikes")
    ordered = sorted(strike for strike, _ in strikes)
    if len(set(ordered)) != 4:
        raise Unclear("two strikes of the condor are the same")
    for strike, right in strikes:
        if right and right != ("P" if strike in ordered[:2] else "C"):
            raise Unclear("the puts of a condor lie below its calls")
    plan.effect = plan.effect or ("debit" if intent.side == "long" else "credit")
    inner, outer = Action.STO, Action.BTO
    if plan.effect == "debit":
        inner, outer = outer, inner
    rights = ("P", "P", "C", "C")
    actions = (outer, inner, inner, outer)
    plan.legs = [
        make_leg(action, right, strike, on)
        for action, right, strike in zip(actions, rights, ordered, strict=True)
    ]
    del facts


def _fly(strikes: list[Strike], on: date, plan: Plan, intent: Intent, facts: Facts) -> None:
    values = [strike for strike, _ in strikes]
    if len(strikes) != 3 or sorted(values) not in (values, values[::-1]) or len(set(values)) != 3:
        raise Unclear("a butterfly has three strikes in order")
    plan.effect = plan.effect or ("credit" if intent.side == "short" else "debit")
    wing, body = Action.BTO, Action.STO
    if intent.side == "short":
        wing, body = body, wing
    low, mid, high = strikes
    plan.legs = [make_leg(wing, low[1], low[0], on), make_leg(body, mid[1], mid[0], on, 2),
                 make_leg(wing, high[1], high[0], on)]  # fmt: skip
    del facts


def _two_sided(strikes: list[Strike], on: date, plan: Plan, intent: Intent, facts: Facts) -> None:
    """Straddle: one strike, both rights. Strangle: the put below the call."""
    values = sorted({strike for strike, _ in strikes})
    wanted = 1 if plan.kind == "straddle" else 2
    if len(values) != wanted:
        raise Unclear(f"a {plan.kind} has {wanted} strike{'s' * (wanted > 1)}")
    for strike, right in strikes:
        if wanted == 2 and right and right != ("P" if strike == values[0] else "C"):
            raise Unclear("the put of a strangle lies below its call")
    action = Action.STO if intent.side == "short" else Action.BTO
    plan.effect = plan.effect or ("credit" if intent.side == "short" else "debit")
    if (plan.effect == "credit") != (intent.side == "short"):
        raise Unclear("the verb and debit or credit do not agree")
    pairs = [(values[0], "P"), (values[-1], "C")]
    if wanted == 1 or (strikes and strikes[0][1] == "C"):
        pairs.reverse()
    plan.legs = [make_leg(action, right, strike, on) for strike, right in pairs]
    del facts


def _ratio(strikes: list[Strike], on: date, plan: Plan, intent: Intent, facts: Facts) -> None:
    """``1x2 230/240 call ratio``: so many of the first against so many of the second."""
    ratios = facts.at("ratio")
    if len(ratios) != 1 or len(strikes) != 2:
        raise Unclear("the ratio of the legs is not said")
    one, two = facts.take(ratios[0]).value
    if plan.effect is None or intent.side is None or not 0 < one < 10 or not 0 < two < 10:
        raise Unclear("debit or credit of the ratio is not said")
    first = Action.BTO if intent.side == "long" else Action.STO
    second = Action.STO if first is Action.BTO else Action.BTO
    plan.legs = [
        make_leg(first, strikes[0][1], strikes[0][0], on, int(one)),
        make_leg(second, strikes[1][1], strikes[1][0], on, int(two)),
    ]


def _unknown(strikes: list[Strike], on: date, plan: Plan, intent: Intent, facts: Facts) -> None:
    del strikes, on, intent, facts
    raise Unclear(f"a spread of this kind ({plan.kind}) is not read")


_Maker = Callable[[list[Strike], date, Plan, Intent, Facts], None]


MAKERS: dict[str, _Maker] = {
    "condor": _condor, "fly": _fly, "straddle": _two_sided, "strangle": _two_sided,
    "ratio": _ratio, "ironfly": _unknown, "other": _unknown,
}  # fmt: skip
