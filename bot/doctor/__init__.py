"""Is everything as it must be? Each file here looks at one part and says how to mend what is not.

A file holds ``look(patient) -> AsyncIterator[Finding]``. It changes nothing. What needs a running
desk is skipped without one.
"""

import importlib
import logging
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from bot.doctor._rest import DiscordRest, Unreachable
from engine.clock import Clock

if TYPE_CHECKING:
    from bot.app import App
    from bot.config import AppConfig

log = logging.getLogger(__name__)

PARTS = ("configuration", "keys", "login", "rooms", "machine", "books", "brokers", "quotes")
"""Files of this folder, in the order in which one thing needs the other."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that was looked at."""

    part: str
    is_ok: bool | None
    """None: it could not be looked at, or is a hint."""
    said: str
    mend: str = ""
    """What to do; empty when nothing is to be done."""


@dataclass(kw_only=True)
class Patient:
    """What is looked at: a configuration, perhaps of a running desk, and Discord."""

    config: "AppConfig"
    clock: Clock
    rest: DiscordRest | None
    """None: there is no token."""
    app: "App | None" = None
    """The running desk, when it is looked at from within."""
    seen: dict[str, Any] = field(default_factory=dict)

    async def ask(self, path: str) -> Any:
        """What Discord answers, asked once.

        Raises:
            Unreachable: refused, not there, or no answer.
        """
        if self.rest is None:
            raise Unreachable(0, 0, "there is no token")
        if path not in self.seen:
            try:
                self.seen[path] = await self.rest.get(path)
            except Unreachable as error:
                self.seen[path] = error
        found = self.seen[path]
        if isinstance(found, Unreachable):
            raise found
        return found


async def examine(patient: Patient, parts: tuple[str, ...] = PARTS) -> AsyncIterator[Finding]:
    """Every finding, as it is made; a look that fails is a finding too."""
    for name in parts:
        look = importlib.import_module(f"bot.doctor.{name}").look
        try:
            async for finding in look(patient):
                yield finding
        except Exception as error:
            log.exception("the look at %s failed", name)
            said = f"could not be looked at: {type(error).__name__}: {error}"
            yield Finding(part=name, is_ok=False, said=said[:300], mend="see the log")
