"""DXLink on loopback: the market data protocol of tastytrade's provider, fed from a quote board."""

import asyncio
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from aiohttp import WSMsgType, web

from engine.clock import Clock
from engine.domain.instrument import Instrument
from engine.domain.quote import Quote
from engine.feeds import QuoteBoard


@dataclass
class Channel:
    """One subscription channel of one socket."""

    socket: web.WebSocketResponse
    number: int
    fields: dict[str, list[str]] = field(default_factory=dict)
    symbols: dict[str, set[str]] = field(default_factory=dict)
    """Event type -> symbols."""


class DxLink:
    """SETUP, AUTH, channels, FEED_SETUP, FEED_SUBSCRIPTION; data in the compact form."""

    def __init__(self, board: QuoteBoard, clock: Clock) -> None:
        self.token = "dx-canary-token"
        self.board, self.clock = board, clock
        self.futures: list[dict[str, Any]] = []
        self.chains: dict[str, dict[str, Any]] = {}
        self.greeks: dict[str, dict[str, Any]] = {}
        """Streamer symbol -> fields of a Greeks event."""
        self.candles: dict[str, list[dict[str, Any]]] = {}
        """Streamer symbol -> fields of Candle events, oldest first, of any length."""
        self.candles_asked: list[dict[str, Any]] = []
        self.tells_whole_past = True
        self.channels: list[Channel] = []
        self.n_keepalives = 0
        self.is_silent = False
        self.opens = asyncio.Event()
        """Channels that are asked for are opened once it is set."""
        self.opens.set()
        self.n_states = 1
        """How often it says that somebody is let in; 0: it keeps alive and says nothing."""

    async def serve(self, request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse(heartbeat=None)
        await socket.prepare(request)
        try:
            async for message in socket:
                if message.type is not WSMsgType.TEXT:
                    break
                await self._hear(socket, json.loads(message.data))
        finally:
            self.channels = [c for c in self.channels if c.socket is not socket]
        return socket

    async def _hear(self, socket: web.WebSocketResponse, said: Mapping[str, Any]) -> None:
        kind, number = said["type"], said["channel"]
        if kind == "SETUP":
            await _say(
                socket,
                {
                    "type": "SETUP",
                    "channel": 0,
                    "version": "1.0-1.2.1",
                    "keepaliveTimeout": 60,
                    "acceptKeepaliveTimeout": 60,
                },
            )
            await _say(socket, {"type": "AUTH_STATE", "channel": 0, "state": "UNAUTHORIZED"})
        elif kind == "AUTH":
            if said["token"] != self.token:
                error = {"type": "ERROR", "channel": 0, "error": "UNAUTHORIZED", "message": "no"}
                await _say(socket, error)
                await socket.close()
                return
            state = {"type": "AUTH_STATE", "channel": 0, "state": "AUTHORIZED", "userId": "u"}
            for _ in range(self.n_states):
                await _say(socket, state)
        elif kind == "KEEPALIVE":
            self.n_keepalives += 1
            await _say(socket, {"type": "KEEPALIVE", "channel": 0})
        elif kind == "CHANNEL_REQUEST":
            await self.opens.wait()
            self.channels.append(Channel(socket, number))
            opened = {
                "type": "CHANNEL_OPENED",
                "channel": number,
                "service": "FEED",
                "parameters": {"contract": "AUTO", "subFormat": "LIST"},
            }
            await _say(socket, opened)
        else:
            await self._feed(socket, said)

    async def _feed(self, socket: web.WebSocketResponse, said: Mapping[str, Any]) -> None:
        channel = next(
            c for c in self.channels if c.socket is socket and c.number == said["channel"]
        )
        if said["type"] == "FEED_SETUP":
            channel.fields = dict(said["acceptEventFields"])
            config = {
                "type": "FEED_CONFIG",
                "channel": channel.number,
                "dataFormat": said.get("acceptDataFormat", "COMPACT"),
                "aggregationPeriod": said.get("acceptAggregationPeriod", 0.1),
                "eventFields": channel.fields,
            }
            await _say(socket, config)
        elif said["type"] == "FEED_SUBSCRIPTION":
            for one in said.get("add", []):
                channel.symbols.setdefault(one["type"], set()).add(one["symbol"])
            for one in said.get("remove", []):
                channel.symbols.get(one["type"], set()).discard(one["symbol"])
            for one in said.get("add", []):
                if one["type"] == "Candle":
                    await self._past(channel, one)
                else:
                    await self._first(channel, one["type"], one["symbol"])

    async def _first(self, channel: Channel, kind: str, symbol: str) -> None:
        if kind == "Greeks" and symbol in self.greeks:
            await self._send(channel, kind, {"eventSymbol": symbol, **self.greeks[symbol]})
        for quote in self.board.all().values():
            if kind == "Quote" and streamer_symbol(quote.instrument) == symbol:
                await self._send(channel, kind, _quote(quote))

    async def _past(self, channel: Channel, one: Mapping[str, Any]) -> None:
        """Newest first, the oldest flagged as the end; lengths of one are written without it."""
        self.candles_asked.append(dict(one))
        name, _, rest = one["symbol"].partition("{")
        symbol = name + "{" + re.sub("=1([mhd])", r"=\1", rest)
        rows = [c for c in self.candles.get(name, []) if c["time"] >= one["fromTime"]]
        if not rows:
            await self._send(channel, "Candle", {"eventSymbol": symbol, "eventFlags": 2 | 4 | 8})
        for n, row in enumerate(reversed(rows), start=1):
            is_end = n == len(rows) and self.tells_whole_past
            flags = (4 if n == 1 else 0) | (8 if is_end else 0)
            await self._send(channel, "Candle", {"eventSymbol": symbol, "eventFlags": flags, **row})

    async def tell(self, quote: Quote) -> None:
        """A new quote goes to whoever subscribed."""
        self.board.put(quote)
        symbol = streamer_symbol(quote.instrument)
        for channel in self.channels:
            if symbol in channel.symbols.get("Quote", ()):
                await self._send(channel, "Quote", _quote(quote))

    async def _send(self, channel: Channel, kind: str, event: Mapping[str, Any]) -> None:
        if self.is_silent:
            return
        row = [event.get(name, "NaN") for name in channel.fields[kind]]
        await _say(
            channel.socket, {"type": "FEED_DATA", "channel": channel.number, "data": [kind, row]}
        )

    async def drop(self) -> None:
        """Cut every connection."""
        for socket in {channel.socket for channel in self.channels}:
            await socket.close(code=1012)


def streamer_symbol(instrument: Instrument) -> str:
    """As dxFeed writes it."""
    if instrument.kind == "option":
        assert instrument.strike is not None
        strike = f"{instrument.strike.normalize():f}"
        return f".{instrument.symbol}{instrument.expiry:%y%m%d}{instrument.right}{strike}"
    if instrument.kind == "future":
        return f"{instrument.key}:XCME"
    return instrument.symbol


def _quote(quote: Quote) -> dict[str, Any]:
    at = int(quote.exchange_at.timestamp() * 1000)
    return {
        "eventSymbol": streamer_symbol(quote.instrument),
        "eventTime": 0,
        "sequence": 0,
        "timeNanoPart": 0,
        "bidTime": at,
        "bidExchangeCode": "Q",
        "bidPrice": float(quote.bid),
        "bidSize": float(quote.bid_size) if quote.bid_size is not None else "NaN",
        "askTime": at,
        "askExchangeCode": "Q",
        "askPrice": float(quote.ask),
        "askSize": float(quote.ask_size) if quote.ask_size is not None else "NaN",
    }


async def _say(socket: web.WebSocketResponse, message: Mapping[str, Any]) -> None:
    await socket.send_str(json.dumps(message))
