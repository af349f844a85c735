"""alpaca-py's stream of trade updates."""

import json
from collections.abc import Callable
from decimal import Decimal
from typing import Any

from engine.brokers._wire.put_off import put_off
from engine.brokers.alpaca.sdk import WEBSOCKET, AuthFailed, Listening

with put_off("pandas"):
    from alpaca.trading.stream import TradingStream


class Updates(Listening, TradingStream):
    """The stream of trade updates."""

    def __init__(
        self, key: str, secret: str, url: str, heard: Callable[[Any], None], up: Callable[[], None]
    ) -> None:
        """``heard`` takes each message; text when it is no JSON."""
        super().__init__(
            key, secret, raw_data=True, url_override=url, websocket_params=dict(WEBSOCKET)
        )
        self.heard, self.up = heard, up
        self.subscribe_trade_updates(self._ignore)

    async def _ignore(self, _: Any) -> None:
        """The library asks for a handler before it subscribes; messages are taken in raw."""

    async def begin(self) -> None:
        """Connect, log in, subscribe."""
        await self._start_ws()  # type: ignore[no-untyped-call]

    def connection(self) -> Any:
        """The open web socket."""
        return self._ws

    async def connection_closed(self) -> None:
        """Hang up."""
        await self.close()

    async def _auth(self) -> None:
        try:
            await super()._auth()  # type: ignore[no-untyped-call]
        except ValueError as error:
            raise AuthFailed from error

    def parsed(self, raw: str | bytes) -> Any:
        """JSON with exact numbers, or the text."""
        try:
            return json.loads(raw, parse_float=Decimal)
        except ValueError:
            return raw if isinstance(raw, str) else raw.decode(errors="replace")
