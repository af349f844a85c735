"""One of Alpaca's streams of quotes, from the library's thread onto the loop, kept alive."""

import asyncio
import logging
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Any

from engine.brokers.alpaca.threads import Threads
from engine.clock import Clock
from engine.feeds._pauses import Pauses

log = logging.getLogger(__name__)


class Line:
    """A connection that comes back by itself and subscribes anew to all that was asked for."""

    def __init__(
        self,
        name: str,
        clock: Clock,
        keys: tuple[str, str],
        url: str,
        channels: tuple[str, ...],
        heard: Callable[[Any], None],
        up: Callable[[], None],
    ) -> None:
        """On the loop: ``heard`` with each list of messages, ``up`` with each new connection."""
        self.is_up = False
        self.why = "not connected yet"
        self.refused = ""
        """What it said it does not do, such as more symbols than the plan has."""
        self._name, self._clock, self._keys, self._url = name, clock, keys, url
        self._channels, self._heard, self._up = channels, heard, up
        self._symbols: dict[str, None] = {}
        self._threads = Threads(f"feed {name}", 2)
        self._pauses = Pauses(clock)
        self._running: Any = None
        self._task: asyncio.Task[None] | None = None

    def add(self, symbols: Iterable[str]) -> None:
        """Subscribe to more; the first begins to connect."""
        new = [symbol for symbol in symbols if symbol not in self._symbols]
        self._symbols |= dict.fromkeys(new)
        if self._task is None:
            self._task = asyncio.create_task(self._keep(), name=f"feed {self._name}")
        elif new and self._running is not None:
            self._running.add(new)

    def forget(self, symbol: str) -> None:
        """Not subscribed to any more after the next gap."""
        self._symbols.pop(symbol, None)

    async def close(self) -> None:
        """Hang up for good."""
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task
        self._threads.close()

    async def _keep(self) -> None:
        while True:
            try:
                await self._session()
                self.why = "ended by Alpaca"
            except asyncio.CancelledError:
                raise
            except Exception as error:  # noqa: BLE001 - it ends in whatever its library raises
                self.why = type(error).__name__
            self.is_up = False
            log.info("quotes of %s: the stream is down (%s)", self._name, self.why)
            await self._clock.sleep(self._pauses.lost_s())

    async def _session(self) -> None:
        loop = asyncio.get_running_loop()

        def tell(what: Callable[..., None], *about: Any) -> None:
            with suppress(RuntimeError):  # the loop is gone
                loop.call_soon_threadsafe(what, *about)

        def made() -> Any:
            from engine.brokers.alpaca.sdk_data import Quotes

            return Quotes(
                *self._keys,
                self._url,
                self._channels,
                list(self._symbols),
                lambda said: tell(self._heard, said),
                lambda: tell(self._is_up),
            )

        known, self.refused = set(self._symbols), ""
        self._running = await self._threads.run(made)
        try:
            self._running.add([symbol for symbol in self._symbols if symbol not in known])
            await self._threads.run(self._running.listen)
        finally:
            self._running.stop()
            self._running = None

    def _is_up(self) -> None:
        self.is_up, self.why = True, ""
        self._pauses.up()
        self._up()
