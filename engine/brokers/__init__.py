"""The Broker contract. Each broker is one file or folder here; all pass one conformance suite.

Rules for every adapter: the client order id is saved before the request; nothing that can create
an order is retried by the adapter; an answer that does not prove the outcome raises
OrderStateUnknown; unknown statuses are kept raw and polled, the stream lives on.
"""

from abc import ABC
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any, ClassVar, Literal, Protocol, runtime_checkable

from pydantic import BaseModel, ConfigDict, SecretStr

from engine.asking import Rank
from engine.clock import Clock
from engine.domain.instrument import Instrument
from engine.domain.order import OrderType, Side, Tif
from engine.domain.quote import Leg
from engine.store import Tokens as Tokens

LiveState = Literal[
    "accepted", "partial", "filled", "canceled", "expired", "rejected", "replaced", "unknown"
]


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderRequest:
    """What a broker is asked to do. Prices are of the unit as quoted (see domain Order)."""

    client_order_id: str
    account: str
    side: Side
    legs: tuple[Leg, ...]
    qty: Decimal
    type: OrderType
    limit: Decimal | None = None
    stop: Decimal | None = None
    """Trigger of stop and stop-limit orders."""
    trail: Decimal | None = None
    """Distance of a trailing order in unit price."""
    tif: Tif = Tif.DAY
    reduces: bool = False
    """True for exits: may never open or flip a position (reduce-only)."""
    oco_group: str | None = None
    """Orders of one group: a fill of one cancels (or cuts down) the others."""
    attached: tuple["OrderRequest", ...] = ()
    """Bracket children, live once this order fills, for the filled quantity; one OCO group. The
    stop of an exit, when both name one group: an OCO pair sent as one, both live at once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BrokerOrder:
    """An order as the broker reports it."""

    client_order_id: str
    """Empty when it is none of ours."""
    broker_id: str
    account: str
    state: LiveState
    side: Side
    legs: tuple[Leg, ...]
    qty: Decimal
    filled: Decimal
    average: Decimal | None = None
    """Price of what is filled, where the broker says it with the order."""
    type: OrderType
    limit: Decimal | None = None
    stop: Decimal | None = None
    reason: str = ""
    updated_at: datetime
    raw_state: str = ""
    fills: "tuple[BrokerFill, ...]" = ()
    """Its executions, where the report of an order tells them too."""
    is_changing: bool = False
    """They are told otherwise than before, which is not believed yet: money may be ahead."""

    def __post_init__(self) -> None:
        if self.qty < 0 or self.filled < 0:
            raise ValueError("an order of less than nothing")


@dataclass(frozen=True, slots=True, kw_only=True)
class BrokerFill:
    """One execution as the broker reports it; ``execution_id`` never repeats for another fill."""

    execution_id: str
    client_order_id: str
    broker_id: str
    account: str
    instrument: Instrument
    leg: int
    side: Side
    qty: Decimal
    price: Decimal
    fee_usd: Decimal
    executed_at: datetime
    kind: Literal["fill", "expiry", "exercise", "bust", "correct"] = "fill"
    """Expiry and exercise (assignment too) belong to no order: their client id is empty. A bust
    takes the execution ``of`` back; a correction replaces it by this one."""
    of: str = ""
    """The execution that a bust or a correction is about."""

    def __post_init__(self) -> None:
        if self.qty.is_finite() and self.qty <= 0:
            raise ValueError("an execution of nothing, or less")


@dataclass(frozen=True, slots=True, kw_only=True)
class BrokerPosition:
    """What the broker says is held; ``qty`` signed."""

    account: str
    instrument: Instrument
    qty: Decimal
    avg_price: Decimal | None
    mark: Decimal | None = None
    """What one unit is worth by the broker's own prices; None: it does not say."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Balance:
    """Money at the broker. None means the broker did not say: never read as 0."""

    account: str
    cash_usd: Decimal | None
    buying_power_usd: Decimal | None
    as_of: datetime
    equity_usd: Decimal | None = None
    """Cash and the marked value of what is held, open futures profit included."""
    facts: Mapping[str, str] = field(default_factory=dict)
    """What else decides whether it may trade, in the broker's words: day-trade count, blocks."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BrokerAccount:
    """An account that the login reaches."""

    number: str
    """The broker's own; never logged, never shown but for its last three characters."""
    kind: str = ""
    """In the broker's words: margin, cash, combine, ..."""
    is_paper: bool | None = None
    """None: the broker does not say."""
    may_trade: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Preview:
    """What the broker says an order would do, before it is sent."""

    fee_usd: Decimal | None = None
    buying_power_change_usd: Decimal | None = None
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One capability tried out: ``auth``, ``account``, ``quote``, ``orders``, ``dry run``."""

    name: str
    is_ok: bool | None
    """None: this broker has no way to try it."""
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """The broker has this order."""

    order: BrokerOrder


@dataclass(frozen=True, slots=True, kw_only=True)
class Absent:
    """A full list as of this moment provably lacks it."""

    as_of: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Unclear:
    """Could not be told; ``candidates`` may be it."""

    candidates: tuple[BrokerOrder, ...] = ()


Found = Seen | Absent | Unclear


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderSeen:
    """Event: an order changed at the broker."""

    order: BrokerOrder


@dataclass(frozen=True, slots=True, kw_only=True)
class Filled:
    """Event: an execution; may repeat and may come in any order."""

    fill: BrokerFill


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamUp:
    """Event: the stream is live; whatever happened since ``gap_from`` must be reconciled."""

    gap_from: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamDown:
    """Event: the stream is lost; entries wait until it was reconciled."""

    reason: str
    can_ask: bool = False
    """What happens meanwhile can be asked for; False: more than the stream is gone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PositionSeen:
    """Event: a holding changed at the broker; a reason to compare, never a fill."""

    position: BrokerPosition


@dataclass(frozen=True, slots=True, kw_only=True)
class BalanceSeen:
    """Event: money changed at the broker."""

    balance: Balance


@dataclass(frozen=True, slots=True, kw_only=True)
class Odd:
    """Event: something the adapter does not know; kept raw, polled, shown to an admin."""

    note: str
    raw: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Warned:
    """Event: something that people have to do in time, such as to log in anew; gates nothing."""

    note: str


BrokerEvent = OrderSeen | Filled | PositionSeen | BalanceSeen | StreamUp | StreamDown | Odd | Warned


@dataclass(frozen=True, slots=True, kw_only=True)
class Caps:
    """What a broker can do for one asset class; missing features are made up for in the engine."""

    order_types: frozenset[OrderType]
    tifs: frozenset[Tif]
    max_legs: int = 1
    has_oco: bool = False
    has_oco_pairs: bool = False
    """Target and stop of one exit may be sent as one (see ``attached``)."""
    has_brackets: bool = False
    waits_for_whole: bool = False
    """Bracket children begin to work once the entry has filled whole, not with its first unit."""
    locks_units: bool = False
    """A working exit holds its units: a second exit of them is refused until it is gone."""
    has_replace: bool = True
    replaces_qty: bool = True
    """False: a replacement changes prices only; for another quantity cancel and send anew."""
    is_fractional: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class BrokerCaps:
    """Capabilities per asset class, and how the broker treats our client ids."""

    by_kind: dict[str, Caps] = field(default_factory=dict)
    """Instrument kind (``spread`` for several legs) -> capabilities; absent: not traded here."""
    dedupes_client_id: bool = True
    """The server refuses a repeated id, so sending again under the same id cannot double."""
    finds_by_client_id: bool = True
    is_paper: bool = False
    """Whether its fills are made up: our paper broker, or a broker's paper or sandbox side."""
    has_stream: bool = True
    """False: nothing is told unasked, the desk polls."""
    working_lists: int = 1
    """Requests for what works: more where each status is a list of its own."""
    recent_lists: int = 1
    """Requests for all that is recent, as read last: more on a day of many orders."""
    has_preview: bool = False
    tells_fees: bool = True
    """False: what an execution cost is not said with it, nor later: 0 would be a guess."""
    lists_executions: bool = True
    """False: its stream alone tells them."""
    lists_all: bool = True
    """False: what is over stands in no list; an order is asked for alone."""
    tells_ends: bool = True
    """False: an option that ended is told by nothing but its absence."""
    replaces_in_place: bool = True
    """False: replace is a cancel and a new order, seen as such."""
    entries_per_min: int | None = None
    """That our own lanes let out, within what the broker takes; None when it sets no limit."""


class Broker(Protocol):
    """One broker connection; may serve several accounts."""

    name: str
    caps: BrokerCaps

    async def connect(self) -> None:
        """Log in and start the event stream.

        May be called again after it failed.

        Raises:
            BrokerAuthError, BrokerUnavailable; WrongEnvironment: paper and live were mixed up.
        """
        ...

    async def close(self) -> None:
        """Leave; protective orders stay at the broker."""
        ...

    async def accounts(self) -> list[BrokerAccount]:
        """All accounts that the login reaches."""
        ...

    async def check(self) -> list[Check]:
        """Try each capability without leaving a trace: log in, read, price, dry-run an order."""
        ...

    async def balance(self, account: str) -> Balance:
        """Money as the broker sees it."""
        ...

    async def positions(self, account: str) -> list[BrokerPosition]:
        """Holdings; raises when the list could not be read whole (never a partial list)."""
        ...

    async def open_orders(self, account: str) -> list[BrokerOrder]:
        """Working orders."""
        ...

    async def orders_since(self, account: str, since: datetime) -> list[BrokerOrder]:
        """All orders created or changed since, whatever became of them."""
        ...

    async def fills_since(self, account: str, since: datetime) -> list[BrokerFill]:
        """All executions since."""
        ...

    async def find(self, account: str, client_order_id: str) -> Found:
        """Look one order up after doubt."""
        ...

    async def preview(self, request: OrderRequest) -> Preview | None:
        """What the order would cost and whether it would be taken; None where there is no way.

        Raises:
            OrderRejected: it would be refused. BrokerUnavailable, BrokerAuthError.
        """
        ...

    async def submit(self, request: OrderRequest) -> BrokerOrder:
        """Send one order, once.

        Raises:
            OrderRejected, BrokerUnavailable (nothing sent), OrderStateUnknown, BrokerAuthError.
        """
        ...

    async def replace(self, account: str, client_order_id: str, new: OrderRequest) -> BrokerOrder:
        """Swap a working order for ``new`` (own client id); raises like :meth:`submit`.

        ``new.qty`` is the total of the lineage, what was filled before included, so that a fill
        in flight can never make it more; at or below that the rest is cancelled. The reported
        ``filled`` carries on as well.
        """
        ...

    async def cancel(self, account: str, client_order_id: str) -> None:
        """Ask for cancellation; the outcome comes as an event.

        Raises:
            OrderRejected: already over or not known; BrokerUnavailable; OrderStateUnknown.
        """
        ...

    def events(self) -> AsyncIterator[BrokerEvent]:
        """Everything that happens at the broker, until closed."""
        ...

    def unnamed(self, text: str) -> str:
        """The broker's own words without the numbers of our accounts and our keys."""
        ...

    def recall(self, account: str, client_order_id: str, broker_id: str) -> None:
        """Told after each login: an order of ours and the broker's own number of it.

        Lists need not say our ids back; without its number such an order would be a stranger's.
        """
        ...

    def room(self, who: Rank = Rank.EXIT) -> int | None:
        """Requests that they may send at once, of an allowance that takes long to come back.

        None: it never runs out for longer than a moment.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Setup:
    """What the desk hands to a connection."""

    name: str
    """Our name of it; the file name unless one broker is connected twice."""
    clock: Clock
    accounts: Mapping[str, str | None]
    """Our account name -> the broker's number; None: the only one that the login reaches."""
    secrets: Mapping[str, SecretStr]
    """By the names that the adapter declares."""
    tokens: Tokens


_LEAST_SECRET = 6
"""Shorter ones stand in any word."""


@runtime_checkable
class ListsDone(Protocol):
    """A broker at which what has filled whole stands in a list of its own."""

    async def done_since(self, account: str, since: datetime) -> list[BrokerOrder]:
        """Orders that have filled whole since, with their executions."""
        ...


class Adapter(ABC):  # noqa: B024 - its abstract part is the Broker protocol
    """A connection to an outside broker: ``engine/brokers/x`` holds ``class X(Adapter)``.

    It fills the Broker protocol too. Nothing is connected by constructing it.
    """

    class Settings(BaseModel):
        """Terms and addresses; the model behind ``brokers: {x: ...}``.

        Every outside address is a field named ``..._url``, empty for the broker's own, so that it
        may be loopback. A field with a ``description`` may be changed from Discord while the desk
        runs; the description is what people read beside it.
        """

        model_config = ConfigDict(extra="forbid", frozen=True)
        stands_for: ClassVar[Mapping[str, str]] = {}
        """An address that may be left empty -> the one that is used in its place."""

        environment: Literal["paper", "live"] = "paper"
        """``live`` moves real money; checked against what the broker says of the account."""

    secrets: ClassVar[tuple[str, ...]] = ()
    """Secrets it needs: ``key`` of broker ``alpaca`` is TS_ALPACA_KEY."""

    @classmethod
    def mixed_up(cls, settings: Any, secrets: Mapping[str, SecretStr]) -> str:
        """How these mix paper and live, as far as addresses and keys tell by themselves (O-24).

        Returns:
            ``<key>: <what must be>`` without the secret, for the refusal to start; empty when
            nothing speaks against them. What only the broker can tell is judged by ``connect``,
            which raises WrongEnvironment.
        """
        del settings, secrets
        return ""

    def __init__(self, settings: Settings, setup: Setup) -> None:
        self.settings = settings
        self.setup = setup
        self.name = setup.name
        self.clock = setup.clock
        self._shy = {number for number in setup.accounts.values() if number}
        given = (secret.get_secret_value() for secret in setup.secrets.values())
        self._shy |= {secret for secret in given if len(secret) >= _LEAST_SECRET}

    def recall(self, account: str, client_order_id: str, broker_id: str) -> None:
        """Nothing has to be remembered where lists say our ids, or where they are kept here."""
        del account, client_order_id, broker_id

    def room(self, who: Rank = Rank.EXIT) -> int | None:
        """None: its allowance comes back within seconds."""
        del who
        return None

    def unnamed(self, text: str, *numbers: str) -> str:
        """The broker's own words without keys and numbers of ours; ``numbers``: further ones."""
        self._shy.update(number for number in numbers if number)
        for number in self._shy:
            text = text.replace(number, "***")
        return text
