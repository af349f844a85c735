"""Notifications: what people want to be told of, and how. One file per kind of rule.

A kind reads a condition when a rule is made and says, about once a second, whether it holds. It
fires when it begins to hold, not again while it goes on holding, and at most once in 15 minutes.
"""

import json
import re
from abc import ABC, abstractmethod
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from datetime import datetime
from functools import cache
from typing import TYPE_CHECKING, ClassVar, Literal

from engine import registry
from engine.domain.errors import UserError
from engine.domain.instrument import Instrument
from engine.market import new_york_date
from engine.symbols import instrument_named

if TYPE_CHECKING:
    from bot.app import App

Severity = Literal["info", "warning", "critical"]

_RULE = "rule:"
_GAP = re.compile(r"\s+|(?=[<>])")
_ROLE = re.compile(r"(?:role:|<@&)(\d{1,20})>?")


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """What one person wants to be told of."""

    rule_id: str
    kind: str
    """A file of this folder."""
    symbol: str = ""
    condition: str
    """As its kind reads it: ``> 190``."""
    severity: Severity = "info"
    channels: tuple[str, ...] = ("discord",)
    """``discord`` (the room), ``role:<id>`` (the room, with a ping), ``dm`` (its owner), or names
    of secrets TS_NOTIFY_<NAME>."""
    user_id: int
    name: str
    """Its owner's, for people."""
    is_on: bool = False
    """Held at the last look: it has been told, and is not told again while it goes on."""
    fired_at: datetime | None = None
    snoozed_until: datetime | None = None

    @property
    def words(self) -> str:
        """``SPY > 190``, ``day < -500``."""
        return f"{self.symbol} {self.condition}".strip()

    def dumped(self) -> str:
        """As the books keep it."""
        return json.dumps(asdict(self), default=lambda at: at.isoformat())


class Kind(ABC):
    """One kind of condition."""

    hint: ClassVar[str]
    """How a condition is written."""
    needs_symbol: ClassVar[bool] = False
    is_event: ClassVar[bool] = False
    """True: it happens rather than holds; each time is told."""

    @abstractmethod
    def check(self, app: "App", condition: str) -> None:
        """Read it once, when the rule is made.

        Raises:
            UserError: names what cannot be read; the rule is not made.
        """

    def parted(self, app: "App", symbol: str, condition: str) -> tuple[str, str]:
        """Symbol and condition, also where the condition names the symbol: ``SPY > 190``."""
        if not self.needs_symbol or self._reads(app, condition):
            return symbol, condition
        for gap in _GAP.finditer(condition):
            name, rest = condition[: gap.start()].upper().lstrip("$"), condition[gap.end() :]
            if symbol in ("", name) and self._reads(app, rest):
                return name, rest
        return symbol, condition

    def _reads(self, app: "App", condition: str) -> bool:
        try:
            self.check(app, condition)
        except UserError:
            return False
        return True

    @abstractmethod
    async def met(self, app: "App", rule: Rule) -> str:
        """What to tell when it holds right now; empty when not, or when it is not known."""

    def watches(self, app: "App", rule: Rule) -> Instrument | None:
        """An instrument whose quotes it needs.

        Raises:
            UserError: its symbol names none.
        """
        if not self.needs_symbol:
            return None
        return instrument_named(rule.symbol, new_york_date(app.clock.now()))


@cache
def kinds() -> dict[str, Kind]:
    """All kinds by name."""
    found = registry.names("bot.notify")
    return {
        name: registry.load("bot.notify", name, Kind)()  # type: ignore[type-abstract]
        for name in found
    }


def roles(channels: Iterable[str]) -> tuple[int, ...]:
    """Roles of the server among the channels of a rule: they are pinged beside the room's card."""
    return tuple(int(found[1]) for c in channels if (found := _ROLE.fullmatch(c)))


def role_channel(typed: str) -> str:
    """A role as a rule's channel, however it was typed (a mention, ``role:123``); else as it is."""
    found = _ROLE.fullmatch(typed)
    return f"role:{int(found[1])}" if found else typed


def in_room(channels: Iterable[str]) -> frozenset[str]:
    """Of these channels, those that the card in the room serves."""
    return frozenset(c for c in channels if c == "discord" or c.startswith("role:"))


def rules(app: "App") -> list[Rule]:
    """Every rule, oldest first."""
    return [
        loaded(fact.value)
        for name, fact in app.desk.book.facts.items()
        if name.startswith(_RULE) and fact.value
    ]


def rule_name(rule_id: str) -> str:
    """The fact that keeps it."""
    return f"{_RULE}{rule_id}"


def loaded(text: str) -> Rule:
    """A rule as the books have it."""
    kept = json.loads(text)
    for name in ("fired_at", "snoozed_until"):
        kept[name] = datetime.fromisoformat(kept[name]) if kept[name] else None
    return Rule(**{**kept, "channels": tuple(kept["channels"])})
