"""Sections of config.yaml: their types and limits."""

from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Literal, Self
from urllib.parse import urlsplit

from pydantic import BaseModel, Field, PlainValidator, field_validator, model_validator

from bot.config import adapters
from bot.config.problems import refuse
from bot.config.values import (
    Count,
    Name,
    Positive,
    Seconds,
    Section,
    Snowflake,
    Usd,
    is_loopback,
)
from engine.domain.alert import Asset
from engine.prop import PropFirm


class Channels(Section):
    """Where the desk speaks. One that is not set is not used; ``admin`` must be private."""

    trade_alerts: Snowflake | None = None
    all_messages: Snowflake | None = None
    approvals: Snowflake | None = None
    orders: Snowflake | None = None
    activity: Snowflake | None = None
    reports: Snowflake | None = None
    copilot: Snowflake | None = None
    """Where a mention of the bot is a question; whoever is in it sees the answers."""
    panel: Snowflake | None = None
    admin: Snowflake | None = None
    actions: frozenset[Snowflake] = frozenset()
    """Where #actions are read."""


class Roles(Section):
    """Discord role ids behind each of our roles; nobody has a role that is not listed."""

    viewer: frozenset[Snowflake] = frozenset()
    trader: frozenset[Snowflake] = frozenset()
    admin: frozenset[Snowflake] = frozenset()
    approver: frozenset[Snowflake] = frozenset()
    """A flag on top of trader or admin."""


class DiscordConfig(Section):
    """Our one server, its channels and roles, and how long questions stay open."""

    guild_id: Snowflake | None = None
    channels: Channels = Channels()
    roles: Roles = Roles()
    owners: frozenset[Snowflake] = frozenset()
    """User ids that are told when the server cannot be reached."""
    api_base: str = ""
    """Empty: Discord itself. Otherwise a stand-in on loopback, such as the sandbox."""
    gateway_url: str = ""
    guild_ready_timeout_s: Seconds = 2.0
    confirm_expiry_s: Seconds = 60.0
    approval_expiry_s: Seconds = 900.0
    disclaimer: bool = True
    """Each person accepts it once before anything that he opens."""
    two_person_above_usd: Usd | None = None
    """Above this the proposer may not approve his own trade; 0 always, left out never."""

    @property
    def is_set_up(self) -> bool:
        """Whether anybody is an admin: until then nobody may do anything but set it up."""
        return bool(self.roles.admin)

    @model_validator(mode="after")
    def _stand_in_is_here(self) -> Self:
        for key in ("api_base", "gateway_url"):
            address = getattr(self, key)
            if address and not is_loopback(address):
                refuse((key,), "must be empty or on loopback: the token goes there", address)
        if bool(self.api_base) != bool(self.gateway_url):
            empty = "gateway_url" if self.api_base else "api_base"
            refuse((empty,), "must be set together with its twin, or both left empty")
        return self


class StorageConfig(Section):
    """Where the books are kept."""

    url: str = "sqlite:///var/tradestream.db"
    """``sqlite:///file`` (below config.yaml's folder) or ``postgresql://user@host/name``."""
    wait_s: Seconds = 5.0
    """How long a write waits for a locked database before it is refused."""

    @field_validator("url")
    @classmethod
    def _known_and_clean(cls, url: str) -> str:
        parts = urlsplit(url)
        if parts.password is not None:
            refuse((), "must not hold a password: set TS_STORAGE_PASSWORD", hide=True)
        scheme = parts.scheme.partition("+")[0]
        is_file = scheme == "sqlite" and parts.path.strip("/") not in ("", ":memory:")
        if not is_file and not (scheme == "postgresql" and parts.hostname):
            refuse((), "must be sqlite:///<file> or postgresql://<user>@<host>/<name>", url)
        return url


class AccountConfig(Section):
    """One account that trades are booked to."""

    broker: Name
    """A key of ``brokers``. Its number there is the secret TS_ACCOUNT_<NAME>; without one the
    login must reach exactly one account that may trade."""
    start_cash_usd: Usd | None = None
    """Opening deposit on paper; left out: the paper broker's own."""
    prop_firm: PropFirm | None = None
    """A prop firm's terms, for futures accounts of one."""


class RouteConfig(Section):
    """Where opening alerts go; a condition that is left empty fits everything."""

    assets: frozenset[Asset] = frozenset()
    sources: frozenset[Name] = frozenset()
    """Keys of ``sources``."""
    author_ids: frozenset[Snowflake] = frozenset()
    accounts: Annotated[tuple[Name, ...], Field(min_length=1)]
    """In order of preference."""
    to: Literal["first", "all"] = "first"
    """``first``: the first that can take it, the next only when nothing was sent."""

    @model_validator(mode="after")
    def _each_once(self) -> Self:
        if len(set(self.accounts)) != len(self.accounts):
            refuse(("accounts",), "must not name an account twice")
        return self


class PaperConfig(Section):
    """Terms of the paper broker."""

    start_cash_usd: Usd = Decimal(100_000)
    latency_ms: int = Field(
        250, ge=0, le=60_000, description="From the order until it works in the market"
    )
    slippage_ticks: int = Field(
        1, ge=0, le=1_000, description="What market and stop orders pay beyond the touch, per leg"
    )
    fee_per_option_contract_usd: Usd = Field(Decimal("0.65"), description="Of each execution")
    fee_per_future_contract_usd: Usd = Field(Decimal("1.25"), description="Of each execution")
    fee_per_share_usd: Usd = Field(Decimal(0), description="Of each execution")


class FeedConfig(Section):
    """Where quotes come from, and when they are too old to act on."""

    kind: Literal["live", "synthetic", "recorded", "none"] = "none"
    files: tuple[Path, ...] = ()
    """Recordings, oldest first; for ``recorded``."""
    half_spread_usd: Usd = Decimal("0.01")
    """Either side of a recorded price that came without bid and ask."""
    plan: Path | None = None
    """What the made-up market holds; for ``synthetic``."""
    seed: Count = 7
    """Same seed and plan, same prices."""
    max_quote_age_s: Positive = Decimal(5)
    live: Annotated[Mapping[str, BaseModel], PlainValidator(adapters.feeds)] = Field(
        default_factory=dict
    )
    """File name in engine/feeds -> its Settings, the first that has a quote wins; for ``live``."""

    @model_validator(mode="after")
    def _files_fit_kind(self) -> Self:
        if self.kind == "recorded" and not self.files:
            refuse(("files",), "must name at least one recording when kind is recorded")
        if self.kind != "recorded" and self.files:
            refuse(("files",), "must be empty unless kind is recorded")
        if (self.kind == "synthetic") != (self.plan is not None):
            refuse(("plan",), "must be set when kind is synthetic, and only then", self.plan)
        if self.kind == "live" and not self.live:
            refuse(("live",), "must name at least one feed when kind is live")
        if self.kind != "live" and self.live:
            refuse(("live",), "must be empty unless kind is live")
        return self


class OrdersConfig(Section):
    """Patience with brokers."""

    broker_timeout_s: Annotated[Seconds, Field(le=10)] = 10.0
    quote_wait_s: Seconds = 1.0
    """How long an alert waits for its first quote."""
    lookup_ladder_s: tuple[Seconds, ...] = (1.0, 3.0, 10.0, 30.0)
    """When an unanswered order is looked up; after the last a person is called."""
    unprotected_alarm_s: Seconds = 5.0
    """A position without a working stop for longer is an alarm."""
    entry_wait_s: Seconds = 120.0
    """How long an entry may work before it is cancelled."""
    exit_retry_s: Seconds = 2.0


class JobsConfig(Section):
    """How often the desk looks after itself."""

    monitor_s: Seconds = 1.0
    """Exit rules over every open trade, beside the looks that quotes cause."""
    reconcile_s: Seconds = 60.0
    """Open orders and positions against the broker."""
    watch_s: Annotated[Seconds, Field(le=20)] = 15.0
    """Working orders are read so often beside a stream: a lost frame is found within 30 s; every
    5 s at most while a stop works and the broker's minute is not all but used up."""
    poll_s: Annotated[Seconds, Field(le=20)] = 3.0
    """The same where there is no stream, or while it is down."""
    reconcile_full_s: Seconds = 900.0
    """The same with the day's closed orders and fills."""


class CopilotConfig(Section):
    """Whether a model reads the desk's facts; facts and recommendations need none."""

    enabled: bool = False
    """True: the model is asked, when TS_OPENAI_API_KEY is given."""
    base_url: str = ""
    """Empty: OpenAI's own; any server that speaks its chat completions will do."""
    model: Annotated[str, Field(min_length=1, max_length=100)] = "gpt-5-mini"
    timeout_s: Annotated[Seconds, Field(le=15)] = 12.0
    max_tokens: Annotated[int, Field(ge=100, le=8_000)] = 1_200
    """Of one answer."""
    daily_tokens: Count = 200_000
    daily_tokens_per_user: Count = 50_000
    daily_usd: Usd | None = None
    """Needs both prices below."""
    usd_per_million_in: Usd | None = None
    usd_per_million_out: Usd | None = None
    questions_per_min: Annotated[int, Field(ge=1, le=60)] = 6
    """Of one person."""

    @model_validator(mode="after")
    def _fits(self) -> Self:
        parts = urlsplit(self.base_url)
        if self.base_url and not (parts.scheme == "https" or is_loopback(self.base_url)):
            refuse(("base_url",), "must be https or on loopback", self.base_url)
        if parts.username is not None or parts.password is not None:
            refuse(("base_url",), "must hold no user or password", hide=True)
        prices = (self.usd_per_million_in, self.usd_per_million_out)
        if self.daily_usd is not None and None in prices:
            refuse(("daily_usd",), "needs usd_per_million_in and usd_per_million_out")
        return self


class LogConfig(Section):
    """JSON lines on stderr, and in a rotating file when one is named."""

    level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    file: Path | None = None
    max_bytes: Annotated[int, Field(ge=10_000)] = 10_000_000
    backups: Annotated[int, Field(ge=1, le=100)] = 5


class HealthConfig(Section):
    """Ready and health over HTTP, for this machine only."""

    host: str = "127.0.0.1"
    port: Annotated[int, Field(ge=0, le=65_535)] | None = 8711
    """0: any free port; null: no endpoint."""

    @field_validator("host")
    @classmethod
    def _here_only(cls, host: str) -> str:
        if not is_loopback(f"http://[{host}]" if ":" in host else f"http://{host}"):
            refuse((), "must be a loopback address", host)
        return host
