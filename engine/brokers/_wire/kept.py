"""A token that its owner brought and that lies in a file: a newer one counts without a restart."""

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Generic, TypeVar

from engine.brokers import Tokens
from engine.clock import Clock
from engine.domain.errors import BrokerAuthError

T = TypeVar("T")
_AGAIN = timedelta(seconds=10)
"""The token file is looked at again so often while nobody is let in."""


class Kept(Generic[T]):
    """Holds the token of one login."""

    def __init__(self, name: str, tokens: Tokens, clock: Clock, read: Callable[[str], T]) -> None:
        """``read``: the text of the file -> the token."""
        self._name, self._tokens, self._clock, self._read = name, tokens, clock, read
        self._token: T | None = None
        self._dead = ""
        """Why the token we hold is of no use; empty while it may be."""
        self._looked_at: datetime | None = None
        self._lock = asyncio.Lock()

    def forget_look(self) -> None:
        """The token file may be new: look at once."""
        self._looked_at = None

    async def _look(self, now: datetime) -> None:
        """Take a newer token in, unless it was looked for a moment ago.

        Raises:
            BrokerAuthError: what lies there is none.
        """
        if self._looked_at is not None and now - self._looked_at < _AGAIN:
            return
        self._looked_at = now
        text = await self._tokens.load(self._name)
        try:
            found = None if text is None else self._read(text)
        except (ValueError, KeyError, TypeError):
            remedy = f"run `tradestream broker connect {self._name}` in a terminal"
            said = f"{self._name}: its token file cannot be read: {remedy}"
            raise BrokerAuthError(said) from None  # the cause would quote it
        if found is not None and found != self._token:
            self._token, self._dead = found, ""
