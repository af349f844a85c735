"""Connections to the outside as the configuration names them; making one connects nothing."""

from typing import Any

from bot.config import AppConfig, adapters
from bot.tokens import FileTokens, TrialTokens
from engine.brokers import Broker, Setup
from engine.clock import Clock
from engine.domain.errors import ConfigError
from engine.feeds import Feed, FeedAdapter, FeedSetup
from engine.feeds._several import Several
from engine.store import Tokens


def brokers(config: AppConfig, clock: Clock) -> dict[str, Broker]:
    """Every outside broker that an account trades at, by its name.

    Raises:
        ConfigError: a secret is missing, or paper and live are mixed up (O-24).
    """
    found: dict[str, Broker] = {}
    for name in config.brokers_in_use():
        if adapters.broker_kind(name) is not None:
            found[name] = broker(config, name, clock)
    return found


def broker(config: AppConfig, name: str, clock: Clock, *, is_trial: bool = False) -> Any:
    """One outside broker that is configured, whether an account trades there or not.

    ``is_trial``: beside the one in use; it writes nothing that the other relies on.

    Raises:
        ConfigError: it is not configured, a secret is missing, or paper and live are mixed up.
    """
    kind = adapters.broker_kind(name) if name in config.brokers else None
    if kind is None:
        known = ", ".join(n for n in config.brokers if n != adapters.PAPER) or "none"
        raise ConfigError(f"brokers.{name}: is no outside broker of the configuration ({known})")
    secrets, missing = adapters.secrets_of(name, kind, config.secrets.adapters)
    if missing:
        raise ConfigError("\n".join(missing))
    settings: Any = config.brokers[name]
    if what := kind.mixed_up(settings, secrets):
        raise ConfigError(f"brokers.{name}.{what}")
    tokens: Tokens = FileTokens(config.state_dir() / "tokens" / f"{name}-{settings.environment}")
    setup = Setup(
        name=name,
        clock=clock,
        accounts={
            account: _number(config, account)
            for account in config.accounts
            if config.broker_of(account) == name
        },
        secrets=secrets,
        tokens=TrialTokens(tokens) if is_trial else tokens,
    )
    return kind(settings, setup)


def _number(config: AppConfig, account: str) -> str | None:
    number = config.secrets.accounts.get(account)
    return None if number is None else number.get_secret_value()


def live_feed(config: AppConfig, clock: Clock) -> Feed:
    """The live feeds as one, in the order of the configuration.

    Raises:
        ConfigError: a secret is missing.
    """
    found: list[FeedAdapter] = []
    for name, settings in config.feed.live.items():
        kind = adapters.feed_kind(name)
        secrets, missing = adapters.secrets_of(name, kind, config.secrets.adapters)
        if missing:
            raise ConfigError("\n".join(missing))
        tokens = FileTokens(config.state_dir() / "tokens" / name)
        setup = FeedSetup(name=name, clock=clock, secrets=secrets, tokens=tokens)
        found.append(kind(settings, setup))  # type: ignore[arg-type] # its own Settings
    return Several(found, clock)
