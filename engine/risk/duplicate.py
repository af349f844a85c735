"""Was the same thing said a moment ago?"""

from decimal import Decimal

from pydantic import Field

from engine.domain.order import Intent
from engine.risk import Denial, Facts, RiskCheck


class Duplicate(RiskCheck):
    """Deny an entry that repeats one of the last 60 seconds: same author, unit, side and price.

    Two signals of one message, and a new version of one alert, are no repeats.
    """

    stage = 5

    class Settings(RiskCheck.Settings):
        """Seconds before this entry in which a like one makes it a repeat."""

        window_s: Decimal = Field(Decimal(60), ge=0)

    settings: Settings

    def check(self, intent: Intent, facts: Facts) -> Denial | None:
        """Judge an entry."""
        name = entry_name(intent) if facts.recent_entries else ""
        for at, seen, alert_id, price in facts.recent_entries:
            if seen != name or alert_id == intent.alert_id or price != intent.alerted_price:
                continue
            age = (intent.created_at - at).total_seconds()
            if 0 <= age <= self.settings.window_s:
                what = "at market" if price is None else f"at {price}"
                return Denial(
                    code="duplicate.repeat",
                    detail=f"possible duplicate: {intent.side} {intent.symbol} {what} was "
                    f"alerted {age:.0f} s before ({alert_id})",
                )
        return None


def entry_name(intent: Intent) -> str:
    """What makes two entry alerts look alike: author, unit and side."""
    unit = "+".join(f"{leg.ratio}x{leg.instrument.key}" for leg in intent.legs)
    return f"{intent.author_id}|{unit}|{intent.side}"
