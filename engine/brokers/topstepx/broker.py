"""The TopStepX connection: the Broker contract over ProjectX."""

from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from engine.asking import Rank
from engine.brokers import (
    Adapter,
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
    Setup,
)
from engine.brokers._wire.address import is_loopback
from engine.brokers._wire.events import Events, Keeper
from engine.brokers._wire.lanes import Lane, entries_per_min
from engine.brokers._wire.trial import tried
from engine.brokers._wire.usage import Usage
from engine.brokers.topstepx.api import ALLOWED, CANCEL, MODIFY, PLACE, Api
from engine.brokers.topstepx.books import LIVE, Books, Row
from engine.brokers.topstepx.contracts import Contracts
from engine.brokers.topstepx.lineage import Lineage
from engine.brokers.topstepx.settings import (
    REST,
    USER_HUB,
    TopstepSettings,
    account_of,
    check_machine,
)
from engine.brokers.topstepx.signalr import hub_url
from engine.brokers.topstepx.stream import Stream
from engine.brokers.topstepx.translate import (
    ORDER_TYPES,
    PENDING,
    TIF,
    check,
    place_body,
    prices,
    stamp,
    updated_at,
)
from engine.domain.errors import (
    BrokerAuthError,
    BrokerUnavailable,
    DataStale,
    OrderRejected,
    OrderStateUnknown,
    WrongEnvironment,
)
from engine.domain.instrument import Instrument
from engine.domain.order import OrderType


class Topstepx(Adapter):
    """Futures at TopStepX, on the trader's own machine."""

    Settings = TopstepSettings
    settings: TopstepSettings
    secrets = ("user", "key")

    def __init__(self, settings: TopstepSettings, setup: Setup) -> None:
        """Nothing is connected.

        Raises:
            ConfigError: the firm's rule about machines is not confirmed.
        """
        super().__init__(settings, setup)
        check_machine(f"brokers.{self.name}", is_own=settings.own_machine)
        self.caps = BrokerCaps(
            by_kind={
                "future": Caps(
                    order_types=ORDER_TYPES,
                    tifs=frozenset({TIF}),
                    has_brackets=True,
                    replaces_qty=False,
                )
            },
            is_paper=settings.environment == "paper",
            entries_per_min=entries_per_min(ALLOWED),
        )
        self._api = Api(
            self.name,
            settings.rest_url or REST,
            self.clock,
            setup.secrets["user"],
            setup.secrets["key"],
        )
        self.contracts = Contracts(self._api, self.clock, is_live_data=settings.live_data)
        self._lineage = Lineage(setup.tokens, f"{self.name}-orders")
        self._events = Events()
        self._books = Books(self._api, self.contracts, self._lineage, self._events, self.clock)
        self._stream = Stream(self._books, self._events, hub_url(settings.user_hub_url or USER_HUB))
        self._keeper = Keeper(self.name, self.clock, self._events, self._stream.session)
        self._keeper.is_back = self._api.wire.breaker.invite
        self._is_kept = False
        self._confirmed_at: float | None = None

    @property
    def usage(self) -> Usage:
        """How much of the allowance is used."""
        return self._api.wire.usage

    # -- attendance -----------------------------------------------------------------------------

    def confirm_presence(self) -> None:
        """A person has just said to be at the desk; forgotten by a restart."""
        self._confirmed_at = self.clock.monotonic()

    @property
    def is_attended(self) -> bool:
        """Whether somebody is there, as far as that is asked for; entries are refused if not."""
        left = self.attended_left_s
        return left is None or left > 0

    @property
    def attended_left_s(self) -> float | None:
        """How long the last confirmation still counts; None: nobody is asked for."""
        if self.settings.attended_min is None:
            return None
        if self._confirmed_at is None:
            return 0.0
        gone = self.clock.monotonic() - self._confirmed_at
        return max(float(self.settings.attended_min) * 60 - gone, 0.0)

    # -- connection -----------------------------------------------------------------------------

    async def connect(self) -> None:
        """Log in, find the accounts, read the contracts, start listening.

        Raises:
            BrokerAuthError, BrokerUnavailable; WrongEnvironment: paper and live were mixed up.
        """
        await self._api.start()
        self._books.numbers = self._mapped(await self._books.accounts())
        await self._lineage.load(self.clock.now())
        with suppress(BrokerUnavailable):
            await self.contracts.load()  # without it each contract is looked up when it is needed
        if not self._is_kept:
            self._is_kept = True
            self._keeper.start()

    def _mapped(self, accounts: list[BrokerAccount]) -> dict[str, int]:
        found: dict[str, int] = {}
        for name, number in self.setup.accounts.items():
            account = account_of(self.name, accounts, name, number)
            is_paper = account.is_paper
            if is_paper is None and is_loopback(self.settings.rest_url):
                is_paper = True  # an imitation on this machine, whose accounts do not say
            if is_paper is not (self.settings.environment == "paper"):
                theirs = {True: "simulated", False: "live", None: "of unknown kind"}
                raise WrongEnvironment(
                    f"brokers.{self.name}.environment is {self.settings.environment}, and the "
                    f"account of {name} is {theirs[is_paper]}"
                )
            found[name] = int(account.number)
        if len(set(found.values())) != len(found):
            raise BrokerAuthError(f"{self.name}: two of our accounts are one and the same there")
        return found

    async def close(self) -> None:
        """Leave; orders stay where they are."""
        await self._keeper.close()
        self._is_kept = False
        await self._api.close()
        self._events.end()

    def events(self) -> AsyncIterator[BrokerEvent]:
        """Everything that happens at the broker, until closed."""
        return self._events.all()

    # -- questions ------------------------------------------------------------------------------

    async def accounts(self) -> list[BrokerAccount]:
        """Every active account of the login."""
        return await self._books.accounts()

    async def balance(self, account: str) -> Balance:
        """Cash; the broker says neither equity nor buying power."""
        return await self._books.balance(account)

    async def positions(self, account: str) -> list[BrokerPosition]:
        """Everything held."""
        return await self._books.positions(account)

    async def open_orders(self, account: str) -> list[BrokerOrder]:
        """Working orders."""
        return await self._books.open_orders(account)

    async def orders_since(self, account: str, since: datetime) -> list[BrokerOrder]:
        """Every order made or changed since."""
        return await self._books.orders_since(account, since)

    async def fills_since(self, account: str, since: datetime) -> list[BrokerFill]:
        """Every execution since."""
        fills = await self._books.fills_since(account, since)
        is_offered = self._events.is_offered("executions")
        self.caps = replace(self.caps, lists_executions=is_offered, tells_fees=is_offered)
        return fills

    async def find(self, account: str, client_order_id: str) -> Found:
        """Look one order up; absence is told from the list of the last days, whole."""
        return await self._books.find(account, client_order_id)

    def recall(self, account: str, client_order_id: str, broker_id: str) -> None:
        """An order from before this login; what was modified or a child is in the lineage."""
        is_kept = self._lineage.order_of(client_order_id)
        if account in self._books.numbers and broker_id.isdigit() and not is_kept:
            self._books.recall(account, client_order_id, int(broker_id))

    def room(self, who: Rank = Rank.EXIT) -> int | None:
        """What is left of the minute."""
        return self._api.wire.lanes.room(who)

    async def front(self, root: str) -> Instrument:
        """The month that a root means today: the broker's own active contract.

        Raises:
            OrderRejected: with the reason, when that is not one for sure. BrokerUnavailable.
        """
        return (await self.contracts.front(root)).instrument

    async def preview(self, request: OrderRequest) -> Preview | None:
        """ProjectX has no dry run; what it cannot take at all is refused here already.

        Raises:
            OrderRejected.
        """
        await self._body(request)
        return None

    async def check(self) -> list[Check]:
        """Log in, read, price; nothing is ordered."""
        said = "logged in with the key" if self._api.token else "not logged in"
        done = [Check(name="auth", is_ok=bool(self._api.token), detail=said)]
        for name in self._books.numbers:
            done.append(await tried(f"account {name}", self._try_account(name)))
            done.append(await tried(f"orders {name}", self._try_orders(name)))
        done.append(await tried("quote", self._try_quote()))
        done.append(Check(name="dry run", is_ok=None, detail="ProjectX has none"))
        return done

    async def _try_account(self, account: str) -> str:
        balance = await self._books.balance(account)
        return f"cash ${balance.cash_usd:,.2f}, may trade: {balance.facts['can trade']}"

    async def _try_orders(self, account: str) -> str:
        return f"{len(await self._books.open_orders(account))} working"

    async def _try_quote(self) -> str:
        front = await self.contracts.front("MES")
        now = self.clock.now()
        body = {
            "contractId": front.id,
            "live": self.settings.live_data,
            "startTime": stamp(now - timedelta(days=4)),
            "endTime": stamp(now),
            "unit": 2,
            "unitNumber": 1,
            "limit": 1,
            "includePartialBar": True,
        }
        bars = await self._api.rows("/api/History/retrieveBars", body, "bars")
        last = bars[0].get("c") if bars else None
        if last is None:
            raise DataStale(f"{front.instrument.label} has no price of the last four days")
        return f"{front.instrument.label}: {last}"

    # -- acts -----------------------------------------------------------------------------------

    async def submit(self, request: OrderRequest) -> BrokerOrder:
        """Send one order, once.

        Raises:
            OrderRejected, BrokerUnavailable (nothing sent), OrderStateUnknown, BrokerAuthError.
        """
        body = await self._body(request)
        if not request.reduces and not self.is_attended:
            raise OrderRejected(
                "unattended", "nobody has confirmed to be at the desk lately; no entry was sent"
            )
        if request.attached:
            self._lineage.expect(request, body["accountId"], body["contractId"], self.clock.now())
            await self._lineage.save()
        lane: Lane = "exit" if request.reduces else "order"
        is_first = self._books.sends(body)
        try:
            answer = await self._api.act("/api/Order/place", body, PLACE, lane=lane)
        except (OrderRejected, BrokerUnavailable, BrokerAuthError) as error:
            self._lineage.forget(request.client_order_id)  # nothing of it exists
            if is_first and not isinstance(error, BrokerAuthError):  # which may have been taken
                self._books.never_was(request.client_order_id)
            raise
        order_id = answer.get("orderId")
        if isinstance(order_id, bool) or not isinstance(order_id, int) or order_id <= 0:
            raise OrderStateUnknown(f"{self.name}: taken, but without an order id")
        now = {"status": PENDING, "fillVolume": 0, "creationTimestamp": stamp(self.clock.now())}
        self._books.placed(body | now | {"id": order_id})
        return _taken(request, order_id, self.clock.now())

    async def _body(self, request: OrderRequest) -> dict[str, Any]:
        number = self._books.number(request.account)
        if len(request.legs) != 1 or request.legs[0].ratio != 1:
            raise OrderRejected("unsupported", "one future per order; the side says the rest")
        contract = await self.contracts.of(request.legs[0].instrument)
        return place_body(request, number, contract)

    async def cancel(self, account: str, client_order_id: str) -> None:
        """Ask for cancellation.

        Raises:
            OrderRejected: already over or not known; BrokerUnavailable; OrderStateUnknown.
        """
        number = self._books.number(account)
        order_id = self._books.order_id(account, client_order_id)
        if not order_id:
            row = await self._books.row_of(account, client_order_id)
            if row is None:
                raise OrderRejected("OrderNotFound", f"no order {client_order_id} in {account}")
            order_id = row["id"]
        body = {"accountId": number, "orderId": order_id}
        await self._api.act("/api/Order/cancel", body, CANCEL, lane="exit")

    async def replace(self, account: str, client_order_id: str, new: OrderRequest) -> BrokerOrder:
        """Modify a working order in place; from then on it goes by the new client id.

        Raises:
            OrderRejected, BrokerUnavailable (nothing changed), OrderStateUnknown, BrokerAuthError.
        """
        row, old = await self._working(account, client_order_id)
        order_id, life = int(row["id"]), self._lineage.doubtful(row["id"])
        is_again = life is not None and life.client_id == new.client_order_id
        if not is_again and self._lineage.is_modifying(order_id, self.clock.now()):
            raise OrderRejected("Pending", f"{client_order_id} is being modified already")
        self._check_swap(account, old, new, is_again=is_again)
        self._lineage.begin(order_id, new, int(old.filled), self.clock.now())
        await self._lineage.save()
        try:
            await self._modify(row, new)
        except (OrderRejected, BrokerUnavailable, BrokerAuthError):
            if not is_again:  # of the first request it says nothing
                self._lineage.drop(order_id)
                await self._lineage.save()
            raise
        return await self._modified(account, row, old, new)

    async def _working(self, account: str, client_order_id: str) -> tuple[Row, BrokerOrder]:
        self._books.number(account)
        row = await self._books.row_of(account, client_order_id)
        if row is None:  # no list shows it yet: what it was given and told says which it is
            row = self._books.remembered(account, client_order_id)
        if row is None:
            raise OrderRejected("OrderNotFound", f"no order {client_order_id} in {account}")
        order = (await self._books.reports(account, row))[-1]
        if order.client_order_id != client_order_id or order.state not in LIVE:
            raise OrderRejected("Rejected", f"{client_order_id} is {order.raw_state}, not working")
        return row, order

    def _check_swap(
        self, account: str, old: BrokerOrder, new: OrderRequest, *, is_again: bool
    ) -> None:
        same = (old.legs, old.side, old.type, account)
        if same != (new.legs, new.side, new.type, new.account) or new.attached:
            raise OrderRejected(
                "unsupported", "a modification keeps account, contract, side and type"
            )
        check(new, new.legs[0].instrument)
        if new.type is OrderType.TRAILING:
            raise OrderRejected("unsupported", "ProjectX never shows the distance of a trail")
        if new.qty != old.qty:
            raise OrderRejected("unsupported", "ProjectX does not say what a changed size counts")
        if not is_again and self._books.order_id(account, new.client_order_id):
            raise OrderRejected("OrderRejected", "a client order id must be unique")

    async def _modify(self, row: Row, new: OrderRequest) -> None:
        lives = self._lineage.settled(int(row["id"]))
        last = lives[-1].prices if lives else {}  # a list that lags shows what was before it
        changes = {
            name: price
            for name, price in prices(new).items()
            if row.get(name) != price or Decimal(last.get(name, price)) != price
        }
        if changes:
            body = {"accountId": row["accountId"], "orderId": row["id"], **changes}
            await self._api.act("/api/Order/modify", body, MODIFY, lane="exit")

    async def _modified(
        self, account: str, row: Row, old: BrokerOrder, new: OrderRequest
    ) -> BrokerOrder:
        """It is done; when, the broker says, and if it does not answer our clock does."""
        order_id = int(row["id"])
        since = self.clock.now()
        try:
            now = await self._books.row_of(account, client_order_id=old.client_order_id)
            if now is not None:
                since, row = updated_at(now), now
        except (BrokerUnavailable, BrokerAuthError):
            now = None
        if now is None:
            row = {**row, **prices(new)}
        if self._lineage.doubtful(order_id) is not None:
            self._lineage.confirm(order_id, since)
        await self._lineage.save()
        reports = await self._books.reports(account, row)
        self._stream.tell(order_id, reports)
        return reports[-1] if now is not None else _taken(new, order_id, since, filled=old.filled)


def _taken(
    request: OrderRequest, order_id: int, at: datetime, *, filled: Decimal = Decimal(0)
) -> BrokerOrder:
    """An order as it stands when the broker has just said yes."""
    return BrokerOrder(
        client_order_id=request.client_order_id,
        broker_id=str(order_id),
        account=request.account,
        state="partial" if filled else "accepted",
        side=request.side,
        legs=request.legs,
        qty=request.qty,
        filled=filled,
        type=request.type,
        limit=request.limit,
        stop=request.stop,
        updated_at=at,
        raw_state="Open",
    )
