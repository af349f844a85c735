"""Is there enough to win for what is risked?"""

from decimal import Decimal
from typing import Literal

from pydantic import Field

from engine.domain.instrument import Kind
from engine.domain.order import Intent
from engine.risk import Denial, Facts, RiskCheck, entry_price, is_known


class MinReward(RiskCheck):
    """Deny an entry whose targets win less than twice what its stop loses, after slippage.

    Slippage is half the present spread, paid at the target and at the stop. Entries without
    targets pass: most alerts carry none. By default shares only: the futures room's own targets
    (+7 and +12 points against a 10-point stop) and most option alerts are below 2 by design.
    """

    stage = 7

    class Settings(RiskCheck.Settings):
        """Ratio of reward to risk, and where it is asked for."""

        min_ratio: Decimal = Field(Decimal("2.0"), ge=0)
        kinds: frozenset[Literal["stock", "option", "future", "crypto"]] = frozenset({"stock"})
        """Kinds of instrument that are judged."""

    settings: Settings

    def check(self, intent: Intent, facts: Facts) -> Denial | None:
        """Judge an entry."""
        kind: Kind = intent.legs[0].instrument.kind
        if kind not in self.settings.kinds or not intent.targets:
            return None
        ratio = reward_ratio(intent, facts)
        if ratio is None:
            return Denial(
                code="min_reward.unknown",
                detail=f"targets of {intent.symbol} are known, but not its stop, price or quote",
            )
        if ratio >= self.settings.min_ratio:
            return None
        return Denial(
            code="min_reward.too_little",
            detail=f"the targets win {ratio:.2f} times what the stop loses, "
            f"at least {self.settings.min_ratio} is asked",
        )


def reward_ratio(intent: Intent, facts: Facts) -> Decimal | None:
    """Average gain at the targets over the loss at the stop; None when one is not known."""
    price, stop, quote = entry_price(intent), intent.stop, facts.quote
    if price is None or not is_known(stop) or quote is None:
        return None
    if not (is_known(quote.bid) and is_known(quote.ask)) or quote.ask < quote.bid:
        return None
    if not all(is_known(t.price) and is_known(t.qty) and t.qty > 0 for t in intent.targets):
        return None
    slip = (quote.ask - quote.bid) / 2
    qty = sum((t.qty for t in intent.targets), Decimal(0))
    average = sum((t.price * t.qty for t in intent.targets), Decimal(0)) / qty
    gain = (average - price) * intent.side.sign - slip
    loss = (price - stop) * intent.side.sign + slip
    return gain / loss if loss > 0 else None
