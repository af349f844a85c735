"""Whom we follow, and on what terms: one profile per alert room."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum
from typing import Literal

from engine.domain.alert import Asset, Level

CHASE_BY_ASSET: Mapping[Asset, Decimal] = {
    "future": Decimal("0.25"),
    "stock": Decimal("0.5"),
    "crypto": Decimal("0.5"),
}
ASK_BY_ASSET: Mapping[Asset, Decimal] = {
    "future": Decimal(1),
    "stock": Decimal(2),
    "crypto": Decimal(2),
}


class Handling(StrEnum):
    """What happens to a clear alert of this source."""

    LISTEN = "listen"
    """Shown, never traded. The only value allowed while no author id is trusted."""
    APPROVE = "approve"
    """A person approves every entry by button."""
    AUTO = "auto"
    """Entries that pass every check go out at once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetRule:
    """House target of a source: so far from the entry, for such a share of the position."""

    level: Level
    fraction: Decimal
    """Share of the initial size, 0-1; the last rule takes the rest."""
    then_stop: Literal["keep", "entry"] = "keep"
    """Where the stop goes when this target is filled."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RouteRule:
    """Which accounts an opening alert goes to; what is left empty fits everything."""

    assets: frozenset[Asset] = frozenset()
    channel_ids: frozenset[int] = frozenset()
    author_ids: frozenset[int] = frozenset()
    accounts: tuple[str, ...]
    """In order of preference."""
    to: Literal["first", "all"] = "first"
    """``first``: the first that can take it, the next one only when nothing was sent."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceProfile:
    """One alert room: who is trusted there, how its words are read, what may be traded."""

    name: str
    guild_id: int | None
    channel_id: int
    author_ids: frozenset[int] = frozenset()
    webhook_ids: frozenset[int] = frozenset()
    parser: str = "auto"
    """Name of a file in engine/parsers, or ``auto`` to let every parser look."""
    handling: Handling = Handling.APPROVE
    account: str = "main"
    is_copy: bool = False
    """True while an alert is judged for one account of several: it sees its own trades alone."""
    allowed_assets: frozenset[Asset] = frozenset({"option", "stock", "future", "spread", "crypto"})
    default_expiry: Literal["ask", "0dte", "weekly", "monthly"] = "ask"
    """What an option without an expiry means in this room; ``ask`` sends it to a person."""
    always_has_stop: bool = False
    """True for rooms whose alerts always state a stop: one without is sent to a person."""
    size_map: dict[str, Decimal] = field(default_factory=dict)
    """Size letter or word -> quantity (``A``: 1) for this room."""
    default_qty: Decimal | None = None
    """Quantity when neither author nor size letter says one; None: sized by risk alone."""
    partial_fraction: Decimal = Decimal("0.5")
    """How much a partial close without an amount closes."""
    symbol_map: dict[str, str] = field(default_factory=dict)
    """Alerted futures root -> traded root, e.g. ES -> MES."""
    targets: tuple[TargetRule, ...] = ()
    """House targets, used when the alert states none."""
    single_contract_target: Literal["t1", "t2"] = "t1"
    default_stop: Level | None = None
    """Stop when the alert states none; None: such an entry goes to a person."""
    max_age_s: Decimal = Decimal(60)
    chase_limit_pct: Decimal = Decimal(10)
    """How far, in percent of the alerted price, the achievable price may be worse."""
    ask_limit_pct: Decimal = Decimal(25)
    """Worse than the chase limit but within this: a person is asked; beyond it: skipped."""
    chase_limit_by_asset: Mapping[Asset, Decimal] = field(
        default_factory=lambda: dict(CHASE_BY_ASSET)
    )
    """Cap on the chase limit where the price is no premium: 10 % of an ES price is 600 points."""
    ask_limit_by_asset: Mapping[Asset, Decimal] = field(default_factory=lambda: dict(ASK_BY_ASSET))
    """Cap on the ask limit where the price is no premium."""
    max_spread_pct: Decimal = Decimal(15)
    """Bid/ask spread in percent of mid above which a person is asked."""

    def chase_pct(self, asset: Asset | None) -> Decimal:
        """Chase limit for this kind of price: the room's, within the cap of the asset."""
        return _capped(self.chase_limit_pct, self.chase_limit_by_asset, asset)

    def ask_pct(self, asset: Asset | None) -> Decimal:
        """Ask limit for this kind of price: the room's, within the cap of the asset."""
        return _capped(self.ask_limit_pct, self.ask_limit_by_asset, asset)

    def trusts(self, author_id: int, webhook_id: int | None) -> bool:
        """Whether this sender's word counts here; a webhook only by its own id."""
        if webhook_id is not None:
            return webhook_id in self.webhook_ids
        return author_id in self.author_ids


MANUAL = "manual"
"""Source of what a person asked for himself."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ManualTerms:
    """On what terms a person may order by himself; his price is never chased."""

    profile: SourceProfile = field(
        default_factory=lambda: SourceProfile(
            name=MANUAL,
            guild_id=None,
            channel_id=0,
            handling=Handling.AUTO,
            chase_limit_pct=Decimal(0),
            chase_limit_by_asset={},
        )
    )
    allow_short: bool = False
    """Whether a sale of what is not held opens a short position."""
    stops: Mapping[Asset, Level] = field(
        default_factory=lambda: {
            "stock": Level(kind="percent", value=Decimal(2)),
            "option": Level(kind="percent", value=Decimal(50)),
            "future": Level(kind="percent", value=Decimal("0.25")),
            "crypto": Level(kind="percent", value=Decimal(3)),
        }
    )
    """First stop where neither the person names one nor ATR is known."""


def _capped(pct: Decimal, caps: Mapping[Asset, Decimal], asset: Asset | None) -> Decimal:
    cap = caps.get(asset) if asset is not None else None
    return pct if cap is None else min(pct, cap)
