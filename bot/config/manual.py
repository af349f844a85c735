"""The ``manual`` section: on what terms people order by themselves, as the engine's ManualTerms."""

from decimal import Decimal

from pydantic import Field

from bot.config.sources import Distance
from bot.config.values import Name, Pct, Section
from engine.domain.alert import Asset
from engine.domain.source import MANUAL, Handling, ManualTerms, SourceProfile

_STOPS: dict[Asset, Distance] = {
    "stock": Distance(percent=Decimal(2)),
    "option": Distance(percent=Decimal(50)),
    "future": Distance(percent=Decimal("0.25")),
    "crypto": Distance(percent=Decimal(3)),
}


class ManualConfig(Section):
    """/buy, /sell and their #actions; every limit of ``risk`` and ``sizing`` holds as well."""

    account: Name | None = None
    """Where an order goes that names none and no route fits; left out: the first account."""
    allowed_assets: frozenset[Asset] = frozenset({"option", "stock", "future", "crypto"})
    allow_short: bool = False
    """Whether a sale of what is not held opens a short position."""
    default_stop: dict[Asset, Distance] = Field(default_factory=lambda: dict(_STOPS))
    """First stop where the person names none and no ATR is known (2 × ATR(14) where it is)."""
    max_spread_pct: Pct = Decimal(15)
    """A wider market needs an approver."""

    def to_terms(self, first_account: str) -> ManualTerms:
        """As the engine reads it."""
        profile = SourceProfile(
            name=MANUAL,
            guild_id=None,
            channel_id=0,
            handling=Handling.AUTO,
            account=self.account or first_account,
            allowed_assets=self.allowed_assets,
            chase_limit_pct=Decimal(0),
            chase_limit_by_asset={},
            max_spread_pct=self.max_spread_pct,
        )
        return ManualTerms(
            profile=profile,
            allow_short=self.allow_short,
            stops={asset: distance.to_level() for asset, distance in self.default_stop.items()},
        )
