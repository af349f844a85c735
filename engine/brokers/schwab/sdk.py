"""schwab-py, loaded when a connection is made: it is an extra, and takes a second to import.

Its client builds addresses and parameters and hands them to a session; ours sends them over our
own wire, to the configured address, in a lane, once.
"""

import logging
import warnings
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from dataclasses import dataclass
from functools import partial
from typing import Any

from engine.brokers._wire.http import Answer, Wire
from engine.brokers._wire.lanes import Lane
from engine.domain.errors import ConfigError

HOST = "https://api.schwabapi.com"
"""Written into the client's every call; taken off again by the session."""

LANE: ContextVar[Lane] = ContextVar("schwab lane", default="order")
"""Lane of the act that is being asked for; the client has no word for it."""

_MUTE = logging.Logger("schwab", logging.CRITICAL + 1)  # noqa: LOG001 - bodies hold account numbers


@dataclass(frozen=True, slots=True, kw_only=True)
class Sdk:
    """What we use of schwab-py."""

    client: Callable[..., Any]
    order_builder: Callable[[], Any]
    positions: Any
    """The field of an account that asks for its holdings."""
    working: Any
    """The status of an order that works in the market."""


def load(name: str) -> Sdk:
    """The library.

    Raises:
        ConfigError: it is not installed.
    """
    try:
        with warnings.catch_warnings():
            # Its streamer, which we do not use, imports what websockets has deprecated.
            warnings.simplefilter("ignore", DeprecationWarning)
            from schwab.client import AsyncClient  # type: ignore[import-untyped]
            from schwab.orders.generic import OrderBuilder  # type: ignore[import-untyped]
    except ImportError as error:
        raise ConfigError(
            f"brokers.{name}: needs schwab-py, which is not here ({error.name}); "
            "install TradeStream with its extra: pip install 'tradestream[schwab]'"
        ) from error
    return Sdk(
        client=AsyncClient,
        order_builder=partial(OrderBuilder, enforce_enums=False),
        positions=AsyncClient.Account.Fields.POSITIONS,
        working=AsyncClient.Order.Status.WORKING,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Response:
    """An answer in the shape that the client passes through."""

    status_code: int
    headers: Mapping[str, str]
    body: Any
    text: str = ""
    """Kept empty: the client would log it."""

    @classmethod
    def of(cls, answer: Answer) -> "Response":
        """The wire's answer."""
        return cls(status_code=answer.status, headers=answer.headers, body=answer.body)


class Session:
    """What the client takes for an HTTP library."""

    def __init__(self, wire: Wire, headers: Callable[[], Mapping[str, str]]) -> None:
        """``headers``: who asks, as of now."""
        self._wire, self._headers = wire, headers
        self.timeout: Any = None
        """The client sets one; the wire has its own."""

    async def get(self, url: str, params: Mapping[str, Any]) -> Response:
        """A question."""
        text = {name: str(value) for name, value in params.items()}
        answer = await self._wire.read("GET", _path(url), params=text, headers=self._headers())
        return Response.of(answer)

    async def post(self, url: str, json: Any) -> Response:
        """An act."""
        return await self._act("POST", url, json)

    async def put(self, url: str, json: Any) -> Response:
        """An act."""
        return await self._act("PUT", url, json)

    async def delete(self, url: str) -> Response:
        """An act."""
        return await self._act("DELETE", url, None)

    async def _act(self, method: Any, url: str, body: Any) -> Response:
        answer = await self._wire.act(
            method, _path(url), json=body, headers=self._headers(), lane=LANE.get()
        )
        return Response.of(answer)


def client(sdk: Sdk, key: str, session: Session) -> Any:
    """The client, mute: at DEBUG it writes whole answers into the log."""
    made = sdk.client(key, session)
    made.logger = _MUTE
    return made


def _path(url: str) -> str:
    return url.removeprefix(HOST)
