"""Webull behind the Broker contract. It tells nothing unasked here: the desk polls."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any, TypeVar
from urllib.parse import urlsplit

from pydantic import SecretStr

from engine.asking import Rank, rank
from engine.brokers import (
    Absent,
    Adapter,
    Balance,
    BrokerAccount,
    BrokerCaps,
    BrokerEvent,
    BrokerFill,
    BrokerOrder,
    BrokerPosition,
    Check,
    Found,
    Odd,
    OrderRequest,
    Preview,
    Seen,
    Setup,
    StreamUp,
    Unclear,
    Warned,
)
from engine.brokers._wire.address import Address
from engine.brokers._wire.again import page
from engine.brokers._wire.events import Events
from engine.brokers._wire.figures import UNREADABLE, ident
from engine.brokers._wire.http import Answer
from engine.brokers._wire.lanes import Lane, entries_per_min
from engine.brokers._wire.sums import Sums, told_since
from engine.brokers._wire.trial import dry_run, tried
from engine.brokers._wire.usage import Usage
from engine.brokers.webull import translate
from engine.brokers.webull.line import LANES, Line, code
from engine.domain.errors import (
    BrokerAuthError,
    BrokerUnavailable,
    NotOffered,
    OrderRejected,
    OrderStateUnknown,
    WrongEnvironment,
)
from engine.domain.money import ZERO
from engine.domain.order import Side

T = TypeVar("T")

OWN = {"paper": "https://api.sandbox.webull.com", "live": "https://api.webull.com"}

_PAST = "/trading/orders/historical-orders/list"
"""Webull says of it that it may not know the newest yet; of one order alone it does."""
_NO_PAST = (
    "it lists no orders that are over: ours are asked for one by one, and what was traded in its "
    "own app is seen as a holding only"
)
_PAGE, _MOST_PAGES = 100, 100
_WINDOW = timedelta(days=7)
_BEFORE = timedelta(days=5)
"""Orders are listed by when they were placed; those may be filled or cancelled later."""
_SKEW, _NEAR = timedelta(seconds=15), timedelta(seconds=5)
_DAY = timedelta(days=1)
_NONE_SUCH = frozenset({"ORDER_NOT_FOUND", "ORDER_NOT_EXIST", "ORDER_NOT_EXISTS"})
"""That a path, an account or an instrument is not found says nothing of the order. What its gateway
writes before the code, ``OAUTH_OPENAPI_``, says nothing of either."""
_OVER = frozenset({"filled", "canceled", "expired", "rejected", "replaced"})


class Webull(Adapter):
    """One app key at Webull; the accounts of one person."""

    class Settings(Adapter.Settings):
        """Where it is; the addresses are Webull's own unless said."""

        rest_url: Address = ""

    secrets = ("app_key", "app_secret")

    @classmethod
    def mixed_up(cls, settings: Any, secrets: Mapping[str, SecretStr]) -> str:
        """An address of the other side (O-24); of an account Webull does not say which it is."""
        del secrets
        other = "live" if settings.environment == "paper" else "paper"
        if urlsplit(settings.rest_url).hostname != urlsplit(OWN[other]).hostname:
            return ""
        return f"environment: must be {other} with this address, it is {settings.environment}"

    def __init__(self, settings: Settings, setup: Setup) -> None:
        super().__init__(settings, setup)
        self.caps = BrokerCaps(
            by_kind=dict(translate.KINDS),
            dedupes_client_id=False,
            tells_ends=False,
            is_paper=settings.environment == "paper",
            has_stream=False,
            has_preview=True,
            entries_per_min=entries_per_min(LANES),
        )
        self.usage = Usage(self.clock)
        self._url = settings.rest_url or OWN[settings.environment]
        self._events = Events()
        self._line = Line(
            self.name,
            self._url,
            self.clock,
            setup.secrets,
            setup.tokens,
            self.usage,
            self._warn,
        )
        self._sums = Sums(self.name, setup.tokens, self.clock)
        self._numbers: dict[str, str] = {}
        """Our account name -> the id that requests name."""
        self._worked: dict[str, list[tuple[str, str]]] = {}
        """Account -> what worked when all was read last: Webull's id and the client's."""
        self._watch: asyncio.Task[None] | None = None

    # -- connection -----------------------------------------------------------------------------

    async def connect(self) -> None:
        """Log in; find the accounts.

        Raises:
            BrokerAuthError: the phone is asked, the keys are wrong, or paper and live are mixed up.
            BrokerUnavailable.
        """
        if self._numbers:
            return
        if what := self.mixed_up(self.settings, self.setup.secrets):
            raise WrongEnvironment(f"{self.name}: {what}")
        self._line.wire.open()
        await self._sums.load()
        await self._line.login.enter()
        listed = await self._line.accounts()
        self._numbers = self._understood(lambda: self._mapped(listed), "a list of accounts")
        self._events.tell(StreamUp(gap_from=None))
        self._watch = asyncio.create_task(self._line.login.watch(), name=f"{self.name} token")

    async def close(self) -> None:
        """Leave; orders stay."""
        self._numbers = {}
        if self._watch is not None:
            self._watch.cancel()
            with suppress(asyncio.CancelledError):
                await self._watch
        self._events.end()
        await self._line.wire.close()

    def _mapped(self, listed: list[dict[str, Any]]) -> dict[str, str]:
        ids = {name: row["account_id"] for row in listed for name in _names(row)}
        self.unnamed("", *ids, *ids.values())
        numbers = {}
        for ours, number in self.setup.accounts.items():
            if number is None and len(listed) != 1:
                raise BrokerAuthError(
                    f"{self.name}: this login reaches {len(listed)} accounts; "
                    f"say the number of account {ours} (TS_ACCOUNT_{ours.upper()})"
                )
            found = listed[0]["account_id"] if number is None else ids.get(number)
            if found is None:
                raise BrokerAuthError(f"{self.name}: this login does not reach account {ours}")
            numbers[ours] = found
        if len(set(numbers.values())) < len(numbers):
            raise BrokerAuthError(f"{self.name}: two of our accounts are one at the broker")
        return numbers

    def events(self) -> AsyncIterator[BrokerEvent]:
        """That it is up, and what is odd; fills are for whoever asks."""
        return self._events.all()

    # -- questions ------------------------------------------------------------------------------

    async def accounts(self) -> list[BrokerAccount]:
        """All of the login; whether they are paper only the address tells."""
        return [
            BrokerAccount(
                number=row.get("account_number") or row["account_id"],
                kind=str(row.get("account_type") or ""),
                is_paper=None,
            )
            for row in await self._line.accounts()
        ]

    async def check(self) -> list[Check]:
        """Token, accounts, money, orders; an order is priced and not sent."""
        said = [await tried("auth", self._line.login.again(), "logged in")]
        for name in self._numbers:
            money = "its money can be read"
            said.append(await tried(f"account {name}", self.balance(name), money))
            listed = "they can be listed"
            said.append(await tried(f"orders {name}", self.open_orders(name), listed))
        said.append(Check(name="quote", is_ok=None, detail="quotes are not read from Webull"))
        said.append(await dry_run(self, next(iter(self._numbers), "")))
        return said

    async def balance(self, account: str) -> Balance:
        """Dollars."""
        said = await self._line.read(
            "/trading/assets/balances/get", {"account_id": self._id(account)}
        )
        now = self.clock.now()
        return self._understood(lambda: translate.balance(said, account, now), "a balance")

    async def positions(self, account: str) -> list[BrokerPosition]:
        """Everything held."""
        said = await self._line.read(
            "/trading/assets/positions/list", {"account_id": self._id(account)}
        )
        return self._understood(lambda: translate.positions(said, account, self._note), "positions")

    async def open_orders(self, account: str) -> list[BrokerOrder]:
        """Working orders, to the last page."""
        rows = await self._pages(account, "/trading/orders/open-orders/list", {})
        return [row.order for row in rows if row.order.state not in _OVER]

    async def orders_since(self, account: str, since: datetime) -> list[BrokerOrder]:
        """Orders placed, filled or still working since."""
        return [row.order for row in await self._rows_since(account, since)]

    async def fills_since(self, account: str, since: datetime) -> list[BrokerFill]:
        """Executions as the orders' sums tell them, written down first."""
        rows = await self._rows_since(account, since)
        return told_since((row.order for row in rows), since)

    async def find(self, account: str, client_order_id: str) -> Found:
        """Look one order up by our id."""
        asked_at = self.clock.now()
        rows = await self._got(account, client_order_id)
        if rows is None:
            return await self._listed(account, client_order_id)
        rows = _goes_on(rows)
        mine = [row.order for row in rows if row.order.client_order_id == client_order_id]
        if len(mine) == 1:
            return Seen(order=mine[0])
        return Unclear(candidates=tuple(mine)) if rows else Absent(as_of=asked_at)

    async def _listed(self, account: str, client_order_id: str) -> Found:
        """One that cannot be asked for alone, in the lists; that they lack it proves nothing."""
        rows = await self._rows_since(account, self.clock.now() - _DAY)
        mine = [row.order for row in rows if row.order.client_order_id == client_order_id]
        return Seen(order=mine[0]) if len(mine) == 1 else Unclear(candidates=tuple(mine))

    async def _got(self, account: str, client_order_id: str) -> list[translate.Row] | None:
        """The order as it is now, [] when there is none; None: that was no answer to it."""
        params = {"account_id": self._id(account), "client_order_id": client_order_id}
        try:
            answer = await self._line.ask("GET", "/trading/orders/get", params=params)
        except NotOffered:
            return None
        if answer.is_ok and answer.body not in (None, {}):
            return await self._taken(answer.body, account, "an order", asked=client_order_id)
        return [] if code(answer).rpartition("OPENAPI_")[2] in _NONE_SUCH else None

    # -- requests -------------------------------------------------------------------------------

    async def preview(self, request: OrderRequest) -> Preview | None:
        """What Webull reckons it costs."""
        body = await self._body(request)
        answer = await self._line.ask("POST", "/trading/orders/preview", json=body)
        if not answer.is_ok:
            refused = self._refusal(answer)
            proves = isinstance(refused, OrderRejected)
            raise refused if proves else BrokerUnavailable(str(refused))
        return self._understood(lambda: translate.preview(answer.body), "a preview")

    async def submit(self, request: OrderRequest) -> BrokerOrder:
        """Send one order, once."""
        body = await self._body(request)
        lane: Lane = "exit" if request.reduces else "order"
        headers = {"category": translate.category(request.legs[0].instrument)}
        answer = await self._line.wire.act(
            "POST", "/trading/orders/place", lane=lane, json=body, headers=headers
        )
        if not answer.is_ok:
            raise self._refusal(answer)
        said = answer.body
        said = said.get("data", said) if isinstance(said, Mapping) else {}
        try:
            broker_id = ident(said["order_id"])
        except UNREADABLE as error:
            what = f"{self.name} took an order without naming it"
            raise OrderStateUnknown(what) from error
        return BrokerOrder(
            client_order_id=request.client_order_id,
            broker_id=broker_id,
            account=request.account,
            state="accepted",
            side=request.side,
            legs=request.legs,
            qty=request.qty,
            filled=ZERO,
            type=request.type,
            limit=request.limit,
            stop=request.stop,
            updated_at=self.clock.now(),
            raw_state="SUBMITTED",
        )

    async def replace(self, account: str, client_order_id: str, new: OrderRequest) -> BrokerOrder:
        """Not here: a modified order keeps its old id, and an order of ours has one for life."""
        del account, client_order_id, new
        raise OrderRejected("not_supported", "an order at Webull is cancelled and sent anew")

    async def cancel(self, account: str, client_order_id: str) -> None:
        """Ask for cancellation; whether it worked is found by looking."""
        if account not in self._numbers and self._numbers:
            raise OrderRejected("unknown_account", f"{self.name} has no account {account}")
        body = {"account_id": self._id(account), "client_order_id": client_order_id}
        answer = await self._line.wire.act("POST", "/trading/orders/cancel", lane="exit", json=body)
        if not answer.is_ok:
            raise self._refusal(answer)

    # -- inside ---------------------------------------------------------------------------------

    def _id(self, account: str) -> str:
        number = self._numbers.get(account)
        if number is None:
            raise BrokerUnavailable(f"{self.name} is not connected with account {account}")
        return number

    async def _body(self, request: OrderRequest) -> dict[str, Any]:
        if request.account not in self._numbers and self._numbers:
            raise OrderRejected("unknown_account", f"{self.name} has no account {request.account}")
        translate.check(request)
        number = self._id(request.account)
        return translate.body(request, number, is_short=await self._is_short(request))

    async def _is_short(self, request: OrderRequest) -> bool:
        """Whether shares are sold that are not held: Webull wants that said."""
        instrument = request.legs[0].instrument
        if request.side is Side.BUY or instrument.kind != "stock" or request.reduces:
            return False
        held = sum(
            (
                position.qty
                for position in await self.positions(request.account)
                if position.instrument == instrument
            ),
            ZERO,
        )
        if held <= 0:
            return True
        if held < request.qty:
            raise OrderRejected("would_flip", f"{held} are held; sell those first, then short")
        return False

    async def _rows_since(self, account: str, since: datetime) -> list[translate.Row]:
        """What works, what was placed since, and what became of all that worked at the last look.

        A look at more than a day goes back to what may have worked before that and ended since.
        """
        rows = await self._pages(account, "/trading/orders/open-orders/list", {})
        # Their clock may be minutes ahead of ours; whole ones, so that two who ask ask the same.
        end = (self.clock.now() + timedelta(minutes=15)).replace(second=0, microsecond=0)
        is_haste = rank() <= Rank.NAKED  # it is the newest that is asked for
        start = min(since - (_BEFORE if end - since > _DAY else _NEAR if is_haste else _SKEW), end)
        while start < end:
            stop = min(start + _WINDOW, end)
            window = {"start_time": _stamp(start), "end_time": _stamp(stop)}
            rows += await self._past(account, window)
            start = stop
        newest = {_key(row): row for row in rows}
        if not is_haste:
            await self._add_worked(account, newest)
        return [
            row
            for row in _goes_on(newest.values())
            if row.order.state not in _OVER or row.filled_at is None or row.filled_at >= since
        ]

    async def _past(self, account: str, window: Mapping[str, str]) -> list[translate.Row]:
        """Orders placed in a span of time; where none are listed ours are asked for alone."""
        rows = await self._events.told(_PAST, self._pages(account, _PAST, window), _NO_PAST)
        self.caps = replace(self.caps, lists_all=rows is not None)
        return rows or []

    async def _add_worked(self, account: str, newest: dict[tuple[str, str], translate.Row]) -> None:
        """What worked at the last look and is in no list is asked for alone."""
        working: list[tuple[str, str]] = []
        for key in self._worked.get(account, ()):
            found = [] if key in newest else await self._got(account, key[1])
            newest |= {_key(row): row for row in found or ()}
            if found is None:  # no answer: asked again at the next look
                working.append(key)
        for key, row in newest.items():
            if row.order.state not in _OVER and row.order.client_order_id:
                working.append(key)
        self._worked[account] = working

    async def _pages(
        self, account: str, path: str, params: Mapping[str, str]
    ) -> list[translate.Row]:
        asked = {"account_id": self._id(account), "page_size": str(_PAGE), **params}
        rows: list[translate.Row] = []
        for number in range(_MOST_PAGES):
            with page(number):
                said = await self._line.read(path, asked)
            rows += await self._taken(said, account, "a list of orders", may_lag=True)
            key = said.get("pagination_key") if isinstance(said, Mapping) else None
            if not key:
                return rows
            asked["pagination_key"] = key
        raise BrokerUnavailable(f"{self.name} lists orders without end")

    async def _taken(
        self, said: Any, account: str, what: str, *, may_lag: bool = False, asked: str = ""
    ) -> list[translate.Row]:
        """Understood whole or not at all; what is filled is durable before it is told."""
        now = self.clock.now()
        read = partial(translate.rows, said, account, self._note, asked=asked, now=now)
        rows = self._understood(read, what)
        for row in rows:
            if row.order.state == "unknown":
                self._note(f"unknown order status {row.order.raw_state}")
            if len(row.order.legs) > 1:
                continue  # placed by hand: one price for all legs says of none what it cost
            at = row.filled_at or now
            self._sums.saw(row.order, row.average, row.fee_usd, at, may_lag=may_lag)
        await self._sums.keep()
        return [replace(row, order=self._sums.told(row.order)) for row in rows]

    def _understood(self, read: Callable[[], T], what: str) -> T:
        try:
            return read()
        except UNREADABLE as error:
            self._note(f"{what} that cannot be read: {type(error).__name__}")
            raise BrokerUnavailable(f"{self.name}: {what} that cannot be read") from error

    def _note(self, sentence: str) -> None:
        """Shown to an admin once."""
        self._events.tell_once(Odd(note=sentence, raw=f"{self.name}: {sentence}"))

    def _warn(self, sentence: str) -> None:
        self._events.tell(Warned(note=sentence))

    def _refusal(self, answer: Answer) -> OrderRejected | OrderStateUnknown:
        body = answer.body if isinstance(answer.body, Mapping) else {}
        if not (body.get("error_code") or body.get("code")):  # Webull itself names one
            return OrderStateUnknown(f"{self.name}: status {answer.status} without a reason")
        sentence = str(body.get("message") or "it gave no reason")
        said = self.unnamed(sentence)
        return OrderRejected(code(answer), f"{self.name} refused the request: {said}")


def _key(row: translate.Row) -> tuple[str, str]:
    """Its number, and our id: where Webull counts anew, two orders have one number."""
    return row.order.broker_id, row.order.client_order_id


def _goes_on(rows: Iterable[translate.Row]) -> list[translate.Row]:
    """Without what an order was before somebody changed it in Webull's app.

    It keeps our id, and may get a number of its own: one that ended unfilled beside one of the same
    id that works is no end of ours.
    """
    rows = list(rows)
    live = {row.order.client_order_id for row in rows if row.order.state not in _OVER} - {""}
    return [
        row
        for row in rows
        if row.order.state not in _OVER or row.order.filled or row.order.client_order_id not in live
    ]


def _names(row: Mapping[str, Any]) -> list[str]:
    return [str(row[name]) for name in ("account_id", "account_number") if row.get(name)]


def _stamp(at: datetime) -> str:
    return f"{at:%Y-%m-%dT%H:%M:%S}.{at.microsecond // 1000:03d}Z"
