"""A broker that knows no mercy, and a desk that follows its plan: one trade, any interleaving.

The broker here has no reduce-only: nothing but the plan itself keeps exits within the position. It
swaps orders as the contract says (a replacement's quantity is the total of its line).
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from decimal import Decimal

from engine.brokers import BrokerOrder
from engine.domain.money import ZERO
from engine.domain.order import Order, OrderState, Purpose, Side, Trigger
from engine.domain.trade import Execution, StopPlan, Trade
from engine.exits import Cancel, Replace, Step, Wish
from engine.exits.plan import apply, close_request, is_protected, plan
from engine.orders import carried_by, moved, seen
from tests.unit.ledger.bench import NOW, Books, D, a_trade, an_execution, an_order

S, T = OrderState, Trigger


@dataclass
class Theirs:
    """An order as it really is at the broker."""

    order: Order
    qty: Decimal
    filled: Decimal = ZERO
    """Its own."""
    before: Decimal = ZERO
    """Of the orders it replaced."""
    state: str = "accepted"

    @property
    def left(self) -> Decimal:
        if self.state not in ("accepted", "partial"):
            return ZERO
        return max(self.qty - self.before - self.filled, ZERO)

    def report(self) -> BrokerOrder:
        return BrokerOrder(
            client_order_id=self.order.order_id,
            broker_id=f"B-{self.order.order_id}",
            account="main",
            state=self.state,  # type: ignore[arg-type]
            side=self.order.side,
            legs=self.order.legs,
            qty=self.qty,
            filled=self.before + self.filled,
            type=self.order.type,
            stop=self.order.stop,
            updated_at=NOW,
        )


@dataclass
class World:
    """Everything that moves. ``pick`` chooses among what is possible."""

    qty: int
    direction: int = 1
    broker_stops: bool = True
    is_beside: bool = False
    """Its broker changes no order: a stop is let go and sent anew, or another comes beside it."""
    is_wired: bool = True
    """Reports are taken in with what the predecessors have filled."""
    books: Books = field(default_factory=Books)
    theirs: dict[str, Theirs] = field(default_factory=dict)
    requests: list[tuple[str, Order, Order | None]] = field(default_factory=list)
    inbox: list[BrokerOrder | Execution] = field(default_factory=list)
    booked: set[str] = field(default_factory=set)
    n: int = 0
    n_asked: Decimal = ZERO
    stops: list[Decimal] = field(default_factory=list)

    def __post_init__(self) -> None:
        entry = Side.BUY if self.direction > 0 else Side.SELL
        self.exit_side = entry.opposite
        order = an_order("A", side=entry, qty=self.qty, state=S.ACCEPTED)
        self.books.open(a_trade(direction=self.direction, qty=self.qty, stop="50"), order)
        self.theirs["A"] = Theirs(order, order.qty)

    @property
    def trade(self) -> Trade:
        return self.books.trade()

    @property
    def orders(self) -> tuple[Order, ...]:
        return tuple(self.books.orders.values())

    def opened(self) -> "World":
        """The same with the entry filled and everything at rest."""
        self.fill(0, self.qty)
        self.rest()
        return self

    def parted(self) -> "World":
        """The same with two thirds of the entry filled, one after the other, each with its stop."""
        for _ in range(2):
            if self.theirs["A"].left > 0:
                self.fill(0, max(self.qty // 3, 1))
                self.rest()
        return self

    # -- what really is ---------------------------------------------------------------------

    @property
    def position(self) -> Decimal:
        """Units really held."""
        return sum(
            (t.filled if t.order.purpose is Purpose.ENTRY else -t.filled for t in self._all()), ZERO
        )

    def _all(self) -> list[Theirs]:
        return list(self.theirs.values())

    def live_exits(self) -> list[Theirs]:
        return [t for t in self._all() if t.left > 0 and t.order.purpose is not Purpose.ENTRY]

    def check(self) -> None:
        """I-17 at the broker, at every instant."""
        live = sum((t.left for t in self.live_exits()), ZERO)
        assert self.position >= 0, f"flipped to {self.position}"
        assert live <= self.position, f"{live} at work against {self.position} held"
        by_close = sum((t.filled for t in self._all() if t.order.purpose is Purpose.CLOSE), ZERO)
        assert by_close <= self.n_asked, f"closed {by_close}, asked {self.n_asked}"

    # -- the desk ---------------------------------------------------------------------------

    def settle(self, number: int = 0, *, is_one: bool = False) -> bool:
        """Take a step of the plan, as the flow does; False when there is none.

        ``is_one``: its broker has refused every stop beside another.
        """
        steps, again = (
            plan(
                self.trade,
                self.orders,
                broker_stops=self.broker_stops,
                is_beside=self.is_beside and not is_one,
            )
            for _ in range(2)
        )
        assert steps == again
        if not steps:
            return False
        self._write_ahead(self._fitted(steps[number % len(steps)]))
        return True

    def _fitted(self, step: Step) -> Step:
        is_anew = self.is_beside and isinstance(step, Replace)
        return Cancel(order=step.order, reason="anew") if is_anew else step

    def _write_ahead(self, step: Step) -> None:
        if isinstance(step, Cancel):
            asked = self.books.add(moved(step.order, T.ASK_CANCEL, NOW))
            self.requests.append(("cancel", asked, None))
        elif isinstance(step, Replace):
            old = self.books.add(moved(step.order, T.ASK_REPLACE, NOW))
            new = self._exit(
                Purpose.STOP,
                step.qty,
                stop=step.stop,
                replaces=old.order_id,
                carried=step.carried,
            )
            self.requests.append(("replace", old, new))
        else:
            purpose = Purpose(step.purpose)
            new = self._exit(purpose, step.qty, stop=step.stop, limit=step.limit)
            new = self.books.add(
                replace(new, type=step.type, request_id=step.request_id, reason=step.reason)
            )
            self.requests.append(("submit", new, None))

    def _exit(self, purpose: Purpose, qty: Decimal, **more: object) -> Order:
        self.n += 1
        return self.books.add(
            an_order(
                f"X{self.n}",
                purpose,
                self.exit_side,
                qty=str(qty),
                state=S.SUBMITTING,
                reason="stop",
                **more,
            )
        )

    def ask(self, qty: int, limit: Decimal | None) -> None:
        before = sum((c.qty for c in self.trade.closes), ZERO)
        self.n += 1
        if limit is None:
            after = close_request(self.trade, D(qty), "user", NOW, f"C{self.n}")
        else:
            wish = Wish(rule="user", close_qty=D(qty), limit=limit)
            after = apply(self.trade, wish, NOW, f"C{self.n}")
        self.books.trades["T"] = after
        total = sum((c.qty for c in after.closes), ZERO)
        assert total <= self.trade.qty_open + max(self.trade.qty_wanted - self.trade.qty_opened, 0)
        self.n_asked += total - before

    def tighten(self, price: Decimal) -> None:
        wish = Wish(rule="trailing", stop=StopPlan(price=price))
        self.books.trades["T"] = apply(self.trade, wish, NOW, "-")
        assert self.trade.stop is not None
        self.stops.append(self.trade.stop.price)

    def read(self, number: int, *, keep: bool) -> None:
        """One event reaches the desk; with ``keep`` it will come again."""
        if not self.inbox:
            return
        number %= len(self.inbox)
        event = self.inbox[number]
        if not keep:
            del self.inbox[number]
        if isinstance(event, BrokerOrder):
            self._take_in(event)
        elif event.execution_id not in self.booked:
            self.booked.add(event.execution_id)
            self.books.book(event)

    def look_up(self) -> None:
        """Ask the broker about every order in doubt."""
        waiting = {o.order_id for _, *both in self.requests for o in both if o is not None}
        for order in self.orders:
            if order.order_id in waiting or not order.state.is_at_broker:
                continue
            there = self.theirs.get(order.order_id)
            if there is not None:
                self._hear(there)
                self._refuse(order.order_id)
            elif order.state is S.UNKNOWN:
                self.books.add(moved(order, T.ABSENT, NOW))
            elif order.state is S.PENDING_CANCEL:
                self.books.add(moved(order, T.CANCEL, NOW))

    def _refuse(self, order_id: str) -> None:
        """Nothing is under way any more for an order that still works: nothing came of it."""
        back = {S.PENDING_CANCEL: T.REFUSE_CANCEL, S.PENDING_REPLACE: T.REFUSE_REPLACE}
        order, there = self.books.orders[order_id], self.theirs[order_id]
        if there.left > 0 and order.state in back:
            self.books.add(moved(order, back[order.state], NOW))

    def _hear(self, there: Theirs) -> None:
        self._take_in(there.report())

    def _take_in(self, report: BrokerOrder) -> None:
        order = self.books.orders[report.client_order_id]
        carried = carried_by(order, self.orders) if self.is_wired else None
        self.books.add(seen(order, report, NOW, carried=carried))

    # -- the broker -------------------------------------------------------------------------

    def process(self, number: int, outcome: int) -> None:
        """The broker gets one request: does it (0, 1), refuses (2), or it is lost (3).

        With 1 it is done but the answer is lost.
        """
        if not self.requests:
            return
        what, order, new = self.requests.pop(number % len(self.requests))
        does: dict[str, Callable[[Order, Order | None, int], None]] = {
            "submit": self._submit,
            "cancel": self._cancel,
            "replace": self._replace,
        }
        does[what](order, new, outcome)
        self.check()

    def _submit(self, order: Order, _: Order | None, outcome: int) -> None:
        if outcome in (0, 1):
            self.theirs[order.order_id] = Theirs(order, order.qty)
            self.inbox.append(self.theirs[order.order_id].report())
        if outcome == 2:
            self._move(order, T.REJECT)
        elif outcome != 0:
            self._move(order, T.NO_ANSWER)

    def _cancel(self, order: Order, _: Order | None, outcome: int) -> None:
        there = self.theirs.get(order.order_id)
        if there is None:
            self._move(order, T.CANCEL)
        elif outcome == 3:
            self._refuse(order.order_id)
        elif there.left > 0 and outcome != 2:
            there.state = "canceled"
            self.inbox.append(there.report())
        else:
            self._hear(there)
            self._refuse(order.order_id)

    def _replace(self, old: Order, new: Order | None, outcome: int) -> None:
        assert new is not None
        there = self.theirs[old.order_id]
        if outcome == 2 or there.left == 0:
            self._move(new, T.REJECT)
            self._hear(there)
            self._refuse(old.order_id)
        elif outcome == 3:
            self._move(new, T.NO_ANSWER)
        else:
            there.state = "replaced"
            swapped = Theirs(new, new.qty, before=there.before + there.filled)
            swapped.state = "accepted" if swapped.left > 0 else "filled"
            self.theirs[new.order_id] = swapped
            self.inbox += [there.report(), swapped.report()]
            if outcome == 1:
                self._move(new, T.NO_ANSWER)

    def _move(self, order: Order, trigger: Trigger) -> None:
        """An answer to us: at once."""
        current = self.books.orders[order.order_id]
        if not current.state.is_terminal:
            waiting = (S.SUBMITTING, S.UNKNOWN)
            if trigger is not T.NO_ANSWER or current.state in waiting:
                self.books.add(moved(current, trigger, NOW))

    def fill(self, number: int, qty: int) -> None:
        live = [t for t in self._all() if t.left > 0]
        if not live:
            return
        there = live[number % len(live)]
        part = min(D(qty), there.left)
        there.filled += part
        there.state = "partial" if there.qty > there.before + there.filled else "filled"
        name = f"f{len(self.booked) + len(self.inbox)}-{there.order.order_id}-{there.filled}"
        self.inbox += [an_execution(name, there.order, part, 100), there.report()]
        self.check()

    # -- the end ----------------------------------------------------------------------------

    def rest(self) -> None:
        """Let everything come to rest: nothing is refused or lost any more, closes fill."""
        for _ in range(200):
            self.check()
            while self.requests:
                self.process(0, 0)
            while self.inbox:
                self.read(0, keep=False)
            self.look_up()
            closing = [t for t in self.live_exits() if t.order.purpose is Purpose.CLOSE]
            for there in closing:
                self.fill(self._index(there), 1000)
            if not self.settle() and not self.requests and not self.inbox and not closing:
                return
        raise AssertionError("the exits do not come to rest")

    def _index(self, there: Theirs) -> int:
        return [t for t in self._all() if t.left > 0].index(there)

    def check_end(self) -> None:
        """Flat with nothing at work, or all of it under a stop, or a few, at the right price."""
        assert self.trade.qty_open == self.position
        live = self.live_exits()
        if self.position == 0:
            assert not live
        elif self.broker_stops:
            assert self.trade.stop is not None
            assert {stop.order.stop for stop in live} == {self.trade.stop.price}
            assert sum(stop.left for stop in live) == self.position
            assert len(live) <= (2 if self.is_beside else 1)
        assert is_protected(self.trade, self.orders, self.broker_stops)
        wanted = sum((c.qty for c in self.trade.closes), ZERO)
        assert self.position == 0 or wanted == 0
