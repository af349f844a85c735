"""What each person prefers: colours of charts, his time zone, when he may be called."""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, fields
from datetime import datetime, time
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from bot.charts import Theme
from engine.domain.copying import replace
from engine.domain.desk import Who
from engine.domain.errors import UserError

if TYPE_CHECKING:
    from bot.app import App

_CLOCK = r"((?:[01]\d|2[0-3]):[0-5]\d)"
_SPAN = re.compile(f"{_CLOCK}-{_CLOCK}")
DM = ("never", "critical", "warning", "all")
"""From which severity on a person is called directly, quiet hours apart."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Prefs:
    """One person's preferences, each with the default of somebody who never chose."""

    theme: str = "dark"
    timezone: str = "America/New_York"
    quiet: str = "off"
    """``22:00-07:00`` in his time zone, or ``off``: only what is critical reaches him then."""
    dm: str = "critical"

    def is_quiet(self, now: datetime) -> bool:
        """Whether his quiet hours run."""
        if self.quiet == "off":
            return False
        begin, end = (time.fromisoformat(part) for part in self.quiet.split("-"))
        local = now.astimezone(ZoneInfo(self.timezone)).time()
        if begin <= end:
            return begin <= local < end
        return local >= begin or local < end

    def wants(self, severity: str, now: datetime) -> bool:
        """Whether he is called directly about something of this severity now."""
        if self.dm == "never" or (severity != "critical" and self.is_quiet(now)):
            return False
        order = ("info", "warning", "critical")
        least = {"all": "info"}.get(self.dm, self.dm)
        return order.index(severity) >= order.index(least)


KEYS = tuple(f.name for f in fields(Prefs))


class People:
    """Everybody's preferences; kept in the books, read from memory."""

    def __init__(self, app: "App") -> None:
        self._app = app

    def of(self, user_id: int) -> Prefs:
        """What he chose; the defaults for the rest."""
        fact = self._app.desk.book.facts.get(_name(user_id))
        if fact is None or not fact.value:
            return Prefs()
        kept = json.loads(fact.value)
        return Prefs(**{k: v for k, v in kept.items() if k in KEYS})

    def theme(self, user_id: int, asked: str | None = None) -> Theme:
        """The colours of a chart: what he asked for this time, else what he prefers."""
        return Theme(asked or self.of(user_id).theme)

    async def change(self, who: Who, values: Mapping[str, Any]) -> Prefs:
        """Take over some of them; all or none.

        Raises:
            UserError: names the key that does not fit. StoreUnavailable.
        """
        fresh = replace(self.of(who.user_id), **checked(values))
        await self._keep(who, json.dumps(asdict(fresh)))
        return fresh

    async def reset(self, who: Who) -> None:
        """Back to the defaults.

        Raises:
            StoreUnavailable.
        """
        await self._keep(who, "")

    async def _keep(self, who: Who, value: str) -> None:
        desk, name = self._app.desk, _name(who.user_id)
        actor = f"user:{who.user_id}"
        await desk.commit(desk.event("prefs.changed", name, desk.fact(name, value), actor=actor))


def checked(values: Mapping[str, Any]) -> dict[str, str]:
    """Keys and values that fit.

    Raises:
        UserError: names the key.
    """
    read = {}
    for key, value in values.items():
        if key not in KEYS:
            raise UserError(f"{key}: unknown; there are {', '.join(KEYS)}. Nothing was changed.")
        read[key] = _READ[key](str(value).strip())
    return read


def _one_of(key: str, *allowed: str) -> Callable[[str], str]:
    def read(value: str) -> str:
        if value.lower() not in allowed:
            raise UserError(f"{key}: must be {', '.join(allowed)}. Nothing was changed.")
        return value.lower()

    return read


def _zone(value: str) -> str:
    try:
        ZoneInfo(value)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise UserError(
            "timezone: must be a name such as Europe/Berlin. Nothing was changed."
        ) from None
    return value


def _hours(value: str) -> str:
    if value.lower() == "off":
        return "off"
    found = _SPAN.fullmatch(value.replace(" ", ""))
    if found is None or found[1] == found[2]:
        raise UserError("quiet: must be off, or hours such as 22:00-07:00. Nothing was changed.")
    return f"{found[1]}-{found[2]}"


_READ: dict[str, Callable[[str], str]] = {
    "theme": _one_of("theme", "dark", "light"),
    "timezone": _zone,
    "quiet": _hours,
    "dm": _one_of("dm", *DM),
}


def _name(user_id: int) -> str:
    return f"prefs:{user_id}"
