"""What the desk is made of, as the configuration names it; making a part connects nothing."""

from collections.abc import Mapping

from bot import connect
from bot.config import AppConfig
from engine import registry
from engine.brokers.paper import PaperSettings
from engine.clock import Clock
from engine.desk_settings import DeskSettings
from engine.exits import ExitRule
from engine.feeds import Feed
from engine.market import ALWAYS, CME, NYSE, Calendar


def paper(config: AppConfig) -> PaperSettings:
    """The paper broker's terms."""
    terms = config.paper
    return PaperSettings(
        start_cash_usd=config.start_cash_usd(),
        latency_ms=terms.latency_ms,
        slippage_ticks=terms.slippage_ticks,
        fee_per_option_contract_usd=terms.fee_per_option_contract_usd,
        fee_per_future_contract_usd=terms.fee_per_future_contract_usd,
        fee_per_share_usd=terms.fee_per_share_usd,
        max_quote_age_s=config.feed.max_quote_age_s,
    )


def settings(config: AppConfig) -> DeskSettings:
    """The figures that the engine needs."""
    orders = config.orders
    return DeskSettings(
        sources=config.profiles(),
        accounts={name: config.broker_of(name) for name in config.accounts},
        routes=config.routes(),
        manual=config.manual.to_terms(next(iter(config.accounts))),
        start_cash_usd=config.start_cash_usd(),
        prop_firms={n: a.prop_firm for n, a in config.accounts.items() if a.prop_firm is not None},
        sizing=config.sizing,
        sectors=config.sectors,
        watchlist=config.watchlist,
        max_quote_age_s=config.feed.max_quote_age_s,
        quote_wait_s=orders.quote_wait_s,
        approval_expiry_s=config.discord.approval_expiry_s,
        two_person_above_usd=config.discord.two_person_above_usd,
        broker_timeout_s=orders.broker_timeout_s,
        lookup_ladder_s=orders.lookup_ladder_s,
        unprotected_alarm_s=orders.unprotected_alarm_s,
        entry_wait_s=orders.entry_wait_s,
        exit_retry_s=orders.exit_retry_s,
        reconcile_full_s=config.jobs.reconcile_full_s,
        watch_s=config.jobs.watch_s,
        poll_s=config.jobs.poll_s,
        mode=config.mode,
    )


def exit_rules(figures_of: Mapping[str, object]) -> list[tuple[str, ExitRule]]:
    """Every exit rule with its figures, by file name."""
    found = []
    for name, figures in figures_of.items():
        kind = registry.load("engine.exits", name, ExitRule)  # type: ignore[type-abstract]
        found.append((name, kind(figures)))  # type: ignore[call-arg]
    return found


def calendars(feed: Feed | None) -> dict[str, Calendar]:
    """Real hours for real quotes; a made-up market never closes."""
    if feed is not None and feed.is_synthetic:
        return {"*": ALWAYS}
    return {"future": CME, "crypto": ALWAYS, "*": NYSE}


def feed(config: AppConfig, clock: Clock) -> Feed | None:
    """Where quotes come from; None: from nowhere."""
    if config.feed.kind == "synthetic" and config.feed.plan is not None:
        from bot.market_plan import synthetic_feed

        return synthetic_feed(config.path(config.feed.plan), config.feed.seed, clock)
    if config.feed.kind == "recorded":
        from engine.feeds.recorded import RecordedFeed

        files = [config.path(f) for f in config.feed.files]
        return RecordedFeed(files, clock, half_spread=config.feed.half_spread_usd)
    if config.feed.kind == "live":
        return connect.live_feed(config, clock)
    return None
