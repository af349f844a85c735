"""One DXLink session: the library connects, keeps it alive and subscribes; what comes is read raw.

Its own reader drops events into queues without end and stops at a message it does not know; here
each event is handed on at once, exact to its last digit, and a silent line is a lost one.
"""

import json
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

from anyio import TASK_STATUS_IGNORED
from anyio.abc import TaskStatus
from tastytrade import DXLinkStreamer
from tastytrade.streamer import DXLINK_VERSION, MAP_EVENTS

from engine.brokers.tastytrade.login import Login
from engine.domain.errors import BrokerAuthError, BrokerUnavailable
from engine.feeds.tastytrade.reading import rows_in

SILENT_S = 90.0
"""Real seconds; the other side is to say something at least once a minute."""
_BESIDE = frozenset({"Greeks", "Candle"})
"""What a login may not have: that it is refused costs no quote."""
_MOST_ODD = 20
"""So many messages in a row that cannot be read are a lost line; fewer cost nobody a quote."""


class Link(DXLinkStreamer):
    """Hands on every event: type and fields."""

    def __init__(self, login: Login, hear: Callable[[str, Mapping[str, Any]], None]) -> None:
        super().__init__(login)
        for sender in self._send.values():  # its queues; an open one warns when it is forgotten
            sender.close()
        for receiver in self._recv.values():
            receiver.close()
        self._hear = hear
        self._fields: dict[str, list[str]] = {
            name: list(event.model_json_schema()["properties"])
            for name, event in MAP_EVENTS.items()
            if name in ("Quote", "Greeks", "Candle")
        }

    async def _reader(self, *, task_status: TaskStatus[None] = TASK_STATUS_IGNORED) -> None:
        setup = {
            "type": "SETUP",
            "channel": 0,
            "keepaliveTimeout": 60,
            "acceptKeepaliveTimeout": 60,
            "version": DXLINK_VERSION,
        }
        await self._websocket.send_json(setup)
        has_asked = is_in = False
        n_odd = 0
        while True:
            text = await self._websocket.receive_text(timeout=SILENT_S)
            message = _message(text)
            n_odd = 0 if message else n_odd + 1
            if n_odd >= _MOST_ODD:
                raise BrokerUnavailable("market data: messages that cannot be read")
            kind = message.get("type")
            if kind == "FEED_DATA":
                for event, fields in rows_in(message.get("data"), self._fields):
                    self._hear(event or self._type_of(message), fields)
            elif kind == "AUTH_STATE" and message.get("state") == "AUTHORIZED":
                if not is_in:  # a state may be told again
                    is_in = True
                    task_status.started()
            elif kind == "AUTH_STATE":
                if has_asked:
                    raise BrokerAuthError("market data are refused")
                has_asked = True
                auth = {"type": "AUTH", "channel": 0, "token": self._auth_token}
                await self._websocket.send_json(auth)
            else:
                self._control(kind, message)

    def _control(self, kind: Any, message: Mapping[str, Any]) -> None:
        if kind in ("ERROR", "CHANNEL_CLOSED") and self._type_of(message) in _BESIDE:
            self._subscription_state.pop(self._type_of(message), None)  # opened anew when asked
            return
        if kind == "ERROR":
            raise BrokerUnavailable(f"market data: {str(message.get('error'))[:60]}")
        if kind == "CHANNEL_OPENED":
            event = self._subscription_state.get(self._type_of(message))
            if event is not None:
                event.set()
        elif kind == "CHANNEL_CLOSED":
            raise BrokerUnavailable("market data: a channel was closed")
        elif kind == "FEED_CONFIG" and isinstance(message.get("eventFields"), Mapping):
            told = message["eventFields"].items()
            self._fields |= {event: names for event, names in told if isinstance(names, list)}

    def _type_of(self, message: Mapping[str, Any]) -> str:
        channel = message.get("channel")
        return self._channels_reversed.get(channel, "") if isinstance(channel, int) else ""


def _message(text: str) -> Mapping[str, Any]:
    """What was said; nothing where it cannot be read."""
    try:
        said = json.loads(text, parse_float=Decimal, parse_constant=str)
    except ValueError:
        return {}
    return said if isinstance(said, Mapping) else {}
