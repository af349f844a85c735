"""What nobody knows what to do with: told once, without tokens, names and account numbers."""

import re
from collections.abc import Iterable

from engine.brokers import Odd
from engine.brokers._wire.events import Events
from engine.brokers.tastytrade.book import Recent

_LONG = 300
_HIDDEN = re.compile(
    r'("(?:account-number|auth-token|token|username|user-id|cancel-user-id|cancel-username'
    r'|user-external-id|web-socket-session-id)"\s*:\s*)("[^"]*"|[^,}\]]+)'
)


class Oddities:
    """Of one connection."""

    def __init__(self, events: Events) -> None:
        self._events = events
        self._told: Recent[bool] = Recent()
        self._secrets: tuple[str, ...] = ()

    def hide(self, secrets: Iterable[str]) -> None:
        """Texts that are never shown."""
        self._secrets = tuple(secret for secret in secrets if secret)

    def tell(self, note: str, raw: str) -> None:
        """Tell of something, once."""
        shown = self.cleaned(raw)
        key = f"{note} {shown}"
        if key not in self._told:
            self._told.put(key, True)
            self._events.tell(Odd(note=self.cleaned(note), raw=shown))

    def cleaned(self, text: str) -> str:
        """A message as an admin may see it."""
        text = _HIDDEN.sub(r'\1"..."', text)
        for secret in self._secrets:
            text = text.replace(secret, "...")
        return text[:_LONG]
