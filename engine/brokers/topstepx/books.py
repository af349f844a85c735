"""What the login's accounts hold and have ordered, in our words, from ProjectX's lists."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, TypeVar

from engine.brokers import (
    Absent,
    Balance,
    BrokerAccount,
    BrokerFill,
    BrokerOrder,
    BrokerPosition,
    Found,
    Odd,
    Seen,
    Unclear,
)
from engine.brokers._wire.events import NO_EXECUTIONS, Events
from engine.brokers._wire.figures import UNREADABLE
from engine.brokers.topstepx.api import Api
from engine.brokers.topstepx.contracts import Contracts
from engine.brokers.topstepx.lineage import Lineage
from engine.brokers.topstepx.translate import (
    OVER,
    balance_of,
    fill_of,
    is_idle,
    moment,
    order_of,
    position_of,
    stamp,
    updated_at,
)
from engine.clock import Clock
from engine.domain.errors import BrokerUnavailable, OrderRejected

Row = Mapping[str, Any]
T = TypeVar("T")

BACK = timedelta(days=3)
"""How far back lists are asked for: an order that works longer is in the open list."""
_MOST_KNOWN = 20_000
_ROUNDED = timedelta(seconds=1)
"""Their times are rounded: what was made at the very edge may be listed or not."""
_BELIEVED_S = 300.0
"""What a list has lacked for so long is gone."""
_SHAPE, _PRICED = ("accountId", "contractId", "side", "size"), ("type", "limitPrice", "stopPrice")
_APART = timedelta(minutes=2)
"""Their clock and ours need not agree."""
LIVE = ("accepted", "partial")


class Books:
    """Reads; changes nothing at the broker."""

    def __init__(
        self, api: Api, contracts: Contracts, lineage: Lineage, events: Events, clock: Clock
    ) -> None:
        self.api, self.contracts, self.lineage, self.clock = api, contracts, lineage, clock
        self._events = events
        self.numbers: dict[str, int] = {}
        """Our account name -> theirs; set by the connection."""
        self._rows: dict[int, Row] = {}
        """Newest row of every order seen, by its id."""
        self._by_tag: dict[tuple[int, str], int] = {}
        self._recalled: dict[int, str] = {}
        """Tags of orders from before this login, by their ids."""
        self._on_its_way: dict[str, tuple[Row, int, datetime]] = {}
        """Tag of what was sent and has no answer -> its body, the newest id by then, and when."""
        self._shown: dict[int, tuple[int, datetime]] = {}
        """Account and time of making of every order that a list has shown, by its id."""
        self._lacks_since: float | None = None

    def number(self, account: str) -> int:
        """Theirs of an account.

        Raises:
            OrderRejected: this login does not reach it.
        """
        if account not in self.numbers:
            raise OrderRejected("AccountNotFound", f"this login has no account named {account}")
        return self.numbers[account]

    def account(self, number: object) -> str | None:
        """Ours of an account; None when the desk does not trade it."""
        return next((name for name, known in self.numbers.items() if known == number), None)

    # -- lists ----------------------------------------------------------------------------------

    async def accounts(self) -> list[BrokerAccount]:
        """Every active account of the login."""
        return [
            BrokerAccount(
                number=str(row.get("id")),
                kind=str(row.get("name") or "").partition("-")[0],
                is_paper=simulated if isinstance(simulated := row.get("simulated"), bool) else None,
                may_trade=row.get("canTrade") is True,
            )
            for row in await self._accounts()
        ]

    async def balance(self, account: str) -> Balance:
        """Cash of one account."""
        number = self._known(account)
        now = self.clock.now()
        for row in await self._accounts():
            if row.get("id") == number:
                return _read(balance_of, row, account=account, as_of=now)
        raise BrokerUnavailable(f"{self.api.name}: {account} is not among the active accounts")

    async def _accounts(self) -> list[Row]:
        body = {"onlyActiveAccounts": True}
        return await self.api.rows("/api/Account/search", body, "accounts")

    async def positions(self, account: str) -> list[BrokerPosition]:
        """Everything held."""
        body = {"accountId": self._known(account)}
        found = []
        for row in await self.api.rows("/api/Position/searchOpen", body, "positions"):
            contract = await self.contracts.by_id(str(row.get("contractId")))
            found.append(_read(position_of, row, account=account, instrument=contract.instrument))
        return sorted((p for p in found if p.qty), key=lambda p: p.instrument.key)

    async def open_rows(self, account: str) -> list[Row]:
        """Working orders as they say them."""
        body = {"accountId": self._known(account)}
        return await self.learn(await self.api.rows("/api/Order/searchOpen", body, "orders"))

    async def rows_since(self, account: str, since: datetime) -> list[Row]:
        """Orders made since; they are asked for by the time of their making.

        Raises:
            BrokerUnavailable: also when it lacks what it has shown: it would prove things absent.
        """
        number = self._known(account)
        body = {"accountId": number, "startTimestamp": stamp(since)}
        from_then = since + _ROUNDED
        due = {i for i, (of, made) in self._shown.items() if of == number and made >= from_then}
        rows = await self.learn(await self.api.rows("/api/Order/search", body, "orders"))
        self._check_whole(due - {_id(row) for row in rows})
        for row in rows:
            if _id(row) not in self._shown:
                _put(self._shown, _id(row), (number, _read(_made_at, row)))
        return rows

    def _check_whole(self, lacking: set[int]) -> None:
        if not lacking:
            self._lacks_since = None
            return
        now = self.clock.monotonic()
        if self._lacks_since is None:
            self._lacks_since = now
        if now - self._lacks_since < _BELIEVED_S:
            raise BrokerUnavailable(
                f"{self.api.name}: the list of orders lacks {len(lacking)} that it has shown"
            )
        for order_id in lacking:
            del self._shown[order_id]
        self._lacks_since = None

    async def open_orders(self, account: str) -> list[BrokerOrder]:
        """Working orders."""
        rows = [row for row in await self.open_rows(account) if row.get("status") not in OVER]
        return [report for row in rows for report in (await self.reports(account, row))[-1:]]

    async def orders_since(self, account: str, since: datetime) -> list[BrokerOrder]:
        """Every order made or changed since, in each of its lives."""
        rows = {_id(row): row for row in await self.rows_since(account, since - BACK)}
        rows |= {_id(row): row for row in await self.open_rows(account)}
        return [
            report
            for _, row in sorted(rows.items())
            if _read(updated_at, row) >= since
            for report in await self.reports(account, row)
        ]

    async def fills_since(self, account: str, since: datetime) -> list[BrokerFill]:
        """Every execution since, oldest first; those that the stream told if none are listed."""
        body = {"accountId": self._known(account), "startTimestamp": stamp(since)}
        asked = self.api.rows("/api/Trade/search", body, "trades")
        rows = await self._events.told("executions", asked, NO_EXECUTIONS)
        if rows is None:
            return self._events.fills_since(account, since)
        if any(row.get("orderId") not in self._rows for row in rows):
            await self.rows_since(account, since - BACK)
        found = [await self.fill(account, row) for row in rows]
        return sorted(
            (f for f in found if f.executed_at >= since),
            key=lambda f: (f.executed_at, len(f.execution_id), f.execution_id),
        )

    # -- one of them ----------------------------------------------------------------------------

    async def find(self, account: str, client_order_id: str) -> Found:
        """Look one order up, in the open list and in the list of the last days."""
        as_of = self.clock.now()
        row = await self.row_of(account, client_order_id)
        if row is None and (unnamed := self._unnamed(client_order_id)):
            alike = [one for one in unnamed if self._is_as_sent(client_order_id, one)]
            if len(alike) != 1:
                return Unclear()
            self.recall(account, client_order_id, _id(alike[0]))
            row = self._tagged(alike[0])
            self._keep(row)
        if row is not None and self.lineage.doubtful(_id(row)) is not None:
            # A list that lags shows it as it was before its modification: the other one tells.
            row = self._among(await self._lately(account), client_order_id) or row
        if row is not None:
            for report in await self.reports(account, row):
                if report.client_order_id == client_order_id:
                    return Seen(order=report)
        elif self.lineage.is_expected(client_order_id):
            return Unclear()  # a bracket's child that nobody has shown us yet
        return Absent(as_of=as_of)

    def _unnamed(self, client_order_id: str) -> list[Row]:
        """Orders that nobody's tag names, and that may be one of ours without an answer.

        A tag that no list says back proves no absence: what it bought stood without a stop.
        """
        body, newest, sent_at = self._on_its_way.get(client_order_id, ({}, 0, None))
        return [
            row
            for row in self._rows.values()
            if sent_at is not None and _id(row) > newest and not row.get("customTag")
            if all(row.get(key) == body[key] for key in _SHAPE)
            if _read(_made_at, row) >= sent_at - _APART
        ]

    def _is_as_sent(self, client_order_id: str, row: Row) -> bool:
        body = self._on_its_way[client_order_id][0]
        return all(row.get(key) == body.get(key) for key in _PRICED)

    def sends(self, body: Row) -> bool:
        """An order leaves; False for a repeat, of which the first one may be there."""
        is_first = body["customTag"] not in self._on_its_way
        if is_first:
            newest, now = max(self._rows, default=0), self.clock.now()
            self._on_its_way[body["customTag"]] = body, newest, now
        return is_first

    def never_was(self, client_order_id: str) -> None:
        """Nothing of it exists."""
        self._on_its_way.pop(client_order_id, None)

    async def row_of(self, account: str, client_order_id: str) -> Row | None:
        """The newest row of an order by any of its ids; None when both lists lack it."""
        row = self._among(await self.open_rows(account), client_order_id)
        if row is not None:
            return row
        return self._among(await self._lately(account), client_order_id)

    async def _lately(self, account: str) -> list[Row]:
        # The whole hour, so that many who look one up ask the same and are answered once.
        since = (self.clock.now() - BACK).replace(minute=0, second=0, microsecond=0)
        return await self.rows_since(account, since)

    def remembered(self, account: str, client_order_id: str) -> Row | None:
        """The newest that was told of an order; not its prices, which may have changed since."""
        row = self._rows.get(self.order_id(account, client_order_id))
        if row is None:
            return None
        return {name: said for name, said in row.items() if not name.endswith("Price")}

    def _among(self, rows: list[Row], client_order_id: str) -> Row | None:
        order_id = self.lineage.order_of(client_order_id)
        for row in rows:
            if _id(row) == order_id or row.get("customTag") == client_order_id:
                return row
        return None

    def order_id(self, account: str, client_order_id: str) -> int:
        """The id of an order that was seen before; 0 when it was not."""
        found = self.lineage.order_of(client_order_id)
        return found or self._by_tag.get((self.numbers[account], client_order_id), 0)

    async def reports(self, account: str, row: Row) -> list[BrokerOrder]:
        """An order in each of its lives; the last is the one it lives now."""
        contract = await self.contracts.by_id(str(row.get("contractId")))
        names = self.lineage.names(row)
        now = _read(
            order_of,
            row,
            account=account,
            instrument=contract.instrument,
            client_order_id=names[-1],
        )
        if is_idle(row, now):  # a stop that does not work protects nothing (rules 3.6)
            said = f"order {now.client_order_id or now.broker_id} is {now.raw_state[:40]}"
            self._events.tell_once(Odd(note=f"{said}: it may not be at work there", raw=said))
        lives = self.lineage.settled(_id(row))
        if lives:  # of which of them it is the average is not said
            now = replace(now, average=None)
        past = [
            replace(
                now,
                client_order_id=name,
                state="replaced",
                filled=Decimal(life.before),
                reason=f"replaced by {life.client_id}",
            )
            for name, life in zip(names, lives, strict=False)
            if name
        ]
        return [*past, now]

    async def fill(self, account: str, row: Row) -> BrokerFill:
        """A trade, under the client id that its order had when it came about.

        Raises:
            BrokerUnavailable: its order is not known: it must not pass for somebody else's.
        """
        contract = await self.contracts.by_id(str(row.get("contractId")))
        fill = _read(
            fill_of, row, account=account, instrument=contract.instrument, client_order_id=""
        )
        if row["orderId"] not in self._rows:
            await self.rows_since(account, fill.executed_at - BACK)
        order = self._rows.get(row["orderId"])
        if order is None:
            raise BrokerUnavailable(f"{self.api.name}: a trade of an order that is not listed")
        return replace(fill, client_order_id=self.lineage.name_at(order, fill.executed_at))

    async def learn(self, found: Iterable[Row]) -> list[Row]:
        """Remember orders, and see what they tell of modifications and brackets.

        Returns: the same, with tags that an order had before and was now told without.
        """
        rows = [self._tagged(self._newest(row)) for row in found]
        is_news = False
        for row in rows:
            if not isinstance(row.get("id"), int) or not isinstance(row.get("accountId"), int):
                raise BrokerUnavailable(f"{self.api.name}: an order without an id")
            self._keep(row)
            if self.lineage.doubtful(row["id"]) is not None:
                is_news |= self.lineage.judge(row, _read(updated_at, row))
        is_news |= self.lineage.adopt(rows)
        if is_news:
            await self.lineage.save()
        return rows

    def _newest(self, row: Row) -> Row:
        """As it was told last: a list that lags shows at work what is over since."""
        known = self._rows.get(row.get("id", 0))
        if known is None or known.get("status") not in OVER or row.get("status") in OVER:
            return row
        return known if _read(updated_at, known) >= _read(updated_at, row) else row

    def _tagged(self, row: Row) -> Row:
        order_id = row.get("id", 0)
        tag = self._rows.get(order_id, {}).get("customTag") or self._recalled.get(order_id)
        return row if row.get("customTag") or not tag else {**row, "customTag": tag}

    def placed(self, row: Row) -> None:
        """An order of ours was taken; the stream may have shown it already, without our tag."""
        self._on_its_way.pop(row["customTag"], None)
        self._keep({**row, **self._rows.get(row["id"], {}), "customTag": row["customTag"]})

    def recall(self, account: str, client_order_id: str, order_id: int) -> None:
        """An order that was placed before this login; its tag need not be listed."""
        _put(self._recalled, order_id, client_order_id)
        self._by_tag[self.numbers[account], client_order_id] = order_id

    def _keep(self, row: Row) -> None:
        self._rows.pop(row["id"], None)
        self._rows[row["id"]] = row
        if row.get("customTag"):
            self._by_tag[row["accountId"], row["customTag"]] = row["id"]
        if len(self._rows) > _MOST_KNOWN:
            old = self._rows.pop(next(iter(self._rows)))
            self._by_tag.pop((old["accountId"], str(old.get("customTag"))), None)

    def _known(self, account: str) -> int:
        try:
            return self.number(account)
        except OrderRejected as error:
            raise BrokerUnavailable(str(error)) from None


def _id(row: Row) -> int:
    return int(row["id"])


def _made_at(row: Row) -> datetime:
    return moment(row.get("creationTimestamp"), "creationTimestamp")


def _put(shelf: dict[int, T], key: int, value: T) -> None:
    shelf[key] = value
    if len(shelf) > _MOST_KNOWN:
        del shelf[next(iter(shelf))]


def _read(how: Callable[..., T], row: Row, **more: Any) -> T:
    """Translate; what cannot be read makes the whole list unreadable (I-27)."""
    try:
        return how(row, **more)
    except UNREADABLE as error:
        raise BrokerUnavailable(f"TopStepX: {error}") from None
