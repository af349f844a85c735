"""The whole configuration: every section, and what must fit together across them."""

from collections.abc import Mapping
from decimal import Decimal
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Literal, Self
from urllib.parse import quote, urlsplit, urlunsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import (
    BaseModel,
    BeforeValidator,
    Field,
    PlainValidator,
    SkipValidation,
    field_validator,
    model_validator,
)
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from bot.config import adapters, plugins
from bot.config.manual import ManualConfig
from bot.config.problems import Layer, refuse
from bot.config.secrets import Secrets, audit_key, owner_of
from bot.config.sections import (
    AccountConfig,
    CopilotConfig,
    DiscordConfig,
    FeedConfig,
    HealthConfig,
    JobsConfig,
    LogConfig,
    OrdersConfig,
    PaperConfig,
    RouteConfig,
    StorageConfig,
)
from bot.config.sources import SourceConfig
from bot.config.values import NamedMap, Symbol, is_loopback
from engine.domain.errors import ConfigError
from engine.domain.source import RouteRule, SourceProfile
from engine.sizing import SizingSettings

_INDEXES = ("SPY", "QQQ", "DIA", "IWM")
WATCHED = (*_INDEXES, "AAPL", "MSFT", "NVDA", "AMZN", "META", "GOOGL", "TSLA", "AMD")


class Environment(StrEnum):
    """Which overlay of ``environments`` is laid over the file."""

    DEV = "dev"
    STAGING = "staging"
    PROD = "prod"


def _risk(section: Any) -> Mapping[str, BaseModel]:
    return plugins.validated("engine.risk", section, all_of_them=True)


def _exits(section: Any) -> Mapping[str, BaseModel]:
    return plugins.validated("engine.exits", section, all_of_them=True)


def _brokers(section: Any) -> Mapping[str, BaseModel]:
    return adapters.brokers(section, PaperConfig)


def _sizing(section: Any) -> Any:
    plugins.check_plain_numbers(SizingSettings, section)
    return section


class AppConfig(BaseSettings):
    """One start's configuration, read-only."""

    model_config = SettingsConfigDict(extra="forbid", frozen=True, validate_default=True)

    mode: Literal["paper", "live"] = "paper"
    """``live`` only allows real money; two admins switch it on (``/mode live``)."""
    environment: Environment = Environment.DEV
    test_mode: bool = False
    """True: every outside address must be on loopback."""
    timezone: str = "America/New_York"
    """For display; market rules have their own."""
    secrets_dir: Path = Path(".secrets")
    discord: DiscordConfig = DiscordConfig()
    storage: StorageConfig = StorageConfig()
    accounts: NamedMap[AccountConfig] = Field(min_length=1)
    routing: tuple[RouteConfig, ...] = ()
    """Rules in order; the first that fits decides, else the room's own account."""
    brokers: Annotated[Mapping[str, BaseModel], PlainValidator(_brokers)] = Field(
        default_factory=dict
    )
    """File name in engine/brokers -> its Settings; ``paper`` is always in it."""
    feed: FeedConfig = FeedConfig()
    sources: NamedMap[SourceConfig] = Field(default_factory=dict)
    risk: Annotated[Mapping[str, BaseModel], PlainValidator(_risk)] = Field(default_factory=dict)
    """File name in engine/risk -> its Settings; every file is in it, named in the YAML or not."""
    exits: Annotated[Mapping[str, BaseModel], PlainValidator(_exits)] = Field(default_factory=dict)
    """File name in engine/exits -> its Settings; every file is in it."""
    sizing: Annotated[SizingSettings, BeforeValidator(_sizing)] = SizingSettings()
    sectors: Mapping[str, Annotated[str, Field(min_length=1, max_length=40)]] = Field(
        default_factory=dict
    )
    """Symbol -> sector, where the house's table does not have it or is corrected."""
    watchlist: Annotated[tuple[Symbol, ...], Field(max_length=40)] = WATCHED
    """Symbols that are watched until people change the list in Discord."""
    manual: ManualConfig = ManualConfig()
    orders: OrdersConfig = OrdersConfig()
    jobs: JobsConfig = JobsConfig()
    copilot: CopilotConfig = CopilotConfig()
    log: LogConfig = LogConfig()
    health: HealthConfig = HealthConfig()
    home: Path
    """Folder of config.yaml: where relative paths start. Not a key of the file."""
    secrets: Secrets = Secrets()
    """Not a key of the file either."""
    layers: Annotated[tuple[Layer, ...], SkipValidation] = ()
    """Where the values came from, strongest first; nor is this."""

    @classmethod
    def settings_customise_sources(
        cls, settings_cls: type[BaseSettings], *sources: PydanticBaseSettingsSource, **more: Any
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Only what is passed in: ``bot.config.load`` lays the layers itself, to name them."""
        return (more["init_settings"] if "init_settings" in more else sources[0],)

    @field_validator("timezone")
    @classmethod
    def _exists(cls, name: str) -> str:
        try:
            ZoneInfo(name)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            refuse((), "must be a time zone such as America/New_York", name)
        return name

    @model_validator(mode="after")
    def _accounts_have_brokers(self) -> Self:
        for name, account in self.accounts.items():
            if self.broker_of(name) not in self.brokers:
                known = ", ".join(self.brokers)
                what = f"must be one of those under brokers: {known}"
                refuse(("accounts", name, "broker"), what, account.broker)
            if account.start_cash_usd is not None and self.broker_of(name) != adapters.PAPER:
                refuse(("accounts", name, "start_cash_usd"), "is for paper accounts only")
        return self

    @model_validator(mode="after")
    def _routes_lead_somewhere(self) -> Self:
        for number, rule in enumerate(self.routing):
            for key, names, there in (
                ("accounts", rule.accounts, self.accounts),
                ("sources", sorted(rule.sources), self.sources),
            ):
                for name in names:
                    if name not in there:
                        known = ", ".join(there)
                        refuse(("routing", number, key), f"must be among {known}", name)
        return self

    def routes(self) -> tuple[RouteRule, ...]:
        """The routing rules, as the engine reads them."""
        return tuple(
            RouteRule(
                assets=rule.assets,
                channel_ids=frozenset(self.sources[name].channel_id for name in rule.sources),
                author_ids=rule.author_ids,
                accounts=rule.accounts,
                to=rule.to,
            )
            for rule in self.routing
        )

    @model_validator(mode="after")
    def _brokers_fit_the_mode(self) -> Self:
        """O-24: what is not meant for real money must not be able to reach it."""
        live = [n for n, s in self.brokers.items() if getattr(s, "environment", "") == "live"]
        if self.mode == "paper" and live:
            refuse(("brokers", live[0], "environment"), "must be paper while mode is paper", "live")
        if self.mode == "live" and not live:
            refuse(("mode",), "must be paper: no broker's environment is live", "live")
        return self

    @model_validator(mode="after")
    def _sources_fit(self) -> Self:
        followed: dict[int, str] = {}
        for name, source in self.sources.items():
            if source.account not in self.accounts:
                known = ", ".join(self.accounts)
                refuse(("sources", name, "account"), f"must be one of {known}", source.account)
            other = followed.setdefault(source.channel_id, name)
            if other != name:
                refuse(("sources", name, "channel_id"), f"is followed by sources.{other} already")
        return self

    @model_validator(mode="after")
    def _manual_account_exists(self) -> Self:
        account = self.manual.account
        if account is not None and account not in self.accounts:
            refuse(("manual", "account"), f"must be one of {', '.join(self.accounts)}", account)
        return self

    @model_validator(mode="after")
    def _intraday_rooms_exist(self) -> Self:
        """A name that is mistyped would leave that room's trades open over night."""
        rooms = {source.name or key for key, source in self.sources.items()} | {
            "manual",
            "external",
        }
        for name in sorted(getattr(self.exits["time_exit"], "intraday_sources", ())):
            if name not in rooms:
                known = ", ".join(sorted(rooms))
                refuse(("exits", "time_exit", "intraday_sources"), f"must be among {known}", name)
        return self

    @model_validator(mode="after")
    def _test_mode_stays_here(self) -> Self:
        if not self.test_mode:
            return self
        if self.environment is Environment.PROD:
            refuse(("test_mode",), "must be false in prod", got=True)
        for key in ("api_base", "gateway_url"):
            if not getattr(self.discord, key):
                refuse(("discord", key), "must be a loopback address in test mode")
        url = urlsplit(self.storage.url)
        if url.hostname is not None and not is_loopback(self.storage.url):
            refuse(("storage", "url"), "must be on loopback in test mode", url.hostname)
        if self.copilot.enabled and not is_loopback(self.copilot.base_url):
            refuse(("copilot", "base_url"), "must be on loopback in test mode")
        for name, settings in self.brokers.items():
            adapters.check_on_loopback(("brokers", name), settings)
        for name, settings in self.feed.live.items():
            adapters.check_on_loopback(("feed", "live", name), settings)
        return self

    def path(self, path: Path) -> Path:
        """A path of the configuration, from config.yaml's folder when relative."""
        return self.home / path

    def database_url(self) -> str:
        """``storage.url`` with an absolute file, or with the password: never show it."""
        parts = urlsplit(self.storage.url)
        if parts.scheme.startswith("sqlite"):
            # sqlite:///relative but sqlite:////absolute: one slash belongs to the syntax.
            return f"{parts.scheme}:///{self.home / parts.path[1:]}"
        password = self.secrets.storage_password
        if password is None or parts.username is None:
            return self.storage.url
        user, _, host = parts.netloc.rpartition("@")
        given = quote(password.get_secret_value(), safe="")
        return urlunsplit(parts._replace(netloc=f"{user}:{given}@{host}"))

    def audit_key(self) -> bytes:
        """What seals the audit chain; made beside the books on the first start.

        Raises:
            ConfigError: the key file is open to others, too short, or cannot be made.
        """
        return audit_key(self.secrets.audit_key, self.state_dir())

    def state_dir(self) -> Path:
        """Where what must outlive the process is kept: beside the books."""
        parts = urlsplit(self.storage.url)
        is_file = parts.scheme.startswith("sqlite")
        return self.home / (Path(parts.path[1:]).parent if is_file else "var")

    @property
    def paper(self) -> PaperConfig:
        """The paper broker's terms."""
        found = self.brokers[adapters.PAPER]
        assert isinstance(found, PaperConfig)  # noqa: S101 - by construction
        return found

    def broker_of(self, account: str) -> str:
        """The broker of an account, by the name of its file."""
        return adapters.canonical(self.accounts[account].broker)

    def brokers_in_use(self) -> list[str]:
        """Brokers that some account trades at."""
        return [n for n in self.brokers if any(self.broker_of(a) == n for a in self.accounts)]

    def start_cash_usd(self) -> dict[str, Decimal]:
        """Opening deposit per paper account."""
        default = self.paper.start_cash_usd
        return {
            name: default if account.start_cash_usd is None else account.start_cash_usd
            for name, account in self.accounts.items()
            if account.broker == adapters.PAPER
        }

    def profiles(self) -> dict[str, SourceProfile]:
        """The alert rooms, as the engine reads them."""
        return {name: source.to_profile(name) for name, source in self.sources.items()}

    def discord_token(self) -> str:
        """The bot's token.

        Raises:
            ConfigError: none was given.
        """
        if self.secrets.discord_token is None:
            raise ConfigError(
                "discord_token: missing; set TS_DISCORD_TOKEN in the environment or in .env, "
                f"or write it to {self.home / self.secrets_dir / 'discord_token'}"
            )
        return self.secrets.discord_token.get_secret_value()

    def check_ready_to_run(self) -> None:
        """Whether the desk can be opened in a server: it needs to know where and who.

        A server whose channels and roles are all open may be: /setup chooses them there.

        Raises:
            ConfigError: naming each key that must be set first.
        """
        channels, roles = self.discord.channels, self.discord.roles
        needed: dict[str, object] = {"discord.guild_id": self.discord.guild_id}
        chosen = {
            "discord.channels.trade_alerts": channels.trade_alerts,
            "discord.channels.approvals": channels.approvals,
            "discord.channels.admin": channels.admin,
            "discord.roles.trader": roles.trader,
            "discord.roles.admin": roles.admin,
        }
        if any(chosen.values()):
            needed |= chosen
        lacking = [
            f"{key}: missing; the desk cannot open without it (tradestream init, or /setup)"
            for key, v in needed.items()
            if not v
        ]
        lacking += self._unfit_adapters()
        if lacking:
            raise ConfigError("\n".join(lacking))
        self.discord_token()

    def secret_names(self, key: str) -> set[str] | None:
        """Secrets that the owner of ``key`` declares; None when it is not configured."""
        owner = owner_of(key)
        if owner is None or (owner not in self.brokers and owner not in self.feed.live):
            return None
        declared: set[str] = set()
        if owner in self.brokers and (kind := adapters.broker_kind(owner)) is not None:
            declared |= set(kind.secrets)
        if owner in self.feed.live:
            declared |= set(adapters.feed_kind(owner).secrets)
        return {f"{owner}_{secret}" for secret in declared}

    def _unfit_adapters(self) -> list[str]:
        """A line per secret that is missing or of the other environment (O-24)."""
        lines: list[str] = []
        given = self.secrets.adapters
        for name in self.brokers_in_use():
            kind = adapters.broker_kind(name)
            if kind is None:
                continue
            secrets, missing = adapters.secrets_of(name, kind, given)
            lines += missing
            if not missing and (what := kind.mixed_up(self.brokers[name], secrets)):
                lines.append(f"brokers.{name}.{what}")
        for name in self.feed.live:
            lines += adapters.secrets_of(name, adapters.feed_kind(name), given)[1]
        return list(dict.fromkeys(lines))
