"""The risk contract: each file here is one check; its name is its key in config.yaml.

A check answers None (fine), a Remark (fine, but people should know) or a Denial (why not). It sees
frozen facts only. Whatever a check does not know, it denies; a check that raises or takes too long
denies too (see :func:`run_checks`).
Exits, cancels and stop moves are never shown to checks that limit entries.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from functools import cache, cached_property
from typing import Any, ClassVar, TypeGuard, TypeVar

from pydantic import BaseModel, ConfigDict

from engine.domain.curbs import Freeze, Override
from engine.domain.order import Intent, Order, OrderState, Purpose, Verdict
from engine.domain.quote import Leg, UnitQuote
from engine.domain.refusal import Denial, Gauge, Remark
from engine.domain.trade import Account, Trade
from engine.portfolio.closes import Closes
from engine.prop import PropAccount
from engine.quality import Report

__all__ = [
    "Denial",
    "Facts",
    "Gauge",
    "Holding",
    "RecentExit",
    "Remark",
    "RiskCheck",
    "entry_price",
    "holdings",
    "is_known",
    "loss_streak",
    "only",
    "run_checks",
]

MAX_S = 1.0
"""A check that takes longer has denied (R-10)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RecentExit:
    """A closed trade of the recent past, for cool-downs and streaks."""

    symbol: str
    source: str
    closed_at: datetime
    realised_usd: Decimal
    was_stopped: bool
    opened_at: datetime | None = None
    """None: not known; it then counts as a trade of today."""


@dataclass(frozen=True, kw_only=True)
class Facts:
    """What was true of one account at the moment of the check. None always means not known.

    Pending entries (orders at the broker or waiting to be sent, approvals already granted, UNKNOWN
    ones) are counted at their full quantity: ``pending`` holds them.
    """

    now: datetime
    session_on: date | None
    """Trading day of the intent's market; None when it is closed."""
    minutes_after_open: int | None
    """Minutes since the regular open of the intent's market; None when it is closed."""
    minutes_to_close: int | None
    halted: str = ""
    """Reason of the halt; empty when entries are allowed."""
    unsound: str = ""
    """Why the books cannot carry an entry (not writable, failed their check); empty when sound."""
    mode: str = "paper"
    """``live`` while entries may trade real money."""
    is_paper_broker: bool | None = None
    """Whether fills of the intent's broker are made up; None, not known, counts as real money."""
    broker_off: str = ""
    """Why no entry may go to the intent's broker; empty when one may."""
    is_reconciled: bool = True
    """False until the start (or gap) reconciliation has finished."""
    not_reconciled_why: str = ""
    """What its broker last failed to answer; empty when nothing is known."""
    account: Account
    equity_usd: Decimal | None
    """Cash plus marked positions; None when any mark is missing."""
    buying_power_usd: Decimal | None
    open_pnl_usd: Decimal | None
    trades: tuple[Trade, ...] = ()
    """Open trades of the account."""
    notional_by_trade: dict[str, Decimal] = field(default_factory=dict)
    """Open and pending trade id -> dollars of exposure (debit paid, margin, or share value)."""
    pending: tuple[Order, ...] = ()
    """Entry orders not yet terminal, this intent's own excluded."""
    unknown_symbols: frozenset[str] = frozenset()
    """Symbols of this account with an order in UNKNOWN."""
    recent_exits: tuple[RecentExit, ...] = ()
    """Of the entry's symbol, newest first; at least the last 48 hours."""
    recent_entries: tuple[tuple[datetime, str, str, Decimal | None], ...] = ()
    """(received at, author id and unit and side as text, alert id, price) of the last minutes, at
    least of the entry's unit and price."""
    quote: UnitQuote | None = None
    """The unit's newest quote."""
    data: Report | None = None
    """What the data behind it is worth; None while it was never quoted."""
    prop: PropAccount | None = None
    """The account at its prop firm; None: it is none of a prop firm."""
    sectors: Mapping[str, str] = field(default_factory=dict)
    """Symbol -> sector, where config.yaml corrects the table."""
    closes: Mapping[str, Closes] = field(default_factory=dict)
    """Daily closes by the symbol that stands for an underlying; what is not known is absent."""
    no_closes: Mapping[str, str] = field(default_factory=dict)
    """Why those of others are not known."""
    accepted_loss_usd: Decimal = Decimal(0)
    """Lost today before an admin reset the breaker: it counts anew from there."""
    freezes: tuple[Freeze, ...] = ()
    overrides: tuple[Override, ...] = ()
    """Those that have not expired."""

    @cached_property
    def held(self) -> "tuple[Holding, ...]":
        """What the account has or may have in a moment, each trade once; asked by many checks."""
        return _held(self)


class RiskCheck(ABC):
    """One limit. Subclass once per file; class name is the file name in CamelCase."""

    stage: ClassVar[int]
    """Place in the order of evaluation (rules 3.2): 1 kill switch ... 12 buying power."""
    overridable: ClassVar[frozenset[str]] = frozenset()
    """Codes of denials that an admin may override for a while; hard caps have none."""

    class Settings(BaseModel):
        """Limits of this check as written in config.yaml under ``risk.<file name>``."""

        model_config = ConfigDict(extra="forbid", frozen=True)

    settings: Any
    """Instance of the subclass's own ``Settings``; subclasses annotate it so."""

    warns: ClassVar[bool] = False
    """Whether it has a :meth:`warning` of its own: most have none, and none is asked of them."""

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        cls.warns = cls.warning is not RiskCheck.warning

    def __init__(self, settings: Any) -> None:
        self.settings = settings

    @abstractmethod
    def check(self, intent: Intent, facts: Facts) -> Denial | Remark | None:
        """Judge an entry: why not, what to say besides yes, or nothing to say."""

    def warning(self, facts: Facts) -> str:
        """One sentence when the limit is near but not reached; empty otherwise."""
        return ""

    def gauges(self, facts: Facts) -> tuple[Gauge, ...]:
        """How much of this limit is used, for ``/risk-limits``; () where that says nothing."""
        return ()


C = TypeVar("C", bound=RiskCheck)


def only(checks: Iterable[tuple[str, RiskCheck]], kind: type[C]) -> C | None:
    """The check of this kind; None when it is not among them."""
    for _, check in checks:
        if type(check) is kind:
            return check
    return None


def run_checks(
    checks: Sequence[tuple[str, RiskCheck]],
    intent: Intent,
    facts: Facts,
    monotonic: Callable[[], float] | None = None,
) -> tuple[Verdict, ...]:
    """Every check's verdict in the order of evaluation; a check that raises has denied.

    ``monotonic``: seconds of the injected clock, so that a check that took more than a second
    has denied as well. Anything but an entry passes unseen: nothing here may hold up an exit.
    """
    if intent.purpose is not Purpose.ENTRY:
        return ()
    verdicts = []
    ended = monotonic() if monotonic is not None else 0.0
    for name, check in checks:
        try:
            said: Any = check.check(intent, facts)
            near: Any = check.warning(facts) if said is None and check.warns else ""
        except Exception as error:  # noqa: BLE001 - R-10: whatever breaks in a check is a denial
            near, said = "", _broken(name, f"check failed: {type(error).__name__}")
        answer = "" if said is None and near == "" else _answer(name, said, near)
        began, ended = ended, monotonic() if monotonic is not None else 0.0
        if ended - began > MAX_S and not isinstance(answer, Denial):
            answer = Denial(code=f"{name}.slow", detail=f"check took more than {MAX_S:g} s")
        if answer == "":  # with room to spare, as nearly always
            verdicts.append(_passed(name))
            continue
        permit = _permit(name, check, answer, intent, facts)
        verdicts.append(_verdict(name, answer) if permit is None else permit)
    return tuple(verdicts)


def _permit(
    name: str, check: RiskCheck, answer: Denial | str, intent: Intent, facts: Facts
) -> Verdict | None:
    """Passed all the same, because an admin has said so for a while; the verdict says both."""
    if not facts.overrides or not isinstance(answer, Denial):
        return None
    if answer.code not in check.overridable:
        return None
    symbol = intent.legs[0].instrument.symbol
    for said in facts.overrides:
        if said.holds(name.replace("_", "-"), symbol, facts.now):
            why = f"{answer.detail}; overridden by {said.by}: {said.reason}"
            return Verdict(check=name, is_ok=True, code=f"{name}.overridden", detail=why)
    return None


def _verdict(name: str, answer: Denial | str) -> Verdict:
    """A denial, or passed with the sentence that says how near the limit is."""
    if isinstance(answer, Denial):
        return Verdict(check=name, is_ok=False, code=answer.code, detail=answer.detail)
    return Verdict(check=name, is_ok=True, code=f"{name}.near", detail=answer)


@cache
def _passed(name: str) -> Verdict:
    return Verdict(check=name, is_ok=True)


def _answer(name: str, said: object, near: object) -> Denial | str:
    """Why not, or what to say besides yes."""
    if isinstance(said, Denial):
        return said
    if isinstance(said, Remark):
        return said.detail
    if said is None and isinstance(near, str):
        return near
    return _broken(name, "check gave no usable answer")


def _broken(name: str, detail: str) -> Denial:
    return Denial(code=f"{name}.error", detail=detail)


# -- words that the checks share --------------------------------------------------------------


def is_known(value: object) -> TypeGuard[Decimal]:
    """A finite figure; None, NaN, infinities and floats are not known."""
    return isinstance(value, Decimal) and value.is_finite()


def entry_price(intent: Intent) -> Decimal | None:
    """Unit price that the entry may pay at worst: its limit, else what can be had now."""
    if intent.limit is not None:
        price = intent.limit
    elif intent.quote is not None:
        price = intent.quote.touch(intent.side.sign > 0)
    else:
        return None
    return price if is_known(price) and price > 0 else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Holding:
    """Something that the account has, or may have in a moment: a trade or a pending entry."""

    trade_id: str
    symbol: str
    legs: tuple[Leg, ...]
    direction: int
    is_waiting: bool
    """An entry that was granted but is not sent yet."""


def holdings(intent: Intent, facts: Facts) -> list[Holding]:
    """Open trades and pending entries, each trade once, the intent's own trade left out."""
    return [held for held in facts.held if held.trade_id != intent.trade_id]


def _held(facts: Facts) -> tuple[Holding, ...]:
    found: dict[str, Holding] = {}
    for order in facts.pending:
        found[order.trade_id] = Holding(
            trade_id=order.trade_id,
            symbol=order.legs[0].instrument.symbol,
            legs=order.legs,
            direction=order.side.sign,
            is_waiting=order.state in (OrderState.APPROVED, OrderState.INTENT),
        )
    for trade in facts.trades:
        found[trade.trade_id] = Holding(
            trade_id=trade.trade_id,
            symbol=trade.symbol,
            legs=trade.legs,
            direction=trade.direction,
            is_waiting=False,
        )
    return tuple(found.values())


def loss_streak(exits: Iterable[RecentExit], *, source: str) -> int:
    """Losing trades of one room in a row, newest first.

    Three switch its automatic entries off (rules 3.2). A trade without gain or loss
    neither counts nor ends the row; one whose result is not known counts.
    """
    n = 0
    for exit_ in exits:
        if exit_.source != source:
            continue
        if is_known(exit_.realised_usd) and exit_.realised_usd >= 0:
            if exit_.realised_usd > 0:
                break
            continue
        n += 1
    return n
