"""Orders at brokers that never echo our client ids: told apart by what they are and when they came.

Each order is written down before it is sent, durable, under our id. Whatever the broker lists is
laid against that: by the broker's id once an answer named it, by fingerprint (account, legs, side,
quantity, type, prices, time) after an answer that never came. Two that fit are never guessed at.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from engine.brokers import Absent, BrokerOrder, Found, OrderRequest, Seen, Tokens, Unclear
from engine.brokers._wire.lines import Lines
from engine.clock import Clock
from engine.domain.errors import BrokerUnavailable
from engine.domain.instrument import parse_key
from engine.domain.money import ZERO
from engine.domain.order import OrderType, Side
from engine.domain.quote import Leg

SETTLED_S = 10.0
"""A request that arrived is listed within this; what is missing before may still come."""
_HANGS_S = 3.0
"""Nothing is made of a likeness while an answer may still name it. Longer it cannot wait: what an
entry has filled is bare until the order is known."""
_EARLY, _LATE = timedelta(seconds=30), timedelta(minutes=2)
"""The broker's stamp of an order lies so far around the moment we sent it: skew, then delay."""
_OFF = timedelta(minutes=15)
"""And so far where one of the two clocks is wrong: then it must be new since we sent it."""
_MOST_KNOWN = 20_000
_KEPT_ENDED, _KEPT_LIVE = timedelta(days=7), timedelta(days=200)
_UNSEEN_S = 30.0
"""An order that the broker numbered and lists no more is gone after this, not before."""
_LISTED = timedelta(days=50)
"""So far back orders are listed by every broker that is read so."""
_YOUNG = timedelta(days=2)
"""What has not been found by then no longer makes the lists long."""
OVER = frozenset({"filled", "canceled", "expired", "rejected", "replaced"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """An order as the broker lists it, with the moment that it says it came in."""

    order: BrokerOrder
    placed_at: datetime
    replaced_by: str = ""
    """The number of what took its place, where the broker says so."""
    replaces: str = ""
    """The number of what it took the place of."""


@dataclass(slots=True, kw_only=True)
class Entry:
    """One order that we sent, or were about to."""

    client_order_id: str
    account: str
    side: Side
    legs: tuple[Leg, ...]
    qty: Decimal
    type: OrderType
    limit: Decimal | None
    stop: Decimal | None
    sent_at: datetime
    broker_id: str = ""
    is_refused: bool = False
    is_missing: bool = False
    """A whole list, read when it must have been in it, lacked anything like it."""
    ended_at: datetime | None = None
    before: dict[str, Decimal] = field(default_factory=dict)
    """Numbers it had before somebody changed it in the broker's app -> what it filled as that."""

    @property
    def is_open(self) -> bool:
        """No answer has said what became of it."""
        return not self.broker_id and not self.is_refused


class Sent:
    """The orders of one connection; in a file of its own, like its tokens."""

    def __init__(self, name: str, tokens: Tokens, clock: Clock) -> None:
        self._lines, self._clock = Lines(f"{name}-orders", tokens), clock
        self._by_id: dict[str, Entry] = {}
        self._by_broker_id: dict[tuple[str, str], Entry] = {}
        self._flying: dict[str, float] = {}
        """Their answer is being waited for, since when (monotonic)."""
        self._unseen: dict[str, float] = {}
        """Numbered by the broker and in no list of it -> since when, monotonic."""
        self._sent_at: dict[str, float] = {}
        """When it was sent by this process, monotonic."""
        self._read_at: dict[str, float] = {}
        """Account -> when its orders were first listed, monotonic."""
        self._listed_at: dict[tuple[str, str], float] = {}
        """Account and broker's number -> when it was first listed, monotonic."""

    async def load(self) -> None:
        """Read back what was sent before, without what is long over.

        Raises:
            BrokerUnavailable: it cannot be read; without it an order could pass for foreign.
        """
        try:
            rows = {row["id"]: row for row in _flat(await self._lines.load())}
            entries = [_entry(row) for row in rows.values()]
        except (ValueError, TypeError, KeyError) as error:
            said = f"{self._lines.name} beside the tokens cannot be read"
            raise BrokerUnavailable(said) from error
        self._by_id, self._by_broker_id = {}, {}
        now = self._clock.now()
        for entry in entries:
            over_at = entry.sent_at if entry.is_refused else entry.ended_at
            is_old = over_at is not None and now - over_at > _KEPT_ENDED
            if not is_old and now - entry.sent_at <= _KEPT_LIVE:
                self._put(entry)
        await self._lines.tidy(_row(e) for e in self._by_id.values())

    def get(self, client_order_id: str) -> Entry | None:
        """What was sent under this id."""
        return self._by_id.get(client_order_id)

    def is_ours(self, broker_id: str) -> bool:
        """Whether the broker's id is that of one of our orders."""
        return any(number == broker_id for _, number in self._by_broker_id)

    def symbol_of(self, broker_id: str) -> str:
        """What the order of ours with that number is in; empty when it is none."""
        entries = (e for e in self._by_id.values() if e.broker_id == broker_id)
        return next((e.legs[0].instrument.symbol for e in entries), "")

    def oldest_live(self, account: str) -> datetime | None:
        """When the oldest order that may still work was sent."""
        long_ago = self._clock.now() - _YOUNG
        mine = (e for e in self._by_id.values() if e.account == account and _lives(e))
        return min((e.sent_at for e in mine if e.broker_id or e.sent_at > long_ago), default=None)

    def live(self, account: str) -> set[str]:
        """Our ids of those that may still work."""
        return {n for n, e in self._by_id.items() if e.account == account and _lives(e)}

    # -- what becomes of one

    async def about_to_send(self, request: OrderRequest) -> bool:
        """Write it down, durable; False when it was sent before under this id.

        Whoever calls this calls :meth:`landed` once the answer, or none, is there.

        Raises:
            BrokerUnavailable: it could not be written; it must not be sent.
        """
        name = request.client_order_id
        self._flying[name] = self._sent_at[name] = self._clock.monotonic()
        known = self._by_id.get(name)
        if known is not None and not known.is_refused:
            if known.is_missing:  # what is sent now may be there from now on
                known.is_missing, known.sent_at = False, self._clock.now()
                await self._write(known)
            return False
        entry = Entry(
            client_order_id=name,
            account=request.account,
            side=request.side,
            legs=request.legs,
            qty=request.qty,
            type=request.type,
            limit=request.limit,
            stop=request.stop,
            sent_at=self._clock.now(),
        )
        self._put(entry)
        try:
            await self._write(entry)
        except OSError as error:
            self.landed(name)
            self._by_id.pop(name, None)
            self._lines.forget(name)
            raise BrokerUnavailable("the order could not be written down; not sent") from error
        except BaseException:
            self.landed(name)
            raise
        return True

    def landed(self, client_order_id: str) -> None:
        """There is an answer, or nobody waits for it any more."""
        self._flying.pop(client_order_id, None)

    async def taken(self, client_order_id: str, broker_id: str) -> None:
        """The broker named its id; one that was only like it is another's after all."""
        entry = self._by_id[client_order_id]
        if broker_id in entry.before:
            return
        if entry.broker_id != broker_id:
            if entry.broker_id and self._is_twins(entry, broker_id):
                return  # nothing tells them apart: each of the two numbers has one of ours
            self._by_broker_id.pop((entry.account, entry.broker_id), None)
        entry.broker_id = broker_id
        self._put(entry)
        await self._write(entry)

    async def recognise(self, account: str, client_order_id: str, broker_id: str) -> None:
        """A person has said which of the broker's orders it is."""
        entry = self._by_id.get(client_order_id)
        if entry is not None and entry.account == account and not entry.broker_id:
            await self.taken(client_order_id, broker_id)

    async def refused(self, client_order_id: str) -> None:
        """Provably not accepted: its id was never in use."""
        entry = self._by_id[client_order_id]
        self._by_broker_id.pop((entry.account, entry.broker_id), None)
        entry.is_refused, entry.broker_id = True, ""  # what was only like it is another's
        await self._write(entry)

    # -- what the broker lists

    def _follow(self, account: str, listed: Iterable[Listed]) -> None:
        """What somebody made of an order of ours in the broker's app is ours, and new there."""
        heirs = dict[str, str]()
        for one in listed:
            number = one.order.broker_id
            if one.order.state == "replaced" and one.replaced_by:
                heirs[number] = one.replaced_by
            elif one.order.state in ("accepted", "partial") or one.order.filled:
                heirs |= {one.replaces: number} if one.replaces else {}
        changed = [e for e in self._by_id.values() if e.broker_id in heirs] if heirs else []
        for entry in changed:
            while entry.account == account and (heir := heirs.pop(entry.broker_id, "")):
                if (account, heir) in self._by_broker_id:
                    break
                entry.before[entry.broker_id], entry.broker_id = ZERO, heir
                self._put(entry)
                # In time with the next order: until then the lists say so.
                self._lines.note(entry.client_order_id, _row(entry))
        for one in listed:
            number, filled = one.order.broker_id, one.order.filled
            known = self._by_broker_id.get((account, number))
            if known is not None and known.before.get(number, filled) != filled:
                known.before[number] = filled
                self._lines.note(known.client_order_id, _row(known))

    def changed(self, account: str, listed: Iterable[Listed]) -> list[BrokerOrder]:
        """Those at work that somebody made of orders of ours."""
        return [
            order
            for order in self.known(account, listed)
            if order.state in ("accepted", "partial") and order.client_order_id
            if self._by_id[order.client_order_id].before
        ]

    def known(self, account: str, listed: Iterable[Listed]) -> list[BrokerOrder]:
        """The listed orders, ours under our ids and as we asked for them.

        What one of ours was before somebody changed it says no more than what it had filled.
        """
        listed = list(listed)
        self._follow(account, listed)
        named = [self._named(account, one.order) for one in listed]
        return [order for order in named if order.filled or not self._is_past(account, order)]

    def _is_past(self, account: str, order: BrokerOrder) -> bool:
        entry = self._by_broker_id.get((account, order.broker_id))
        return entry is not None and order.broker_id in entry.before

    async def match(self, account: str, listed: Sequence[Listed]) -> None:
        """Give orders without an answer the broker's id where only one can be meant."""
        self._follow(account, listed)
        matched, now = list[Entry](), self._clock.monotonic()
        self._note(account, listed, now)
        for entry in [e for e in self._by_id.values() if e.account == account]:
            since = self._flying.get(entry.client_order_id)
            if not entry.is_open or (since is not None and now - since < _HANGS_S):
                continue
            twins, fitting = self._alike(entry), self._fitting(entry, listed)
            if fitting and len(twins) == len(fitting):
                for twin, one in zip(twins, fitting, strict=True):
                    twin.broker_id = one.order.broker_id
                    self._put(twin)
                matched += twins
        if matched:
            await self._write(*matched)

    async def found(
        self,
        account: str,
        client_order_id: str,
        listed: Sequence[Listed],
        as_of: datetime,
        *,
        lags: bool = False,
    ) -> Found:
        """What a whole list of at least two days, read after ``as_of``, says of one order.

        ``lags``: it is known to lack what came in since the order was sent.
        """
        await self.match(account, listed)
        entry = self._by_id.get(client_order_id)
        if entry is None:
            return self._never_sent(account, listed, as_of)
        if entry.account != account or entry.is_refused:
            return Absent(as_of=as_of)
        if entry.broker_id:
            mine = [o for o in self.known(account, listed) if self.is_it(entry, o)]
            return Seen(order=mine[0]) if mine else self._unlisted(entry, as_of)
        fitting = tuple(
            one.order for one in self._fitting(entry, listed) or self._near(entry, listed)
        )
        if client_order_id in self._flying:
            return Unclear(candidates=fitting)
        if fitting or lags or (as_of - entry.sent_at).total_seconds() < SETTLED_S:
            entry.is_missing = False
            return Unclear(candidates=fitting)
        if not entry.is_missing:
            entry.is_missing = True
            await self._write(entry)
        return Absent(as_of=as_of)

    def is_it(self, entry: Entry | None, order: BrokerOrder) -> bool:
        """Whether a listed order is what we sent, under the number that it has now."""
        known = None if entry is None else (entry.client_order_id, entry.broker_id)
        return known == (order.client_order_id, order.broker_id)

    def _unlisted(self, entry: Entry, as_of: datetime) -> Found:
        """It was there: one list without it is a slip, all lists for long are none."""
        name, now = entry.client_order_id, self._clock.monotonic()
        since = self._unseen.setdefault(name, now)
        is_listed = entry.ended_at is None and as_of - entry.sent_at < _LISTED
        return Absent(as_of=as_of) if is_listed and now - since >= _UNSEEN_S else Unclear()

    def _never_sent(self, account: str, listed: Sequence[Listed], as_of: datetime) -> Found:
        """Not in our file: never sent, unless the file was lost and one of these is it."""
        strangers = tuple(
            one.order for one in listed if (account, one.order.broker_id) not in self._by_broker_id
        )
        return Unclear(candidates=strangers) if strangers else Absent(as_of=as_of)

    def _named(self, account: str, order: BrokerOrder) -> BrokerOrder:
        entry = self._by_broker_id.get((account, order.broker_id))
        if entry is not None:
            self._unseen.pop(entry.client_order_id, None)
        if entry is None or _fingerprint(entry)[0] != _fingerprint(order)[0]:
            return order  # a number that was given anew, to something else
        carried = ZERO
        if order.broker_id in entry.before:  # it goes on under another one
            order = replace(order, state="unknown")
        else:
            carried = sum(entry.before.values(), ZERO)
        if order.state in OVER and entry.ended_at is None:
            entry.ended_at = self._clock.now()
            self._lines.note(entry.client_order_id, _row(entry))  # in time: with the next order
        return replace(
            order,
            client_order_id=entry.client_order_id,
            side=entry.side,
            legs=entry.legs,
            qty=order.qty + carried,
            filled=order.filled + carried,
            limit=entry.limit if order.limit is None else _as_asked(entry, order),
        )

    def _alike(self, entry: Entry) -> list[Entry]:
        """Orders without an answer that nothing tells from this one, in the order sent."""
        print_ = _fingerprint(entry)
        alike = [
            e
            for e in self._by_id.values()
            if e.is_open
            and not e.is_missing  # one like it that is listed later is another
            and e.account == entry.account
            and _fingerprint(e) == print_
            and abs(e.sent_at - entry.sent_at) <= _EARLY + _LATE
        ]
        return sorted(alike, key=lambda e: e.sent_at)

    def _is_twins(self, entry: Entry, broker_id: str) -> bool:
        """Whether that number was given to one just like it that was sent with it."""
        other = self._by_broker_id.get((entry.account, broker_id))
        if other is None or _fingerprint(other) != _fingerprint(entry):
            return False
        return abs(other.sent_at - entry.sent_at) <= _EARLY + _LATE

    def _fitting(self, entry: Entry, listed: Sequence[Listed]) -> list[Listed]:
        """Listed orders that may be it and are none of our others, in the order placed."""
        print_ = _fingerprint(entry)
        fitting = [
            one
            for one in listed
            if _fingerprint(one.order) == print_
            and (
                entry.sent_at - _EARLY <= one.placed_at <= entry.sent_at + _LATE
                or self._is_new_since(entry, one)
            )
            and (entry.account, one.order.broker_id) not in self._by_broker_id
        ]
        return sorted(fitting, key=lambda one: (one.placed_at, one.order.broker_id))

    def _near(self, entry: Entry, listed: Sequence[Listed]) -> list[Listed]:
        """What may be it where a clock was off when a process before this one sent it.

        Nobody knows what was listed before that: it proves nothing, and a person may say so.
        """
        if entry.is_missing or entry.client_order_id in self._sent_at:
            return []
        return [
            one
            for one in listed
            if _fingerprint(one.order) == _fingerprint(entry)
            and abs(one.placed_at - entry.sent_at) <= _OFF
            and (entry.account, one.order.broker_id) not in self._by_broker_id
        ]

    def _note(self, account: str, listed: Sequence[Listed], now: float) -> None:
        if len(self._listed_at) > _MOST_KNOWN:
            self._listed_at.clear()
            self._read_at.clear()
        self._read_at.setdefault(account, now)
        for one in listed:
            self._listed_at.setdefault((account, one.order.broker_id), now)

    def _is_new_since(self, entry: Entry, one: Listed) -> bool:
        """Whether no list before we sent it showed it, and one soon afterwards did.

        A clock that is minutes off would have our own order pass for a stranger's.
        """
        sent_at = self._sent_at.get(entry.client_order_id)
        read_at = self._read_at.get(entry.account)
        if sent_at is None or read_at is None or read_at > sent_at:
            return False
        is_near = abs(one.placed_at - entry.sent_at) <= _OFF
        after_s = self._listed_at[entry.account, one.order.broker_id] - sent_at
        return is_near and 0 < after_s <= _LATE.total_seconds()

    def _put(self, entry: Entry) -> None:
        self._by_id[entry.client_order_id] = entry
        if entry.broker_id:
            for number in (*entry.before, entry.broker_id):
                self._by_broker_id[entry.account, number] = entry

    async def _write(self, *entries: Entry) -> None:
        """Have these on disk; several who come at once share one write."""
        for entry in entries:
            self._lines.note(entry.client_order_id, _row(entry))
        await self._lines.keep()


def _flat(rows: Iterable[Any]) -> Iterator[dict[str, Any]]:
    """A list of all is how it was written before it grew by lines."""
    for row in rows:
        yield from row if isinstance(row, list) else (row,)


def _lives(entry: Entry) -> bool:
    return entry.ended_at is None and not entry.is_refused and not entry.is_missing


def _fingerprint(order: Entry | BrokerOrder) -> tuple[object, ...]:
    """What two orders share that nothing but time tells apart; a spread either way round."""
    sign = order.side.sign
    legs = sorted((leg.instrument.key, sign * leg.ratio) for leg in order.legs)
    cash = None if order.limit is None else -sign * order.limit
    return (tuple(legs), order.qty, order.type, cash, order.stop)


def _as_asked(entry: Entry, order: BrokerOrder) -> Decimal:
    assert order.limit is not None  # noqa: S101 - asked of limits only
    return order.limit * order.side.sign * entry.side.sign


def _row(entry: Entry) -> dict[str, Any]:
    return {
        "id": entry.client_order_id,
        "account": entry.account,
        "side": entry.side.value,
        "legs": [[leg.instrument.key, leg.ratio] for leg in entry.legs],
        "qty": str(entry.qty),
        "type": entry.type.value,
        "limit": None if entry.limit is None else str(entry.limit),
        "stop": None if entry.stop is None else str(entry.stop),
        "sent_at": entry.sent_at.isoformat(),
        "broker_id": entry.broker_id,
        "refused": entry.is_refused,
        "missing": entry.is_missing,
        "ended_at": None if entry.ended_at is None else entry.ended_at.isoformat(),
        "before": [[number, str(filled)] for number, filled in entry.before.items()],
    }


def _entry(row: dict[str, Any]) -> Entry:
    return Entry(
        client_order_id=row["id"],
        account=row["account"],
        side=Side(row["side"]),
        legs=tuple(Leg(instrument=parse_key(key), ratio=ratio) for key, ratio in row["legs"]),
        qty=Decimal(row["qty"]),
        type=OrderType(row["type"]),
        limit=None if row["limit"] is None else Decimal(row["limit"]),
        stop=None if row["stop"] is None else Decimal(row["stop"]),
        sent_at=datetime.fromisoformat(row["sent_at"]),
        broker_id=row["broker_id"],
        is_refused=row["refused"],
        is_missing=row.get("missing", False),
        ended_at=None if row["ended_at"] is None else datetime.fromisoformat(row["ended_at"]),
        before={number: Decimal(filled) for number, filled in row.get("before", ())},
    )
