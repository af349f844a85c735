"""Sources of quotes that do not deliver as they should: shown in health, and told."""

from engine.desk import Desk
from engine.feeds import Troubled

WITHOUT_S = 20.0
"""What is back before is told to nobody."""
_TOLD_S = 3_600.0
"""Of a source that comes and goes people are told so often."""
_LIMIT_TOLD_S = 24 * 3_600.0


class Sources:
    """Looks at every source now and then."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._since: dict[str, float] = {}
        """Source -> monotonic time since which something is wrong with it."""
        self._told: set[str] = set()

    async def look(self) -> None:
        """Say what lasts, and its end."""
        desk = self._desk
        feed: object = desk.feed
        if not isinstance(feed, Troubled):
            return
        wrong, now = feed.troubles(), desk.clock.monotonic()
        for name in self._since.keys() - wrong.keys():
            del self._since[name]
            desk.health.pop(f"feed {name}")
            if name in self._told:
                self._told.discard(name)
                await desk.tell("admin", f"✔ {name}: its quotes come as they should again.")
        for name, why in wrong.items():
            if now - self._since.setdefault(name, now) < WITHOUT_S:
                continue
            desk.health[f"feed {name}"] = why
            if name not in self._told and desk.is_due(f"told of {name}", _TOLD_S):
                self._told.add(name)
                await desk.tell(
                    "admin",
                    f"⚠ Quotes of {name}: {why}. Nothing is opened on a price that is not fresh, "
                    "whoever else has one; stops that rest at a broker stay, and those that the "
                    "desk watches go by the broker's own mark where no source has a price.",
                )
        for name, why in feed.limits().items():
            if desk.is_due(f"limit of {name}", _LIMIT_TOLD_S):
                await desk.tell("admin", f"Quotes of {name}: {why}.")
