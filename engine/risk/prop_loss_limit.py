"""Is the account far enough above the floor at which the prop firm closes it?"""

from decimal import Decimal

from pydantic import Field

from engine import prop
from engine.domain.order import Intent
from engine.risk import Denial, Facts, RiskCheck, is_known


class PropLossLimit(RiskCheck):
    """Deny entries that could take a prop-firm account down to its maximum loss limit.

    The limit trails at the end of a day, never falls and locks at the start balance. Open profit
    and loss count, and so does everything that would be lost if all stops filled. The desk closes
    what is held before the limit is reached.
    """

    stage = 4

    class Settings(RiskCheck.Settings):
        """Dollars above the firm's floor."""

        buffer_usd: Decimal = Field(Decimal(150), ge=0)
        """So near to the floor everything is closed, and no entry may lose more than the rest."""
        warn_usd: Decimal = Field(Decimal(500), ge=0)

    settings: Settings

    def check(self, intent: Intent, facts: Facts) -> Denial | None:
        """Judge an entry."""
        if facts.prop is None:
            return None
        denial = self.reached(facts)
        if denial is not None:
            return denial
        state, floor = facts.prop.state, facts.prop.floor_usd
        if state is None or state.closed_on == state.day_on:
            return Denial(
                code="prop_loss_limit.closed",
                detail="the account came too near to its maximum loss limit earlier today; no "
                "entries until the firm's next day",
            )
        worst, risk = facts.prop.at_stops_usd, intent.risk_usd
        if not is_known(worst) or not is_known(risk) or risk < 0 or not is_known(floor):
            return Denial(
                code="prop_loss_limit.risk",
                detail=f"what this and all that is open may lose is not known (this: {risk})",
            )
        left = worst - risk - floor
        if left >= self.settings.buffer_usd:
            return None
        return Denial(
            code="prop_loss_limit.room",
            detail=f"with every stop filled equity would be ${worst - risk:,.2f}, ${left:,.2f} "
            f"above the firm's floor ${floor:,.2f}; ${self.settings.buffer_usd} must be left",
        )

    def reached(self, facts: Facts) -> Denial | None:
        """Whether all must be closed now, or that cannot be told."""
        assert facts.prop is not None  # noqa: S101 - asked of prop accounts only
        state, room = facts.prop.state, facts.prop.room_usd
        if state is None or not is_known(room):
            return Denial(
                code="prop_loss_limit.unknown",
                detail=f"the distance of {facts.account.name} from its maximum loss limit is not "
                f"known: equity {facts.prop.equity_usd}, floor {facts.prop.floor_usd}",
            )
        if room <= self.settings.buffer_usd:  # by any day's floor: it never falls
            return Denial(
                code="prop_loss_limit.reached",
                detail=f"equity ${facts.prop.equity_usd:,.2f} is ${room:,.2f} above the firm's "
                f"floor ${facts.prop.floor_usd:,.2f}; everything is closed at "
                f"${self.settings.buffer_usd}",
            )
        if state.day_on != prop.day_of(facts.prop.firm, facts.now):
            return Denial(
                code="prop_loss_limit.unsettled",
                detail=f"the firm's day {state.day_on} is not counted yet, so the floor may move",
            )
        return None

    def warning(self, facts: Facts) -> str:
        """Said from 500 dollars above the floor on."""
        room = None if facts.prop is None else facts.prop.room_usd
        if facts.prop is None or not is_known(room) or room > self.settings.warn_usd:
            return ""
        return f"${room:,.2f} above the prop firm's floor ${facts.prop.floor_usd:,.2f}"
