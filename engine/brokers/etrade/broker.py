"""E*TRADE: every order previewed, then placed identically at once; outcomes are polled."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from functools import partial
from typing import Any, ClassVar
from urllib.parse import quote, urlsplit

from pydantic import SecretStr

from engine.asking import Rank, answered_within, asking, our_own_delay
from engine.brokers import (
    Adapter,
    Balance,
    BrokerAccount,
    BrokerCaps,
    BrokerFill,
    BrokerOrder,
    BrokerPosition,
    Check,
    Odd,
    OrderRequest,
    Preview,
    Setup,
)
from engine.brokers._wire.address import Address
from engine.brokers._wire.events import Events
from engine.brokers._wire.figures import UNREADABLE, Json, maybe, number, once, word
from engine.brokers._wire.lanes import entries_per_min
from engine.brokers._wire.nameless import PLAIN, Nameless, OrderList, accepted, caps, lane
from engine.brokers._wire.sent import Listed, Sent
from engine.brokers._wire.sums import Sums, told_since
from engine.brokers._wire.trial import tried_out
from engine.brokers.etrade import executions, translate
from engine.brokers.etrade.link import ALLOWED, Link
from engine.brokers.etrade.lists import LIVE, MOST_PAGES, PAGE, Orders
from engine.brokers.etrade.login import Addresses, Login
from engine.domain.errors import (
    BrokerAuthError,
    BrokerUnavailable,
    CredentialsRefused,
    OrderRejected,
    OrderStateUnknown,
    RateLimited,
    WrongEnvironment,
)
from engine.domain.order import OrderType

_REST = {"paper": "https://apisb.etrade.com", "live": "https://api.etrade.com"}
_TOKEN = "https://api.etrade.com"  # noqa: S105 - an address, the same for both environments
_AUTHORIZE = "https://us.etrade.com/e/t/etws/authorize"


_HANGS_S, _PREVIEWS = 2.5, 3
"""A preview mostly takes a fifth of that; what it is for is held without a stop."""
_TICK = timedelta(milliseconds=1)
"""E*TRADE's times are cut off to this."""


class Etrade(Nameless):
    """A login at E*TRADE: shares, options, spreads of two legs."""

    class Settings(Adapter.Settings):
        """``paper`` is E*TRADE's sandbox, which answers with stored examples."""

        rest_url: Address = ""
        """Accounts, orders and quotes."""
        token_url: Address = ""
        """Tokens, the same for sandbox and live."""
        authorize_url: Address = ""
        """The page where the owner lets us in."""

    secrets: ClassVar[tuple[str, ...]] = ("key", "secret")
    house: ClassVar[str] = "E*TRADE"
    days_back: ClassVar[int] = 1
    asks_for = "the code that E*TRADE shows"

    @classmethod
    def mixed_up(cls, settings: Any, secrets: Mapping[str, SecretStr]) -> str:
        """The address of the other environment; E*TRADE's keys do not show theirs."""
        del secrets
        ours = settings.environment
        other = "live" if ours == "paper" else "paper"
        if urlsplit(settings.rest_url).hostname == urlsplit(_REST[other]).hostname:
            return f"rest_url: environment is {ours}, and this is E*TRADE's {other} address"
        return ""

    def __init__(self, settings: Settings, setup: Setup) -> None:
        super().__init__(settings, setup)
        self.caps = BrokerCaps(
            by_kind={
                "stock": caps(*PLAIN),
                "option": caps(*PLAIN),
                "spread": caps(OrderType.MARKET, OrderType.LIMIT, max_legs=translate.MAX_LEGS),
            },
            dedupes_client_id=True,
            finds_by_client_id=False,
            tells_ends=False,
            is_paper=settings.environment == "paper",
            has_stream=False,
            working_lists=len(LIVE),
            has_preview=True,
            entries_per_min=entries_per_min(ALLOWED, requests=2),
        )
        self._rest = settings.rest_url or _REST[settings.environment]
        self._login = Login(
            self.name,
            setup.secrets["key"].get_secret_value(),
            setup.secrets["secret"].get_secret_value(),
            settings.environment,
            Addresses(
                token=settings.token_url or _TOKEN, authorize=settings.authorize_url or _AUTHORIZE
            ),
            setup.tokens,
            self.clock,
        )
        self._events = Events()
        self._link = Link(
            self.name, self._rest, self.clock, self._login, self._events, self.unnamed
        )
        self._wire = self._link.wire
        self.usage = self._wire.usage
        self._sent = Sent(self.name, setup.tokens, self.clock)
        self._sums = Sums(self.name, setup.tokens, self.clock)
        self._keys: dict[str, str] = {}
        self._began_at = self.clock.now()
        self._has_listed = False
        """All that is recent was read since the login."""
        self._orders = Orders(self._link, self._sent, self._events, self.clock, self._path)

    # -- connection -----------------------------------------------------------------------------

    async def connect(self) -> None:
        """Log in with the token of today and find the accounts.

        Raises:
            BrokerAuthError: no token, a dead one, or one of the other environment.
            BrokerUnavailable.
        """
        if what := self.mixed_up(self.settings, {}):
            raise WrongEnvironment(f"{self.name}: {what}")
        self._wire.open()
        self._login.forget_look()
        await self._sent.load()
        await self._sums.load()
        await self._link.wake()
        rows = await self._account_rows()
        try:
            self._keys = self._mapped(rows)
        except UNREADABLE as error:
            raise BrokerUnavailable(f"{self.name}: accounts that cannot be read") from error
        self._link.start()

    def _mapped(self, rows: list[Json]) -> dict[str, str]:
        """Our account name -> E*TRADE's key of it."""
        keys = {str(row["accountId"]): str(row["accountIdKey"]) for row in rows}
        self.unnamed("", *keys, *keys.values())
        may_trade = [a.number for a in map(translate.account_of, rows) if a.may_trade]
        return {name: keys[one] for name, one in self._chosen(may_trade, keys).items()}

    async def close(self) -> None:
        """Hang up; orders stay where they are."""
        await self._link.close()
        self._events.end()

    async def authorize_url(self) -> str:
        """The page on which the owner lets us in; good for five minutes."""
        self._wire.open()
        return await self._login.begin(self._wire)

    async def finish(self, answer: str) -> str:
        """Trade the code for a token and keep it."""
        ends_at = await self._login.finish(self._wire, answer)
        return f"until {ends_at:%Y-%m-%d %H:%M} in New York"

    # -- questions ------------------------------------------------------------------------------

    async def accounts(self) -> list[BrokerAccount]:
        """All accounts of the login."""
        rows = await self._account_rows()
        try:
            return [translate.account_of(row) for row in rows]
        except UNREADABLE as error:
            raise BrokerUnavailable(f"{self.name}: accounts that cannot be read") from error

    async def _account_rows(self) -> list[Json]:
        body = await self._link.ask("/v1/accounts/list.json", "AccountListResponse")
        try:
            return translate.many(body["Accounts"]["Account"])
        except UNREADABLE as error:
            raise BrokerUnavailable(f"{self.name}: a list of accounts that holds none") from error

    async def check(self) -> list[Check]:
        """Log in, read, price and preview one share far below its price."""
        account = next(iter(self.setup.accounts), "")
        return await tried_out(self, account, self.settings.environment, self._quote)

    async def _quote(self) -> None:
        await self._link.ask("/v1/market/quote/SPY.json", "QuoteResponse")

    async def balance(self, account: str) -> Balance:
        """Money as E*TRADE computes it now."""
        path = f"{self._path(account)}/balance.json?instType=BROKERAGE&realTimeNAV=true"
        body = await self._link.ask(path, "BalanceResponse")
        try:
            return translate.balance_of(account, body, self.clock.now())
        except UNREADABLE as error:
            raise BrokerUnavailable(f"{self.name}: a balance that cannot be read") from error

    async def positions(self, account: str) -> list[BrokerPosition]:
        """Shares and options held; funds and bonds are none of ours."""
        held: list[BrokerPosition] = []
        page: Any = 1
        for _ in range(MOST_PAGES):
            path = f"{self._path(account)}/portfolio.json?count={PAGE}&pageNumber={page}"
            body = await self._link.ask(path, "PortfolioResponse")
            try:
                portfolios = translate.many(body.get("AccountPortfolio"))
                rows = [row for one in portfolios for row in translate.many(one.get("Position"))]
                ours = [row for row in once(rows) if self._is_traded(row["Product"])]
                held += [translate.position_of(account, row) for row in ours]
                following = [one.get("nextPageNo") for one in portfolios]
            except UNREADABLE as error:
                raise BrokerUnavailable(f"{self.name}: a holding that cannot be read") from error
            page = next((n for n in following if n not in (None, "")), None)
            if page is None:
                return [p for p in held if p.qty != 0]
        raise BrokerUnavailable(f"{self.name}: the list of holdings does not end")

    def _is_traded(self, product: Json) -> bool:
        kind = word(product["securityType"])
        if kind not in translate.KINDS:
            note = f"a holding of kind {kind[:12]!r} is none of ours"
            self._events.tell_once(Odd(note=note, raw=f"{self.name}: {note}"))
        return kind in ("EQ", "OPTN")

    async def open_orders(self, account: str) -> list[BrokerOrder]:
        """Working orders."""
        found: dict[str, Listed] = {}
        rows: dict[str, Json] = {}
        for status in LIVE:
            more = await self._orders.read(account, f"status={status}")
            found |= {one.order.broker_id: one for one in more.listed}
            rows |= more.rows
        return await self._with_fills(await self._orders.named(account, list(found.values())), rows)

    async def orders_since(self, account: str, since: datetime) -> list[BrokerOrder]:
        """Orders of that New York day and later, and of every day with a live one of ours.

        E*TRADE does not say when an order was cancelled or lapsed: those of the range are all here.
        """
        orders = await self._orders_of(account, since)
        since -= _TICK
        return [o for o in orders if o.state != "filled" or o.updated_at >= since]

    async def fills_since(self, account: str, since: datetime) -> list[BrokerFill]:
        """Executions since, oldest first, made out of the sums that E*TRADE tells."""
        orders = await self._orders_of(account, since)
        since -= _TICK
        return told_since(orders, since)

    async def done_since(self, account: str, since: datetime) -> list[BrokerOrder]:
        """Of the list of what was executed alone: of a long day all of it is many pages."""
        done = await self._orders.recent(account, since, "", status="EXECUTED")
        named = await self._orders.named(account, done.listed)
        orders = await self._with_fills(named, done.rows)
        return [order for order in orders if order.updated_at >= since - _TICK]

    async def _orders_of(self, account: str, since: datetime) -> list[BrokerOrder]:
        recent = await self._recent(account, since)
        return await self._with_fills(await self._orders.named(account, recent.listed), recent.rows)

    async def _recent(self, account: str, since: datetime, until: str = "") -> OrderList:
        is_old = since + timedelta(days=self.days_back) < self._began_at
        if until and is_old and not self._has_listed:
            # Of a start: it stands deep in a long list, and in short ones, unless they are ignored.
            short = [{"status": "EXECUTED"}, {"symbol": self._sent.symbol_of(until)}]
            for only in short:
                found = await self._orders.recent(account, since, until, **only)
                if until in found.rows:
                    found.is_cut = True
                    return found
        recent = await self._orders.recent(account, since, until)
        if not recent.is_cut:
            self._has_listed = True
            self.caps = replace(self.caps, recent_lists=recent.n_pages)
        return recent

    async def _with_fills(
        self, orders: list[BrokerOrder], rows: Mapping[str, Json]
    ) -> list[BrokerOrder]:
        """The orders with their executions, those durable first."""
        for order in orders:
            row, now = rows[order.broker_id], self.clock.now()
            self._orders.executions(order, partial(executions.look, self._sums, order, row, now))
        await self._sums.keep()
        return [self._sums.told(order) for order in orders]

    async def preview(self, request: OrderRequest) -> Preview:
        """What E*TRADE says the order would cost; nothing is placed."""
        key = self._key_to_act(request.account)
        body = await self._previewed(key, request)
        rows = translate.many(body.get("Order"))
        try:
            fees = [
                number(row.get(name) or 0)
                for row in rows
                for name in ("estimatedCommission", "estimatedFees")
            ]
            cost = [maybe(row.get("estimatedTotalAmount")) for row in rows]
        except UNREADABLE as error:
            raise BrokerUnavailable(f"{self.name}: a preview that cannot be read") from error
        known = [c for c in cost if c is not None]
        return Preview(
            fee_usd=sum(fees, Decimal(0)) if rows else None,
            buying_power_change_usd=-known[0] if known else None,
            warnings=translate.warnings_of(body),
        )

    # -- requests -------------------------------------------------------------------------------

    async def submit(self, request: OrderRequest) -> BrokerOrder:
        """Preview and place, each once.

        Raises:
            OrderRejected, BrokerUnavailable, BrokerAuthError: nothing was placed.
            OrderStateUnknown: it may have been.
        """
        key = self._key_to_act(request.account)
        with our_own_delay():  # until here nothing can be in doubt: it is not the order's time
            ids = self._preview_ids(await self._previewed(key, request))
        is_first = await self._sent.about_to_send(request)
        try:
            broker_id = await self._placed(key, request, ids)
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
        return accepted(request, broker_id, self.clock.now(), "OPEN")

    async def _placed(self, key: str, request: OrderRequest, ids: list[Decimal]) -> str:
        """E*TRADE's number of the order."""
        path = f"/v1/accounts/{key}/orders/place.json"
        body = translate.place_body(request, ids)
        with asking(Rank.BEGUN):  # an entry's waits for no poll either, see HALF
            answer = await self._link.act("POST", path, body, lane(request))
        self._link.raise_refusal(answer, OrderStateUnknown)
        try:
            return translate.order_id(answer.body["PlaceOrderResponse"])
        except UNREADABLE as error:
            raise OrderStateUnknown(f"{self.name}: an answer without an order number") from error

    async def replace(self, account: str, client_order_id: str, new: OrderRequest) -> BrokerOrder:
        """E*TRADE does not say how a change counts what was filled: cancel and send anew."""
        raise OrderRejected("unsupported", "orders at E*TRADE are cancelled and sent anew")

    async def cancel(self, account: str, client_order_id: str) -> None:
        """Ask for cancellation."""
        broker_id = await self._number(account, client_order_id)
        path = f"{self._path(account)}/orders/cancel.json"
        answer = await self._link.act("PUT", path, translate.cancel_body(broker_id), "exit")
        self._link.raise_refusal(answer, OrderStateUnknown)

    # -- the wire -------------------------------------------------------------------------------

    def _path(self, account: str) -> str:
        if account not in self._keys:
            raise BrokerUnavailable(f"{self.name} has no account {account}")
        return f"/v1/accounts/{quote(self._keys[account], safe='-._~=')}"

    def _key_to_act(self, account: str) -> str:
        if self._keys and account not in self._keys:
            raise OrderRejected("unknown_account", f"{self.name} has no account {account!r}")
        return self._path(account).rpartition("/")[2]

    async def _previewed(self, key: str, request: OrderRequest) -> Json:
        """A preview; of an exit one that hangs or fails is asked for again: it creates nothing."""
        for _ in range(_PREVIEWS - 1 if request.reduces else 0):
            try:
                async with answered_within(_HANGS_S):
                    return await self._preview(key, request)
            except RateLimited:
                raise
            except (TimeoutError, BrokerUnavailable, CredentialsRefused):
                continue  # of a refusal the token was woken for
        return await self._preview(key, request)

    async def _preview(self, key: str, request: OrderRequest) -> Json:
        body = translate.preview_body(request)
        path = f"/v1/accounts/{key}/orders/preview.json"
        try:
            answer = await self._link.act("POST", path, body, lane(request))
            self._link.raise_refusal(answer, BrokerUnavailable)
        except OrderStateUnknown as error:  # a preview creates nothing
            raise BrokerUnavailable(str(error)) from error
        inside = answer.body.get("PreviewOrderResponse") if answer.body else None
        if not isinstance(inside, Mapping):
            raise BrokerUnavailable(f"{self.name}: an answer that is no preview")
        return inside

    def _preview_ids(self, body: Json) -> list[Decimal]:
        try:
            ids = translate.preview_ids(body)
        except UNREADABLE as error:
            raise BrokerUnavailable(f"{self.name}: a preview without a number") from error
        if not ids:
            raise BrokerUnavailable(f"{self.name}: a preview without a number")
        return ids
