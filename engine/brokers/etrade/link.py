"""The line to E*TRADE: every request signed, a token that sleeps woken, a dead one told."""

import asyncio
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any

from engine.brokers import StreamDown, StreamUp, Warned
from engine.brokers._wire.events import Events
from engine.brokers._wire.figures import Json
from engine.brokers._wire.http import RENEWED_S, Answer, Method, Wire
from engine.brokers._wire.lanes import Lane, Lanes
from engine.brokers.etrade import translate
from engine.brokers.etrade.login import Login
from engine.clock import Clock
from engine.domain.errors import (
    BrokerAuthError,
    BrokerUnavailable,
    OrderRejected,
    OrderStateUnknown,
    TradeStreamError,
)

ALLOWED: Mapping[Lane, tuple[float, float]] = {"all": (2, 1.05), "account": (2, 1.05)}
"""Two calls a second per module, orders and accounts. Of two nothing can be kept back: an exit
waits for a second at most, and is next."""
_LOOK_S = 30.0
_WARN = timedelta(hours=1)


class Link:
    """Asks and acts; tells when the login works and when it does not."""

    def __init__(
        self,
        name: str,
        url: str,
        clock: Clock,
        login: Login,
        events: Events,
        unnamed: Callable[[str], str],
    ) -> None:
        """``unnamed``: takes the numbers of our accounts out of what the broker says."""
        self.name, self._clock, self._events, self.login = name, clock, events, login
        self._unnamed = unnamed
        lanes = Lanes(clock, ALLOWED)
        self.wire = Wire(name, url, clock, lanes, sign=login.headers, capitals=translate.WORDS)
        self._lost_at: datetime | None = None
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Logged in: tell so, and watch the token from now on."""
        self._events.tell(StreamUp(gap_from=self._lost_at))
        self._lost_at = None
        if self._task is None:
            self._task = asyncio.create_task(self._watch(), name=f"login {self.name}")

    async def close(self) -> None:
        """Hang up."""
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task
            self._task = None
        await self.wire.close()

    async def _watch(self) -> None:
        """Keep the token awake; say when it dies, before and after."""
        warned: datetime | None = None
        while True:
            await self._clock.sleep(_LOOK_S)
            try:
                if self.login.may_wake:
                    await self.login.renew(self.wire)
                await self.login.enter()
                if self.login.is_idle:
                    await self.login.renew(self.wire)
            except BrokerAuthError as error:
                self._is_lost(str(error))
                continue
            except TradeStreamError:
                continue  # tried again at the next look
            if self._lost_at is not None:
                self._events.tell(StreamUp(gap_from=self._lost_at))
                self._lost_at = None
            ends_at = self.login.ends_at()
            if ends_at is not None and ends_at != warned and ends_at - self._clock.now() <= _WARN:
                warned = ends_at
                note = (
                    "the login ends at midnight in New York: run `tradestream broker connect "
                    f"{self.name}` after it"
                )
                self._events.tell(Warned(note=note))

    def _is_lost(self, reason: str) -> None:
        if self._lost_at is None:
            self._lost_at = self._clock.now()
            self._events.tell(StreamDown(reason=reason))

    async def ask(self, path: str, wrapper: str) -> Json:
        """What is inside the wrapper; empty when there is nothing (204)."""
        await self.login.enter()
        token = self.login.token
        lane: Lane = "read" if "/orders" in path else "account"
        try:
            answer = await self.wire.read("GET", path, lane=lane)
        except BrokerAuthError:
            answer = await self._ask_renewed(path, lane, token)
        self._raise_unread(answer)
        if answer.body is None and answer.status == 204:
            return {}
        inside = answer.body.get(wrapper) if isinstance(answer.body, Mapping) else None
        if not isinstance(inside, Mapping):
            raise BrokerUnavailable(f"{self.name}: an answer that is no {wrapper}")
        return inside

    async def _ask_renewed(self, path: str, lane: Lane, token: str) -> Answer:
        """With a token that was woken, or soon with the old one: it may have been their slip."""
        try:
            async with asyncio.timeout(RENEWED_S):
                await self.login.renew(self.wire, refused=token)
        except (BrokerUnavailable, TimeoutError) as error:
            try:
                return await self.wire.read("GET", path, lane=lane)
            except BrokerAuthError:  # nobody has said that it is dead
                raise BrokerUnavailable(f"{self.name}: no answer about tokens") from error
        return await self.wire.read("GET", path, lane=lane)

    async def act(self, method: Method, path: str, body: Any, lane: Lane) -> Answer:
        """Do something that may change an order, once.

        Raises:
            BrokerUnavailable, RateLimited, BrokerAuthError: nothing was done.
            OrderStateUnknown: it may have been done.
        """
        if lane == "exit" and self.login.may_wake_for_exit:
            await self._renew_quietly(self.login.token)
        await self.login.enter()
        token = self.login.token
        try:
            return await self.wire.act(method, path, json=body, lane=lane)
        except BrokerAuthError as error:
            # So that the desk's next try may pass, and that it can be looked for what was done.
            try:
                async with asyncio.timeout(RENEWED_S):
                    await self.login.renew(self.wire, refused=token)
            except (TradeStreamError, TimeoutError):
                raise BrokerAuthError(str(error)) from error  # it does not know us for sure
            raise

    async def wake(self) -> None:
        """Before a connection: nobody watches the token yet, and it may be good again."""
        if self.login.may_wake:
            await self._renew_quietly(self.login.token)

    async def _renew_quietly(self, token: str) -> None:
        with suppress(TradeStreamError, TimeoutError):
            async with asyncio.timeout(RENEWED_S):
                await self.login.renew(self.wire, refused=token)

    def raise_refusal(
        self, answer: Answer, otherwise: type[OrderStateUnknown] | type[BrokerUnavailable]
    ) -> None:
        """A refusal in E*TRADE's own words is one, whatever the status."""
        refusal = translate.refusal(answer.body)
        if refusal is not None and refusal[0] == translate.NOT_AVAILABLE:
            raise otherwise(f"{self.name}: its service says that it is not available")
        if refusal is not None:
            raise OrderRejected(refusal[0], self._unnamed(refusal[1]))
        if not answer.is_ok or not isinstance(answer.body, Mapping):
            raise otherwise(f"{self.name}: status {answer.status} without a reason")

    def _raise_unread(self, answer: Answer) -> None:
        refusal = translate.refusal(answer.body)
        if refusal is not None or not answer.is_ok:
            said = ": ".join(refusal or (str(answer.status), "no reason given"))
            raise BrokerUnavailable(f"{self.name}: {self._unnamed(said)}")
