"""Alpaca's trade updates, from the library's thread onto the loop."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from engine.brokers.alpaca.threads import Threads
from engine.domain.errors import BrokerAuthError, BrokerUnavailable


class Stream:
    """One listening session at a time; :meth:`session` is what a Keeper runs."""

    def __init__(
        self, name: str, key: str, secret: str, url: str, heard: Callable[[Any], None]
    ) -> None:
        """``heard`` is called on the loop with every message, in order."""
        self._name, self._url, self._heard = name, url, heard
        self._keys = (key, secret)
        self._threads = Threads(f"{name} stream", 2)

    async def session(self, is_up: Callable[[], None]) -> None:
        """Connect, subscribe, call ``is_up``, hear everything until it breaks.

        Raises:
            BrokerAuthError: the keys are not taken. Else whatever the connection ended with.
        """
        loop = asyncio.get_running_loop()

        def tell(what: Callable[..., None], *about: Any) -> None:
            with suppress(RuntimeError):  # the loop is gone
                loop.call_soon_threadsafe(what, *about)

        def made() -> Any:
            from engine.brokers.alpaca.sdk_stream import Updates

            return Updates(
                *self._keys, self._url, lambda said: tell(self._heard, said), lambda: tell(is_up)
            )

        updates = await self._threads.run(made)
        try:
            await self._threads.run(updates.listen)
        except Exception as error:
            if type(error).__name__ == "AuthFailed":
                raise BrokerAuthError(f"{self._name}: the stream does not take our keys") from error
            raise
        finally:
            updates.stop()
        raise BrokerUnavailable(f"{self._name}: the stream ended")

    def close(self) -> None:
        """The threads end once nothing runs in them."""
        self._threads.close()
