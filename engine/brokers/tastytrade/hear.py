"""What the account stream says, taken in one message after the other and told to the desk."""

import asyncio
import logging
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from engine.asking import Rank, asking
from engine.brokers import BalanceSeen, Filled, OrderSeen, PositionSeen
from engine.brokers._wire.events import Events
from engine.brokers._wire.figures import UNREADABLE
from engine.brokers.tastytrade import translate
from engine.brokers.tastytrade.book import Memory
from engine.brokers.tastytrade.oddities import Oddities
from engine.domain.errors import BrokerAuthError, BrokerUnavailable

if TYPE_CHECKING:
    from engine.brokers.tastytrade.reading import Reading

log = logging.getLogger(__name__)

_HEARD_NOT = frozenset(
    {
        "ComplexOrder",
        "OrderChain",
        "ExternalTransaction",
        "TradingStatus",
        "UnderlyingYearGainSummary",
        "PublicWatchlists",
        "QuoteAlert",
        "UserMessage",
    }
)
"""Known, and nothing that the desk acts on."""


class Hearing:
    """Messages in the order they came; one that cannot be taken in stops no other."""

    def __init__(
        self,
        broker: "Reading",
        memory: Memory,
        events: Events,
        oddities: Oddities,
        names: Mapping[str, str],
    ) -> None:
        """``names``: account number -> our name."""
        self._broker, self._memory, self._names = broker, memory, names
        self._events, self._oddities = events, oddities
        self._inbox: asyncio.Queue[tuple[str, Any]] = asyncio.Queue()
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to take messages in."""
        self._task = asyncio.create_task(self._work(), name=f"hearing of {self._broker.name}")

    async def close(self) -> None:
        """Stop; what waits is read again after the next start."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    def put(self, text: str, frame: Any) -> None:
        """Take one message for later."""
        self._inbox.put_nowait((text, frame))

    async def _work(self) -> None:
        while True:
            text, frame = await self._inbox.get()
            try:
                with asking(Rank.NAKED):  # it may be a fill that has no stop yet
                    await self._take(text, frame)
            except UNREADABLE as error:
                self._oddities.tell(f"a message with {error}", text)
            except (BrokerUnavailable, BrokerAuthError) as error:
                self._oddities.tell(f"a message that could not be completed: {error}", text)
            except Exception:
                log.exception("%s: a message could not be taken in", self._broker.name)
                self._oddities.tell("a message that could not be taken in", text)

    async def _take(self, text: str, frame: Any) -> None:
        kind = frame.get("type") if isinstance(frame, Mapping) else None
        data = frame.get("data") if isinstance(frame, Mapping) else None
        if kind in _HEARD_NOT:
            return
        if kind not in ("Order", "AccountBalance", "CurrentPosition"):
            self._oddities.tell("a message of a kind that it never sent", text)
        elif not isinstance(data, Mapping):
            self._oddities.tell("a message without data", text)
        elif data.get("account-number") in (None, ""):
            self._oddities.tell("a message that names no account", text)
        else:
            account = self._names.get(str(data["account-number"]))
            if account is None:
                return  # another account of the login
            await self._told(str(kind), data, account)

    async def _told(self, kind: str, data: Mapping[str, Any], account: str) -> None:
        now = self._broker.clock.now()
        if kind == "Order":
            await self._order(data, account)
        elif kind == "CurrentPosition":
            held = translate.position_of(data, account, now.date())
            if held is not None:
                self._events.tell(PositionSeen(position=held))
        else:
            self._events.tell(BalanceSeen(balance=translate.balance_of(data, account, now)))

    async def _order(self, raw: Mapping[str, Any], account: str) -> None:
        for fill in self._broker.fills_in(account, raw):
            if fill.execution_id not in self._memory.told:
                self._memory.told.put(fill.execution_id, fill.fee_usd)
                self._events.tell(Filled(fill=fill))
        now = await self._broker.now(account, raw)
        self._events.tell(OrderSeen(order=await self._broker.order_in(account, now)))
