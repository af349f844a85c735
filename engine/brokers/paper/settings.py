"""What the paper broker is told once: money, fees, margin, latency, and when markets are open."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Protocol

from engine.domain.instrument import Instrument
from engine.domain.money import ZERO
from engine.domain.quote import Quote
from engine.market import CME, NYSE, last_moment
from engine.sizing import FUTURES_MARGIN_USD


@dataclass(frozen=True, slots=True, kw_only=True)
class PaperSettings:
    """The terms of the paper broker; all of them are shown to the trader."""

    start_cash_usd: Mapping[str, Decimal]
    """Account -> opening cash; an account that is not named here does not exist."""
    latency_ms: int = 250
    """From acceptance (or a cancel request) until it works in the market."""
    slippage_ticks: int = 1
    """Ticks that market and triggered stop orders pay beyond the touch, per leg."""
    fee_per_option_contract_usd: Decimal = Decimal("0.65")
    fee_per_future_contract_usd: Decimal = Decimal("1.25")
    fee_per_share_usd: Decimal = ZERO
    max_quote_age_s: Decimal = Decimal(5)
    """A quote received longer ago than this fills nothing."""
    future_margin_usd: Mapping[str, Decimal] = field(
        default_factory=lambda: dict(FUTURES_MARGIN_USD)
    )
    """Futures root -> dollars per contract; a root that is not here is not traded."""
    short_option_margin_usd: Decimal = Decimal(5_000)
    """Per short option contract that no long option or shares stand behind."""
    short_stock_margin_ratio: Decimal = Decimal("1.5")
    """Of the average price of shares sold short, their proceeds included."""
    settle_window_s: int = 1_800
    """An underlying's quote this close to an option's expiry decides its exercise."""

    def __post_init__(self) -> None:
        """Refuse names and figures that could not be kept apart or counted."""
        for account, cash in self.start_cash_usd.items():
            if not account or "|" in account or "/" in account:
                raise ValueError(f"{account!r} cannot name a paper account")
            if not cash.is_finite():
                raise ValueError(f"start cash of {account} is {cash}")
        if self.latency_ms < 0 or self.slippage_ticks < 0:
            raise ValueError("latency and slippage cannot be negative")

    @property
    def latency(self) -> timedelta:
        """As a duration."""
        return timedelta(milliseconds=self.latency_ms)

    def fee_usd(self, instrument: Instrument, qty: Decimal) -> Decimal:
        """Fee of one execution; ``qty`` > 0 contracts or shares. Crypto trades free."""
        per_unit = {
            "option": self.fee_per_option_contract_usd,
            "future": self.fee_per_future_contract_usd,
            "stock": self.fee_per_share_usd,
        }.get(instrument.kind, ZERO)
        return per_unit * qty


class Board(Protocol):
    """Where quotes come from: the part of the desk's QuoteBoard that the broker uses."""

    def last(self, instrument: Instrument) -> Quote | None:
        """Newest quote, however old."""
        ...

    def listen(self, listener: Callable[[Quote], None]) -> Callable[[], None]:
        """Hear every new quote; call what is returned to stop."""
        ...


class Hours(Protocol):
    """When an instrument's market trades; injected, so that a demo may run at night."""

    def is_open(self, instrument: Instrument, at: datetime) -> bool:
        """Whether quotes at ``at`` may fill orders."""
        ...

    def session_end(self, instrument: Instrument, now: datetime) -> datetime | None:
        """When a DAY order placed ``now`` lapses; None when the market never closes."""
        ...

    def expires_at(self, instrument: Instrument) -> datetime:
        """Last moment of an option's or a future's life."""
        ...


class MarketHours:
    """Real hours: NYSE for shares and options, Globex for futures, crypto at any time."""

    def is_open(self, instrument: Instrument, at: datetime) -> bool:
        """Whether the instrument's market trades at ``at``."""
        if instrument.kind == "crypto":
            return True
        return (CME if instrument.kind == "future" else NYSE).is_open(at)

    def session_end(self, instrument: Instrument, now: datetime) -> datetime | None:
        """Close of the running session, or of the next one when the market is shut."""
        if instrument.kind == "crypto":
            return None
        return (CME if instrument.kind == "future" else NYSE).next_close(now)

    def expires_at(self, instrument: Instrument) -> datetime:
        """Close of the session on the contract's last day."""
        assert instrument.expiry is not None  # noqa: S101 - asked of dated contracts only
        return last_moment(instrument.expiry)


class AlwaysOpen(MarketHours):
    """Every market trades at any time; DAY orders still lapse at the real session's end."""

    def is_open(self, instrument: Instrument, at: datetime) -> bool:
        """Always."""
        return True
