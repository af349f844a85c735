"""The paper broker itself: the Broker contract around the exchange, one change at a time."""

import asyncio
import heapq
import logging
from collections import deque
from collections.abc import AsyncIterator, Callable, Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from typing import TypeVar

from engine.asking import Rank
from engine.brokers import (
    Absent,
    Balance,
    BrokerAccount,
    BrokerCaps,
    BrokerEvent,
    BrokerFill,
    BrokerOrder,
    BrokerPosition,
    Caps,
    Check,
    Found,
    OrderRequest,
    Preview,
    Seen,
    StreamDown,
    StreamUp,
)
from engine.brokers.paper import margin
from engine.brokers.paper.book import Book, Draft, Timer, fills_since, orders_since
from engine.brokers.paper.checks import MAX_LEGS
from engine.brokers.paper.exchange import Exchange
from engine.brokers.paper.expiry import Expiries
from engine.brokers.paper.settings import Board, Hours, MarketHours, PaperSettings
from engine.clock import Clock
from engine.domain.errors import BrokerUnavailable, OrderStateUnknown, StoreUnavailable
from engine.domain.instrument import parse_key
from engine.domain.money import ZERO
from engine.domain.order import OrderType, Tif
from engine.domain.quote import Quote
from engine.store import Vault

log = logging.getLogger(__name__)

T = TypeVar("T")

_BATCH = 100
"""Quotes worked off per save, so that a burst does not hold the loop."""
_MAX_INBOX = 10_000
_RETRY_S = 1.0
_LOOK_S = 30.0
"""A wall clock that was set is noticed within this."""


def _caps(n_legs: int = 1, *, is_fractional: bool = False) -> Caps:
    return Caps(
        order_types=frozenset(OrderType),
        tifs=frozenset(Tif),
        max_legs=n_legs,
        has_oco=True,
        has_brackets=True,
        is_fractional=is_fractional,
    )


class PaperBroker:
    """Trades against real quotes with imaginary money; its book survives any crash.

    Every accepted order, fill and cancellation is in the vault before anybody hears of it. How
    fills come about is told in docs/fill-model.md.
    """

    def __init__(
        self,
        *,
        clock: Clock,
        board: Board,
        vault: Vault,
        settings: PaperSettings,
        hours: Hours | None = None,
        name: str = "paper",
    ) -> None:
        self.name = name
        self.caps = BrokerCaps(
            by_kind={
                "stock": _caps(),
                "option": _caps(),
                "future": _caps(),
                "crypto": _caps(is_fractional=True),
                "spread": _caps(MAX_LEGS),
            },
            is_paper=True,
            has_preview=True,
        )
        hours = hours or MarketHours()
        self._clock = clock
        self._board = board
        self._vault = vault
        self._settings = settings
        self._exchange = Exchange(settings, hours, board)
        self._expiries = Expiries(settings, hours, board)
        self._book = Book(settings.start_cash_usd)
        self._lock = asyncio.Lock()
        self._inbox: deque[Quote] = deque()
        self._saving: frozenset[str] = frozenset()
        """Instruments of orders that are being saved: their quotes count already."""
        self._timers: list[Timer] = []
        self._alarms: dict[datetime, asyncio.Task[None]] = {}
        self._wake = asyncio.Event()
        self._worker: asyncio.Task[None] | None = None
        self._changes: set[asyncio.Task[None]] = set()
        """Under way; nobody else keeps them alive."""
        self._stop_listening: Callable[[], None] | None = None
        self._queue: asyncio.Queue[BrokerEvent | None] = asyncio.Queue()
        self._told_at: datetime | None = None
        self._trouble_since: datetime | None = None
        self._must_reload = False
        self._is_up = False

    def follow(self, settings: PaperSettings) -> None:
        """From now on by these terms; what was filled stays as it was."""
        self._settings = settings
        self._exchange.settings = settings
        self._expiries.settings = settings

    # -- connection -----------------------------------------------------------------------------

    async def connect(self) -> None:
        """Read the book back and start working.

        Raises:
            BrokerUnavailable: the book could not be read.
        """
        if self._is_up:
            return
        async with self._lock:
            await self._load()
        self._queue = asyncio.Queue()
        self._told_at = None
        self._queue.put_nowait(StreamUp(gap_from=self._book.last_at()))
        self._is_up = True
        self._stop_listening = self._board.listen(self._on_quote)
        self._worker = asyncio.create_task(self._work(), name=f"{self.name} worker")
        self._wake.set()

    async def close(self) -> None:
        """Stop working; orders stay in the book and go on when connected again."""
        if not self._is_up:
            return
        self._is_up = False
        if self._stop_listening is not None:
            self._stop_listening()
        async with self._lock:  # a save under way ends first
            tasks = [*self._alarms.values()]
            if self._worker is not None:
                tasks.append(self._worker)
            for task in tasks:
                task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._alarms.clear()
        self._inbox.clear()
        self._queue.put_nowait(None)

    # -- questions ------------------------------------------------------------------------------

    async def accounts(self) -> list[BrokerAccount]:
        """The accounts of the configuration."""
        return [BrokerAccount(number=name, is_paper=True) for name in self._settings.start_cash_usd]

    async def check(self) -> list[Check]:
        """There is nothing outside to try but the books that it keeps."""
        said = []
        for name in self._settings.start_cash_usd:
            cash = (await self._reading(name)).cash(name)
            said.append(Check(name=f"account {name}", is_ok=True, detail=f"cash ${cash:,.2f}"))
        return said

    async def balance(self, account: str) -> Balance:
        """Cash, and what a new order may use of it."""
        draft = await self._reading(account)
        return Balance(
            account=account,
            cash_usd=draft.cash(account),
            buying_power_usd=margin.buying_power(draft, self._settings, account),
            as_of=self._clock.now(),
        )

    async def positions(self, account: str) -> list[BrokerPosition]:
        """Everything held."""
        held = (await self._reading(account)).holdings(account)
        return [
            BrokerPosition(
                account=account, instrument=h.instrument, qty=h.qty, avg_price=h.avg_price
            )
            for h in sorted(held, key=lambda h: h.instrument.key)
        ]

    async def open_orders(self, account: str) -> list[BrokerOrder]:
        """Live orders, held bracket children included, first accepted first."""
        draft = await self._reading(account)
        return [order.report() for order in draft.of_account(account)]

    async def orders_since(self, account: str, since: datetime) -> list[BrokerOrder]:
        """Orders accepted or changed since, whatever became of them."""
        await self._reading(account)
        return [order.report() for order in orders_since(self._book, account, since)]

    async def fills_since(self, account: str, since: datetime) -> list[BrokerFill]:
        """Executions since, oldest first."""
        await self._reading(account)
        return fills_since(self._book, account, since)

    async def find(self, account: str, client_order_id: str) -> Found:
        """Look one order up; waits for a change that is being saved."""
        await self._reading(account)
        async with self._lock:
            await self._reload()
            order = Draft(self._book).find(client_order_id)
            if order is None or order.request.account != account:
                return Absent(as_of=self._clock.now())
            return Seen(order=order.report())

    # -- requests -------------------------------------------------------------------------------

    async def preview(self, request: OrderRequest) -> Preview:
        """Take the order on trial; nothing is kept.

        Raises:
            OrderRejected: as submit would.
        """
        trial = await self._reading(request.account)
        before = margin.buying_power(trial, self._settings, request.account)
        self._exchange.accept(trial, request, self._clock.now())
        after = margin.buying_power(trial, self._settings, request.account)
        fees = (
            self._settings.fee_usd(leg.instrument, request.qty * abs(leg.ratio))
            for leg in request.legs
        )
        return Preview(fee_usd=sum(fees, ZERO), buying_power_change_usd=after - before)

    async def submit(self, request: OrderRequest) -> BrokerOrder:
        """Accept an order: durable when this returns.

        Raises:
            OrderRejected: with the rule's code. BrokerUnavailable: nothing was accepted.
            OrderStateUnknown: the vault did not say whether it kept the order.
        """
        return await self._change(
            lambda draft: self._exchange.accept(draft, request, self._clock.now()).report()
        )

    async def replace(self, account: str, client_order_id: str, new: OrderRequest) -> BrokerOrder:
        """Swap a live order for ``new``; its quantity counts what was filled before."""

        def work(draft: Draft) -> BrokerOrder:
            now = self._clock.now()
            return self._exchange.replace(draft, account, client_order_id, new, now).report()

        return await self._change(work)

    async def cancel(self, account: str, client_order_id: str) -> None:
        """Ask for cancellation; it works after the latency, a fill may come before."""
        await self._change(
            lambda draft: self._exchange.ask_cancel(
                draft, account, client_order_id, self._clock.now()
            )
        )

    async def expire(self, closes: Mapping[str, Decimal] | None = None) -> None:
        """Settle options that are past their last moment.

        ``closes``: underlying symbol -> official price, where no quote of that moment is known.
        Runs by itself at each expiry; calling it again changes nothing.
        """
        await self._change(
            lambda draft: self._expiries.settle_due(draft, self._clock.now(), closes or {})
        )

    async def settle(self) -> None:
        """Work everything off that is due now; for replays, which jump in time."""
        await self._change(lambda _: None)

    async def events(self) -> AsyncIterator[BrokerEvent]:
        """What happens, for one reader, until closed; a new reader first gets a StreamUp."""
        if self._told_at is not None:
            yield StreamUp(gap_from=self._told_at)
        queue = self._queue
        while (event := await queue.get()) is not None:
            self._told_at = self._clock.now()
            yield event

    def recall(self, account: str, client_order_id: str, broker_id: str) -> None:
        """Its book knows our ids."""

    def room(self, who: Rank = Rank.EXIT) -> int | None:
        """It takes as many requests as come."""
        del who
        return None

    def unnamed(self, text: str) -> str:
        """The same: imaginary money has no account number."""
        return text

    # -- one change at a time -------------------------------------------------------------------

    async def _reading(self, account: str) -> Draft:
        if not self._is_up:
            raise BrokerUnavailable(f"{self.name} is not connected")
        if self._must_reload:
            async with self._lock:
                await self._reload()
        if account not in self._book.cash:
            raise BrokerUnavailable(f"{self.name} has no account {account}")
        return Draft(self._book)

    async def _change(self, work: Callable[[Draft], T]) -> T:
        """Run a change to its end, even when whoever asked for it stops waiting."""
        if not self._is_up:
            raise BrokerUnavailable(f"{self.name} is not connected; nothing was sent")
        answer: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        task = asyncio.create_task(self._answered(work, answer))
        self._changes.add(task)
        task.add_done_callback(self._changes.discard)
        return await answer

    async def _answered(self, work: Callable[[Draft], T], answer: "asyncio.Future[T]") -> None:
        try:
            await self._locked(work, answer)
        except asyncio.CancelledError:
            answer.cancel()
            raise
        except Exception as error:  # noqa: BLE001 - whatever it is, it is the caller's
            if not answer.done():  # else nobody waits any more
                answer.set_exception(error)

    async def _locked(self, work: Callable[[Draft], T], answer: "asyncio.Future[T]") -> None:
        async with self._lock:
            try:
                await self._drain()
            except OrderStateUnknown as error:
                raise BrokerUnavailable(f"nothing was sent: {error}") from error
            draft = Draft(self._book)
            result = work(draft)
            await self._save(draft)
            if not answer.done():
                answer.set_result(result)
            # Whoever asked goes on before the others are told: he is called first.
            asyncio.get_running_loop().call_soon(self._follow, draft)

    def _follow(self, draft: Draft) -> None:
        self._tell(draft)
        self._ring()

    async def _commit(self, draft: Draft) -> None:
        """Durable first, then true in memory, then told."""
        await self._save(draft)
        self._tell(draft)

    async def _save(self, draft: Draft) -> None:
        self._arm(draft)
        puts = draft.puts()
        self._saving = frozenset(
            leg.instrument.key for order in draft.orders.values() for leg in order.request.legs
        )
        try:
            if puts:
                await self._vault.save(puts)
        except StoreUnavailable as error:
            self._failed(error)
            raise BrokerUnavailable(f"{self.name} cannot save its book: {error}") from error
        except Exception as error:
            self._must_reload = True
            self._failed(error)
            raise OrderStateUnknown(f"{self.name} may have saved its book: {error}") from error
        finally:
            self._saving = frozenset()
        self._book.apply(draft)
        if puts and self._trouble_since is not None:
            draft.events.insert(0, StreamUp(gap_from=self._trouble_since))
            self._trouble_since = None

    def _tell(self, draft: Draft) -> None:
        for event in draft.events:
            self._queue.put_nowait(event)

    def _failed(self, error: Exception) -> None:
        log.error("%s cannot save its book: %s", self.name, error)
        self._timers = self._all_timers()
        self._alarm(self._clock.now() + timedelta(seconds=_RETRY_S))
        if self._trouble_since is None:
            self._trouble_since = self._clock.now()
            self._queue.put_nowait(StreamDown(reason=f"the paper book cannot be saved: {error}"))

    async def _reload(self) -> None:
        """After a save that ended in doubt: what is durable is what is true."""
        if self._must_reload:
            await self._load()

    async def _load(self) -> None:
        try:
            entries = await self._vault.load()
        except Exception as error:
            raise BrokerUnavailable(f"{self.name} cannot read its book: {error}") from error
        marks = self._book.marks
        self._book = Book(self._settings.start_cash_usd)
        self._book.load(entries)
        if self._must_reload:
            self._book.marks = marks
        self._must_reload = False
        self._timers = self._all_timers()

    # -- quotes and time ------------------------------------------------------------------------

    def _on_quote(self, quote: Quote) -> None:
        key = quote.instrument.key
        if key not in self._book.by_instrument and key not in self._saving:
            return
        if len(self._inbox) < _MAX_INBOX:
            self._inbox.append(quote)
        self._wake.set()

    async def _work(self) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            try:
                async with self._lock:
                    await self._drain()
            except (BrokerUnavailable, OrderStateUnknown):
                continue  # told and retried already
            except Exception as error:  # the worker must outlive our own bugs
                log.exception("%s could not work a quote off", self.name)
                self._inbox.clear()
                self._queue.put_nowait(StreamDown(reason=f"paper broker failed: {error}"))
            self._ring()

    async def _drain(self) -> None:
        """Let waiting quotes and due moments work, in the order in which they happened."""
        await self._reload()
        if not self._inbox and not self._is_due():
            return
        while True:
            batch = [self._inbox[n] for n in range(min(_BATCH, len(self._inbox)))]
            draft = Draft(self._book)
            for quote in batch:
                self._pass_time(draft, (quote.received_at, "ready", ""))
                self._exchange.on_quote(draft, quote)
                self._arm(draft)
            if len(batch) == len(self._inbox):
                self._pass_time(draft, (self._clock.now(), "~", ""))
            await self._commit(draft)
            for _ in batch:
                self._inbox.popleft()
            if not self._inbox:
                return

    def _is_due(self) -> bool:
        return bool(self._timers) and self._timers[0][0] <= self._clock.now()

    def _pass_time(self, draft: Draft, until: Timer) -> None:
        while self._timers and self._timers[0] < until:
            at, kind, name = heapq.heappop(self._timers)
            if kind == "contract":
                self._expiries.on_timer(draft, name, self._clock.now())
            else:
                self._exchange.on_timer(draft, at, kind, name)
            self._arm(draft)

    def _arm(self, draft: Draft) -> None:
        for timer in draft.timers:
            heapq.heappush(self._timers, timer)
        draft.timers.clear()
        for account, key in draft.new_holdings():
            heapq.heappush(self._timers, self._expiries.timer(account, parse_key(key)))

    def _all_timers(self) -> list[Timer]:
        timers = [t for order in self._book.live.values() for t in self._exchange.timers_of(order)]
        for account, holdings in self._book.holdings.items():
            timers += [
                self._expiries.timer(account, held.instrument)
                for held in holdings.values()
                if held.instrument.kind == "option"
            ]
        heapq.heapify(timers)
        return timers

    def _ring(self) -> None:
        """See to it that the next due moment is not missed when no quote comes."""
        if self._timers:
            self._alarm(self._timers[0][0])

    def _alarm(self, at: datetime) -> None:
        if at not in self._alarms and self._is_up:
            self._alarms[at] = asyncio.create_task(self._sleep_until(at), name=f"{self.name} alarm")

    async def _sleep_until(self, at: datetime) -> None:
        while (left := (at - self._clock.now()).total_seconds()) > 0:
            await self._clock.sleep(min(left, _LOOK_S))
        self._alarms.pop(at, None)
        self._wake.set()
