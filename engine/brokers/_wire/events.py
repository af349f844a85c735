"""A broker's event stream kept alive: connect, listen, reconnect, and say what was missed."""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import datetime
from functools import partial
from typing import TypeVar

from engine.brokers import (
    BrokerEvent,
    BrokerFill,
    BrokerOrder,
    Filled,
    Odd,
    StreamDown,
    StreamUp,
    Warned,
)
from engine.clock import Clock
from engine.domain.errors import BrokerAuthError, BrokerUnavailable, NotOffered

log = logging.getLogger(__name__)

_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 0.5, 8.0
"""While the stream is lost no entry passes, and fills are heard by polling alone."""
_SOON_S, _UP_S = 3.0, 15.0
"""A stream that does not listen by then is told as down, and later tried anew."""
_SILENT = "it does not answer"
_CANCEL_AGAIN_S = 0.2
_MOST_FILLS = 5_000
NO_EXECUTIONS = (
    "it lists no executions: those count that its stream tells. What fills while nobody listens "
    "is booked at what makes the average price of its order right; its fee is not known"
)

T = TypeVar("T")


def changed_by_hand(order: BrokerOrder) -> str:
    """The books keep what the desk asked for: people have to know what works in its stead."""
    prices = {"limit": order.limit, "stop": order.stop}
    at = [f"{name} {price:f}" for name, price in prices.items() if price is not None]
    return (
        f"order {order.client_order_id} was changed outside TradeStream. There it is "
        f"{order.broker_id} now: {order.side} {order.qty:f} {order.legs[0].instrument.label}, "
        f"{', '.join(at) or order.type}."
    )


class Events:
    """What is told to the desk, in the order it happened."""

    def __init__(self) -> None:
        self._queue: asyncio.Queue[BrokerEvent | None] = asyncio.Queue()
        self._told: set[str] = set()
        self._fills: dict[str, BrokerFill] = {}
        self._offered: set[str] = set()

    def tell(self, event: BrokerEvent) -> None:
        """Put one event out."""
        if isinstance(event, Filled):
            self._fills[event.fill.execution_id] = event.fill
            if len(self._fills) > _MOST_FILLS:
                del self._fills[next(iter(self._fills))]
        self._queue.put_nowait(event)

    def tell_once(self, odd: Odd) -> None:
        """Something that nobody knows what to do with; told again only after a restart."""
        if odd.raw not in self._told:
            self._told.add(odd.raw)
            self.tell(odd)

    def offered(self, what: str) -> None:
        """It was answered: should it be gone later, that is an outage and no smaller offer."""
        self._offered.add(what)

    def is_offered(self, what: str) -> bool:
        """Whether it was ever answered."""
        return what in self._offered

    def without(self, what: str, error: NotOffered, note: str) -> None:
        """Go on without something that was never answered; told once.

        Raises:
            NotOffered: it was answered before, so nothing is concluded from its silence.
        """
        if what in self._offered:
            raise error
        self.warn_once(note)

    def warn_once(self, note: str) -> None:
        """What the broker does not offer, and how the desk does without; gates nothing."""
        if note not in self._told:
            self._told.add(note)
            self.tell(Warned(note=note))

    async def told(self, what: str, asked: Awaitable[T], note: str) -> T | None:
        """The answer; None where such a thing was never answered, and ``note`` is told once.

        Raises:
            NotOffered: it was answered before.
        """
        try:
            answer = await asked
        except NotOffered as error:
            self.without(what, error, note)
            return None
        self.offered(what)
        return answer

    def fills_since(self, account: str, since: datetime) -> list[BrokerFill]:
        """Executions that were told here, oldest first."""
        found = (f for f in self._fills.values() if f.account == account)
        return sorted((f for f in found if f.executed_at >= since), key=lambda f: f.executed_at)

    def end(self) -> None:
        """No more will come."""
        self._queue.put_nowait(None)

    async def all(self) -> AsyncIterator[BrokerEvent]:
        """All that was told and will be, until the end."""
        while (event := await self._queue.get()) is not None:
            yield event
        self._queue.put_nowait(None)  # whoever asks again is told the end too


class Keeper:
    """Runs one listening session after the other; each end is told, each start names the gap."""

    def __init__(
        self,
        name: str,
        clock: Clock,
        events: Events,
        session: Callable[[Callable[[], None]], Awaitable[None]],
    ) -> None:
        """``session(is_up)``: connect, subscribe, call ``is_up``, listen until it breaks."""
        self._name, self._clock, self._events, self._session = name, clock, events, session
        self._task: asyncio.Task[None] | None = None
        self._lost_at: datetime | None = None
        self._why = ""
        self._pause_s = _FIRST_PAUSE_S
        self.up = asyncio.Event()
        self.is_back: Callable[[], None] = lambda: None
        """Called with each new session, before the desk is told and asks the broker."""

    def start(self) -> None:
        """Begin; at once back, :attr:`up` tells when it listens."""
        self._task = asyncio.create_task(self._keep(), name=f"stream {self._name}")

    async def close(self) -> None:
        """Stop listening; a session whose library swallows a cancellation is cancelled again."""
        while self._task is not None and not self._task.done():
            self._task.cancel()
            await asyncio.wait({self._task}, timeout=_CANCEL_AGAIN_S)

    def _is_up(self, limit: asyncio.Timeout) -> None:
        try:
            limit.reschedule(None)
        except RuntimeError:  # that session has ended, and says nothing of the next one
            return
        self._pause_s = _FIRST_PAUSE_S
        self.is_back()
        self._events.tell(StreamUp(gap_from=self._lost_at))
        self.up.set()

    async def _keep(self) -> None:
        while True:
            reason = "closed by the broker"
            late = asyncio.get_running_loop().call_later(_SOON_S, self._is_late)
            try:
                async with asyncio.timeout(_UP_S) as limit:
                    await self._session(partial(self._is_up, limit))
            except asyncio.CancelledError:
                raise
            except TimeoutError:
                reason = _SILENT
            except (BrokerAuthError, BrokerUnavailable) as error:
                reason = str(error)
            except Exception as error:  # noqa: BLE001 - a stream ends in whatever its library raises
                reason = f"{type(error).__name__}"
                log.info("stream of %s ended: %s", self._name, reason)
            finally:
                late.cancel()
            self._down(reason)
            await self._clock.sleep(self._pause_s)
            self._pause_s = min(self._pause_s * 2, _LONGEST_PAUSE_S)

    def _is_late(self) -> None:
        if not self.up.is_set():
            self._down(_SILENT)

    def _down(self, reason: str) -> None:
        """Told once for each gap; of one that began with silence, again when explained."""
        is_new = self.up.is_set() or self._lost_at is None
        if is_new:
            self._lost_at = self._clock.now()
        if is_new or self._why == _SILENT != reason:
            self._why = reason
            self._events.tell(StreamDown(reason=reason, can_ask=True))
        self.up.clear()
