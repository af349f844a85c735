"""What is wrong with which part of the desk, and since when."""

from collections import UserDict
from datetime import datetime
from typing import Any

from engine.clock import Clock

_OF_BROKERS = ("broker", "watch")


class Health(UserDict[str, str]):
    """Part -> what is wrong with it; empty when all is well."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.last: dict[str, tuple[datetime, str]] = {}
        """Broker -> what was said of it last, and when; it stays when all is well again."""
        self.since: dict[str, datetime] = {}
        """Part -> when it began to be wrong; other words for it do not count as a beginning."""
        super().__init__()

    def __setitem__(self, part: str, what: str) -> None:
        now = self._clock.now()
        self.since.setdefault(part, now)
        kind, _, name = part.partition(" ")
        if kind in _OF_BROKERS:
            self.last[name] = (now, what)
        super().__setitem__(part, what)

    def pop(self, part: str, default: Any = None) -> Any:
        """It works again; of most parts nothing else was ever known."""
        return super().pop(part, default) if part in self.data else default

    def __delitem__(self, part: str) -> None:
        super().__delitem__(part)
        self.since.pop(part, None)
