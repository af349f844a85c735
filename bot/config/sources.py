"""The ``sources`` section: one alert room each, as the engine's SourceProfile."""

from decimal import Decimal
from typing import Literal, Self

from pydantic import Field, model_validator

from bot.config.problems import refuse
from bot.config.values import Pct, Positive, Ratio, Seconds, Section, Snowflake
from engine import registry
from engine.domain.alert import Asset, Level
from engine.domain.source import ASK_BY_ASSET, CHASE_BY_ASSET, Handling, SourceProfile, TargetRule


class Distance(Section):
    """How far from the entry, in exactly one unit."""

    points: Positive | None = None
    percent: Positive | None = None

    @model_validator(mode="after")
    def _one_unit(self) -> Self:
        if (self.points is None) == (self.percent is None):
            refuse((), "must say either points or percent")
        return self

    def to_level(self) -> Level:
        """As the engine writes it."""
        if self.points is not None:
            return Level(kind="points", value=self.points)
        return Level(kind="percent", value=self.percent)


class Target(Distance):
    """A house target: where, for which share of the position, and where the stop goes then."""

    fraction: Ratio
    then_stop: Literal["keep", "entry"] = "keep"


class SourceConfig(Section):
    """One alert room; see SourceProfile for what each key means to the engine."""

    name: str | None = Field(default=None, min_length=1)
    """As shown to people; the key itself when left out."""
    guild_id: Snowflake | None = None
    channel_id: Snowflake
    author_ids: frozenset[Snowflake] = frozenset()
    webhook_ids: frozenset[Snowflake] = frozenset()
    parser: str = "auto"
    handling: Handling = Handling.LISTEN
    account: str = "main"
    allowed_assets: frozenset[Asset] = frozenset({"option", "stock", "future", "spread", "crypto"})
    default_expiry: Literal["ask", "0dte", "weekly", "monthly"] = "ask"
    always_has_stop: bool = False
    size_map: dict[str, Positive] = Field(default_factory=dict)
    default_qty: Positive | None = None
    partial_fraction: Ratio = Decimal("0.5")
    symbol_map: dict[str, str] = Field(default_factory=dict)
    targets: tuple[Target, ...] = ()
    single_contract_target: Literal["t1", "t2"] = "t1"
    default_stop: Distance | None = None
    max_age_s: Seconds = 60
    chase_limit_pct: Pct = Decimal(10)
    ask_limit_pct: Pct = Decimal(25)
    chase_limit_by_asset: dict[Asset, Pct] = Field(default_factory=lambda: dict(CHASE_BY_ASSET))
    ask_limit_by_asset: dict[Asset, Pct] = Field(default_factory=lambda: dict(ASK_BY_ASSET))
    max_spread_pct: Pct = Decimal(15)

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.handling is not Handling.LISTEN and not (self.author_ids or self.webhook_ids):
            what = "must be listen while author_ids and webhook_ids are empty: nobody is trusted"
            refuse(("handling",), what, self.handling.value)
        if sum((target.fraction for target in self.targets), Decimal(0)) > 1:
            refuse(("targets",), "fractions must not add up to more than 1")
        if self.ask_limit_pct < self.chase_limit_pct:
            refuse(("ask_limit_pct",), "must be >= chase_limit_pct", self.ask_limit_pct)
        for asset, pct in self.ask_limit_by_asset.items():
            if pct < self.chase_limit_by_asset.get(asset, Decimal(0)):
                what = f"must be >= chase_limit_by_asset.{asset}"
                refuse(("ask_limit_by_asset", asset), what, pct)
        parsers = ["auto", *registry.names("engine.parsers")]
        if self.parser not in parsers:
            refuse(("parser",), f"must be one of {', '.join(parsers)}", self.parser)
        return self

    def to_profile(self, key: str) -> SourceProfile:
        """As the engine reads it; ``key`` is this source's key in config.yaml."""
        return SourceProfile(
            name=self.name or key,
            guild_id=self.guild_id,
            channel_id=self.channel_id,
            author_ids=self.author_ids,
            webhook_ids=self.webhook_ids,
            parser=self.parser,
            handling=self.handling,
            account=self.account,
            allowed_assets=self.allowed_assets,
            default_expiry=self.default_expiry,
            always_has_stop=self.always_has_stop,
            size_map=dict(self.size_map),
            default_qty=self.default_qty,
            partial_fraction=self.partial_fraction,
            symbol_map=dict(self.symbol_map),
            targets=tuple(
                TargetRule(level=t.to_level(), fraction=t.fraction, then_stop=t.then_stop)
                for t in self.targets
            ),
            single_contract_target=self.single_contract_target,
            default_stop=self.default_stop.to_level() if self.default_stop else None,
            max_age_s=Decimal(str(self.max_age_s)),
            chase_limit_pct=self.chase_limit_pct,
            ask_limit_pct=self.ask_limit_pct,
            chase_limit_by_asset=dict(self.chase_limit_by_asset),
            ask_limit_by_asset=dict(self.ask_limit_by_asset),
            max_spread_pct=self.max_spread_pct,
        )
