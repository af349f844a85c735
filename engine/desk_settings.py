"""The figures of config.yaml that the engine itself needs."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal

from engine.domain.source import ManualTerms, RouteRule, SourceProfile
from engine.prop import PropFirm
from engine.sizing import SizingSettings


@dataclass(frozen=True, slots=True, kw_only=True)
class DeskSettings:
    """Terms of rooms and accounts, and how long the desk waits for what."""

    sources: Mapping[str, SourceProfile] = field(default_factory=dict)
    accounts: Mapping[str, str] = field(default_factory=dict)
    """Account name -> broker name."""
    routes: tuple[RouteRule, ...] = ()
    """Which accounts an opening alert goes to, where not simply to its room's; the first fits."""
    manual: ManualTerms = field(default_factory=ManualTerms)
    """Terms of what people order by themselves."""
    start_cash_usd: Mapping[str, Decimal] = field(default_factory=dict)
    """Opening deposit per paper account."""
    prop_firms: Mapping[str, PropFirm] = field(default_factory=dict)
    """Account name -> its prop firm's terms; the others are of none."""
    sizing: SizingSettings = field(default_factory=SizingSettings)
    watchlist: tuple[str, ...] = ()
    """What is watched until people change the list."""
    sectors: Mapping[str, str] = field(default_factory=dict)
    """Symbol -> sector, where the house's table is corrected."""
    max_quote_age_s: Decimal = Decimal(5)
    quote_wait_s: float = 1.0
    """How long an alert waits for its first quote."""
    approval_expiry_s: float = 900
    two_person_above_usd: Decimal | None = None
    """Above this notional the proposer may not approve his own trade; None: never above."""
    broker_timeout_s: float = 10
    lookup_ladder_s: tuple[float, ...] = (1, 3, 10, 30)
    """When an unanswered order is looked up; after the last a person is called."""
    unprotected_alarm_s: float = 5
    entry_wait_s: float = 120
    """How long an entry may work before it is cancelled."""
    exit_retry_s: float = 2
    """Pause before a refused exit order is sent again."""
    reconcile_full_s: float = 900
    """Once in so long all that is live is compared from its beginning, else only what is new."""
    watch_s: float = 15
    """Working orders are read so often beside a stream, so that a lost frame is found."""
    poll_s: float = 3
    """The same where there is no stream, or while it is down."""
    mode: str = "paper"
