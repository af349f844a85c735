"""alpaca-py's streams of quotes; apart from its trading half, so that one needs not the other."""

from collections.abc import Callable
from contextlib import suppress
from typing import Any

import msgpack  # type: ignore[import-untyped]
from websockets.exceptions import ConnectionClosed

from engine.brokers._wire.put_off import put_off
from engine.brokers.alpaca.sdk import WEBSOCKET, AuthFailed, Listening

with put_off("pandas"):
    from alpaca.data.live.websocket import DataStream

_STEP = 10
"""Symbols of one message: beyond a plan's limit Alpaca refuses the message whole."""
_MOST_ODD = 20
"""So many frames in a row that cannot be read are a lost line; fewer cost nobody a quote."""


class Quotes(Listening, DataStream):
    """One stream of quotes: shares, options or coins, by its address."""

    def __init__(
        self,
        key: str,
        secret: str,
        url: str,
        channels: tuple[str, ...],
        symbols: list[str],
        heard: Callable[[Any], None],
        up: Callable[[], None],
    ) -> None:
        """``channels``: quotes, and statuses where there are any; ``heard`` takes lists."""
        super().__init__(url, key, secret, raw_data=True, websocket_params=dict(WEBSOCKET))
        self.heard, self.up = heard, up
        self._channels = channels
        self._n_odd = 0
        self._want(symbols)

    async def begin(self) -> None:
        """Connect, log in, subscribe."""
        try:
            await self._start_ws()
        except ValueError as error:
            raise AuthFailed(str(error)) from error
        await self._ask_for(list(self._handlers["quotes"]))

    def add(self, symbols: list[str]) -> None:
        """Subscribe to more, from any thread; the answer comes as a message."""
        self._want(symbols)
        if self.mine is not None:
            loop, _ = self.mine
            with suppress(RuntimeError):  # it ended: the next one subscribes to all
                loop.call_soon_threadsafe(lambda: loop.create_task(self._more(symbols)))

    def _want(self, symbols: list[str]) -> None:
        for channel in self._channels:
            self._handlers[channel] |= dict.fromkeys(symbols)

    async def _more(self, symbols: list[str]) -> None:
        if self.connection() is not None:
            with suppress(ConnectionClosed):
                await self._ask_for(symbols)

    async def _ask_for(self, symbols: list[str]) -> None:
        for n in range(0, len(symbols), _STEP):
            wanted = dict.fromkeys(self._channels, symbols[n : n + _STEP])
            await self.connection().send(msgpack.packb({"action": "subscribe", **wanted}))

    def connection(self) -> Any:
        """The open web socket."""
        return self._ws

    async def connection_closed(self) -> None:
        """Hang up."""
        await self.close()

    def parsed(self, raw: str | bytes) -> Any:
        """A list of messages, times as aware datetimes; none where they cannot be read."""
        try:
            said = msgpack.unpackb(raw, timestamp=3)
        except (ValueError, TypeError, OverflowError):
            self._n_odd += 1
            if self._n_odd >= _MOST_ODD:
                raise
            return []
        self._n_odd = 0
        return said
