"""Alpaca's REST interface off the loop: lanes, breaker, and what each kind of silence proves.

The library blocks, so every lane has threads of its own; all share one pool of kept connections.
"""

import asyncio
import json
import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Literal

import stamina

from engine.brokers._wire.again import (
    NOT_OFFERED,
    UNPROVEN,
    NoSuchPlace,
    is_worth_another,
    pause_s,
    place_of,
    server_error,
)
from engine.brokers._wire.breaker import Breaker
from engine.brokers._wire.lanes import Lane, Lanes
from engine.brokers._wire.refused import because
from engine.brokers._wire.shared import Shared
from engine.brokers._wire.usage import Usage
from engine.brokers.alpaca.threads import Call, Threads
from engine.clock import Clock
from engine.domain.errors import (
    BrokerUnavailable,
    CredentialsRefused,
    NotOffered,
    OrderRejected,
    OrderStateUnknown,
    RateLimited,
)

if TYPE_CHECKING:
    from engine.brokers.alpaca.sdk import Client, Reply

Method = Literal["GET", "POST", "PATCH", "DELETE"]

CONNECT_S, READ_S = 3.0, 8.0
"""Together with a lane's wait below the desk's own limit of 10 s."""
_THREADS: dict[Lane, int] = {"exit": 24, "order": 24, "read": 8}
_TRIES = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What Alpaca said: any 2xx, or a 4xx with a refusal of its own."""

    status: int
    body: Any
    """Parsed JSON, fractions as Decimal; None when there was no body."""

    @property
    def is_ok(self) -> bool:
        """Done as asked."""
        return 200 <= self.status < 300

    @property
    def is_missing(self) -> bool:
        """Alpaca itself says that there is no such thing; a gateway's 404 says nothing."""
        return self.status == 404 and isinstance(self.body, dict) and "message" in self.body

    def refusal(self) -> Exception:
        """The error that a refusal means."""
        body = self.body if isinstance(self.body, dict) else {}
        text = str(body.get("message") or "no reason given").strip().rstrip(".")
        code = body.get("code")
        if self.status == 403 and code is None:
            return CredentialsRefused("Alpaca does not let these keys do that (403)")
        return OrderRejected(str(code or self.status), f"Alpaca refuses: {text}")


class Rest:
    """One login's requests."""

    def __init__(self, name: str, clock: Clock, lanes: Lanes, usage: Usage) -> None:
        self.name, self.usage, self.lanes = name, usage, lanes
        self.breaker = Breaker(name, clock)
        self._clock = clock
        self._threads = {lane: Threads(f"{name} {lane}", most) for lane, most in _THREADS.items()}
        self._client: Client | None = None
        self._asked: Shared[Answer] = Shared()

    async def open(self, key: str, secret: str, url: str, version: str = "v2") -> None:
        """Make the library's client; nothing is sent."""
        connect_s, read_s = CONNECT_S, READ_S

        def made() -> "Client":
            from engine.brokers.alpaca.sdk import Client

            return Client(key, secret, url, connect_s=connect_s, read_s=read_s, version=version)

        self._client = await self._threads["read"].run(made)
        self.breaker.invite()  # whoever connects has waited already

    async def close(self) -> None:
        """Hang up; threads end as they fall idle."""
        client, self._client = self._client, None
        if client is not None:
            client.close()
        for threads in self._threads.values():
            threads.close()

    @property
    def is_open(self) -> bool:
        """Whether there is a login to ask with."""
        return self._client is not None

    async def read(
        self,
        path: str,
        asked: Mapping[str, str] | None = None,
        *,
        lane: Lane = "read",
        version: str | None = None,
    ) -> Answer:
        """Ask for something that changes nothing; tried again when there is no answer.

        The same question that still waits for its turn is asked once.

        Raises:
            BrokerUnavailable, RateLimited, BrokerAuthError; NotOffered: there is no such question.
        """
        more = dict(asked or {}) or None

        async def ask(leaves: Callable[[], None]) -> Answer:
            return await self._tried(path, lane, more, leaves, version=version)

        key = (path, tuple(sorted((more or {}).items())), version)
        return await self._asked.answer(key, ask)

    async def _tried(
        self,
        path: str,
        lane: Lane,
        asked: dict[str, str] | None,
        leaves: Callable[[], None],
        **more: str | None,
    ) -> Answer:
        async for attempt in stamina.retry_context(
            on=is_worth_another, attempts=_TRIES, wait_initial=0.3, wait_max=1.0, timeout=9.0
        ):
            with attempt:
                try:
                    return await self._once("GET", path, lane, asked, leaves, **more)
                except NoSuchPlace as error:
                    self.breaker.succeeded()  # it answers: what else it offers is asked as ever
                    raise NotOffered(f"{error} at {place_of(path)}") from error
                except OrderStateUnknown as error:
                    raise BrokerUnavailable(f"{error} at {place_of(path)}") from error
        raise AssertionError("unreachable")  # pragma: no cover

    async def price(self, base_url: str, symbol: str) -> Answer:
        """The newest quote of a share, from the market data of the same login.

        Raises:
            BrokerUnavailable, RateLimited, BrokerAuthError.
        """
        asked = {"symbols": symbol, "feed": "iex"}
        try:
            return await self._once(
                "GET", "/stocks/quotes/latest", "read", asked, base_url=base_url
            )
        except OrderStateUnknown as error:
            raise BrokerUnavailable(str(error)) from error

    async def act(self, method: Method, path: str, lane: Lane, body: Any = None) -> Answer:
        """Ask for something that changes an order: sent once, whatever happens.

        Raises:
            BrokerUnavailable, RateLimited, BrokerAuthError: nothing was done.
            OrderStateUnknown: it may have been done.
        """
        return await self._once(method, path, lane, body)

    async def _once(
        self,
        method: Method,
        path: str,
        lane: Lane,
        data: Any,
        leaves: Callable[[], None] | None = None,
        **elsewhere: str | None,
    ) -> Answer:
        client = self._client
        if client is None:
            raise BrokerUnavailable(f"{self.name} is not connected; nothing was sent")
        if lane != "exit":
            self.breaker.check()  # what takes risk away is tried at a broken broker too
        await self.lanes.turn_in_time(lane)
        if lane != "exit":
            self.breaker.enter()  # last: whoever enters tells how it went
        if leaves is not None:
            leaves()
        self.usage.called()
        began = self._clock.monotonic()
        call = Call()
        try:
            async with asyncio.timeout(CONNECT_S + READ_S + 0.5):
                reply = await self._threads[lane].run(
                    lambda: client.ask(method, path, data, call=call, **elsewhere)
                )
        except asyncio.CancelledError:
            call.hang_up()
            self._failed(OrderStateUnknown("interrupted"))
            raise
        except Exception as error:
            call.hang_up()
            raise self._failed(_meaning(self.name, error)) from error
        self.usage.answered(reply.status, reply.headers, self._clock.monotonic() - began)
        return self._judged(reply, lane)

    def _judged(self, reply: "Reply", lane: Lane) -> Answer:
        status = reply.status
        if status == 429:
            self.breaker.succeeded()
            pause = self.lanes.pause(lane, pause_s(reply.headers, self._clock.now()))
            raise RateLimited(f"{self.name} asks for a pause of {pause:.0f} s", pause)
        if status == 401:
            self.breaker.succeeded()
            why = because(reply.text, reply.headers, self._clock.now())
            raise CredentialsRefused(f"{self.name} does not accept our keys (401{why})")
        if status == 501:
            raise self._no_such_place(status)
        if status >= 500 or 300 <= status < 400 or status in UNPROVEN:
            raise self._failed(server_error(self.name, status))
        try:
            body = json.loads(reply.text, parse_float=Decimal) if reply.text.strip() else None
        except ValueError as error:
            if status in NOT_OFFERED:
                raise self._no_such_place(status) from error
            what = f"{self.name}: an answer of status {status} that is no JSON"
            raise self._failed(OrderStateUnknown(what)) from error
        if status >= 400 and not isinstance(body, dict):
            if status in NOT_OFFERED:
                raise self._no_such_place(status)
            raise self._failed(OrderStateUnknown(f"{self.name}: a refusal without its reason"))
        self.breaker.succeeded()
        return Answer(status=status, body=body)

    def _no_such_place(self, status: int) -> Exception:
        return self._failed(NoSuchPlace(f"{self.name} has nothing there (status {status})"))

    def _failed(self, error: Exception) -> Exception:
        self.breaker.failed(str(error))
        self.usage.failed()
        return error


def _meaning(name: str, error: Exception) -> Exception:
    """Whether anything can have left, by how the library's HTTP ended."""
    from requests import exceptions as http
    from urllib3.exceptions import MaxRetryError, NameResolutionError, NewConnectionError

    what = type(error).__name__
    if isinstance(error, http.ConnectTimeout):
        return BrokerUnavailable(f"{name}: no connection")
    cause = error.args[0] if error.args else None
    reason = cause.reason if isinstance(cause, MaxRetryError) else None
    if isinstance(error, http.ConnectionError) and isinstance(reason, NewConnectionError):
        is_name = isinstance(reason, NameResolutionError)
        why = ", its name is not known (DNS)" if is_name else ""
        return BrokerUnavailable(f"{name}: no connection{why}")
    if isinstance(error, http.SSLError) and _is_of_handshake(reason):
        return BrokerUnavailable(f"{name}: no connection, its certificate is not trusted (TLS)")
    if isinstance(error, (http.InvalidURL, http.InvalidSchema, http.MissingSchema)):
        return BrokerUnavailable(f"{name}: its address cannot be used ({what})")
    return OrderStateUnknown(f"{name}: no answer ({what})")


def _is_of_handshake(reason: Exception | None) -> bool:
    """Whether a certificate was refused, which comes before anything is sent."""
    args = reason.args if reason is not None else ()
    return bool(args) and isinstance(args[0], ssl.SSLCertVerificationError)
