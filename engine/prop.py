"""A prop firm's rules for an account: its terms, and what must be remembered of its days.

The floor is where the firm closes the account: the highest balance at the end of a day less the
maximum loss, never above the start balance, never lower than it was. Days begin at 17:00 Chicago.
"""

import json
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

from pydantic import BaseModel, ConfigDict, Field

from engine.domain.instrument import Instrument
from engine.domain.money import ZERO
from engine.market import CME

CHICAGO = ZoneInfo("America/Chicago")

MICROS = frozenset({"MES", "MNQ", "MYM", "M2K", "MCL", "MGC"})


class PropFirm(BaseModel):
    """The firm's terms of one account: ``accounts: {<name>: {prop_firm: ...}}``."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    start_balance_usd: Decimal = Field(gt=0)
    max_loss_usd: Decimal = Field(gt=0)
    """Maximum loss limit: how far below the highest end of a day the account may fall."""
    floor_usd: Decimal | None = Field(None, gt=0)
    """Where the firm says the floor is, for an account with a past; null: it starts here."""
    max_contracts: Decimal = Field(gt=0)
    """At once, in full contracts; micros count as a part."""
    micros_per_contract: Decimal = Field(Decimal(10), gt=0)
    flat_by: time = time(15, 10)
    """Chicago time at which nothing may be held any more."""
    early_close_min: int = Field(15, ge=0)
    """On short days flat so long before the close, when that is earlier."""
    day_starts: time = time(17)
    """Chicago time at which the firm's next day begins."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PropState:
    """What must survive a restart."""

    peak_usd: Decimal
    """Highest balance at the end of a day; the start balance before the first."""
    day_on: date
    """The firm's day that is running; everything before it is counted in the peak."""
    closed_on: date | None = None
    """Day on which the account came too near to its floor: no entries for the rest of it."""

    def text(self) -> str:
        """For the books."""
        return json.dumps(
            {
                "peak_usd": str(self.peak_usd),
                "day_on": self.day_on.isoformat(),
                "closed_on": self.closed_on.isoformat() if self.closed_on else None,
            }
        )


def state_of(text: str) -> PropState:
    """Read it back.

    Raises:
        ValueError: it is none.
    """
    body = json.loads(text)
    closed_on = body["closed_on"]
    peak = Decimal(body["peak_usd"])
    if not peak.is_finite():
        raise ValueError("the peak is no number")
    return PropState(
        peak_usd=peak,
        day_on=date.fromisoformat(body["day_on"]),
        closed_on=None if closed_on is None else date.fromisoformat(closed_on),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class PropAccount:
    """A prop account as the checks see it. None always means not known."""

    firm: PropFirm
    state: PropState | None
    equity_usd: Decimal | None
    """Balance and open P&L, the worse of ours and the firm's."""
    at_stops_usd: Decimal | None
    """Equity if every open trade and every pending entry ended at its stop."""
    contracts: Decimal | None
    """Held and pending, in full contracts, long and short alike."""

    @property
    def floor_usd(self) -> Decimal | None:
        """Where the firm closes the account."""
        return None if self.state is None else floor(self.firm, self.state)

    @property
    def room_usd(self) -> Decimal | None:
        """How far equity is above the floor."""
        at = self.floor_usd
        return None if at is None or self.equity_usd is None else self.equity_usd - at


def first_state(firm: PropFirm, now: datetime) -> PropState:
    """An account on its first day here."""
    peak = firm.start_balance_usd
    if firm.floor_usd is not None:
        peak = max(peak, firm.floor_usd + firm.max_loss_usd)
    return PropState(peak_usd=peak, day_on=day_of(firm, now))


def floor(firm: PropFirm, state: PropState) -> Decimal:
    """The maximum loss limit: it trails the peak and locks at the start balance."""
    peak = max(state.peak_usd, firm.start_balance_usd)
    known = firm.floor_usd if firm.floor_usd is not None else ZERO
    return min(max(peak - firm.max_loss_usd, known), firm.start_balance_usd)


def ended(state: PropState, balance_usd: Decimal, day_on: date) -> PropState:
    """The state on the next day, after one that ended with this balance; the peak never falls."""
    return PropState(
        peak_usd=max(state.peak_usd, balance_usd), day_on=day_on, closed_on=state.closed_on
    )


def day_of(firm: PropFirm, now: datetime) -> date:
    """The firm's day at a moment: from 17:00 Chicago it is the next one that trades."""
    local = now.astimezone(CHICAGO)
    on = local.date() + timedelta(days=local.time() >= firm.day_starts)
    return CME.on_or_after(on)


def flat_at(firm: PropFirm, on: date) -> datetime:
    """When everything of a day must be closed; earlier on short days."""
    usual = datetime.combine(on, firm.flat_by, CHICAGO).astimezone(UTC)
    session = CME.session(on)
    if session is None or not session.is_short:
        return usual
    return min(usual, session.closes_at - timedelta(minutes=firm.early_close_min))


def in_contracts(firm: PropFirm, instrument: Instrument, qty: Decimal) -> Decimal:
    """So many of a future in full contracts."""
    each = 1 / firm.micros_per_contract if instrument.symbol in MICROS else Decimal(1)
    return abs(qty) * each
