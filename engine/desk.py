"""The desk: everything one story needs in hand, and the one way to change anything."""

import asyncio
import contextlib
import logging
from collections.abc import Callable, Coroutine, Iterable, Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any
from weakref import WeakValueDictionary

from engine.background import Background
from engine.bands import Bands
from engine.bars import Bars
from engine.book import Book
from engine.brokers import Balance, Broker
from engine.bus import Bus
from engine.clock import Clock, Ids
from engine.daily import DailyCloses
from engine.desk_settings import DeskSettings
from engine.domain.alert import Asset
from engine.domain.compared import Compared
from engine.domain.copying import replace
from engine.domain.desk import Fact, Notice
from engine.domain.errors import Conflict, StoreUnavailable, TradeStreamError, own_words
from engine.domain.instrument import Instrument, underlying_of
from engine.domain.order import Order
from engine.domain.quote import Leg, UnitQuote
from engine.domain.record import Event, Record, changed
from engine.domain.source import SourceProfile
from engine.domain.trade import Trade
from engine.doubts import Doubts
from engine.exits import ExitRule
from engine.feeds import Feed, QuoteBoard
from engine.health import Health
from engine.market import ALWAYS, CME, NYSE, Calendar
from engine.risk import RiskCheck
from engine.sizing import SizingSettings
from engine.store import Store
from engine.waiting import Backoff, Stopwatch

log = logging.getLogger(__name__)

Aside = Callable[["Desk", str], Coroutine[Any, Any, Any]]
"""A story that others below it set going, about one trade or one broker."""


class Desk(Background):
    """One running desk. Stories read the book, decide, commit here, and only then act."""

    def __init__(
        self,
        *,
        settings: DeskSettings,
        clock: Clock,
        ids: Ids,
        store: Store,
        board: QuoteBoard,
        feed: Feed | None,
        brokers: Mapping[str, Broker],
        checks: list[tuple[str, RiskCheck]],
        exit_rules: list[tuple[str, ExitRule]],
        settle: Aside,
        compare: Aside,
        calendars: Mapping[str, Calendar] | None = None,
    ) -> None:
        super().__init__(clock, Health(clock))
        self.settings = settings
        self.ids = ids
        self.store = store
        self.board = board
        self.feed = feed
        self.brokers = brokers
        self.checks = checks
        self.exit_rules = exit_rules
        self.settle = settle
        """Brings one trade's exits to what is wanted: ``flows/exits/settle``."""
        self.compare = compare
        """Compares the books with one broker: ``flows/brokers/recover``."""
        self.calendars = calendars or {"future": CME, "crypto": ALWAYS}
        self.book = Book()
        self.bus = Bus()
        self.gates: dict[str, str] = {"*": "not compared with any broker yet"}
        """Broker -> why its books may differ from ours: entries wait until it was compared."""
        self.streams_down: dict[str, float] = {}
        """Broker whose stream has ended -> when (monotonic; never, where nothing can be asked)."""
        self.last_gap: dict[str, tuple[float, float]] = {}
        """Broker -> when its stream ended last, and when it was back."""
        self.polled: set[str] = set()
        """Brokers of whose missing stream people were told."""
        """Brokers whose stream is lost: comparing once is not enough to let entries pass."""
        self.offline: set[str] = set()
        """Brokers that we have not been connected to since the start."""
        self.compared_at: dict[str, datetime] = {}
        """Account -> when it was last compared with its broker, in this process."""
        self.opened_at: dict[str, datetime] = {}
        """Account -> when its books began."""
        self.left_at: datetime | None = None
        """When the life before this one last wrote anything down."""
        self.heard_until: dict[str, datetime] = {}
        """Account -> up to when its broker was heard, by earlier lives at first."""
        self.compared: dict[str, Compared] = {}
        """Account -> how that went."""
        self.rounds: dict[str, tuple[float, str]] = {}
        """Broker -> monotonic time at which its last comparison began, and what it found."""
        self.is_behind = False
        """A commit ended in doubt: the store may know more than the book."""
        self.is_halting = ""
        """Reason of a halt that is in force but perhaps not stored yet."""
        self.stopwatch = Stopwatch(clock)
        """Ages for time-outs; the wall clock may jump."""
        self.backoff = Backoff(clock, settings.exit_retry_s)
        """What was refused, and when it may be tried again."""
        self.acting: dict[int, set[Any]] = {}
        """Channel -> the turns of its messages that are decided and still being carried out."""
        self.in_flight: set[str] = set()
        """Orders whose request to the broker is under way: nobody may judge them yet."""
        self.let_go: set[str] = set()
        """Stops whose end is decided and not written down yet: other accounts count them."""
        self.doubts = Doubts()
        """What is not known for sure of orders, and since when."""
        self.unsent: dict[str, str] = {}
        """Entry that provably never left -> why: it may go to the next account of a list."""
        self.pauses: dict[str, float] = {}
        """Exit that was not sent -> seconds that its broker asked us to wait."""
        self.together: dict[str, dict[str, tuple[str, str]]] = {}
        """Cause of which people are told just now -> notes that wait to be told in one."""
        self.told_together: set[str] = set()
        """Notes that were told with others."""
        self.balances: dict[str, Balance] = {}
        """Account -> money as its broker said last."""
        self.bands = Bands()
        """Trade id -> between which prices no exit rule wants anything."""
        self.closes = DailyCloses(clock)
        """Daily closes, for what entries have in common with what is held."""
        self.bars = Bars()
        """What ATR is made of: the prices seen since the start."""
        self.rebased: dict[str, tuple[Decimal, Decimal, float]] = {}
        """Shares that were just split: last price before, the same now, until when it matters."""
        self.worst_cases: dict[str, tuple[Record, SizingSettings, Decimal | None]] = {}
        """Trade or order -> its version, the terms, and its worst case in dollars by both."""
        self.waters: dict[str, tuple[Decimal, Decimal]] = {}
        """Trade id -> best and worst unit price since the last commit of the trade."""
        self.marks: dict[str, tuple[Decimal, float]] = {}
        """Instrument -> its broker's own price, and the monotonic time at which it was asked."""
        self.unopened: set[str] = set()
        """Accounts without their broker's money in the books yet: no day of theirs has begun."""
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        """Whoever holds or awaits one keeps it: of trades that are over none stays."""
        self._by_channel = {p.channel_id: p for p in settings.sources.values()}

    def follow(
        self,
        settings: DeskSettings,
        checks: list[tuple[str, RiskCheck]],
        exit_rules: list[tuple[str, ExitRule]],
    ) -> None:
        """From now on these figures count; the caller holds the locks of all accounts."""
        self.settings, self.checks, self.exit_rules = settings, checks, exit_rules
        self.backoff = Backoff(self.clock, settings.exit_retry_s)
        self.bands = Bands()
        self._by_channel = {p.channel_id: p for p in settings.sources.values()}

    # -- reading ----------------------------------------------------------------------------

    def lock(self, name: str) -> asyncio.Lock:
        """The lock of an account (decisions), of ``trade:<id>`` (exits) or of ``story:<alert>``."""
        lock = self._locks.get(name)
        if lock is None:
            lock = self._locks[name] = asyncio.Lock()
        return lock

    @property
    def is_reconciled(self) -> bool:
        """Whether the books were compared with every broker since anything could be missed."""
        return not self.gates

    @is_reconciled.setter
    def is_reconciled(self, is_it: bool) -> None:
        self.gates = {} if is_it else {"*": "to be compared"}

    def gate(self, broker: str) -> str:
        """Why no entry may go to this broker until it was compared; empty when one may."""
        return self.gates.get(broker) or self.gates.get("*", "")

    def is_told(self, broker: str) -> bool:
        """Whether this broker tells unasked what happens; where it does not, it is polled."""
        return self.broker(broker).caps.has_stream and broker not in self.streams_down

    @property
    def halted(self) -> str:
        """Why entries are halted; empty when they are not."""
        return self.is_halting or self.book.halted

    @property
    def unsound(self) -> str:
        """Why the books cannot carry an entry; empty while they are writable and not disproved.

        Exits, cancels and stops never ask: they go out as far as they can.
        """
        return self.store.bars_entries

    def source_of(self, channel_id: int) -> SourceProfile | None:
        """The room that this channel is, if it is watched."""
        return self._by_channel.get(channel_id)

    def broker(self, name: str) -> Broker:
        """A broker connection by its name."""
        return self.brokers[name]

    def calendar(self, asset: Asset | str) -> Calendar:
        """The hours that an asset class trades in."""
        return self.calendars.get(asset, self.calendars.get("*", NYSE))

    def quote(self, legs: tuple[Leg, ...], *, is_way_out: bool = False) -> UnitQuote | None:
        """Newest unit price, None when a leg has none or it is too old to act on.

        One from the future is none either: the wall clock was set back since, its age is unknown.
        ``is_way_out``: to price a limit that must fill; a leg without a bid has a price then.
        """
        quote = self.board.way_out(legs) if is_way_out else self.board.unit(legs)
        if quote is None:
            return None
        if not self.is_fresh(quote.received_at) or self._is_of_before(legs, quote):
            return None
        return quote

    def is_fresh(self, received_at: datetime) -> bool:
        """Whether what came then may be acted on now."""
        age = (self.clock.now() - received_at).total_seconds()
        return abs(age) <= self.settings.max_quote_age_s

    def _is_of_before(self, legs: tuple[Leg, ...], quote: UnitQuote) -> bool:
        """Whether it still is a price of the shares as they were before a split."""
        change = self.rebased.get(legs[0].instrument.key) if self.rebased else None
        if change is None or len(legs) != 1:
            return False
        old, new, until = change
        middle = (old * new).sqrt()
        is_old = (quote.mid - middle) * (old - middle) > 0
        if not is_old or self.clock.monotonic() > until:
            del self.rebased[legs[0].instrument.key]
            return False
        return True

    async def watch(self, legs: Iterable[Leg]) -> None:
        """Ask the feed for quotes of these, and wait a moment for the first ones.

        What an option is written on is watched too: its price decides what happens at expiry.
        A feed that is slow or down is shown in health and never stops a story.
        """
        if self.feed is None:
            return
        instruments = [leg.instrument for leg in legs]
        under = [underlying_of(i) for i in instruments if i.kind == "option"]
        unknown = [i for i in instruments if self.board.last(i) is None]
        try:
            async with asyncio.timeout(self.settings.quote_wait_s):
                await self.feed.watch([*instruments, *under])
                await asyncio.gather(*(self._first_quote(self.feed, i) for i in unknown))
        except Exception as error:  # noqa: BLE001 - whatever a feed raises is "no quote"
            is_late = isinstance(error, TimeoutError)
            self.health["feed"] = "too slow" if is_late else own_words(error)
        else:
            self.health.pop("feed", None)

    async def _first_quote(self, feed: Feed, instrument: Instrument) -> None:
        quote = await feed.quote(instrument)
        if quote is not None:
            self.board.put(quote)

    async def order(self, order_id: str) -> Order | None:
        """An order, live or long over."""
        return self.book.orders.get(order_id) or await self.store.get(Order, order_id)

    async def trade(self, trade_id: str) -> Trade | None:
        """A trade, live or long over."""
        return (
            self.book.trades.get(trade_id)
            or self.book.closed.get(trade_id)
            or await self.store.get(Trade, trade_id)
        )

    def since(self, **back: float) -> datetime:
        """A moment so long ago."""
        return self.clock.now() - timedelta(**back)

    # -- writing ----------------------------------------------------------------------------

    def event(
        self,
        kind: str,
        ref: str,
        *puts: Record,
        actor: str = "desk",
        cards: Iterable[tuple[str, str, str]] = (),
        **data: Any,
    ) -> Event:
        """One fact of the journal; ``cards`` are (kind, subject id, channel) to be shown anew."""
        shown = [self.card(*card) for card in cards]
        return Event(
            kind=kind, ref=ref, at=self.clock.now(), actor=actor, data=data, puts=(*puts, *shown)
        )

    def card(self, kind: str, subject_id: str, channel: str) -> Notice:
        """The next version of a card: posted once, edited ever after."""
        notice_id = f"{kind}:{subject_id}"
        known = self.book.notices.get(notice_id)
        if known is not None:
            return changed(known)
        return Notice(
            notice_id=notice_id,
            kind=kind,  # type: ignore[arg-type]
            subject_id=subject_id,
            channel=channel,
            created_at=self.clock.now(),
        )

    def note(self, channel: str, text: str, note_id: str = "") -> Notice:
        """A plain message to people, posted once."""
        subject = note_id or self.ids.new("N")
        return Notice(
            notice_id=f"note:{subject}",
            kind="note",
            subject_id=subject,
            channel=channel,
            text=text,
            created_at=self.clock.now(),
        )

    def fact(self, name: str, value: str) -> Fact:
        """The next version of a named value."""
        known = self.book.facts.get(name)
        return changed(known, value=value) if known else Fact(name=name, value=value)

    async def commit(self, *events: Event) -> None:
        """Make it durable, then true in memory, then known. All or nothing.

        A caller that is cancelled while waiting does not leave memory and store apart: the
        commit runs to its end.

        Raises:
            Conflict, StoreUnavailable: nothing was written, nothing may be sent.
        """
        try:
            events = await self._stored(_each_card_once(events))
        except asyncio.CancelledError:
            with contextlib.suppress(TradeStreamError):
                await self._read_back(events)
            raise
        except StoreUnavailable as error:
            self.health["storage"] = str(error)
            self.is_behind = True  # it may have been written all the same
            raise
        self.health.pop("storage", None)
        for event in events:
            for put in event.puts:
                self.book.put(put)
        self.bus.publish(events)

    async def _read_back(self, events: tuple[Event, ...]) -> None:
        """The caller is gone and the outcome stands: take in what the store has of it."""
        self.is_behind = True  # until it is read
        is_written = await self._catch_up(events)
        self.is_behind = False
        if is_written:
            self.bus.publish(events)

    async def _stored(self, events: tuple[Event, ...]) -> tuple[Event, ...]:
        try:
            await self.store.commit(events)
        except Conflict:
            events = await self._with_newest_cards(events)
            try:
                await self.store.commit(events)
            except Conflict:
                await self._catch_up(events)
                raise
        return events

    async def _catch_up(self, events: tuple[Event, ...]) -> bool:
        """Somebody was faster, or a commit was written without our hearing of it: read.

        True when the store has all of it.
        """
        is_written = True
        for put in (put for event in events for put in event.puts):
            stored = await self.store.get(type(put), put.key)
            if stored is not None and stored.version >= put.version:
                self.book.put_newer(stored)
            is_written &= stored == put or (isinstance(put, Notice) and stored is not None)
        return is_written

    async def _with_newest_cards(self, events: tuple[Event, ...]) -> tuple[Event, ...]:
        """A card so old that the book forgot it must not stop what it tells of."""
        renewed = []
        for event in events:
            puts: list[Record] = []
            for put in event.puts:
                stored = None
                if isinstance(put, Notice) and put.kind != "note":
                    stored = await self.store.get(Notice, put.notice_id)
                puts.append(changed(stored) if stored is not None else put)
            renewed.append(replace(event, puts=tuple(puts)))
        return tuple(renewed)

    async def tell(self, channel: str, text: str, note_id: str = "") -> None:
        """Post a plain message; the same ``note_id`` is said once only."""
        try:
            notice = self.note(channel, text, note_id)
            await self.commit(self.event("note", notice.subject_id, notice, text=text))
        except Conflict:
            return
        except TradeStreamError:
            log.exception("a notice could not be stored: %s", text)


def _each_card_once(events: tuple[Event, ...]) -> tuple[Event, ...]:
    """Events made side by side may show the same card anew: its next version is one, the last."""
    cards = [put.notice_id for event in events for put in event.puts if isinstance(put, Notice)]
    if len(set(cards)) == len(cards):
        return events
    shown: set[str] = set()
    kept: list[Event] = []
    for event in reversed(events):
        puts = []
        for put in reversed(event.puts):
            if isinstance(put, Notice) and put.key in shown:
                continue
            if isinstance(put, Notice):
                shown.add(put.key)
            puts.append(put)
        same = len(puts) == len(event.puts)
        kept.append(event if same else replace(event, puts=tuple(reversed(puts))))
    return tuple(reversed(kept))
