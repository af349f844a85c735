"""What an alert room said: the raw message, and what it means for the book."""

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Literal

Right = Literal["C", "P"]
Asset = Literal["option", "stock", "future", "spread", "crypto"]
SizeClass = Literal["A", "B", "C", "lotto", "small", "half", "full"]


class Action(StrEnum):
    """The verb of a signal, as the author's room uses it; compare by :attr:`effect`."""

    BTO = "BTO"
    STC = "STC"
    STO = "STO"
    BTC = "BTC"
    BUY = "BUY"
    SELL = "SELL"
    LONG = "LONG"
    SHORT = "SHORT"
    UPDATE = "UPDATE"
    CANCEL = "CANCEL"

    @property
    def effect(self) -> "Effect":
        """What it does to the position, whatever word was used."""
        return _EFFECT[self]


class Effect(StrEnum):
    """Opens or closes, long or short; or changes or withdraws an earlier alert."""

    OPEN_LONG = "open+"
    CLOSE_LONG = "close+"
    OPEN_SHORT = "open-"
    CLOSE_SHORT = "close-"
    UPDATE = "update"
    CANCEL = "cancel"

    @property
    def opens(self) -> bool:
        """True when the signal asks for more exposure."""
        return self in (Effect.OPEN_LONG, Effect.OPEN_SHORT)

    @property
    def closes(self) -> bool:
        """True when the signal asks for less exposure."""
        return self in (Effect.CLOSE_LONG, Effect.CLOSE_SHORT)


_EFFECT = {
    Action.BTO: Effect.OPEN_LONG,
    Action.BUY: Effect.OPEN_LONG,
    Action.LONG: Effect.OPEN_LONG,
    Action.STC: Effect.CLOSE_LONG,
    Action.SELL: Effect.CLOSE_LONG,
    Action.STO: Effect.OPEN_SHORT,
    Action.SHORT: Effect.OPEN_SHORT,
    Action.BTC: Effect.CLOSE_SHORT,
    Action.UPDATE: Effect.UPDATE,
    Action.CANCEL: Effect.CANCEL,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class EmbedText:
    """The readable parts of one Discord embed, in reading order."""

    title: str = ""
    description: str = ""
    author: str = ""
    fields: tuple[tuple[str, str], ...] = ()
    footer: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class RawAlert:
    """One delivery of one message of a watched channel, exactly as Discord sent it."""

    guild_id: int | None
    channel_id: int
    message_id: int
    edit_no: int = 0
    """0 for the original text; each later text of the same message counts up."""
    author_id: int
    author_name: str
    """For display only; trust is by id."""
    webhook_id: int | None = None
    is_bot: bool = False
    posted_at: datetime
    received_at: datetime
    text: str
    embeds: tuple[EmbedText, ...] = ()
    n_attachments: int = 0
    reply_to: int | None = None
    """Message id that this one answers; a forward or crosspost is :attr:`origin` instead."""
    origin: tuple[int, int] | None = None
    """(channel id, message id) where a crosspost or forward was first posted."""
    is_caught_up: bool = False
    """True when read from history after a gap; such entries never trade by themselves."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Level:
    """A stop or target as the author wrote it: a price, break-even, or a distance from entry."""

    kind: Literal["price", "breakeven", "percent", "points"]
    value: Decimal | None = None
    """None only for break-even; percent as 0-100, points in price units."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SignalLeg:
    """One leg of a spread as alerted."""

    action: Action
    right: Right
    strike: Decimal
    expiry: date
    ratio: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Signal:
    """One trade that an alert asks for. Absent facts are None and never guessed.

    Fields follow the label schema of the alert corpus; ``ambiguous`` names the fields a person
    has to settle before anything may be sent.
    """

    action: Action
    asset: Asset | None
    symbol: str
    """Underlying root, upper case, share classes with a dot, without ``$`` or ``/``."""
    contract: str | None = None
    expiry: date | None = None
    strike: Decimal | None = None
    right: Right | None = None
    legs: tuple[SignalLeg, ...] = ()
    price: Decimal | None = None
    """Per unit as quoted; for a spread the net. None: at market or not stated."""
    price_range: tuple[Decimal, Decimal] | None = None
    price_effect: Literal["debit", "credit"] | None = None
    quantity: Decimal | None = None
    """Contracts or shares, only when the author wrote them."""
    fraction: Decimal | None = None
    """Share of the position to close, 0-1; 1 = all."""
    is_partial: bool = False
    """A partial close whose amount was not said; the profile decides the size."""
    stop: Level | None = None
    targets: tuple[Level, ...] = ()
    stop_underlying: Decimal | None = None
    trail: str | None = None
    size_class: SizeClass | None = None
    tags: tuple[str, ...] = ()
    ambiguous: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Alert:
    """A message that asks for at least one trade, in the order it was written."""

    signals: tuple[Signal, ...]
    needs_human: bool = False
    question: str = ""
    """Why a person has to look, in one plain sentence; empty when nobody has to."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NotAnAlert:
    """A message that asks for nothing; ``why`` is shown beside it in the mirror feed."""

    why: str


Parsed = Alert | NotAnAlert
