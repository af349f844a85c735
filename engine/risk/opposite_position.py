"""Would the entry work against something the account holds?"""

from engine.domain.order import Intent
from engine.domain.quote import Leg
from engine.risk import Denial, Facts, RiskCheck, holdings


class OppositePosition(RiskCheck):
    """Deny an entry that would buy what the account is short of, or sell what it holds.

    The broker nets both into one position, and two stops would then guard nothing.
    """

    stage = 6

    def check(self, intent: Intent, facts: Facts) -> Denial | None:
        """Judge an entry."""
        others = holdings(intent, facts)
        mine = _signs(intent.legs, intent.side.sign) if others else {}
        for held in others:
            for key, sign in _signs(held.legs, held.direction).items():
                if mine.get(key, 0) * sign < 0:
                    has = "long" if sign > 0 else "short"
                    return Denial(
                        code="opposite_position.held",
                        detail=f"{intent.account} is {has} {key} in {held.trade_id}; "
                        "an opposite entry would only close it",
                    )
        return None


def _signs(legs: tuple[Leg, ...], direction: int) -> dict[str, int]:
    return {leg.instrument.key: 1 if leg.ratio * direction > 0 else -1 for leg in legs}
