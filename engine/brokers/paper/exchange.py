"""What happens inside the paper broker, step by step, on a draft of its book. No waiting here."""

from datetime import datetime
from decimal import Decimal

from engine.brokers import BrokerFill, LiveState, OrderRequest
from engine.brokers.paper import checks, margin
from engine.brokers.paper.book import Draft, group_key
from engine.brokers.paper.match import (
    Touch,
    followed,
    judged,
    leg_side,
    mark,
    taken,
    touch_of,
    whole,
)
from engine.brokers.paper.orders import LIMITS, PaperOrder, over
from engine.brokers.paper.settings import Board, Hours, PaperSettings
from engine.domain.copying import replace
from engine.domain.errors import OrderRejected
from engine.domain.instrument import Instrument
from engine.domain.money import ZERO
from engine.domain.order import Tif
from engine.domain.quote import Quote


class Exchange:
    """Takes orders in and lets quotes and time work on them."""

    def __init__(self, settings: PaperSettings, hours: Hours, board: Board) -> None:
        self.settings = settings
        self._hours = hours
        self._board = board

    # -- requests -------------------------------------------------------------------------------

    def accept(self, draft: Draft, request: OrderRequest, now: datetime) -> PaperOrder:
        """A new order, with its bracket children waiting for it."""
        checks.check(draft, self.settings, self._hours, request, now)
        checks.check_reduces(draft, request)
        order = self._priced(draft, self._new(draft, request, now), now)
        if self._is_group_over(draft, order):
            raise OrderRejected(
                "oco_group_over", f"another order of {request.oco_group} was filled already"
            )
        self._work(draft, order)
        for child in request.attached:
            group = child.oco_group or f"bracket {request.client_order_id}"
            child = replace(child, reduces=True, oco_group=group)
            waiting = replace(
                self._new(draft, child, now), held=child.qty, parent=order.id, expires_at=None
            )
            draft.put(waiting)
        return order

    def replace(
        self, draft: Draft, account: str, client_order_id: str, new: OrderRequest, now: datetime
    ) -> PaperOrder:
        """Swap a live order for ``new``; its quantity is the total of the whole lineage."""
        old = self._live(draft, account, client_order_id)
        if old.cancel_at is not None:
            raise OrderRejected("pending_cancel", f"{client_order_id} is being cancelled")
        same = (old.request.legs, old.request.side, account) == (new.legs, new.side, new.account)
        if not same or new.attached:
            raise OrderRejected(
                "bad_replace", "a replacement keeps account, legs, side and children"
            )
        checks.check(draft, self.settings, self._hours, new, now)
        group = new.oco_group or old.request.oco_group
        if group and any(c.request.oco_group == group for c in draft.children(old.id)):
            raise OrderRejected("bad_replace", "an entry cannot join its own children's group")
        new = replace(new, oco_group=group, reduces=new.reduces or bool(old.parent))
        order = self._succeeding(draft, old, self._new(draft, new, now))
        draft.put(over(old, "replaced", now, f"replaced by {order.id}"))
        order = self._priced(draft, order, now)  # the old reservation is free by now
        for child in draft.children(old.id):
            draft.put(replace(child, parent=order.id), is_news=False)
        if order.qty <= order.filled:
            done = replace(order, qty=order.filled, held=ZERO)
            draft.put(done, is_news=False)
            return self._end(draft, done, "filled", now, "replaced to what was filled")
        return self._work(draft, order)

    def ask_cancel(self, draft: Draft, account: str, client_order_id: str, now: datetime) -> None:
        """Cancel after the latency; until then the order may still fill."""
        order = self._live(draft, account, client_order_id)
        if order.cancel_at is not None:
            return
        at = now + self.settings.latency
        draft.put(replace(order, cancel_at=at), is_news=False)
        draft.timers.append((at, "cancel", order.id))

    # -- what the world does --------------------------------------------------------------------

    def on_quote(self, draft: Draft, quote: Quote) -> None:
        """A new quote: every live order of the instrument looks at it once."""
        key = quote.instrument.key
        draft.marks_after[key] = mark(quote)
        for order in draft.on_instrument(key):
            self._decide(draft, order.id, quote.received_at)

    def on_timer(self, draft: Draft, at: datetime, kind: str, client_order_id: str) -> None:
        """An order's latency is over, its cancellation works, or its day ends."""
        order = draft.find(client_order_id)
        if order is None or not order.is_live:
            return
        if kind == "cancel" and order.cancel_at is not None and order.cancel_at <= at:
            self._end(draft, order, "canceled", at, "canceled")
        elif kind == "expire" and order.expires_at is not None and order.expires_at <= at:
            self._end(draft, order, "expired", at, "end of its session")
        elif kind == "ready":
            self._decide(draft, order.id, at)

    def timers_of(self, order: PaperOrder) -> list[tuple[datetime, str, str]]:
        """Moments at which a live order needs a look without any quote."""
        moments = (
            (order.eligible_at, "ready"),
            (order.cancel_at, "cancel"),
            (order.expires_at, "expire"),
        )
        return [(at, kind, order.id) for at, kind in moments if at is not None]

    # -- making orders --------------------------------------------------------------------------

    def _new(self, draft: Draft, request: OrderRequest, now: datetime) -> PaperOrder:
        return PaperOrder(
            request=replace(request, attached=()) if request.attached else request,
            broker_id=f"P-{request.client_order_id}",
            seq=draft.next_seq(),
            qty=request.qty,
            accepted_at=now,
            eligible_at=now + self.settings.latency,
            expires_at=self._deadline(request, now),
            updated_at=now,
        )

    def _succeeding(self, draft: Draft, old: PaperOrder, new: PaperOrder) -> PaperOrder:
        """What a replacement inherits."""
        released = old.qty - old.held
        parent = draft.find(old.parent) if old.parent else None
        waits = parent is not None and parent.is_live
        is_same_type = new.request.type is old.request.type
        return replace(
            new,
            replaces=old.id,
            parent=old.parent,
            filled=old.filled,
            state="partial" if old.filled else "accepted",
            held=max(new.qty - released, ZERO) if waits else ZERO,
            expires_at=None if waits and released == 0 else new.expires_at,
            best=old.best if is_same_type else None,
            is_triggered=is_same_type and old.is_triggered,
        )

    def _deadline(self, request: OrderRequest, now: datetime) -> datetime | None:
        """When the order lapses: its session's end, and never after a contract's last moment."""
        ends: list[datetime] = []
        for leg in request.legs:
            if leg.instrument.kind in ("option", "future"):
                ends.append(self._hours.expires_at(leg.instrument))
            if request.tif is Tif.DAY:
                end = self._hours.session_end(leg.instrument, now)
                if end is not None:
                    ends.append(end)
        return min(ends, default=None)

    def _priced(self, draft: Draft, order: PaperOrder, now: datetime) -> PaperOrder:
        """The order after looking at the market: stop side, trailing start, buying power."""
        for leg in order.request.legs:
            self._look(draft, leg.instrument)
        touch = self._touch(draft, order, now)
        if order.leaves > 0 and not order.is_triggered:
            checks.check_stop_side(order.request, touch)
        if touch is not None:
            order = followed(order, touch)
        if order.parent:
            return order
        return replace(order, reserved_usd=margin.reserve(draft, self.settings, order, touch))

    def _look(self, draft: Draft, instrument: Instrument) -> None:
        last = self._board.last(instrument)
        known = draft.mark(instrument.key)
        if last is not None and (known is None or known.quote != last):
            draft.marks_after[instrument.key] = mark(last)

    def _work(self, draft: Draft, order: PaperOrder) -> PaperOrder:
        """Put the order to work: known, and looked at when its latency is over."""
        draft.timers += self.timers_of(order)
        return draft.put(order)

    def _live(self, draft: Draft, account: str, client_order_id: str) -> PaperOrder:
        order = draft.find(client_order_id)
        if order is None or order.request.account != account:
            raise OrderRejected("unknown_order", f"there is no order {client_order_id}")
        if not order.is_live:
            raise OrderRejected("order_over", f"{client_order_id} is {order.state} already")
        return order

    # -- deciding -------------------------------------------------------------------------------

    def _touch(self, draft: Draft, order: PaperOrder, at: datetime) -> Touch | None:
        legs = order.request.legs
        marks = tuple(draft.mark(leg.instrument.key) for leg in legs)
        return touch_of(legs, marks, at, self.settings.max_quote_age_s)

    def _decide(self, draft: Draft, client_order_id: str, at: datetime) -> None:
        order = draft.find(client_order_id)
        if order is None or not order.is_live or order.leaves <= 0 or at < order.accepted_at:
            return
        touch = self._touch(draft, order, at)
        instruments = [leg.instrument for leg in order.request.legs]
        if touch is None or not all(self._hours.is_open(i, at) for i in instruments):
            return
        after = followed(order, touch)
        prices: tuple[Decimal, ...] | None = None
        if at >= order.eligible_at:
            after, prices = judged(after, touch, self.settings.slippage_ticks)
        if after != order:
            draft.put(after, is_news=after.is_triggered != order.is_triggered)
        if prices is not None:
            self._fill(draft, after, touch, prices, at)

    def _fill(
        self,
        draft: Draft,
        order: PaperOrder,
        touch: Touch,
        prices: tuple[Decimal, ...],
        at: datetime,
    ) -> None:
        request = order.request
        units = touch.units(request.side, order.leaves)
        if request.reduces:
            room = margin.closable(draft, request)
            units = min(units, whole(request.legs[0].instrument, room, len(request.legs)))
            if units <= 0 and room <= 0:
                self._trim(draft, order, order.leaves, at, "reduce-only: nothing left to close")
                return
        if units <= 0 or not self._can_pay(draft, order, touch, units, prices, at):
            return
        order = replace(
            order,
            filled=order.filled + units,
            n_fills=order.n_fills + 1,
            state="partial",
            is_resting=request.type in LIMITS,
            updated_at=at,
        )
        self._execute(draft, order, units, prices, at)
        self._after_fill(draft, order, units, at)

    def _can_pay(
        self,
        draft: Draft,
        order: PaperOrder,
        touch: Touch,
        units: Decimal,
        prices: tuple[Decimal, ...],
        at: datetime,
    ) -> bool:
        """An order accepted without any price is checked now, when there is one."""
        if order.reserved_usd is not None or margin.is_closing(draft, order.request, units):
            return True
        unit = sum((p * leg.ratio for p, leg in zip(prices, order.request.legs, strict=True)), ZERO)
        need = margin.cost_usd(draft, self.settings, order.request, units, prices, unit)
        have = margin.buying_power(draft, self.settings, order.request.account)
        if need <= max(have, ZERO):
            return True
        self._end(
            draft, order, "rejected", at, f"insufficient_buying_power: needs {need:.2f} dollars"
        )
        return False

    def _execute(
        self,
        draft: Draft,
        order: PaperOrder,
        units: Decimal,
        prices: tuple[Decimal, ...],
        at: datetime,
    ) -> None:
        """Book all legs of one fill and take their sizes off the standing quotes."""
        request = order.request
        for n, (leg, price) in enumerate(zip(request.legs, prices, strict=True)):
            qty, side = units * abs(leg.ratio), leg_side(request.side, leg)
            key = leg.instrument.key
            standing = draft.mark(key)
            assert standing is not None  # noqa: S101 - the touch was made of it
            draft.marks_after[key] = taken(standing, side, qty)
            draft.book_fill(
                BrokerFill(
                    execution_id=f"{order.id}-{order.n_fills}-{n}",
                    client_order_id=order.id,
                    broker_id=order.broker_id,
                    account=request.account,
                    instrument=leg.instrument,
                    leg=n,
                    side=side,
                    qty=qty,
                    price=price,
                    fee_usd=self.settings.fee_usd(leg.instrument, qty),
                    executed_at=at,
                )
            )

    # -- consequences ---------------------------------------------------------------------------

    def _after_fill(self, draft: Draft, order: PaperOrder, units: Decimal, at: datetime) -> None:
        draft.put(order, is_news=order.filled < order.qty)
        self._release_children(draft, order, units, at)
        if order.filled >= order.qty:  # over before others are touched: they may touch it back
            self._end(draft, order, "filled", at, "")
        self._cut_partners(draft, order, units, at)
        self._sweep(draft, order, at)

    def _cut_partners(self, draft: Draft, order: PaperOrder, units: Decimal, at: datetime) -> None:
        """One OCO group never works for more than its largest member has left."""
        group = order.request.oco_group
        if group is None:
            return
        account = order.request.account
        partners = [o for o in draft.of_group(account, group) if o.id != order.id]
        cap = max([order.leaves + units, *(o.leaves for o in partners)]) - units
        if cap <= 0 and not order.request.reduces:
            draft.groups_over.add(group_key(account, group))
        for partner in partners:
            self._trim(draft, partner, max(partner.leaves - cap, ZERO), at, "oco")

    def _trim(
        self, draft: Draft, order: PaperOrder, cut: Decimal, at: datetime, reason: str
    ) -> None:
        """Take ``cut`` units off what an order may still do; its end when nothing is left."""
        if cut <= 0:
            return
        less = replace(order, qty=order.qty - cut, updated_at=at)
        is_over = less.qty <= less.filled
        draft.put(less, is_news=not is_over)
        if is_over:
            self._end(draft, replace(less, qty=order.qty), "canceled", at, reason)

    def _release_children(
        self, draft: Draft, order: PaperOrder, units: Decimal, at: datetime
    ) -> None:
        for child in draft.children(order.id):
            freed = min(units, child.held)
            if freed <= 0:
                continue
            starts = child.leaves == 0
            eligible_at = at + self.settings.latency if starts else child.eligible_at
            child = replace(
                child,
                held=child.held - freed,
                eligible_at=eligible_at,
                accepted_at=at if starts else child.accepted_at,
                expires_at=child.expires_at or self._deadline(child.request, at),
                updated_at=at,
            )
            self._work(draft, child)

    def _end(
        self, draft: Draft, order: PaperOrder, state: LiveState, at: datetime, reason: str
    ) -> PaperOrder:
        order = draft.put(over(order, state, at, reason))
        for child in draft.children(order.id):
            if child.held == child.qty or child.qty - child.held <= child.filled:
                self._end(draft, child, "canceled", at, f"its entry is {state}")
            elif child.held:
                draft.put(replace(child, qty=child.qty - child.held, held=ZERO, updated_at=at))
        return order

    def _sweep(self, draft: Draft, filled: PaperOrder, at: datetime) -> None:
        """Reduce-only orders end with the position that they were to close."""
        account = filled.request.account
        for leg in filled.request.legs:
            if draft.holding(account, leg.instrument).qty:
                continue
            for order in draft.on_instrument(leg.instrument.key):
                mine = order.request.account == account and order.request.reduces
                if mine and order.leaves > 0 and not order.held:
                    self._end(draft, order, "canceled", at, "reduce-only: the position is closed")

    def _is_group_over(self, draft: Draft, order: PaperOrder) -> bool:
        request = order.request
        if request.oco_group is None or request.reduces:
            return False
        key = group_key(request.account, request.oco_group)
        return key in draft.book.groups_over or key in draft.groups_over
