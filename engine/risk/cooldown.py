"""Has the symbol been left alone long enough?"""

from datetime import timedelta
from itertools import takewhile

from pydantic import Field

from engine.domain.order import Intent
from engine.risk import Denial, Facts, RecentExit, RiskCheck, is_known
from engine.routing import underlying


class Cooldown(RiskCheck):
    """Deny entries in a symbol 15 min after an exit; 24 h after 2, 48 h after 3 stop-outs in a row.

    A stop that locked in a gain is no stop-out.
    """

    stage = 5

    class Settings(RiskCheck.Settings):
        """Waiting times per symbol."""

        after_exit_min: int = Field(15, ge=0)
        after_two_stops_h: int = Field(24, ge=0)
        after_three_stops_h: int = Field(48, ge=0)

    settings: Settings

    def check(self, intent: Intent, facts: Facts) -> Denial | None:
        """Judge an entry."""
        if not facts.recent_exits:
            return None
        symbol = underlying(intent.symbol)
        exits = [e for e in facts.recent_exits if underlying(e.symbol) == symbol]
        if not exits:
            return None
        n_stops = sum(1 for _ in takewhile(_was_stopped_out, exits))
        wait = self._wait(n_stops)
        since = facts.now - max(e.closed_at for e in exits)
        if since >= wait:
            return None
        why = f"{n_stops} stop-outs in a row" if n_stops > 1 else "an exit"
        return Denial(
            code="cooldown.waiting",
            detail=f"{intent.symbol} rests {_words(wait)} after {why}; {_words(wait - since)} left",
        )

    def _wait(self, n_stops: int) -> timedelta:
        wait = timedelta(minutes=self.settings.after_exit_min)
        if n_stops >= 3:
            return max(wait, timedelta(hours=self.settings.after_three_stops_h))
        if n_stops == 2:
            return max(wait, timedelta(hours=self.settings.after_two_stops_h))
        return wait


def _was_stopped_out(exit_: RecentExit) -> bool:
    return exit_.was_stopped and not (is_known(exit_.realised_usd) and exit_.realised_usd > 0)


def _words(wait: timedelta) -> str:
    minutes = -(-wait // timedelta(minutes=1))
    return f"{minutes} min" if minutes < 120 else f"{minutes / 60:.1f} h"
