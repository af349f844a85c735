"""The tastytrade connection: the Broker contract over its REST interface and account stream."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import replace
from decimal import Decimal
from typing import Any, ClassVar
from urllib.parse import urlsplit

from pydantic import SecretStr

from engine.asking import Rank, our_own_delay
from engine.brokers import (
    Absent,
    Adapter,
    BrokerCaps,
    BrokerEvent,
    BrokerOrder,
    Caps,
    Check,
    OrderRequest,
    Preview,
    Setup,
    Unclear,
)
from engine.brokers._wire.address import Address, is_loopback
from engine.brokers._wire.events import Keeper
from engine.brokers._wire.figures import UNREADABLE
from engine.brokers._wire.http import Answer
from engine.brokers._wire.lanes import Lane, Lanes, entries_per_min
from engine.brokers._wire.trial import dry_run, tried
from engine.brokers._wire.usage import Usage
from engine.brokers.tastytrade import bodies, translate
from engine.brokers.tastytrade import fills as executions
from engine.brokers.tastytrade.book import OVER
from engine.brokers.tastytrade.hear import Hearing
from engine.brokers.tastytrade.login import Login, is_lacking
from engine.brokers.tastytrade.reading import Reading
from engine.brokers.tastytrade.stream import Stream, listen
from engine.domain.errors import (
    BrokerAuthError,
    BrokerUnavailable,
    NotOffered,
    OrderRejected,
    OrderStateUnknown,
    WrongEnvironment,
)
from engine.domain.order import OrderType, Tif

DRY_RUN_S = 2.5
"""An entry waits this long for its dry run, so that both fit the desk's limit of 10 s."""
LANES: Mapping[Lane, tuple[float, float]] = {"all": (120, 60)}
"""Two requests a second in all; a dry run is a reading."""
_LIVE_HOSTS = frozenset({"api.tastyworks.com", "api.tastytrade.com", "streamer.tastyworks.com"})
_PAPER_HOSTS = frozenset({"api.cert.tastyworks.com", "streamer.cert.tastyworks.com"})
_TYPES = frozenset({OrderType.MARKET, OrderType.LIMIT, OrderType.STOP, OrderType.STOP_LIMIT})
_NO_SPREAD_STOPS = frozenset({OrderType.MARKET, OrderType.LIMIT})


def _caps(types: frozenset[OrderType] = _TYPES, legs: int = 1) -> Caps:
    return Caps(
        order_types=types,
        tifs=frozenset({Tif.DAY, Tif.GTC}),
        max_legs=legs,
        has_replace=True,
        replaces_qty=False,
    )


class Tastytrade(Reading):
    """One tastytrade login, its sandbox or the real one; may serve several accounts."""

    class Settings(Adapter.Settings):
        """Addresses; empty for tastytrade's own of the environment."""

        rest_url: Address = ""
        token_url: Address = ""
        """Where tokens are given; empty for ``rest_url``."""
        stands_for: ClassVar[Mapping[str, str]] = {"token_url": "rest_url"}
        stream_url: Address = ""

    secrets: ClassVar[tuple[str, ...]] = ("client_secret", "refresh_token")
    settings: Settings

    @classmethod
    def mixed_up(cls, settings: Any, secrets: Mapping[str, SecretStr]) -> str:
        """An address of the other environment."""
        del secrets
        is_paper = settings.environment == "paper"
        wrong = _LIVE_HOSTS if is_paper else _PAPER_HOSTS
        for key in ("rest_url", "token_url", "stream_url"):
            if urlsplit(getattr(settings, key)).hostname in wrong:
                other = "live" if is_paper else "paper"
                return f"{key}: is an address of {other}, environment is {settings.environment}"
        return ""

    def __init__(self, settings: Settings, setup: Setup) -> None:
        super().__init__(settings, setup)
        self.caps = BrokerCaps(
            by_kind={
                "stock": _caps(),
                "option": _caps(),
                "future": _caps(),
                "spread": _caps(_NO_SPREAD_STOPS, bodies.MAX_LEGS),
            },
            dedupes_client_id=False,
            is_paper=self.is_paper,
            has_preview=True,
            entries_per_min=entries_per_min(LANES, requests=2),
        )
        self.usage = Usage(self.clock)
        self._lanes = Lanes(self.clock, LANES, requests=2)
        self._keeper: Keeper | None = None
        self._hearing: Hearing | None = None

    # -- connection -----------------------------------------------------------------------------

    async def connect(self) -> None:
        """Log in, check that this is paper or live as configured, map accounts, hear the stream.

        Raises:
            BrokerAuthError: keys or accounts do not fit; WrongEnvironment among them.
            BrokerUnavailable.
        """
        if self._login is not None:
            return
        if why := self.mixed_up(self.settings, self.setup.secrets):
            raise WrongEnvironment(f"{self.name}: {why}")
        login = self._new_login()
        try:
            await login.refresh(force=True)
            numbers = await self._mapped(login)
            await self._refuse_other_environment(login)
        except BaseException:
            await login.close()
            raise
        self._login, self._numbers = login, numbers
        login.keep()
        names = {number: name for name, number in numbers.items()}
        given = (secret.get_secret_value() for secret in self.setup.secrets.values())
        self._oddities.hide([*given, *numbers.values()])
        self._hearing = Hearing(self, self._memory, self._events, self._oddities, names)
        self._hearing.start()
        self._keeper = Keeper(self.name, self.clock, self._events, self._session)
        self._keeper.is_back = login.wire.breaker.invite
        self._keeper.start()

    def _new_login(self) -> Login:
        given = self.setup.secrets
        for name in self.secrets:
            if name not in given or not given[name].get_secret_value():
                raise BrokerAuthError(f"{self.name}: the secret {name} is missing")
        return Login(
            name=self.name,
            clock=self.clock,
            lanes=self._lanes,
            usage=self.usage,
            secret=given["client_secret"].get_secret_value(),
            refresh_token=given["refresh_token"].get_secret_value(),
            is_paper=self.is_paper,
            rest_url=self.settings.rest_url,
            token_url=self.settings.token_url,
        )

    async def _mapped(self, login: Login) -> dict[str, str]:
        reached = {a.number: a for a in await self._reached(login)}
        tradable = [number for number, a in reached.items() if a.may_trade]
        numbers: dict[str, str] = {}
        for name, given in self.setup.accounts.items():
            number = given
            if number is None:
                if len(tradable) != 1:
                    raise BrokerAuthError(
                        f"{self.name}: {name} names no account number and the login reaches "
                        f"{len(tradable)} that may trade (TS_ACCOUNT_{name.upper()})"
                    )
                number = tradable[0]
            if number not in reached:
                raise BrokerAuthError(f"{self.name}: the login does not reach account {name}")
            if not reached[number].may_trade:
                raise BrokerAuthError(f"{self.name}: account {name} is closed or may not trade")
            numbers[name] = number
        if len(set(numbers.values())) < len(numbers):
            raise BrokerAuthError(f"{self.name}: two of our accounts are one at the broker")
        return numbers

    async def _refuse_other_environment(self, login: Login) -> None:
        """The market data that a login may have says where it lives: ``demo`` is the sandbox."""
        try:
            answer = await login.asked("/api-quote-tokens")
        except NotOffered:
            return  # as below
        data = answer.body.get("data") if isinstance(answer.body, Mapping) else None
        level = data.get("level") if isinstance(data, Mapping) else None
        if level is None or not answer.is_ok:
            return  # it does not say; keys of one environment do not open the other
        if self.is_paper and is_loopback(self.settings.rest_url):
            return  # an imitation on this machine, which may repeat what is published of ``api``
        if (level == "demo") != self.is_paper:
            theirs = "paper" if level == "demo" else "live"
            raise WrongEnvironment(
                f"{self.name}: environment is {self.settings.environment}, the login is of {theirs}"
            )

    async def _session(self, is_up: Callable[[], None]) -> None:
        login, hearing = self._in(), self._hearing
        assert hearing is not None  # noqa: S101 - the keeper runs while both are there
        stream = Stream(login, self.settings.stream_url, hearing.put)
        try:
            await listen(stream, list(self._numbers.values()), self.clock, is_up)
        except BrokerAuthError:
            login.distrust()
            raise

    async def close(self) -> None:
        """Leave; orders stay at the broker."""
        login, self._login = self._login, None
        for part in (self._keeper, self._hearing, login):
            if part is not None:
                await part.close()
        self._keeper = self._hearing = None
        self._events.end()

    def events(self) -> AsyncIterator[BrokerEvent]:
        """Everything that happens at the broker, until closed."""
        return self._events.all()

    # -- requests -------------------------------------------------------------------------------

    def room(self, who: Rank = Rank.EXIT) -> int | None:
        """What is left of the minute."""
        return self._lanes.room(who)

    async def preview(self, request: OrderRequest) -> Preview:
        """Let the broker try the order without placing it.

        Raises:
            OrderRejected: it would be refused. BrokerUnavailable, BrokerAuthError; NotOffered.
        """
        self._in()
        body = bodies.new_order(request)
        return await self._dry_run(self._own_number(request.account), body)

    async def _dry_run(self, number: str, body: Mapping[str, Any]) -> Preview:
        login = self._in()
        try:
            async with asyncio.timeout(DRY_RUN_S):
                answer = await login.tried(f"/accounts/{number}/orders/dry-run", body)
        except TimeoutError:
            raise BrokerUnavailable(f"{self.name}: no answer to the dry run") from None
        if is_lacking(answer):
            raise NotOffered(f"{self.name} offers no dry run")
        self._events.offered("dry run")
        try:
            data = self._accepted(answer, is_dry_run=True)
        except OrderStateUnknown as error:  # a dry run creates nothing
            raise BrokerUnavailable(str(error)) from error
        expected = executions.per_contract(data)
        if expected is not None:  # a fill may be told before the order is answered
            self._memory.expected.put(str(body.get("external-identifier")), expected)
        effect = data.get("buying-power-effect")
        fees = translate.cost_of(data.get("fee-calculation"), "total-fees")
        return Preview(
            fee_usd=None if fees is None else abs(fees),
            buying_power_change_usd=translate.cost_of(effect, "change-in-buying-power"),
            warnings=tuple(
                f"{code}: {said}" for code, said in translate.complaints(data, "warnings")
            ),
        )

    async def submit(self, request: OrderRequest) -> BrokerOrder:
        """Send one order, once; an entry is tried by a dry run first, an exit goes at once.

        Raises:
            OrderRejected, BrokerUnavailable (nothing sent), OrderStateUnknown, BrokerAuthError.
        """
        login = self._in()
        body = bodies.new_order(request)
        number = self._own_number(request.account)
        lane: Lane = "exit" if request.reduces else "order"
        if not request.reduces:
            with our_own_delay():  # it may be unwanted by now: asked before the order leaves
                await self._try(number, body)
        answer = await login.act("POST", f"/accounts/{number}/orders", body, lane=lane)
        data = self._accepted(answer)
        order = self._taken(data, request)
        self._memory.hides_names = not data.get("order", data).get("external-identifier")
        return order

    async def _try(self, number: str, body: Mapping[str, Any]) -> None:
        """The dry run of an entry; where there is none the broker judges the order itself."""
        try:
            await self._dry_run(number, body)
        except NotOffered as error:
            self._events.without(
                "dry run",
                error,
                "it offers no dry run: entries go out untried, and their fees are not known before",
            )

    def _own_number(self, account: str) -> str:
        number = self._numbers.get(account)
        if number is None:
            raise OrderRejected("tastytrade.account", f"there is no account {account} here")
        return number

    def _accepted(self, answer: Answer, *, is_dry_run: bool = False) -> Mapping[str, Any]:
        """What stands behind ``data`` of an answer that says yes.

        Raises:
            OrderRejected: the broker's own no. OrderStateUnknown: neither yes nor no.
        """
        body = answer.body if isinstance(answer.body, Mapping) else {}
        data = body.get("data")
        if not answer.is_ok:
            raise self._refused(answer)
        if not isinstance(data, Mapping):
            raise OrderStateUnknown(f"{self.name}: an answer without data")
        errors = translate.complaints(data, "errors")
        order = data.get("order")
        has_order = isinstance(order, Mapping) and order.get("id") not in (None, "", 0, "0")
        if errors and (is_dry_run or not has_order):
            raise OrderRejected(errors[0][0], self._said(errors[0][1]))
        if errors:
            raise OrderStateUnknown(f"{self.name}: an order and an error ({errors[0][0]})")
        return data

    def _taken(
        self, data: Mapping[str, Any], request: OrderRequest, carried: Decimal = Decimal(0)
    ) -> BrokerOrder:
        """The order that the broker says it took; what cannot be read may have been taken."""
        raw = data.get("order", data)
        try:
            order = translate.order_of(raw, request.account, self.clock.now(), carried)
            expected = executions.per_contract(data)
        except UNREADABLE as error:
            raise OrderStateUnknown(f"{self.name}: an order that cannot be read") from error
        if not raw.get("external-identifier"):
            order = replace(order, client_order_id=request.client_order_id)
        if order.client_order_id != request.client_order_id:
            raise OrderStateUnknown(f"{self.name}: an answer about another order")
        if order.state == "rejected":
            raise OrderRejected("Rejected", self._said(order.reason or "refused on its way"))
        if expected is not None:
            self._memory.expected.put(order.client_order_id, expected)
        self._memory.note(self._numbers[request.account], order)
        return order

    async def replace(self, account: str, client_order_id: str, new: OrderRequest) -> BrokerOrder:
        """Put new prices in the place of a working order's; its contracts and size stay.

        Raises:
            OrderRejected: also when ``new`` is of other legs, another size or another account.
            BrokerUnavailable (nothing sent), OrderStateUnknown, BrokerAuthError.
        """
        login = self._in()
        body = bodies.replacement(new)
        number = self._own_number(new.account)
        if new.account != account or new.client_order_id == client_order_id:
            raise OrderRejected("tastytrade.replace", "a new order has its own id, same account")
        old = await self._working(account, client_order_id)
        wanted = {leg.instrument.key: leg.ratio * new.side.sign for leg in new.legs}
        if {leg.instrument.key: leg.ratio * old.side.sign for leg in old.legs} != wanted:
            raise OrderRejected("tastytrade.replace", "legs of a working order cannot change")
        if new.qty != old.qty:
            raise OrderRejected("tastytrade.replace", "the size of a working order cannot change")
        path = f"/accounts/{number}/orders/{old.broker_id}"
        self._memory.changing.add(client_order_id)
        try:
            answer = await login.act("PUT", path, body, lane="exit" if new.reduces else "order")
            return self._taken(self._accepted(answer), new, old.filled)
        except (OrderRejected, BrokerUnavailable, BrokerAuthError):
            self._memory.changing.discard(client_order_id)
            raise

    async def cancel(self, account: str, client_order_id: str) -> None:
        """Ask for cancellation; the outcome comes by the stream.

        Raises:
            OrderRejected: already over or not known; BrokerUnavailable; OrderStateUnknown.
        """
        login, number = self._in(), self._own_number(account)
        broker_id = self._memory.by_client_id(number, client_order_id)
        if broker_id is None:
            broker_id = (await self._working(account, client_order_id)).broker_id
        for one in (*self._memory.beside(broker_id, client_order_id), broker_id):
            answer = await login.act("DELETE", f"/accounts/{number}/orders/{one}", lane="exit")
        if not answer.is_ok:
            raise self._refused(answer)

    async def _working(self, account: str, client_order_id: str) -> BrokerOrder:
        """The order to act on, as last heard of; the broker itself refuses one that is over.

        Raises:
            OrderRejected: it is over, or there is none. BrokerUnavailable: it cannot be told.
        """
        known = self._memory.by_client_id(self._own_number(account), client_order_id)
        order = None if known is None else self._memory.orders.get(known)
        if order is None:
            found = await self._found(account, client_order_id, "exit")
            if isinstance(found, Absent):
                raise OrderRejected("tastytrade.unknown", "the broker has no such order")
            if isinstance(found, Unclear):
                raise BrokerUnavailable(f"{self.name}: it cannot be told which order is meant")
            order = found.order
        if order.state in OVER:
            raise OrderRejected("tastytrade.over", f"the order is {order.state}")
        return order

    # -- trying it out --------------------------------------------------------------------------

    async def check(self) -> list[Check]:
        """Log in anew, read money, prices and orders, try an order; nothing is left behind."""
        return [
            await tried("auth", self._check_auth()),
            await tried("account", self._check_money()),
            await tried("quote", self._check_quote()),
            await tried("orders", self._check_orders()),
            await dry_run(self, next(iter(self._numbers), "")),
        ]

    async def _check_auth(self) -> str:
        await self._in().refresh(force=True)
        return f"a token for {self.settings.environment}"

    async def _check_money(self) -> str:
        said = []
        for name in self._numbers:
            cash = (await self.balance(name)).cash_usd
            said.append(f"{name} {'does not say its cash' if cash is None else f'${cash:,.2f}'}")
        return "; ".join(said)

    async def _check_quote(self) -> str:
        body = await self._in().ask("/api-quote-tokens")
        data = body.get("data") if isinstance(body, Mapping) else None
        if not isinstance(data, Mapping) or not data.get("dxlink-url"):
            raise BrokerUnavailable("no address of market data")
        return f"market data of level {data.get('level')}"

    async def _check_orders(self) -> str:
        return f"{sum([len(await self.open_orders(name)) for name in self._numbers])} open"

    def _refused(self, answer: Answer) -> OrderRejected | OrderStateUnknown:
        """The broker's own no; a status alone proves nothing."""
        said = translate.refusal(answer.body)
        if said is None:
            return OrderStateUnknown(f"tastytrade: {answer.status} without a reason")
        return OrderRejected(said[0], self._said(said[1]))

    def _said(self, sentence: str) -> str:
        return self.unnamed(sentence, *self._numbers.values())
