"""The parser contract: each file here reads one kind of alert room; its name is its key.

:func:`read` is pure: no clock, no I/O; the time is the message's own. What it cannot read without
a gap goes to a person (``needs_human``), never to the market. Every number and every word that
could change the meaning must be accounted for before an alert counts as clear.
"""

import re
from abc import ABC, abstractmethod
from collections.abc import Sequence
from datetime import date, datetime
from functools import cache
from typing import Protocol

from engine import registry
from engine.domain.alert import Action, Alert, NotAnAlert, Parsed, RawAlert, Signal
from engine.domain.copying import replace
from engine.domain.source import SourceProfile
from engine.market import NYSE, new_york_date
from engine.parsers._grammar.flatten import Flat, flatten
from engine.parsers._grammar.items import Item, Itemiser
from engine.parsers._grammar.orders import Reading
from engine.parsers._grammar.reasons import mute
from engine.parsers._grammar.reduce import Reducer
from engine.parsers._grammar.remains import mark
from engine.parsers._grammar.render import render
from engine.parsers._grammar.text import has_link, normalise
from engine.parsers._grammar.tokens import scan

__all__ = [
    "BROKEN", "Context", "NoContext", "RoomParser", "Thread", "normalise", "read", "render", "warm",
]  # fmt: skip

BROKEN = "The reader failed at this message: read it yourself."


class Context(Protocol):
    """What the desk knows about earlier messages and trades of the same author and room."""

    def alert_of(self, message_id: int) -> Alert | None:
        """The alert an earlier message held; itself resolved when that message was a reply."""
        ...

    def open_trades(self) -> Sequence[Signal]:
        """Entries of this author from this source that are still open."""
        ...


class NoContext:
    """Nothing is known: every message stands alone."""

    def alert_of(self, message_id: int) -> Alert | None:
        """Unknown."""
        return None

    def open_trades(self) -> Sequence[Signal]:
        """None known."""
        return ()


class Thread:
    """A context that remembers what it is told: for a file of messages, a test, a replay."""

    def __init__(self) -> None:
        self._alerts: dict[int, Alert] = {}

    def remember(self, message_id: int, parsed: Parsed) -> None:
        """Keep the alert of a message; the latest text of an edited one counts."""
        if isinstance(parsed, Alert):
            self._alerts[message_id] = parsed

    def alert_of(self, message_id: int) -> Alert | None:
        """The alert of that message, if it was told and was one."""
        return self._alerts.get(message_id)

    def open_trades(self) -> Sequence[Signal]:
        """A thread knows no positions."""
        return ()


class RoomParser(ABC):
    """Reads one kind of room. Implementations are stateless."""

    name: str

    @abstractmethod
    def evidence(self, reading: Reading) -> int:
        """How strongly the text speaks for this kind of room; 0 is not at all."""

    @abstractmethod
    def read(self, reading: Reading) -> Parsed:
        """All trades of the message, or why there is none."""


_SAMPLE = re.compile(
    r"\W*(?:(?:this is|for|an?|only)\W+)*(?:examples?|sample|test(?:ing)?|demo|paper"
    r"|simulat(?:ed|ion)|practice|template|dummy|backtest)"
    r"(?:\W+(?:only|alerts?|messages?|posts?|signals?|trad(?:es?|ing)|account|mode|purposes))*\W*",
    re.IGNORECASE,
)
"""All that the footer of an embed says: what stands above it is no order."""


def read(message: RawAlert, profile: SourceProfile, context: Context | None = None) -> Parsed:
    """What a message asks for.

    Args:
        message: one delivery, exactly as Discord sent it.
        profile: terms of the room; ``parser`` names a file of this folder or is ``auto``.
        context: earlier alerts and open trades; None knows nothing.

    Returns:
        An Alert (``needs_human`` with a question when anything is uncertain, BROKEN when the reader
        itself failed) or NotAnAlert.
    """
    try:
        return _whole(message, profile, context or NoContext())
    except Exception:  # noqa: BLE001 - a fault of ours must not hide what may be an order
        return _unread(BROKEN)


def _unread(why: str) -> Alert:
    """What may be an order is for a person to find."""
    signal = Signal(action=Action.BTO, asset=None, symbol="", ambiguous=("symbol",))
    return Alert(signals=(signal,), needs_human=True, question=why)


def _whole(message: RawAlert, profile: SourceProfile, context: Context) -> Parsed:
    if message.webhook_id is None and message.embeds and has_link(message.text):
        return _beside_link(message, profile, context)
    return _read(message, profile, context)


def _beside_link(message: RawAlert, profile: SourceProfile, context: Context) -> Parsed:
    """An embed below a link may be its preview, and so another's words: alone it is asked about."""
    own = _read(replace(message, embeds=()), profile, context)
    if isinstance(own, Alert):
        return own
    parsed = _read(message, profile, context)
    if isinstance(parsed, NotAnAlert):
        return parsed
    question = f"The order stands in an embed that may be the preview of a link. {parsed.question}"
    return replace(parsed, needs_human=True, question=question.strip())


def _read(message: RawAlert, profile: SourceProfile, context: Context) -> Parsed:
    flat = flatten(message)
    items, is_cut = _items(flat)
    if is_cut:
        return _too_long(items)
    is_struck_out = bool(flat.struck) and message.edit_no > 0
    if all(item.kind == "para" for item in items) and not is_struck_out:
        return NotAnAlert(why="no words")
    reading = _reading(message, profile, context, flat, items)
    if flat.footer and _SAMPLE.fullmatch(flat.footer):
        return NotAnAlert(why=f"an example or a test ({flat.footer.strip()[:40]!r} in the footer)")
    if withdrawn := _withdrawn(reading, flat, profile):
        return withdrawn
    parser = _parser(reading, profile)
    parsed = parser.read(reading)
    if isinstance(parsed, NotAnAlert) and profile.parser == "auto" and not parser.evidence(reading):
        parsed = NotAnAlert(why="nothing that is traded is named")
    return _with_suspicion(parsed, flat)


def _items(flat: Flat) -> tuple[list[Item], bool]:
    items: list[Item] = []
    is_cut = False
    for block in flat.blocks:
        tokens, was_cut = scan(block)
        is_cut = is_cut or was_cut
        reader = Itemiser(tokens)
        reader.sent = items[-1].sent + 1 if items else 0
        reader.clause = items[-1].clause + 1 if items else 0
        if items:
            reader.put("para", None, "\n")
        items += Reducer(mark(mute(reader.run()))).run()
    return items, is_cut


def _too_long(items: list[Item]) -> Parsed:
    """An order among hundreds of words is for a person to find."""
    codes = sum(item.kind == "verb" and str(item.value).endswith("!") for item in items)
    contracts = sum(item.kind in ("opt", "occ", "paid") for item in items)
    if not codes or not contracts:
        return NotAnAlert(why="too long for an order")
    return _unread("The message is too long to read.")


def _reading(
    message: RawAlert, profile: SourceProfile, context: Context, flat: Flat, items: list[Item]
) -> Reading:
    today = new_york_date(message.posted_at)
    answered = message.message_id if message.edit_no and not items else message.reply_to
    earlier = context.alert_of(answered) if answered is not None else None
    return Reading(
        items=items,
        today=today,
        profile=profile,
        base=_base(earlier, items),
        is_reply=message.reply_to is not None,
        open_trades=context.open_trades,
        is_json=flat.is_json,
        is_edit=message.edit_no > 0,
    )


def _base(earlier: Alert | None, items: list[Item]) -> Signal | None:
    """The trade of an earlier alert that a reply speaks of; of several the one it names."""
    if earlier is None or not earlier.signals:
        return None
    signals = earlier.signals
    if len(signals) > 1:
        if any("roll" in one.tags for one in signals):
            return signals[-1]
        named = {item.text.upper() for item in items if item.kind == "sym"}
        signals = tuple(one for one in signals if one.symbol in named)
    return signals[0] if len(signals) == 1 else None


@cache
def _loaded(name: str) -> RoomParser:
    return registry.load("engine.parsers", name, RoomParser)()  # type: ignore[type-abstract]


@cache
def _all_parsers() -> tuple[RoomParser, ...]:
    return tuple(_loaded(name) for name in registry.names("engine.parsers"))


def warm(at: datetime) -> None:
    """Load every file of this folder, all words and the holidays around ``at``.

    Else the first alert after a start would wait a quarter of a second for them.
    """
    for year in (at.year, at.year + 1):  # what is written in December expires in January
        NYSE.is_trading_day(date(year, 1, 2))
    for name in registry.names("engine.parsers"):
        sample = RawAlert(
            guild_id=None, channel_id=0, message_id=0, author_id=0, author_name="",
            posted_at=at, received_at=at, text="BTO 1 SPY 500C 0dte @ 1.00, SL 0.50, bougth",
        )  # fmt: skip
        read(sample, SourceProfile(name=name, guild_id=None, channel_id=0, parser=name))


def _parser(reading: Reading, profile: SourceProfile) -> RoomParser:
    if profile.parser != "auto":
        return _loaded(profile.parser)
    return max(_all_parsers(), key=lambda one: one.evidence(reading))


def _withdrawn(reading: Reading, flat: Flat, profile: SourceProfile) -> Parsed | None:
    """An edit that strikes the whole order through takes it back; posted so, it is nothing."""
    if not flat.struck or any(map(_is_order_part, reading.items)):
        return None
    if not reading.is_edit:
        return NotAnAlert(why="struck through")
    items, _ = _items(Flat(blocks=[flat.struck]))
    old = _parser(reading, profile).read(replace(reading, items=items, is_edit=False, base=None))
    if isinstance(old, NotAnAlert):
        return None
    signals = tuple(_cancelled(one) for one in old.signals)
    return replace(old, signals=signals)


def _is_order_part(item: Item) -> bool:
    if item.kind == "verb":
        return item.value not in ("cancel", "nofill")
    return item.kind in ("opt", "occ", "paid", "num", "stop")


def _cancelled(signal: Signal) -> Signal:
    return replace(
        signal, action=Action.CANCEL, price=None, price_range=None, quantity=None, stop=None,
        targets=(), stop_underlying=None, trail=None, size_class=None, fraction=None,
    )  # fmt: skip


def _with_suspicion(parsed: Parsed, flat: Flat) -> Parsed:
    """Text that deceives the eye, or a payload that is no order, is never acted on."""
    why = flat.hidden or flat.odd_json
    if not why:
        return parsed
    if isinstance(parsed, NotAnAlert):
        return NotAnAlert(why=f"{parsed.why}; {why}")
    question = f"{why[0].upper()}{why[1:]}. {parsed.question}".strip()
    return replace(parsed, needs_human=True, question=question)
