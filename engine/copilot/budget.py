"""What a model may cost: tokens per day of the desk and of each person, dollars per day, pace.

Kept as one durable value, so that a restart does not start the day anew. A question reserves what
it may use at most before anything is sent; what it did not use is given back.
"""

import json
from collections import deque
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

FACT = "copilot:usage"
"""Name of the durable value."""
_MILLION = Decimal(1_000_000)


@dataclass(frozen=True, slots=True, kw_only=True)
class Caps:
    """The limits, as in config.yaml under ``copilot``."""

    daily_tokens: int = 200_000
    daily_tokens_per_user: int = 50_000
    daily_usd: Decimal | None = None
    usd_per_million_in: Decimal | None = None
    usd_per_million_out: Decimal | None = None
    questions_per_min: int = 6


@dataclass(kw_only=True)
class Budget:
    """What is used of them on one day."""

    caps: Caps
    day: str = ""
    tokens: int = 0
    usd: Decimal = Decimal(0)
    by_user: dict[int, int] = field(default_factory=dict)
    _asked: dict[int, deque[float]] = field(default_factory=dict)

    def load(self, value: str) -> None:
        """Take the stored value in; one that cannot be read counts as a day that is used up."""
        try:
            read: dict[str, Any] = json.loads(value)
            self.day, self.tokens = str(read["day"]), int(read["tokens"])
            self.usd = Decimal(read["usd"])
            self.by_user = {int(k): int(v) for k, v in read["by_user"].items()}
        except (ValueError, KeyError, TypeError, ArithmeticError, AttributeError):
            self.tokens = self.caps.daily_tokens

    def dump(self) -> str:
        """As it is stored."""
        by_user = {str(k): v for k, v in sorted(self.by_user.items())}
        body = {"day": self.day, "tokens": self.tokens, "usd": str(self.usd), "by_user": by_user}
        return json.dumps(body, sort_keys=True)

    def too_fast(self, user_id: int, now: float) -> bool:
        """Count a question; whether it is one too many within a minute."""
        seen = self._asked.setdefault(user_id, deque())
        while seen and now - seen[0] >= 60:
            seen.popleft()
        if len(seen) >= self.caps.questions_per_min:
            return True
        seen.append(now)
        return False

    def reserve(self, day: str, user_id: int, tokens_in: int, tokens_out: int) -> str:
        """Set aside what a question may use at most; why not, or empty when it was set aside."""
        if day != self.day:
            self.day, self.tokens, self.usd, self.by_user = day, 0, Decimal(0), {}
        caps, tokens = self.caps, tokens_in + tokens_out
        cost = self.cost(tokens_in, tokens_out)
        if self.tokens + tokens > caps.daily_tokens:
            return "the desk's tokens of today are used up"
        if self.by_user.get(user_id, 0) + tokens > caps.daily_tokens_per_user:
            return "your tokens of today are used up"
        if caps.daily_usd is not None and self.usd + cost > caps.daily_usd:
            return "today's budget for the model is used up"
        self._add(user_id, tokens, cost)
        return ""

    def settle(self, user_id: int, reserved: tuple[int, int], used: tuple[int, int]) -> None:
        """Put what was really used in the place of what was set aside."""
        cost = self.cost(*used) - self.cost(*reserved)
        self._add(user_id, sum(used) - sum(reserved), cost)

    def cost(self, tokens_in: int, tokens_out: int) -> Decimal:
        """Dollars; 0 while no price is configured."""
        caps = self.caps
        given_in, given_out = caps.usd_per_million_in or 0, caps.usd_per_million_out or 0
        return (tokens_in * given_in + tokens_out * given_out) / _MILLION

    def _add(self, user_id: int, tokens: int, cost: Decimal) -> None:
        self.tokens = max(self.tokens + tokens, 0)
        self.usd = max(self.usd + cost, Decimal(0))
        self.by_user[user_id] = max(self.by_user.get(user_id, 0) + tokens, 0)


def tokens_of(text: str) -> int:
    """A cautious guess of a text's tokens: three characters each."""
    return len(text) // 3 + 1
