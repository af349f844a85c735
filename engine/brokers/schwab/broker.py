"""Schwab: no client ids, so every order is written down first and never sent again on doubt."""

import asyncio
import re
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, ClassVar

from pydantic import Field, SecretStr

from engine.asking import Rank
from engine.brokers import (
    Absent,
    Adapter,
    Balance,
    BrokerAccount,
    BrokerCaps,
    BrokerFill,
    BrokerOrder,
    BrokerPosition,
    Check,
    Filled,
    Found,
    OrderRequest,
    OrderSeen,
    Preview,
    Seen,
    Setup,
    Unclear,
    Warned,
)
from engine.brokers._wire.address import Address, is_loopback
from engine.brokers._wire.again import is_lacking
from engine.brokers._wire.events import Events, Keeper
from engine.brokers._wire.figures import UNREADABLE, Json
from engine.brokers._wire.http import RENEWED_S, Wire
from engine.brokers._wire.lanes import Lane, Lanes, entries_per_min
from engine.brokers._wire.nameless import PLAIN, Nameless, OrderList, accepted, caps, lane
from engine.brokers._wire.sent import Entry, Sent
from engine.brokers._wire.trial import tried_out
from engine.brokers.schwab import reading, sdk, translate
from engine.brokers.schwab.books import Books
from engine.brokers.schwab.login import DOUBTED_S, EXIT_S, LASTS, Login, Terms
from engine.brokers.schwab.sdk import HOST, LANE, Response, Session
from engine.brokers.schwab.stream import Doorbell
from engine.domain.errors import (
    BrokerAuthError,
    BrokerUnavailable,
    CredentialsRefused,
    OrderRejected,
    OrderStateUnknown,
    TradeStreamError,
    WrongEnvironment,
)
from engine.domain.order import OrderType

LANES: Mapping[Lane, tuple[float, float]] = {"all": (120, 60)}
_WARN = timedelta(hours=24)
_LOOK_S = 600.0
_MOST_TOLD = 10_000
_RUNG_WITHIN = timedelta(seconds=30)
"""Of an order that was taken it rings at once."""
_SAID_S = 5.0
"""So long after its answer to an order a ring that it was taken is no news."""
_ORDER_AT = re.compile(r"/orders/(\d+)/?$")


class Schwab(Nameless):
    """A login at Schwab: shares, options, spreads of up to four legs."""

    class Settings(Adapter.Settings):
        """Schwab has no paper side: ``paper`` is for an imitation on this machine."""

        rest_url: Address = ""
        """Accounts, orders and quotes."""
        token_url: Address = ""
        authorize_url: Address = ""
        """The page where the owner lets us in."""
        stream_url: Address = ""
        """Account activity; empty for the one that Schwab names at each login."""
        callback: str = "https://127.0.0.1:8182"
        """As registered with the app, letter by letter; nothing needs to listen there."""
        fee_per_option_contract_usd: Decimal = Field(
            default=Decimal("0.65"), ge=0, description="Dollars booked with each execution"
        )
        """Booked with each execution; Schwab says fees in its statements only."""

    secrets: ClassVar[tuple[str, ...]] = ("key", "secret")
    house: ClassVar[str] = "Schwab"
    days_back: ClassVar[int] = 2
    asks_for = "the whole address that the browser ends at, though its page does not load"

    @classmethod
    def mixed_up(cls, settings: Any, secrets: Mapping[str, SecretStr]) -> str:
        """Paper money at the real Schwab."""
        del secrets
        if settings.environment == "paper" and not is_loopback(settings.rest_url):
            return "environment: must be live, Schwab has no paper accounts"
        return ""

    def __init__(self, settings: Settings, setup: Setup) -> None:
        super().__init__(settings, setup)
        library = sdk.load(self.name)
        self.caps = BrokerCaps(
            by_kind={
                "stock": caps(*PLAIN),
                "option": caps(*PLAIN),
                "spread": caps(OrderType.LIMIT, max_legs=translate.MAX_LEGS),
            },
            dedupes_client_id=False,
            finds_by_client_id=False,
            tells_ends=False,
            is_paper=settings.environment == "paper",
            has_preview=True,
            entries_per_min=entries_per_min(LANES),
        )
        key, secret = (setup.secrets[name].get_secret_value() for name in self.secrets)
        terms = Terms(
            token=settings.token_url or HOST,
            authorize=settings.authorize_url or f"{HOST}/v1/oauth/authorize",
            callback=settings.callback,
        )
        self._login = Login(
            self.name, key, secret, settings.environment, terms, setup.tokens, self.clock
        )
        lanes = Lanes(self.clock, LANES)
        self._wire = Wire(
            self.name, settings.rest_url or HOST, self.clock, lanes, capitals=reading.WORDS
        )
        self.usage = self._wire.usage
        self._builder = library.order_builder
        self._client = sdk.client(library, key, Session(self._wire, self._login.headers))
        self._events = Events()
        self._sent = Sent(self.name, setup.tokens, self.clock)
        self._hashes: dict[str, str] = {}
        self._names: dict[str, str] = {}
        """Schwab's number -> our name."""
        self._books = Books(
            self.name, self._client, library, self._ask, self._events, self._sent,
            self.clock, settings.fee_per_option_contract_usd,
        )  # fmt: skip
        self._doorbell = Doorbell(
            self.name, self._wire, self._events, self._preferences, lambda: self._login.access,
            self._rung, settings.stream_url,
        )  # fmt: skip
        self._keeper = Keeper(self.name, self.clock, self._events, self._doorbell.session)
        self._keeper.is_back = self._wire.breaker.invite
        self._tasks: list[asyncio.Task[None]] = []
        self._told: dict[tuple[str, str], None] = {}
        """Executions of which the doorbell has told, by their order."""
        self._unread: dict[str, datetime] = {}
        """Orders that it rang for and that could not be read: lists lag behind, when it rang."""
        self._taken: dict[str, float] = {}
        """Numbers that it answered lately -> when, monotonic."""
        self._n_flying = 0
        self._landed = asyncio.Event()

    # -- connection -----------------------------------------------------------------------------

    async def connect(self) -> None:
        """Log in, learn this login's account hashes, and begin to listen.

        Raises:
            BrokerAuthError: no consent, or one that is over; WrongEnvironment among them.
            BrokerUnavailable.
        """
        if what := self.mixed_up(self.settings, {}):
            raise WrongEnvironment(f"{self.name}: {what}")
        self._wire.open()
        self._login.forget_look()
        await self._sent.load()
        await self._map_accounts()
        if not self._tasks:
            self._keeper.start()
            self._tasks = [
                asyncio.create_task(self._doorbell.serve(), name=f"doorbell {self.name}"),
                asyncio.create_task(self._warn(), name=f"login {self.name}"),
            ]

    async def _map_accounts(self) -> None:
        rows = await self._ask(self._client.get_account_numbers)
        # One that may only close is closed and watched: entries are kept out by what it says.
        named = set(self.setup.accounts.values())
        may_trade = {a.number for a in await self.accounts() if a.may_trade or a.number in named}
        try:
            hashes = {str(row["accountNumber"]): str(row["hashValue"]) for row in rows}
        except UNREADABLE as error:
            raise BrokerUnavailable(f"{self.name}: account numbers that cannot be read") from error
        for name, number in self._chosen(may_trade, hashes).items():
            self._hashes[name], self._names[number] = hashes[number], name
        self.unnamed("", *hashes, *hashes.values())

    async def close(self) -> None:
        """Hang up; orders stay where they are."""
        tasks, self._tasks = self._tasks, []
        await self._keeper.close()
        for task in tasks:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
        self._events.end()
        await self._wire.close()

    async def _warn(self) -> None:
        """Say a day ahead that the owner has to come again."""
        warned: datetime | None = None
        while True:
            ends_at = self._login.ends_at()
            if ends_at is not None and ends_at != warned and ends_at - self.clock.now() <= _WARN:
                warned = ends_at
                note = (
                    f"the consent of {LASTS.days} days ends on {ends_at:%Y-%m-%d %H:%M} UTC: run "
                    f"`tradestream broker connect {self.name}` before"
                )
                self._events.tell(Warned(note=note))
            await self.clock.sleep(_LOOK_S)
            with suppress(TradeStreamError):  # told by the stream, which needs it too
                await self._login.enter(self._wire)

    async def _preferences(self) -> Any:
        return await self._ask(self._client.get_user_preferences)

    async def authorize_url(self) -> str:
        """The page on which the owner lets us in."""
        self._wire.open()
        return self._login.page()

    async def finish(self, answer: str) -> str:
        """Trade the address that the page led to for tokens and keep them."""
        ends_at = await self._login.finish(self._wire, answer)
        return f"until {ends_at:%Y-%m-%d %H:%M} UTC"

    # -- questions ------------------------------------------------------------------------------

    async def accounts(self) -> list[BrokerAccount]:
        """All accounts of the login."""
        rows = await self._ask(self._client.get_accounts)
        try:
            return [reading.account_of(row) for row in rows]
        except UNREADABLE as error:
            raise BrokerUnavailable(f"{self.name}: accounts that cannot be read") from error

    async def check(self) -> list[Check]:
        """Log in, read, price and preview one share far below its price."""
        account = next(iter(self.setup.accounts), "")
        return await tried_out(self, account, self.settings.environment, self._quote)

    async def _quote(self) -> object:
        return await self._ask(lambda: self._client.get_quote("SPY"))

    async def balance(self, account: str) -> Balance:
        """Money as Schwab sees it now."""
        return await self._books.balance(account, self._hash(account))

    async def positions(self, account: str) -> list[BrokerPosition]:
        """Shares and options held; funds and bonds are none of ours."""
        return await self._books.positions(account, self._hash(account))

    async def open_orders(self, account: str) -> list[BrokerOrder]:
        """Working orders."""
        working = await self._books.working(account, self._hash(account))
        orders = await self._books.named(account, working.listed)
        live = [o for o in orders if o.raw_state in reading.LIVE]
        # What is over and filled more than it was for (O-12) is in no list of what works.
        over = {o.client_order_id for o in orders if o.client_order_id and o.filled > o.qty}
        await self._tell_of(account, over, working)
        return await self._with_fills(live, working.rows)

    async def orders_since(self, account: str, since: datetime) -> list[BrokerOrder]:
        """Orders entered or changed since."""
        recent = await self._recent(account, since)
        orders = await self._books.named(account, recent.listed)
        since = since.replace(microsecond=0)  # Schwab's times are of whole seconds
        told = [o for o in orders if o.updated_at >= since or o.raw_state in reading.LIVE]
        return await self._with_fills(told, recent.rows)

    async def _with_fills(
        self, orders: list[BrokerOrder], rows: Mapping[str, Json]
    ) -> list[BrokerOrder]:
        """Told in one: no list of its own is spent on what a stop waits for."""
        return [replace(o, fills=self._fills(o, rows[o.broker_id])) for o in orders]

    def _fills(self, order: BrokerOrder, row: Json) -> tuple[BrokerFill, ...]:
        """Of one of ours; none where they cannot be read: so is said when they are asked for."""
        if not order.client_order_id or (len(order.legs) == 1 and not order.filled):
            return ()
        with suppress(BrokerUnavailable):
            return tuple(self._books.fills(order, row))
        return ()

    async def fills_since(self, account: str, since: datetime) -> list[BrokerFill]:
        """Executions since, oldest first."""
        recent = await self._recent(account, since)
        orders = await self._books.named(account, recent.listed)
        fills = [f for o in orders for f in self._books.fills(o, recent.rows[o.broker_id])]
        since_then = [f for f in fills if f.executed_at >= since.replace(microsecond=0)]
        return sorted(since_then, key=lambda f: (f.executed_at, f.execution_id))

    async def find(self, account: str, client_order_id: str) -> Found:
        """By what it is; one whose number is known and that all lists lack is asked for alone."""
        found, entry = await super().find(account, client_order_id), self._sent.get(client_order_id)
        if not isinstance(found, Absent) or entry is None or not entry.broker_id:
            return found
        hashed, number = self._hash(account), entry.broker_id
        answer = await self._asked(lambda: self._client.get_order(number, hashed))
        if is_lacking(answer.status_code, answer.body):
            return found
        for order, fills in self._books.told(account, self._body(answer)):
            if self._sent.is_it(entry, order):
                return Seen(order=replace(order, fills=tuple(fills)))
        return found

    async def _recent(self, account: str, since: datetime, until: str = "") -> OrderList:
        del until  # one request tells all
        return await self._books.recent(account, self._hash(account), since)

    def room(self, who: Rank = Rank.EXIT) -> int | None:
        """What is left of the minute."""
        return self._wire.lanes.room(who)

    async def preview(self, request: OrderRequest) -> Preview:
        """What Schwab says the order would cost; nothing is placed."""
        body = translate.order_spec(self._builder, request)
        hashed = self._hash_to_act(request.account)
        try:
            answer = await self._act(lambda: self._client.preview_order(hashed, body), "order")
        except OrderStateUnknown as error:  # a preview creates nothing
            raise BrokerUnavailable(str(error)) from error
        try:
            return reading.preview_of(answer.body)
        except UNREADABLE as error:
            raise BrokerUnavailable(f"{self.name}: a preview that cannot be read") from error

    # -- requests -------------------------------------------------------------------------------

    async def submit(self, request: OrderRequest) -> BrokerOrder:
        """Send an order, once in its life.

        Raises:
            OrderRejected, BrokerUnavailable, BrokerAuthError: nothing was placed by this call.
            OrderStateUnknown: it may have been, by this call or by one before.
        """
        hashed = self._hash_to_act(request.account)
        body = translate.order_spec(self._builder, request)
        is_first = await self._sent.about_to_send(request)
        self._n_flying += 1
        self._landed.clear()
        try:
            if not is_first:
                await self._refuse_repeat(request)
            broker_id = await self._placed(hashed, body, lane(request))
            self._said(broker_id)
            await self._sent.taken(request.client_order_id, broker_id)
        except CredentialsRefused:
            order = await self._denied(request, is_first=is_first)
            if order is None:
                raise
            return order
        except (BrokerUnavailable, BrokerAuthError, OrderRejected):
            if is_first:  # of a repeated one this proves nothing: the first may be there
                await self._sent.refused(request.client_order_id)
            raise
        finally:
            self._sent.landed(request.client_order_id)
            self._n_flying -= 1
            if not self._n_flying:
                self._landed.set()
        return accepted(request, broker_id, self.clock.now(), "PENDING_ACTIVATION")

    def _said(self, broker_id: str) -> None:
        now = self.clock.monotonic()
        self._taken = {n: at for n, at in self._taken.items() if now - at <= _SAID_S}
        self._taken[broker_id] = now

    async def _refuse_repeat(self, request: OrderRequest) -> None:
        """Schwab would take a second one: only what is nowhere to be seen may be sent again."""
        self._sent.landed(request.client_order_id)
        found = await self.find(request.account, request.client_order_id)
        if isinstance(found, Seen):
            raise OrderRejected("already_sent", f"it is order {found.order.broker_id}")
        entry = self._sent.get(request.client_order_id)
        if isinstance(found, Unclear) and (found.candidates or (entry and entry.broker_id)):
            raise OrderStateUnknown("it was sent before, and may be there")

    async def _placed(self, hashed: str, body: Mapping[str, Any], lane: Lane) -> str:
        """Schwab's number of the order, which it says in a header."""
        answer = await self._act(lambda: self._client.place_order(hashed, body), lane)
        found = _ORDER_AT.search(answer.headers.get("Location", ""))
        if found is None:
            raise OrderStateUnknown(f"{self.name}: an answer without an order number")
        return found.group(1)

    async def replace(self, account: str, client_order_id: str, new: OrderRequest) -> BrokerOrder:
        """Schwab does not say how a fill in flight counts: cancel and send anew."""
        raise OrderRejected("unsupported", "orders at Schwab are cancelled and sent anew")

    async def cancel(self, account: str, client_order_id: str) -> None:
        """Ask for cancellation."""
        broker_id = await self._number(account, client_order_id)
        hashed = self._hash(account)
        await self._act(lambda: self._client.cancel_order(broker_id, hashed), "exit")

    # -- events ---------------------------------------------------------------------------------

    async def _rung(self, number: str, order_id: str, is_new: bool) -> None:
        """Read one order and tell of it; an order of ours under way gets its number first.

        ``is_new``: it rang because the order was taken, which the answer to ours has said.
        """
        account = self._names.get(number)
        if account is None:
            return
        if self._n_flying and not self._sent.is_ours(order_id):
            with suppress(TimeoutError):  # no wait_for: it may swallow a cancellation (bpo-37658)
                async with asyncio.timeout(1.0):
                    await self._landed.wait()
        if is_new and self._is_just_taken(order_id):
            return
        hashed = self._hash(account)
        self._unread.setdefault(order_id, self.clock.now())
        row = await self._ask(lambda: self._client.get_order(order_id, hashed))
        self._unread.pop(order_id, None)
        if isinstance(row, Mapping) and row.get("orderId") is None:
            row = {**row, "orderId": order_id}  # the answer to a question about it
        for order, fills in self._books.told(account, row):
            self._events.tell(OrderSeen(order=replace(order, fills=tuple(fills))))
            for fill in fills:
                told = (order_id, fill.execution_id)
                if told not in self._told:
                    self._told[told] = None
                    self._events.tell(Filled(fill=fill))
        while len(self._told) > _MOST_TOLD:
            del self._told[next(iter(self._told))]

    def _is_just_taken(self, order_id: str) -> bool:
        """Whether its number came with the answer to an order of ours moments ago."""
        at = self._taken.get(order_id)
        return at is not None and self.clock.monotonic() - at <= _SAID_S

    def _lags(self, entry: Entry, recent: OrderList) -> bool:
        """It rang for an order soon after this one was sent, and no list shows that order yet."""
        return any(
            number not in recent.rows and timedelta() <= at - entry.sent_at <= _RUNG_WITHIN
            for number, at in self._unread.items()
        )

    # -- the wire -------------------------------------------------------------------------------

    def _hash(self, account: str) -> str:
        if account not in self._hashes:
            raise BrokerUnavailable(f"{self.name} has no account {account}")
        return self._hashes[account]

    def _hash_to_act(self, account: str) -> str:
        if self._hashes and account not in self._hashes:
            raise OrderRejected("unknown_account", f"{self.name} has no account {account!r}")
        return self._hash(account)

    async def _ask(self, ask: Callable[[], Awaitable[Response]]) -> Any:
        return self._body(await self._asked(ask))

    async def _asked(self, ask: Callable[[], Awaitable[Response]]) -> Response:
        await self._login.enter(self._wire)
        access = self._login.access
        try:
            return await ask()
        except BrokerAuthError:
            await self._login.refresh(self._wire, refused=access)
            return await ask()

    def _body(self, answer: Response) -> Any:
        if not 200 <= answer.status_code < 300:
            said = ": ".join(reading.refusal(answer.status_code, answer.body))
            raise BrokerUnavailable(f"{self.name}: {said}")
        return answer.body

    async def _act(self, ask: Callable[[], Awaitable[Response]], lane: Lane) -> Response:
        await self._login.enter(self._wire, EXIT_S if lane == "exit" else DOUBTED_S)
        access, before = self._login.access, LANE.set(lane)
        try:
            answer = await ask()
        except BrokerAuthError as error:
            # So that the desk's next try may pass, and that it can be looked for what was done.
            try:
                async with asyncio.timeout(RENEWED_S):
                    await self._login.refresh(self._wire, refused=access)
            except (TradeStreamError, TimeoutError):
                raise BrokerAuthError(str(error)) from error  # it does not know us for sure
            raise
        finally:
            LANE.reset(before)
        if not 200 <= answer.status_code < 300:
            code, said = reading.refusal(answer.status_code, answer.body)
            if said == reading.NO_REASON:
                raise OrderStateUnknown(f"{self.name}: {code}: {said}")
            raise OrderRejected(code, self.unnamed(said))
        return answer
