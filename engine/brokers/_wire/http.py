"""HTTP to a broker: one kept-alive connection, our own time-outs, and never a request sent twice.

What may create or change an order is sent once. Reads that fail are tried again. Every end is one
of the house's errors, told apart by what it proves: nothing sent, refused, or not known.
"""

import asyncio
import json as codec
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Literal

import aiohttp
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
from engine.brokers._wire.figures import in_capitals
from engine.brokers._wire.lanes import Lane, Lanes
from engine.brokers._wire.refused import because
from engine.brokers._wire.shared import Shared
from engine.brokers._wire.usage import Usage
from engine.clock import Clock
from engine.domain.errors import (
    BrokerUnavailable,
    CredentialsRefused,
    NotOffered,
    OrderStateUnknown,
    RateLimited,
)

Method = Literal["GET", "POST", "PUT", "PATCH", "DELETE"]
Sign = Callable[[Method, str], Mapping[str, str]]
"""Method and whole URL -> headers that prove who asks; made anew for every try."""
Seal = Callable[[str, Mapping[str, str], bytes], Mapping[str, str]]
"""Path, query and exact body -> the same, for brokers that want all of it signed."""

CONNECT_S, READ_S = 3.0, 8.0
"""Together with a lane's wait below the desk's own limit of 10 s."""
RENEWED_S = 3.0
"""So long an order waits for a new token where it can do without: past the desk's own limit it
would be in doubt, though nothing was sent."""
_TRIES = 3
_quoted = codec.encoder.encode_basestring_ascii


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What the broker said: any 2xx, or a 4xx that is its own refusal."""

    status: int
    body: Any
    """Parsed JSON, every number a Decimal; None when there was no body."""
    headers: Mapping[str, str]

    @property
    def is_ok(self) -> bool:
        """Done as asked."""
        return 200 <= self.status < 300


class Wire:
    """One broker's REST interface."""

    def __init__(
        self,
        name: str,
        base_url: str,
        clock: Clock,
        lanes: Lanes,
        *,
        usage: Usage | None = None,
        read_s: float | None = None,
        sign: Sign | None = None,
        seal: Seal | None = None,
        capitals: Collection[str] = (),
    ) -> None:
        """``sign``: for brokers that want each request signed; ``params`` are not for those.

        ``seal``: for those that sign query and body as well. ``capitals``: keys of answers whose
        words are read in capitals, in whatever case they came.
        """
        self.name, self.base_url = name, base_url.rstrip("/")
        self.clock, self.lanes = clock, lanes
        self.usage = usage or Usage(clock)
        self.breaker = Breaker(name, clock)
        self._sign, self._seal, self._capitals = sign, seal, capitals
        read_s = READ_S if read_s is None else read_s
        self._timeout = aiohttp.ClientTimeout(
            total=CONNECT_S + read_s, connect=CONNECT_S, sock_read=read_s
        )
        self._session: aiohttp.ClientSession | None = None
        self._is_closed = False
        self._asked: Shared[Answer] = Shared()

    def session(self) -> aiohttp.ClientSession:
        """The session, for streams too; made on first use, inside the loop.

        Raises:
            BrokerUnavailable: it was closed.
        """
        if self._is_closed:
            raise BrokerUnavailable(f"{self.name} is not connected; nothing was sent")
        if self._session is None or self._session.closed:
            self._session = aiohttp.ClientSession(
                timeout=self._timeout,
                connector=aiohttp.TCPConnector(limit=20, keepalive_timeout=75, ttl_dns_cache=300),
                cookie_jar=aiohttp.DummyCookieJar(),
            )
            # Its own second try of PUT and DELETE on a cut line has no switch but this one.
            self._session._retry_connection = False
        return self._session

    def open(self) -> None:
        """Allow calls again after :meth:`close`; a new one is open.

        Whoever connects has waited already, and nothing is done there before it has worked.
        """
        self._is_closed = False
        self.breaker.invite()

    async def close(self) -> None:
        """Hang up; calls are refused from here on."""
        self._is_closed = True
        if self._session is not None:
            await self._session.close()

    async def read(self, method: Method, path: str, *, lane: Lane = "read", **more: Any) -> Answer:
        """Ask for something that changes nothing; tried again when there is no answer.

        The same question that still waits for its turn is asked once.

        Raises:
            BrokerUnavailable, RateLimited, BrokerAuthError; NotOffered: there is no such question.
        """
        asked = tuple(sorted((more.get("params") or {}).items()))
        body = encoded([more.get("json"), more.get("form")])

        async def ask(leaves: Callable[[], None]) -> Answer:
            return await self._tried(method, path, lane, leaves, **more)

        return await self._asked.answer((method, path, asked, body), ask)

    async def _tried(
        self, method: Method, path: str, lane: Lane, leaves: Callable[[], None], **more: Any
    ) -> Answer:
        async for attempt in stamina.retry_context(
            on=is_worth_another, attempts=_TRIES, wait_initial=0.5, wait_max=2.0, timeout=9.0
        ):
            with attempt:
                try:
                    return await self._once(method, path, lane, leaves, **more)
                except NoSuchPlace as error:
                    self.breaker.succeeded()  # it answers: what else it offers is asked as ever
                    raise NotOffered(f"{error} at {place_of(path)}") from error
                except OrderStateUnknown as error:
                    raise BrokerUnavailable(f"{error} at {place_of(path)}") from error
        raise AssertionError("unreachable")  # pragma: no cover

    async def act(self, method: Method, path: str, *, lane: Lane = "order", **more: Any) -> Answer:
        """Ask for something that changes an order: sent once, whatever happens.

        Raises:
            BrokerUnavailable, RateLimited, BrokerAuthError: nothing was done.
            OrderStateUnknown: it may have been done.
        """
        return await self._once(method, path, lane, **more)

    async def _once(
        self,
        method: Method,
        path: str,
        lane: Lane,
        leaves: Callable[[], None] | None = None,
        *,
        params: Mapping[str, str] | None = None,
        json: Any = None,
        form: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        self.session()  # a closed line is said at once
        sent = dict(headers or {})
        data: Any = form
        if json is not None:
            data = encoded(json)
            sent.setdefault("Content-Type", "application/json")
        url = f"{self.base_url}{path}"
        if lane != "exit":
            self.breaker.check()  # what takes risk away is tried at a broken broker too
        await self.lanes.turn_in_time(lane)
        if self._sign is not None:
            sent.update(self._sign(method, url))
        if self._seal is not None:
            sent.update(self._seal(path, params or {}, data if json is not None else b""))
        session = self.session()  # it may have been closed in the meantime: nothing was sent
        if lane != "exit":
            self.breaker.enter()  # last: whoever enters tells how it went
        if leaves is not None:
            leaves()
        self.usage.called()
        began = self.clock.monotonic()
        try:
            async with session.request(
                method,
                url,
                params=params,
                data=data,
                headers=sent,
                allow_redirects=False,
            ) as answer:
                text = (await answer.text()).removeprefix("\ufeff")  # a mark that JSON lacks
        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError) as error:
            what = f"{self.name}: no connection{_because(error)}"
            raise self._failed(BrokerUnavailable(what)) from error
        except (aiohttp.ClientError, TimeoutError, OSError, UnicodeError) as error:
            what = f"{self.name}: no answer ({type(error).__name__})"
            raise self._failed(OrderStateUnknown(what)) from error
        except asyncio.CancelledError:
            self._interrupted(lane)
            raise
        self.usage.answered(answer.status, answer.headers, self.clock.monotonic() - began)
        return self._judged(answer.status, text, answer.headers, lane)

    def _judged(self, status: int, text: str, headers: Mapping[str, str], lane: Lane) -> Answer:
        if status == 429:
            self.breaker.succeeded()
            pause = self.lanes.pause(lane, pause_s(headers, self.clock.now()))
            raise RateLimited(f"{self.name} asks for a pause of {pause:.0f} s", pause)
        if status == 401:
            self.breaker.succeeded()
            why = because(text, headers, self.clock.now())
            raise CredentialsRefused(f"{self.name} does not accept our credentials (401{why})")
        if status == 501:
            raise self._no_such_place(status)
        if status >= 500 or 300 <= status < 400 or status in UNPROVEN:
            raise self._failed(server_error(self.name, status))
        try:
            body = codec.loads(text, parse_float=Decimal, parse_int=int) if text.strip() else None
        except ValueError as error:
            if status in NOT_OFFERED:
                raise self._no_such_place(status) from error
            what = f"{self.name}: an answer of status {status} that is no JSON"
            raise self._failed(OrderStateUnknown(what)) from error
        self.breaker.succeeded()
        if self._capitals:
            body = in_capitals(body, self._capitals)
        return Answer(status=status, body=body, headers=headers)

    def _no_such_place(self, status: int) -> Exception:
        return self._failed(NoSuchPlace(f"{self.name} has nothing there (status {status})"))

    def _interrupted(self, lane: Lane) -> None:
        if lane != "exit":  # that was not let in by the breaker, and is given up early
            self._failed(OrderStateUnknown("interrupted"))

    def _failed(self, error: BrokerUnavailable | OrderStateUnknown) -> Exception:
        self.breaker.failed(str(error))
        self.usage.failed()
        return error


def _because(error: aiohttp.ClientError) -> str:
    """What a person has to look after, where it is not the broker that is away."""
    if isinstance(error, aiohttp.ClientConnectorDNSError):
        return ", its name is not known (DNS)"
    if isinstance(error, aiohttp.ClientConnectorCertificateError):
        return ", its certificate is not trusted (TLS)"
    if isinstance(error, aiohttp.ClientConnectorSSLError):
        return ", it does not speak TLS as it should"
    return ""


def encoded(value: Any) -> bytes:
    """JSON bytes; a Decimal as a plain number, never through float."""
    return _json(value).encode()


def _json(value: Any) -> str:
    if isinstance(value, str):
        return _quoted(value)
    if value.__class__ is int:  # not True, which is a number to Python alone
        return str(value)
    if isinstance(value, Decimal):
        if not value.is_finite():
            raise ValueError("not a number")
        return format(value, "f")
    if isinstance(value, (list, tuple)):
        return "[" + ",".join(map(_json, value)) + "]"
    if isinstance(value, Mapping):
        return "{" + ",".join([f"{_quoted(str(k))}:{_json(v)}" for k, v in value.items()]) + "}"
    return codec.dumps(value, allow_nan=False)
