"""The connection to one Alpaca account: the Broker contract over its REST interface and stream."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from typing import Any, ClassVar

from pydantic import SecretStr

from engine.asking import Rank
from engine.brokers import (
    Absent,
    Adapter,
    Balance,
    BrokerAccount,
    BrokerEvent,
    BrokerFill,
    BrokerOrder,
    BrokerPosition,
    Check,
    Found,
    OrderRequest,
    Preview,
    Seen,
    Setup,
    StreamUp,
    Unclear,
)
from engine.brokers._wire.events import Events, Keeper
from engine.brokers._wire.figures import UNREADABLE, once
from engine.brokers._wire.lanes import Lane, Lanes
from engine.brokers._wire.usage import Usage
from engine.brokers.alpaca import reading, settings, translate
from engine.brokers.alpaca.books import Books, whole
from engine.brokers.alpaca.register import Register
from engine.brokers.alpaca.rest import Answer, Rest
from engine.brokers.alpaca.stream import Stream
from engine.brokers.alpaca.translate import Body
from engine.brokers.alpaca.updates import Updates
from engine.domain.errors import (
    BrokerAuthError,
    BrokerUnavailable,
    OrderRejected,
    OrderStateUnknown,
    WrongEnvironment,
)

_CHILDREN = "alpaca-children"
_STREAM_WAIT_S = 1.5
"""Orders need not wait for the stream: once it is up, what it missed is compared."""


class Alpaca(Adapter):
    """Shares, ETFs, options and coins at Alpaca; one account per login."""

    class Settings(settings.Settings):
        """Terms and addresses."""

    secrets: ClassVar[tuple[str, ...]] = ("key", "secret")

    @classmethod
    def mixed_up(cls, settings_: Any, secrets: Mapping[str, SecretStr]) -> str:
        """How these mix paper and live, without asking Alpaca."""
        return settings.mixed_up(settings_, secrets)

    def __init__(self, settings_: "Alpaca.Settings", setup: Setup) -> None:
        super().__init__(settings_, setup)
        self.caps = settings.caps_of(settings_)
        self.usage = Usage(setup.clock)
        self._terms = settings_
        self._events = Events()
        self._told_at: datetime | None = None
        self._known = Register()
        lanes = Lanes(setup.clock, settings_.lanes)
        self._rest = Rest(self.name, setup.clock, lanes, self.usage)
        self._books = Books(self.name, setup.clock, self._rest, self._known, self._events)
        self._account = ""
        self._stream: Stream | None = None
        self._keeper: Keeper | None = None
        self._updates: Updates | None = None

    # -- connection -----------------------------------------------------------------------------

    async def connect(self) -> None:
        """Log in, see that it is the account that was meant, and start the stream.

        Raises:
            BrokerAuthError, BrokerUnavailable; WrongEnvironment: paper and live were mixed up.
        """
        await self._leave()
        keys = {name: secret.get_secret_value() for name, secret in self.setup.secrets.items()}
        wrong = self.mixed_up(self._terms, self.setup.secrets)
        if wrong:
            raise WrongEnvironment(f"{self.name}: {wrong}")
        await self._rest.open(keys["key"], keys["secret"], self._terms.rest)
        try:
            self._account = self._ours(await self._login())
            self._known.load(await self.setup.tokens.load(_CHILDREN))
        except BaseException:
            await self._rest.close()
            raise
        await self._listen(keys)

    async def _login(self) -> BrokerAccount:
        answer = await self._rest.read("/account")
        if not answer.is_ok:
            raise BrokerAuthError(f"{self.name} does not show its account: {answer.refusal()}")
        try:
            account = reading.account_of(answer.body)
        except UNREADABLE as error:
            raise BrokerUnavailable(f"{self.name}: an account that cannot be read") from error
        if account.is_paper is not None and account.is_paper != (self.caps.is_paper):
            kind = "paper" if account.is_paper else "live"
            raise WrongEnvironment(
                f"{self.name}: environment is {self._terms.environment}, but the login is of a "
                f"{kind} account"
            )
        self.unnamed("", account.number)
        return account

    def _ours(self, account: BrokerAccount) -> str:
        """Our name of the account that the login reaches."""
        wanted = self.setup.accounts
        if len(wanted) != 1:
            raise BrokerAuthError(
                f"{self.name}: a login of Alpaca reaches one account, {len(wanted)} are configured"
            )
        name, number = next(iter(wanted.items()))
        if number is not None and number != account.number:
            raise BrokerAuthError(f"{self.name}: the login reaches another account than {name}'s")
        return name

    async def _listen(self, keys: Mapping[str, str]) -> None:
        self._updates = Updates(self._account, self._known, self._books, self._events)
        self._updates.start()
        self._stream = Stream(
            self.name, keys["key"], keys["secret"], self._terms.stream, self._updates.take
        )
        self._keeper = Keeper(self.name, self.clock, self._events, self._stream.session)
        self._keeper.is_back = self._rest.breaker.invite
        self._keeper.start()
        with suppress(TimeoutError):  # else the desk is told that it is down
            await asyncio.wait_for(self._keeper.up.wait(), _STREAM_WAIT_S)

    async def close(self) -> None:
        """Leave; orders stay at the broker."""
        await self._leave()
        self._events.end()

    async def _leave(self) -> None:
        if self._keeper is not None:
            await self._keeper.close()
        if self._updates is not None:
            await self._updates.close()
        if self._stream is not None:
            self._stream.close()
        self._keeper, self._updates, self._stream = None, None, None
        await self._rest.close()

    async def events(self) -> AsyncIterator[BrokerEvent]:
        """What happens, until closed; a new reader first hears since when nobody listened."""
        if self._told_at is not None:
            yield StreamUp(gap_from=self._told_at)
        async for event in self._events.all():
            self._told_at = self.clock.now()
            yield event

    # -- questions ------------------------------------------------------------------------------

    async def accounts(self) -> list[BrokerAccount]:
        """The one account that the login reaches."""
        return [await self._login()]

    async def balance(self, account: str) -> Balance:
        """Money as Alpaca sees it."""
        self._reading(account)
        body = whole(self.name, await self._rest.read("/account"), dict)
        try:
            return reading.balance_of(body, account, self.clock.now())
        except UNREADABLE as error:
            raise BrokerUnavailable(f"{self.name}: a balance that cannot be read") from error

    async def positions(self, account: str) -> list[BrokerPosition]:
        """Holdings, all or none."""
        self._reading(account)
        bodies = whole(self.name, await self._rest.read("/positions"), list)
        try:
            held = [reading.position_of(body, account) for body in once(bodies)]
        except UNREADABLE as error:
            raise BrokerUnavailable(f"{self.name}: a holding that cannot be read") from error
        return sorted((p for p in held if p.qty), key=lambda p: p.instrument.key)

    async def open_orders(self, account: str) -> list[BrokerOrder]:
        """Working orders, held children of brackets included."""
        self._reading(account)
        return await self._books.open_orders(account)

    async def orders_since(self, account: str, since: datetime) -> list[BrokerOrder]:
        """Orders sent or changed since, whatever became of them."""
        self._reading(account)
        return await self._books.orders_since(account, since)

    async def fills_since(self, account: str, since: datetime) -> list[BrokerFill]:
        """Executions since, and the ends of options."""
        self._reading(account)
        fills = await self._books.fills_since(account, since)
        is_offered = self._events.is_offered("executions")
        self.caps = replace(self.caps, lists_executions=is_offered)
        return fills

    async def find(self, account: str, client_order_id: str) -> Found:
        """Look one order up by its client id; Alpaca's own 404 proves that it never came."""
        self._reading(account)
        as_of = self.clock.now()
        answer = await self._look(client_order_id)
        if answer is not None and answer.is_ok:
            try:
                return Seen(order=await self._books.report(answer.body, account))
            except UNREADABLE:
                return Unclear()
        if answer is None or answer.is_missing:
            return Absent(as_of=as_of)
        return Unclear()

    async def _look(self, client_order_id: str, lane: Lane = "read") -> Answer | None:
        """The order's own answer; None when its parent never came."""
        child = self._known.child(client_order_id)
        known = self._known.broker_id(client_order_id)
        if child is None:
            return await self._rest.read(
                "/orders:by_client_order_id", {"client_order_id": client_order_id}, lane=lane
            )
        if known is None:
            parent = await self._rest.read(
                "/orders:by_client_order_id", {"client_order_id": child.parent}, lane=lane
            )
            if parent.is_missing:
                return None
            await self._books.learn(str(whole(self.name, parent, dict).get("id")))
            known = self._known.broker_id(client_order_id)
            if known is None:
                raise BrokerUnavailable(f"{self.name} does not show the orders of a bracket")
        return await self._rest.read(f"/orders/{known}", lane=lane)

    async def check(self) -> list[Check]:
        """Log in, read the account, ask a price, list orders; Alpaca has no dry run."""
        checks = []
        try:
            account = await self._login()
            checks.append(Check(name="auth", is_ok=True, detail=f"{self._terms.environment} keys"))
            detail = f"{account.kind}, {'may' if account.may_trade else 'may not'} trade"
            checks.append(Check(name="account", is_ok=account.may_trade, detail=detail))
        except (BrokerAuthError, BrokerUnavailable) as error:
            checks.append(Check(name="auth", is_ok=False, detail=str(error)))
        try:
            answer = await self._rest.price(self._terms.quotes, "SPY")
            detail = "SPY has a price" if answer.is_ok else str(answer.refusal())
            checks.append(Check(name="quote", is_ok=answer.is_ok, detail=detail))
        except (BrokerAuthError, BrokerUnavailable) as error:
            checks.append(Check(name="quote", is_ok=False, detail=str(error)))
        try:
            orders = await self._books.open_orders(self._account)
            checks.append(Check(name="orders", is_ok=True, detail=f"{len(orders)} working"))
        except (BrokerAuthError, BrokerUnavailable) as error:
            checks.append(Check(name="orders", is_ok=False, detail=str(error)))
        return [*checks, Check(name="dry run", is_ok=None, detail="Alpaca has none")]

    # -- requests -------------------------------------------------------------------------------

    def room(self, who: Rank = Rank.EXIT) -> int | None:
        """What is left of the minute."""
        return self._rest.lanes.room(who)

    async def preview(self, request: OrderRequest) -> Preview | None:
        """Alpaca has no way to ask before sending."""
        del request
        return None

    async def submit(self, request: OrderRequest) -> BrokerOrder:
        """Send one order, once.

        Raises:
            OrderRejected, BrokerUnavailable (nothing sent), OrderStateUnknown, BrokerAuthError.
        """
        self._promised(request)
        body = translate.order_body(request)
        if not self._rest.is_open:
            raise BrokerUnavailable(f"{self.name} is not connected; nothing was sent")
        if self._known.expect(request):
            await self._keep_children()
        answer = await self._rest.act("POST", "/orders", _lane(request), body)
        order = await self._answered(answer, request)
        if request.attached:
            with suppress(BrokerUnavailable):  # the entry is there: its children can be found again
                await self._keep_children()
        return order

    async def replace(self, account: str, client_order_id: str, new: OrderRequest) -> BrokerOrder:
        """Swap a working order for ``new``; Alpaca counts the new one's fills from zero.

        Raises:
            OrderRejected, BrokerUnavailable (nothing sent), OrderStateUnknown, BrokerAuthError.
        """
        self._promised(new)
        lane = _lane(new)
        old, raw = await self._working(account, client_order_id, lane)
        left = new.qty - old.filled
        is_cut = reading.filled_of(raw) > 0 or left != reading.qty_of(raw)
        body = translate.replace_body(new, old, left if is_cut else None)
        if left <= 0:
            await self._cancel(old.broker_id)
            return _cut_down(old, new)
        self._known.expect(new)
        answer = await self._rest.act("PATCH", f"/orders/{old.broker_id}", lane, body)
        order = await self._answered(answer, new)
        if not new.reduces:
            await self._not_more(order, reading.filled_of(raw), old.broker_id)
        return order

    def recall(self, account: str, client_order_id: str, broker_id: str) -> None:
        """A cancel of it needs no question first."""
        del account
        self._known.recall(client_order_id, broker_id)

    async def cancel(self, account: str, client_order_id: str) -> None:
        """Ask for cancellation; asking again while it is under way is harmless.

        Raises:
            OrderRejected: over already, or not known. BrokerUnavailable; OrderStateUnknown.
        """
        self._known_account(account)
        known = self._known.broker_id(client_order_id)
        if known is None:
            known = (await self._working(account, client_order_id, "exit"))[0].broker_id
        await self._cancel(known)

    async def _cancel(self, broker_id: str) -> None:
        answer = await self._rest.act("DELETE", f"/orders/{broker_id}", "exit")
        if answer.is_ok:
            return
        if answer.status == 422:
            body: Body = {}
            with suppress(BrokerUnavailable, *UNREADABLE):
                body = whole(
                    self.name, await self._rest.read(f"/orders/{broker_id}", lane="exit"), dict
                )
                if body["status"] == "pending_cancel":
                    return
                body = await self._books.now(body)
            if body.get("id", broker_id) != broker_id:  # somebody changed it: it is another there
                await self._cancel(str(body["id"]))
                return
        raise self._refusal(answer)

    async def _working(
        self, account: str, client_order_id: str, lane: Lane
    ) -> tuple[BrokerOrder, Body]:
        answer = await self._look(client_order_id, lane)
        if answer is None or answer.is_missing:
            raise OrderRejected("40410000", f"Alpaca has no order {client_order_id}")
        try:
            body = await self._books.now(whole(self.name, answer, dict))
            return await self._books.report(body, account), body
        except UNREADABLE as error:
            raise BrokerUnavailable(f"{self.name}: an order that cannot be read") from error

    async def _answered(self, answer: Answer, request: OrderRequest) -> BrokerOrder:
        """The order as Alpaca took it; a yes that cannot be read is doubt."""
        if not answer.is_ok:
            raise self._refusal(answer)
        try:
            order = await self._books.report(answer.body, request.account)
        except (*UNREADABLE, BrokerUnavailable) as error:
            raise OrderStateUnknown(f"{self.name}: an answer that cannot be read") from error
        if order.client_order_id != request.client_order_id:
            raise OrderStateUnknown(f"{self.name} answers for another order")
        return order

    def _refusal(self, answer: Answer) -> Exception:
        if not isinstance(answer.body, dict) or not {"code", "message"} & answer.body.keys():
            return OrderStateUnknown(f"{self.name}: status {answer.status} without a reason")
        error = answer.refusal()
        if isinstance(error, OrderRejected):
            said = str(error).removeprefix(f"{error.code}: ")
            return OrderRejected(error.code, self.unnamed(said))
        return error

    async def _not_more(self, order: BrokerOrder, filled: Decimal, old_id: str) -> None:
        """A fill that was in flight while it was replaced must not make the total more (O-21)."""
        with suppress(BrokerUnavailable, OrderRejected, OrderStateUnknown, BrokerAuthError):
            # Else the stream and the poll tell what became of it.
            body = whole(self.name, await self._rest.read(f"/orders/{old_id}", lane="exit"), dict)
            if reading.filled_of(body) > filled:
                await self._cancel(order.broker_id)

    # -- what may be asked ------------------------------------------------------------------------

    def _promised(self, request: OrderRequest) -> None:
        """Refuse what the caps do not promise: it must never leave as something else."""
        self._known_account(request.account)
        kind = "spread" if len(request.legs) > 1 else request.legs[0].instrument.kind
        caps = self.caps.by_kind.get(kind)
        if caps is None:
            raise OrderRejected("unsupported", f"Alpaca trades no {kind}")
        lacks = {
            f"{request.type} orders": request.type not in caps.order_types,
            f"{request.tif} orders": request.tif not in caps.tifs,
            f"units of {len(request.legs)} legs": len(request.legs) > caps.max_legs,
            "orders that cancel each other": request.oco_group is not None
            and not (translate.is_pair(request) and caps.has_oco_pairs),
            "orders that bring exits along": bool(request.attached) and not caps.has_brackets,
        }
        missing = [what for what, is_lacking in lacks.items() if is_lacking]
        if missing:
            raise OrderRejected("unsupported", f"Alpaca has no {missing[0]} for {kind}")

    def _known_account(self, account: str) -> None:
        if account != self._account or not account:
            raise OrderRejected("unknown_account", f"{self.name} is not connected to {account}")

    def _reading(self, account: str) -> None:
        if not self._rest.is_open:
            raise BrokerUnavailable(f"{self.name} is not connected")
        if account != self._account:
            raise BrokerUnavailable(f"{self.name} has no account {account}")

    async def _keep_children(self) -> None:
        """On disk before the entry leaves: Alpaca never hears our ids of its children."""
        try:
            await self.setup.tokens.save(_CHILDREN, self._known.dump())
        except OSError as error:
            raise BrokerUnavailable(f"{self.name}: its children could not be kept") from error


def _lane(request: OrderRequest) -> Lane:
    return "exit" if request.reduces else "order"


def _cut_down(old: BrokerOrder, new: OrderRequest) -> BrokerOrder:
    """An order replaced by no more than it had filled: its rest is cancelled, it is done."""
    return replace(
        old,
        client_order_id=new.client_order_id,
        state="filled",
        qty=old.filled,
        limit=new.limit,
        stop=new.stop,
        reason="replaced to what was filled",
    )
