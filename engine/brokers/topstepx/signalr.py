"""The little of SignalR's JSON protocol that ProjectX's hubs need, over one WebSocket.

Messages are JSON texts that end in a record separator. We say hello, invoke the subscriptions,
and hear invocations until the hub says goodbye or falls silent.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import aiohttp

from engine.clock import Clock
from engine.domain.errors import BrokerAuthError, BrokerUnavailable

SEPARATOR = "\x1e"
PING_S = 10.0
"""The hub pings every 15 s: two silent spans of ours in a row mean that it is gone."""
_MOST_BYTES = 4 * 2**20
_ANSWER_S = 10.0
_CONFIRM_S = 3.0

INVOCATION, COMPLETION, PING, CLOSE = 1, 3, 6, 7


class Odd(ValueError):
    """A message that is none of the protocol; ``raw`` is its text, cut."""

    def __init__(self, raw: str) -> None:
        super().__init__("a message that cannot be read")
        self.raw = raw[:500]


@dataclass(frozen=True, slots=True)
class Call:
    """Something that the hub tells."""

    target: str
    arguments: Sequence[Any]


class Hub:
    """One connection to one hub. Made for one session; a lost one is not used again."""

    def __init__(self, session: aiohttp.ClientSession, url: str, clock: Clock) -> None:
        self._session, self._url, self._clock = session, url, clock
        self._socket: aiohttp.ClientWebSocketResponse | None = None
        self._pinger: asyncio.Task[None] | None = None
        self._is_heard = False
        self._ids = 0
        self._early: list[Call] = []
        """Told while we waited for the answer to a subscription."""

    async def open(self, token: str) -> None:
        """Connect and agree on JSON.

        Raises:
            BrokerAuthError: the token is not accepted. BrokerUnavailable.
        """
        try:
            async with asyncio.timeout(_ANSWER_S):
                self._socket = await self._session.ws_connect(
                    self._url,
                    params={"access_token": token},
                    headers={"Authorization": f"Bearer {token}"},
                    max_msg_size=_MOST_BYTES,
                )
                await self._send({"protocol": "json", "version": 1})
                hello = await self._records()
        except aiohttp.WSServerHandshakeError as error:
            if error.status in (401, 403):
                raise BrokerAuthError("the hub does not accept our token") from None
            raise BrokerUnavailable(f"the hub answers {error.status}") from None
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            raise BrokerUnavailable(f"no connection to the hub ({type(error).__name__})") from None
        first = hello[0] if hello else {}
        if not isinstance(first, dict) or first.get("error"):
            raise BrokerUnavailable("the hub does not speak JSON with us")
        self._early += [call for record in hello[1:] if (call := _call(record)) is not None]
        self._pinger = asyncio.create_task(self._ping(), name="hub ping")

    async def close(self) -> None:
        """Hang up."""
        if self._pinger is not None:
            self._pinger.cancel()
            await asyncio.gather(self._pinger, return_exceptions=True)
        if self._socket is not None:
            await self._socket.close()

    async def subscribe(self, calls: Iterable[tuple[Any, ...]]) -> None:
        """Call the hub, each a method and its arguments, and hear whether it refuses any.

        A hub that says nothing about a call has taken it; what it does not tell then is found by
        asking.

        Raises:
            BrokerUnavailable: it refused one, or hung up.
        """
        waiting: dict[str, str] = {}
        for target, *arguments in calls:
            self._ids += 1
            id_ = str(self._ids)
            waiting[id_] = target
            message = {"type": INVOCATION, "invocationId": id_, "target": target}
            await self._send({**message, "arguments": arguments})
        with suppress(TimeoutError):
            async with asyncio.timeout(_CONFIRM_S):
                while waiting:
                    await self._confirmed(waiting)

    async def tell(self, target: str, *arguments: Any) -> None:
        """Call the hub without waiting; a refusal comes as a completion and ends nothing."""
        await self._send({"type": INVOCATION, "target": target, "arguments": list(arguments)})

    async def _confirmed(self, waiting: dict[str, str]) -> None:
        for record in await self._records():
            if not isinstance(record, dict):
                continue
            if record.get("type") == COMPLETION:
                target = waiting.pop(str(record.get("invocationId")), "a call")
                if record.get("error"):
                    raise BrokerUnavailable(f"{target} was refused")
            elif (call := _call(record)) is not None:
                self._early.append(call)

    async def calls(self) -> AsyncIterator[Call | Odd]:
        """What the hub tells, in order, until the connection ends; Odd for what is unreadable."""
        early, self._early = self._early, []
        for call in early:
            yield call
        while True:
            try:
                records = await self._records()
            except BrokerUnavailable:
                return
            for record in records:
                if isinstance(record, Odd):
                    yield record
                    continue
                if record.get("type") == CLOSE:
                    return
                found = _call(record)
                if found is not None:
                    yield found
                elif record.get("type") not in (COMPLETION, PING):
                    yield Odd(json.dumps(record, default=str))

    # -- the wire -------------------------------------------------------------------------------

    async def _send(self, message: dict[str, Any]) -> None:
        assert self._socket is not None  # noqa: S101 - opened before
        try:
            await self._socket.send_str(json.dumps(message) + SEPARATOR)
        except (aiohttp.ClientError, ConnectionError, RuntimeError):
            raise BrokerUnavailable("the hub is gone") from None

    async def _records(self) -> list[Any]:
        """Every record of the next message.

        Raises:
            BrokerUnavailable: the connection is over.
        """
        assert self._socket is not None  # noqa: S101 - opened before
        message = await self._socket.receive()
        self._is_heard = True
        if message.type in (aiohttp.WSMsgType.TEXT, aiohttp.WSMsgType.BINARY):
            data = message.data
            text = data if isinstance(data, str) else bytes(data).decode("utf-8", "replace")
            return [_read(part) for part in text.split(SEPARATOR) if part]
        if message.type in (aiohttp.WSMsgType.PING, aiohttp.WSMsgType.PONG):
            return []
        raise BrokerUnavailable("the hub hung up")

    async def _ping(self) -> None:
        """Say that we live; hang up when the hub has said nothing for two spans."""
        n_silent = 0
        while n_silent < 2:
            self._is_heard = False
            with suppress(BrokerUnavailable):
                await self._send({"type": PING})
            await self._clock.sleep(PING_S)
            n_silent = 0 if self._is_heard else n_silent + 1
        assert self._socket is not None  # noqa: S101 - opened before
        await self._socket.close(code=aiohttp.WSCloseCode.GOING_AWAY)


def _read(text: str) -> Any:
    try:
        record = json.loads(text, parse_float=Decimal)
    except ValueError:
        return Odd(text)
    return record if isinstance(record, dict) else Odd(text)


def _call(record: Any) -> Call | None:
    if not isinstance(record, dict) or record.get("type") != INVOCATION:
        return None
    target, arguments = record.get("target"), record.get("arguments")
    if not isinstance(target, str) or not isinstance(arguments, list):
        return None
    return Call(target, arguments)


def unwrapped(argument: Any) -> list[tuple[dict[str, Any], int | None]]:
    """The objects of an argument, each with its action (0 new, 1 changed, 2 gone) when it has one.

    They come bare, in an envelope of action and data, or several in a list.
    """
    if isinstance(argument, list):
        return [pair for one in argument for pair in unwrapped(one)]
    if not isinstance(argument, dict):
        return []
    if isinstance(argument.get("data"), (dict, list)) and "action" in argument:
        action = argument["action"] if isinstance(argument["action"], int) else None
        return [(row, action) for row, _ in unwrapped(argument["data"])]
    return [(argument, None)]


def hub_url(url: str) -> str:
    """The WebSocket address of a hub, whichever scheme it is written with."""
    for plain, socket in (("https://", "wss://"), ("http://", "ws://")):
        if url.startswith(plain):
            return socket + url.removeprefix(plain)
    return url
