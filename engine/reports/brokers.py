"""The desk's brokers: what each is for, whether entries may go there, what its accounts hold."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal

from engine.domain.order import Order, OrderState
from engine.domain.trade import Account
from engine.reports import Figure, Frame, Missing, Stamp


@dataclass(frozen=True, slots=True, kw_only=True)
class Money:
    """What a broker says of one account; ``n/a`` with its reason where it does not."""

    account: str
    equity_usd: Figure
    cash_usd: Figure
    buying_power_usd: Figure
    is_refused: bool = False
    """The broker was asked just now, and did not say."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Api:
    """How a provider's allowance is used, by its own answers."""

    provider: str
    n_calls: int
    per_min: int
    n_limited: int
    n_failed: int
    limit: int | None
    remaining: int | None
    last_ms: float | None
    p95_ms: float | None = None
    """Of the newest answers; None: there is none yet."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Connection:
    """What is known of one broker from its connection alone."""

    name: str
    is_paper: bool
    has_stream: bool
    gate: str
    """Why entries wait for it; empty when they do not."""
    off: str
    """Why it was switched off; empty when it is in use."""
    problem: str
    """What health says of it; empty when it is well."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BrokerLine:
    """One broker."""

    connection: Connection
    accounts: tuple[Money, ...]
    n_live_orders: int
    n_unknown: int
    api: Api | None
    """None: nothing leaves this machine."""

    @property
    def name(self) -> str:
        """Ours."""
        return self.connection.name

    @property
    def takes_entries(self) -> bool:
        """Neither off nor waiting for anything, and it answers."""
        seen = self.connection
        return not (seen.off or seen.gate or seen.problem or self.is_silent)

    @property
    def is_silent(self) -> bool:
        """It was asked about money just now, and did not say: an entry would fare no better."""
        return any(money.is_refused for money in self.accounts)


@dataclass(frozen=True, slots=True, kw_only=True)
class BrokersReport:
    """All of them."""

    stamp: Stamp
    brokers: tuple[BrokerLine, ...]


def build(
    frame: Frame,
    *,
    connections: Iterable[Connection],
    accounts: Iterable[Account],
    orders: Iterable[Order],
    money: Mapping[str, Money] | None = None,
    apis: Mapping[str, Api] | None = None,
) -> BrokersReport:
    """The report; ``money``: by account, as the brokers said just now (left out: not asked)."""
    of_broker: dict[str, list[str]] = {}
    for account in accounts:
        of_broker.setdefault(account.broker, []).append(account.name)
    live = [o for o in orders if not o.state.is_terminal and o.state.is_at_broker]
    lines = tuple(
        BrokerLine(
            connection=c,
            accounts=tuple((money or {}).get(a, unasked(a)) for a in of_broker.get(c.name, ())),
            n_live_orders=sum(o.broker == c.name for o in live),
            n_unknown=sum(o.broker == c.name and o.state is OrderState.UNKNOWN for o in live),
            api=(apis or {}).get(c.name),
        )
        for c in connections
    )
    return BrokersReport(stamp=frame.stamp("brokers"), brokers=lines)


def unasked(account: str, why: str = "") -> Money:
    """An account that the broker said nothing of; ``why``: it was asked."""
    nothing = Missing(why or "not asked")
    return Money(
        account=account,
        equity_usd=nothing,
        cash_usd=nothing,
        buying_power_usd=nothing,
        is_refused=bool(why),
    )


def figure(value: Decimal | None) -> Figure:
    """What the broker said, or that it did not."""
    return Missing("the broker does not say") if value is None else value
