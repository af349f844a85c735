"""The configuration: what is accepted, which layer wins, and how a mistake is named."""

import copy
import os
import subprocess
import sys
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import BaseModel, ValidationError

import engine.risk
from bot import __main__ as start
from bot import config
from bot.config import plugins
from bot.config.file import read_yaml
from bot.config.secrets import OURS
from engine import registry
from engine.domain.alert import Level
from engine.domain.errors import ConfigError
from engine.domain.source import Handling

ROOT = Path(__file__).parents[2]
SHIPPED = ROOT / "config.yaml"
FUTURES = "sources.twi_futures"

Values = dict[str, Any]
Mutate = Callable[[Values], None]


@pytest.fixture(autouse=True)
def _no_settings_around(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.startswith(("TS_", "TRADESTREAM_")) or name == "CREDENTIALS_DIRECTORY":
            monkeypatch.delenv(name)


@pytest.fixture(scope="module")
def shipped() -> Values:
    return read_yaml(SHIPPED)


@pytest.fixture
def load(tmp_path: Path, shipped: Values) -> Callable[..., config.AppConfig]:
    """The shipped file, with some keys set (``a.b=value`` as ``{"a.b": value}``), loaded."""

    def run(changes: Values | None = None, **overrides: Any) -> config.AppConfig:
        values = copy.deepcopy(shipped)
        for path, value in (changes or {}).items():
            put(values, path, value)
        file = tmp_path / "config.yaml"
        file.write_text(yaml.safe_dump(values))
        return config.load(file, overrides or None)

    return run


def put(values: Values, path: str, value: object) -> None:
    *parents, last = path.split(".")
    for parent in parents:
        values = values.setdefault(parent, {})
    values[last] = value


# -- what is accepted -------------------------------------------------------------------------


def test_the_shipped_file_is_valid_and_follows_both_rooms() -> None:
    read = config.load(SHIPPED)
    rooms = read.profiles()
    assert {room.name: room.channel_id for room in rooms.values()} == {
        "TWI_Futures": 1127635026318721094,
        "TWI_Options": 1337621057552650240,
    }
    assert {room.handling for room in rooms.values()} == {Handling.LISTEN}
    futures = rooms["twi_futures"]
    assert futures.size_map == {"A": Decimal(1), "B": Decimal(2), "C": Decimal(3)}
    assert futures.symbol_map == {"ES": "MES"}
    assert [(t.level, t.fraction, t.then_stop) for t in futures.targets] == [
        (Level(kind="points", value=Decimal(7)), Decimal("0.5"), "entry"),
        (Level(kind="points", value=Decimal(12)), Decimal("0.5"), "keep"),
    ]
    assert futures.chase_limit_pct == Decimal("0.25")
    assert rooms["twi_options"].default_stop == Level(kind="percent", value=Decimal(50))
    assert read.start_cash_usd() == {"main": Decimal(100_000)}


def test_the_shipped_file_shows_every_key_there_is(shipped: Values) -> None:
    """Nothing may be settable that config.yaml does not show."""
    missing = list(_unshown(config.AppConfig, shipped, ""))
    assert set(missing) == {"home", "secrets", "layers"}


def _unshown(model: type[BaseModel], shown: Values, path: str) -> Any:
    for name, field in model.model_fields.items():
        kind = field.annotation
        if name not in shown:
            yield f"{path}{name}"
        elif isinstance(kind, type) and issubclass(kind, BaseModel) and shown[name] is not None:
            yield from _unshown(kind, shown[name], f"{path}{name}.")


@pytest.mark.parametrize("section", ["risk", "exits"])
def test_the_shipped_file_shows_every_plug_in_and_each_of_its_figures(
    shipped: Values, section: str
) -> None:
    package = f"engine.{section}"
    found = {n: p for n in registry.names(package) if (p := plugins.plugin(package, n))}
    assert set(shipped[section]) == set(found)
    for name, plugin in found.items():
        settings: type[BaseModel] = plugin.Settings  # type: ignore[attr-defined]
        assert set(shipped[section][name] or {}) == set(settings.model_fields), name


def test_what_the_shipped_file_shows_is_the_default() -> None:
    read, default = (
        config.load(SHIPPED),
        config.AppConfig.model_validate({"accounts": {"main": {"broker": "paper"}}, "home": ROOT}),
    )
    different = {
        name
        for name in config.AppConfig.model_fields
        if name not in ("sources", "layers") and getattr(read, name) != getattr(default, name)
    }
    assert different == set()


def test_what_was_read_cannot_be_changed(load: Callable[..., config.AppConfig]) -> None:
    read = load()
    with pytest.raises(ValidationError):
        read.mode = "live"  # type: ignore[assignment, misc]
    with pytest.raises(ValidationError):
        read.discord.guild_id = 1  # type: ignore[misc]
    with pytest.raises(TypeError):
        read.sources["x"] = read.sources["twi_futures"]  # type: ignore[index]
    with pytest.raises(TypeError):
        read.risk["x"] = read.log  # type: ignore[index]


def test_paths_start_at_the_files_own_folder(
    load: Callable[..., config.AppConfig], tmp_path: Path
) -> None:
    read = load()
    assert read.database_url() == f"sqlite:///{tmp_path}/var/tradestream.db"
    assert read.path(Path("var/x.log")) == tmp_path / "var/x.log"
    absolute = load({"storage.url": "sqlite:////somewhere/books.db"})
    assert absolute.database_url() == "sqlite:////somewhere/books.db"


# -- which layer wins -------------------------------------------------------------------------


def test_default_file_overlay_environment_override_in_this_order(
    load: Callable[..., config.AppConfig], monkeypatch: pytest.MonkeyPatch
) -> None:
    changes: Values = {}
    assert load(changes).log.backups == 5
    changes["log.backups"] = 6
    assert load(changes).log.backups == 6
    changes["environments.staging.log.backups"] = 7
    assert load(changes).log.backups == 6
    monkeypatch.setenv("TRADESTREAM_ENV", "staging")
    read = load(changes)
    assert (read.environment, read.log.backups, read.log.max_bytes) == ("staging", 7, 10_000_000)
    monkeypatch.setenv("TS_LOG__BACKUPS", "8")
    assert load(changes).log.backups == 8
    assert load(changes, log={"backups": 9}).log.backups == 9


def test_the_file_names_the_environment_when_the_process_does_not(
    load: Callable[..., config.AppConfig],
) -> None:
    read = load({"environment": "prod"})
    assert read.environment == "prod"
    assert read.discord.two_person_above_usd == Decimal(10_000)


def test_variables_reach_chosen_names_lists_and_figures(
    load: Callable[..., config.AppConfig], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TS_DISCORD__OWNERS", "[11, 12]")
    monkeypatch.setenv("TS_DISCORD__CHANNELS__ADMIN", "1127635026318721099")
    monkeypatch.setenv("TS_SOURCES__TWI_FUTURES__AUTHOR_IDS", "[77]")
    monkeypatch.setenv("TS_SOURCES__TWI_FUTURES__HANDLING", "approve")
    monkeypatch.setenv("TS_BROKERS__PAPER__FEE_PER_SHARE_USD", "0.005")
    read = load()
    assert read.discord.owners == {11, 12}
    assert read.discord.channels.admin == 1127635026318721099
    assert read.profiles()["twi_futures"].handling is Handling.APPROVE
    assert read.profiles()["twi_futures"].trusts(77, None)
    assert read.paper.fee_per_share_usd == Decimal("0.005")


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("TS_LOG__LEVLE", "DEBUG", "log.levle: TS_LOG__LEVLE: unknown key"),
        ("TS_LOGG__LEVEL", "DEBUG", "TS_LOGG__LEVEL: no such setting (logg.level: unknown key)"),
        ("TS_MODE", "live", "mode: TS_MODE: must be paper: no broker's environment is live"),
        ("TS_LOG__BACKUPS", "-2", "log.backups: TS_LOG__BACKUPS: must be >= 1 (got -2)"),
        ("TS_DISCORD__OWNERS", "[1, 2", "discord: cannot be read from the TS_ environment"),
        (
            "TS_ORDERS__BROKER_TIMEOUT_S",
            "nan",
            "orders.broker_timeout_s: TS_ORDERS__BROKER_TIMEOUT_S: ",
        ),
        ("TS_SOURCES__TWI_FUTURES__SIZE_MAP", "{A", "sources.twi_futures.size_map: must be JSON"),
        ("TRADESTREAM_ENV", "live", "environment: must be"),
    ],
)
def test_a_wrong_variable_is_named_with_its_key(
    load: Callable[..., config.AppConfig],
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    value: str,
    said: str,
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(ConfigError) as refused:
        load()
    assert str(refused.value).startswith(said)


def test_an_overlay_that_is_not_chosen_is_checked_too(
    load: Callable[..., config.AppConfig],
) -> None:
    with pytest.raises(ConfigError, match=r"^environments\.prod\.log\.level: must be"):
        load({"environments.prod.log.level": "LOUD"})


# -- what is refused, and how -----------------------------------------------------------

NAN, INF = float("nan"), float("inf")

MUTATIONS: list[tuple[str, object, str]] = [
    # an unknown key at every level
    ("colour", 1, "colour: unknown key"),
    ("home", ".", "home: unknown key"),
    ("discord.guild", 1, "discord.guild: unknown key (got 1)"),
    ("discord.channels.lobby", 1, "discord.channels.lobby: unknown key"),
    ("discord.roles.boss", [], "discord.roles.boss: unknown key"),
    ("storage.uri", "x", "storage.uri: unknown key"),
    ("accounts.main.cash", 1, "accounts.main.cash: unknown key"),
    (
        "accounts.main.prop_firm",
        {"start_balance_usd": 0, "max_loss_usd": 1, "max_contracts": 1},
        "accounts.main.prop_firm.start_balance_usd: must be > 0 (got 0)",
    ),
    ("brokers.alpacca", {}, "brokers.alpacca: unknown key; engine/brokers has: "),
    ("brokers", [], "brokers: must be a mapping (got a list)"),
    ("routing", {}, "routing: must be a list (got a mapping)"),
    ("routing", [{"accounts": []}], "routing[0].accounts: must have at least 1"),
    ("routing", [{"accounts": ["far"]}], "routing[0].accounts: must be among main (got far)"),
    ("routing", [{"accounts": ["main", "main"]}], "routing[0].accounts: must not name an account"),
    ("routing", [{"accounts": ["main"], "sources": ["x"]}], "routing[0].sources: must be among"),
    ("routing", [{"accounts": ["main"], "assets": ["bond"]}], "routing[0].assets"),
    ("routing", [{"accounts": ["main"], "to": "some"}], "routing[0].to: must be 'first' or 'all'"),
    ("routing", [{"accounts": ["main"], "account": "x"}], "routing[0].account: unknown key"),
    ("feed.live", {"recorded": {}}, "feed.live.recorded: unknown key; engine/feeds has: "),
    ("feed.kind", "live", "feed.live: must name at least one feed when kind is live"),
    ("brokers.paper.fees", 1, "brokers.paper.fees: unknown key"),
    ("feed.url", "", "feed.url: unknown key"),
    (f"{FUTURES}.author", "twi", f"{FUTURES}.author: unknown key"),
    (f"{FUTURES}.default_stop", {"ticks": 3}, f"{FUTURES}.default_stop.ticks: unknown key"),
    ("risk.no_such_check", {}, "risk.no_such_check: unknown key"),
    ("exits.no_such_rule", {}, "exits.no_such_rule: unknown key"),
    (
        "exits.time_exit.intraday_sources",
        ["TWI_Options", "TWI_Future"],
        "exits.time_exit.intraday_sources: must be among TWI_Futures, TWI_Options, external",
    ),
    (
        f"{FUTURES}.chase_limit_by_asset.bond",
        1,
        f"{FUTURES}.chase_limit_by_asset.bond",
    ),
    (
        f"{FUTURES}.ask_limit_by_asset.stock",
        0.1,
        f"{FUTURES}.ask_limit_by_asset.stock: must be >= chase_limit_by_asset.stock (got 0.1)",
    ),
    ("orders.retry", 1, "orders.retry: unknown key"),
    ("jobs.dance_s", 1, "jobs.dance_s: unknown key"),
    ("log.colour", True, "log.colour: unknown key"),
    ("health.path", "/", "health.path: unknown key"),
    ("environments.test", {}, "environments.test: unknown key"),
    ("environments.dev.colour", 1, "environments.dev.colour: unknown key"),
    ("environments.prod.log.colour", 1, "environments.prod.log.colour: unknown key"),
    ("environments.prod.environment", "dev", "environments.prod.environment: unknown key"),
    # a wrong type
    ("mode", 1, "mode: must be 'paper' or 'live' (got 1)"),
    ("test_mode", "perhaps", "test_mode: must be true or false (got perhaps)"),
    ("timezone", 5, "timezone: must be a text (got 5)"),
    ("discord", [], "discord: must be a mapping (got a list)"),
    ("discord", None, "discord: must be a mapping (got nothing)"),
    ("discord.guild_id", "our server", "discord.guild_id: must be a whole number"),
    ("discord.guild_id", 1.1e18, "discord.guild_id: must be a whole number"),
    ("discord.guild_id", True, "discord.guild_id: must"),
    ("discord.owners", 5, "discord.owners: must be a list (got 5)"),
    ("discord.owners", [1, True], "discord.owners[1]: must be a whole number (got true)"),
    ("discord.roles.admin", {"a": 1}, "discord.roles.admin: must be a list (got a mapping)"),
    ("accounts", [], "accounts: must be a mapping"),
    ("accounts", {}, "accounts: "),
    ("accounts.main", "paper", "accounts.main: must be a mapping (got paper)"),
    ("brokers.paper.latency_ms", "fast", "brokers.paper.latency_ms: must be a whole number"),
    ("brokers.paper.latency_ms", 1.5, "brokers.paper.latency_ms: must be a whole number"),
    ("brokers.paper.latency_ms", True, "brokers.paper.latency_ms: must not be true or false"),
    ("brokers.paper.fee_per_share_usd", [], "brokers.paper.fee_per_share_usd: must be a number"),
    (f"{FUTURES}.size_map.A", "one", f"{FUTURES}.size_map.A: must be a number (got one)"),
    (f"{FUTURES}.targets", 7, f"{FUTURES}.targets: must be a list (got 7)"),
    (f"{FUTURES}.always_has_stop", 3, f"{FUTURES}.always_has_stop: must be true or false"),
    ("risk", [], "risk: must be a mapping (got a list)"),
    ("exits", 3, "exits: must be a mapping (got 3)"),
    ("environments", 3, "environments: must be a mapping"),
    ("environments.prod", 3, "environments.prod: must be a mapping"),
    ("log.file", 3, "log.file: "),
    ("health.port", "http", "health.port: must be a whole number (got http)"),
    # an impossible figure
    ("discord.guild_id", -1, "discord.guild_id: must be > 0 (got -1)"),
    ("discord.guild_id", 0, "discord.guild_id: must be > 0 (got 0)"),
    ("discord.confirm_expiry_s", 0, "discord.confirm_expiry_s: must be > 0 (got 0)"),
    ("discord.two_person_above_usd", -1, "discord.two_person_above_usd: must be >= 0 (got -1)"),
    ("brokers.paper.start_cash_usd", -1, "brokers.paper.start_cash_usd: must be >= 0 (got -1)"),
    ("brokers.paper.slippage_ticks", -1, "brokers.paper.slippage_ticks: must be >= 0 (got -1)"),
    ("accounts.main.start_cash_usd", -5, "accounts.main.start_cash_usd: must be >= 0 (got -5)"),
    ("feed.half_spread_usd", -0.1, "feed.half_spread_usd: must be >= 0 (got -0.1)"),
    ("sizing.risk_pct", -1, "sizing.risk_pct: must be >= 0 (got -1)"),
    ("sizing.hard_cap_pct", NAN, "sizing.hard_cap_pct: must be a finite number (got nan)"),
    ("sizing.risk_pct", True, "sizing.risk_pct: must not be true or false (got true)"),
    ("sizing.risk_pct", 101, "sizing.risk_pct: must be <= 100 (got 101)"),
    ("sizing.futures_margin_usd.MES", -1, "sizing.futures_margin_usd.MES: must be > 0 (got -1)"),
    ("sizing.size_words.half", -1, "sizing.size_words.half: must be >= 0 (got -1)"),
    ("sizing.kelly", 1, "sizing.kelly: unknown key"),
    (f"{FUTURES}.chase_limit_pct", -0.1, f"{FUTURES}.chase_limit_pct: must be >= 0 (got -0.1)"),
    (f"{FUTURES}.chase_limit_pct", 101, f"{FUTURES}.chase_limit_pct: must be <= 100 (got 101)"),
    (f"{FUTURES}.ask_limit_pct", 0.1, f"{FUTURES}.ask_limit_pct: must be >= chase_limit_pct"),
    (f"{FUTURES}.partial_fraction", 2, f"{FUTURES}.partial_fraction: must be <= 1 (got 2)"),
    (f"{FUTURES}.size_map.B", 0, f"{FUTURES}.size_map.B: must be > 0 (got 0)"),
    ("orders.broker_timeout_s", 30, "orders.broker_timeout_s: must be <= 10 (got 30)"),
    ("orders.lookup_ladder_s", [1, -3], "orders.lookup_ladder_s[1]: must be > 0 (got -3)"),
    ("jobs.reconcile_s", 0, "jobs.reconcile_s: must be > 0 (got 0)"),
    ("health.port", 70_000, "health.port: must be <= 65535 (got 70000)"),
    # no number at all
    ("feed.max_quote_age_s", NAN, "feed.max_quote_age_s: must be a finite number (got nan)"),
    ("feed.max_quote_age_s", INF, "feed.max_quote_age_s: must be a finite number (got inf)"),
    ("brokers.paper.start_cash_usd", NAN, "brokers.paper.start_cash_usd: must be a finite"),
    ("brokers.paper.latency_ms", NAN, "brokers.paper.latency_ms: must be a"),
    ("jobs.monitor_s", NAN, "jobs.monitor_s: must be a finite number (got nan)"),
    ("discord.approval_expiry_s", INF, "discord.approval_expiry_s: must be a finite number"),
    (f"{FUTURES}.max_age_s", "NaN", f"{FUTURES}.max_age_s: must be a finite number (got NaN)"),
    # limits, as their own files judge them
    ("environment", [], "environment: "),
    ("environment", {}, "environment: "),
    ("risk.daily_loss.max_loss_pct", 500, "risk.daily_loss.max_loss_pct: must be <= 100 (got 500)"),
    (
        "risk.stop_distance.future_max_points.ES",
        -1,
        "risk.stop_distance.future_max_points.ES: must be > 0 (got -1)",
    ),
    ("risk.daily_loss.warn_pct", -2, "risk.daily_loss.warn_pct: must be >= 0 (got -2)"),
    ("risk.daily_loss.max_loss_pct", NAN, "risk.daily_loss.max_loss_pct: must be a finite number"),
    ("risk.max_positions.max_positions", 2.5, "risk.max_positions.max_positions: must be a whole"),
    ("risk.max_positions.max_positions", "many", "risk.max_positions.max_positions: must be a"),
    ("risk.max_positions.max_postions", 5, "risk.max_positions.max_postions: unknown key (got 5)"),
    (
        "risk.entry_window.stock.after_open_min",
        True,
        "risk.entry_window.stock.after_open_min: must not be true or false (got true)",
    ),
    ("risk.entry_window.stock.opens", 5, "risk.entry_window.stock.opens: unknown key (got 5)"),
    ("risk.undefined_risk.is_allowed", 3, "risk.undefined_risk.is_allowed: must be true or false"),
    ("risk.load", {}, "risk.load: unknown key"),
    # a word that is none of the words
    ("mode", "live", "mode: must be paper: no broker's environment is live (got live)"),
    ("mode", "real", "mode: must be 'paper' or 'live' (got real)"),
    ("environment", "test", "environment: must be 'dev', 'staging' or 'prod' (got test)"),
    ("timezone", "Mars/Olympus", "timezone: must be a time zone"),
    ("feed.kind", "real", "feed.kind: must be 'live', 'synthetic', 'recorded' or 'none' (got real"),
    ("log.level", "LOUD", "log.level: must be 'DEBUG', 'INFO', 'WARNING' or 'ERROR' (got LOUD)"),
    (f"{FUTURES}.handling", "yolo", f"{FUTURES}.handling: must be 'listen', 'approve' or 'auto'"),
    (f"{FUTURES}.parser", "tea_leaves", f"{FUTURES}.parser: must be one of auto"),
    (f"{FUTURES}.allowed_assets", ["nft"], f"{FUTURES}.allowed_assets"),
    (f"{FUTURES}.default_expiry", "never", f"{FUTURES}.default_expiry: must be 'ask'"),
    ("accounts.Main", {"broker": "paper"}, "accounts.Main: must match"),
    # things that do not fit together
    (f"{FUTURES}.handling", "approve", f"{FUTURES}.handling: must be listen while author_ids"),
    (f"{FUTURES}.handling", "auto", f"{FUTURES}.handling: must be listen while author_ids"),
    (f"{FUTURES}.account", "other", f"{FUTURES}.account: must be one of main (got other)"),
    (f"{FUTURES}.channel_id", 1337621057552650240, "sources.twi_options.channel_id: is followed"),
    (f"{FUTURES}.channel_id", None, f"{FUTURES}.channel_id: "),
    (f"{FUTURES}.targets", [{"fraction": 1}], f"{FUTURES}.targets[0]: must say either points"),
    (
        f"{FUTURES}.targets",
        [{"points": 7, "fraction": 0.7}, {"points": 9, "fraction": 0.5}],
        f"{FUTURES}.targets: fractions must not add up to more than 1",
    ),
    (f"{FUTURES}.targets", [{"points": 7}], f"{FUTURES}.targets[0].fraction: missing"),
    (
        "accounts.main.broker",
        "alpaca",
        "accounts.main.broker: must be one of those under brokers: paper (got alpaca)",
    ),
    ("feed.kind", "recorded", "feed.files: must name at least one recording"),
    ("feed.kind", "synthetic", "feed.plan: must be set when kind is synthetic"),
    ("feed.plan", "plan.json", "feed.plan: must be set when kind is synthetic, and only then"),
    ("feed.files", ["x.jsonl"], "feed.files: must be empty unless kind is recorded"),
    ("storage.url", "mysql://host/db", "storage.url: must be sqlite:///<file> or postgresql://"),
    ("storage.url", "sqlite://", "storage.url: must be sqlite:///<file> or postgresql://"),
    ("storage.url", "sqlite:///:memory:", "storage.url: must be sqlite:///<file>"),
    ("discord.api_base", "http://example.com", "discord.api_base: must be empty or on loopback"),
    ("discord.gateway_url", "ws://10.0.0.7:1", "discord.gateway_url: must be empty or on loopback"),
    ("discord.api_base", "http://127.0.0.1:1", "discord.gateway_url: must be set together"),
    ("test_mode", True, "discord.api_base: must be a loopback address in test mode"),
    ("health.host", "0.0.0.0", "health.host: must be a loopback address (got 0.0.0.0)"),  # noqa: S104
]


def test_there_are_enough_mutations() -> None:
    assert len(MUTATIONS) >= 60


@pytest.mark.parametrize(
    ("path", "value", "said"), MUTATIONS, ids=[f"{p}={v!s:.24}" for p, v, _ in MUTATIONS]
)
def test_a_bad_key_ends_the_start_with_78_and_its_full_path(
    tmp_path: Path,
    shipped: Values,
    capsys: pytest.CaptureFixture[str],
    path: str,
    value: object,
    said: str,
) -> None:
    values = copy.deepcopy(shipped)
    put(values, path, value)
    file = tmp_path / "config.yaml"
    file.write_text(yaml.safe_dump(values))
    assert start.main(["--config", str(file), "check"]) == start.CONFIGURATION
    out, err = capsys.readouterr()
    assert out == ""
    assert any(line.startswith(said) for line in err.splitlines()), err


BROKEN_FILES = {
    "empty": ("", "{file}: is empty"),
    "comments only": ("# nothing\n", "{file}: is empty"),
    "a list": ("- mode\n", "{file}: must be a mapping of sections"),
    "a word": ("paper\n", "{file}: must be a mapping of sections"),
    "a key twice": ("mode: paper\nmode: paper\n", "mode: given twice (line 2)"),
    "a nested key twice": (
        "log:\n  level: INFO\n  level: DEBUG\n",
        "log.level: given twice (line 3)",
    ),
    "a key twice in a list": ("a:\n- {b: 1, b: 2}\n", "a[0].b: given twice (line 2)"),
    "a number as a key": ("log:\n  1: x\n", "log.1: a key must be a text (line 2)"),
    "two documents": ("a: 1\n---\nb: 2\n", "{file}: line 2: not valid YAML"),
    "broken YAML": ("log: {level: INFO\n", "{file}: line"),
    "a tab": ("log:\n\tlevel: INFO\n", "{file}: line 2: not valid YAML"),
    "a Python object": ("mode: !!python/object:os.system {}\n", "{file}: line 1: not valid YAML"),
}


@pytest.mark.parametrize(("text", "said"), BROKEN_FILES.values(), ids=BROKEN_FILES.keys())
def test_a_broken_file_is_refused_with_its_line(tmp_path: Path, text: str, said: str) -> None:
    file = tmp_path / "config.yaml"
    file.write_text(text)
    with pytest.raises(ConfigError) as refused:
        config.load(file)
    assert str(refused.value).startswith(said.format(file=file))


def test_a_file_that_is_not_text_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "config.yaml"
    file.write_bytes(b"\xff\xfe\x00mode")
    with pytest.raises(ConfigError, match="cannot be read"):
        config.load(file)


def test_yaml_has_no_surprises(tmp_path: Path) -> None:
    file = tmp_path / "config.yaml"
    file.write_text("time: 15:30\nanswer: no\nday: 2026-11-21\nid: 010\nbig: 1_000\nnone: ~\n")
    assert read_yaml(file) == {
        "time": "15:30",
        "answer": "no",
        "day": "2026-11-21",
        "id": 10,
        "big": 1000,
        "none": None,
    }


def test_every_mistake_is_told_at_once(load: Callable[..., config.AppConfig]) -> None:
    with pytest.raises(ConfigError) as refused:
        load({"log.level": "LOUD", "health.port": -1, "colour": 1})
    told = {line.split(":")[0] for line in str(refused.value).splitlines()}
    assert told == {"log.level", "health.port", "colour"}


PROCESS_CASES = [
    ("missing", None, "no such file"),
    ("empty", "", "is empty"),
    ("unknown key", "accounts: {main: {broker: paper}}\ncolour: 1\n", "colour: unknown key"),
    (
        "negative limit",
        "accounts: {main: {broker: paper, start_cash_usd: -2}}\n",
        "accounts.main.start_cash_usd: must be >= 0 (got -2)",
    ),
]


@pytest.mark.parametrize(
    ("text", "said"), [c[1:] for c in PROCESS_CASES], ids=[c[0] for c in PROCESS_CASES]
)
def test_the_process_ends_with_78_and_the_path_on_stderr(
    tmp_path: Path, text: str | None, said: str
) -> None:
    file = tmp_path / "config.yaml"
    if text is not None:
        file.write_text(text)
    done = subprocess.run(
        [sys.executable, "-m", "bot", "check"],
        cwd=ROOT,
        env={"TRADESTREAM_CONFIG": str(file), "PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stdout) == (78, "")
    assert said in done.stderr
    assert "Traceback" not in done.stderr


# -- plug-in sections: risk, exits ------------------------------------------------------------

FAKE_CHECK = """
from decimal import Decimal
from pydantic import BaseModel, ConfigDict, Field

class FakeLimit:
    class Settings(BaseModel):
        model_config = ConfigDict(extra="forbid", frozen=True)
        warn_pct: Decimal = Field(default=Decimal(2), ge=0)
        max_trades: int = 10
"""


@pytest.fixture
def fake_check(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A second folder of checks, holding one check and one file that is none."""
    folder = tmp_path / "checks"
    folder.mkdir()
    (folder / "fake_limit.py").write_text(FAKE_CHECK)
    (folder / "words.py").write_text("NOT_A_CHECK = 1\n")
    folders = [*engine.risk.__path__, str(folder)]
    monkeypatch.setattr(engine.risk, "__path__", folders)
    monkeypatch.setattr(engine.risk.__spec__, "submodule_search_locations", folders)
    for name in ("fake_limit", "words"):
        monkeypatch.delitem(sys.modules, f"engine.risk.{name}", raising=False)


@pytest.mark.usefixtures("fake_check")
def test_each_checks_own_settings_judge_its_section(load: Callable[..., config.AppConfig]) -> None:
    settings = load({"risk.fake_limit.warn_pct": 1.5}).risk["fake_limit"]
    assert settings.model_dump() == {"warn_pct": Decimal("1.5"), "max_trades": 10}


@pytest.mark.usefixtures("fake_check")
def test_a_check_that_is_not_named_applies_with_its_defaults(
    load: Callable[..., config.AppConfig],
) -> None:
    assert load().risk["fake_limit"].model_dump()["warn_pct"] == Decimal(2)
    assert "words" not in load().risk


@pytest.mark.usefixtures("fake_check")
@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"warn_pct": -2}, "risk.fake_limit.warn_pct: must be >= 0 (got -2)"),
        ({"warn_pct": NAN}, "risk.fake_limit.warn_pct: must be a finite number (got nan)"),
        ({"warn_pct": True}, "risk.fake_limit.warn_pct: must not be true or false (got true)"),
        ({"max_trades": 2.5}, "risk.fake_limit.max_trades: must be a whole number (got 2.5)"),
        ({"maxtrades": 3}, "risk.fake_limit.maxtrades: unknown key (got 3)"),
        ([], "risk.fake_limit: must be a mapping (got a list)"),
    ],
)
def test_a_bad_figure_of_a_check_is_named_in_full(
    load: Callable[..., config.AppConfig], values: object, said: str
) -> None:
    with pytest.raises(ConfigError) as refused:
        load({"risk.fake_limit": values})
    assert str(refused.value) == said


@pytest.mark.usefixtures("fake_check")
def test_a_variable_reaches_into_a_check(
    load: Callable[..., config.AppConfig], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TS_RISK__FAKE_LIMIT__WARN_PCT", "1.25")
    assert load().risk["fake_limit"].model_dump()["warn_pct"] == Decimal("1.25")
    monkeypatch.setenv("TS_RISK__FAKE_LIMIT__WARN_PCT", "-2")
    with pytest.raises(ConfigError, match=r"^risk\.fake_limit\.warn_pct: TS_RISK__FAKE_LIMIT__W"):
        load()


@pytest.mark.usefixtures("fake_check")
def test_a_file_that_is_no_check_cannot_be_configured(
    load: Callable[..., config.AppConfig],
) -> None:
    with pytest.raises(
        ConfigError, match=r"^risk\.words: unknown key; engine/risk has: .*fake_limit"
    ):
        load({"risk.words": {}})


# -- secrets ----------------------------------------------------------------------------------

TOKEN = "canary-token-0123456789"
KEY = "k" * 40


def write_private(path: Path, text: str, mode: int = 0o600) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(mode)
    return path


def test_secrets_come_from_env_then_credentials_then_folder_then_dotenv(
    load: Callable[..., config.AppConfig], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert load().secrets.values() == frozenset()
    write_private(tmp_path / ".env", f"# ours\nTS_DISCORD_TOKEN=four\nTS_AUDIT_KEY={KEY}\n")
    assert load().discord_token() == "four"
    write_private(tmp_path / ".secrets/discord_token", "three\n")
    assert load().discord_token() == "three"
    write_private(tmp_path / "given/discord_token", "two\n", 0o644)
    write_private(tmp_path / "given/other-service", "x", 0o644)
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path / "given"))
    assert load().discord_token() == "two"
    monkeypatch.setenv("TS_DISCORD_TOKEN", " one ")
    read = load()
    assert read.discord_token() == "one"
    assert read.secrets.values() == {"one", KEY}


def test_a_missing_token_says_where_to_put_it(load: Callable[..., config.AppConfig]) -> None:
    with pytest.raises(ConfigError, match=r"^discord_token: missing; set TS_DISCORD_TOKEN"):
        load().discord_token()


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("discord.token", TOKEN),
        ("discord_token", TOKEN),
        ("secrets.discord_token", TOKEN),
        ("storage.password", TOKEN),
        ("brokers.paper.api_key", TOKEN),
        ("brokers.paper.apiSecret", TOKEN),
        ("environments.prod.audit_key", TOKEN),
        ("timezone", "M" + "a" * 24 + "." + "b" * 6 + "." + "c" * 30),
        ("log.file", "sk-" + "a1" * 12),
        (f"{FUTURES}.symbol_map.ES", "ghp_" + "a1" * 20),
        ("storage.url", f"postgresql://desk:{TOKEN}@127.0.0.1/desk"),
        ("discord.owners", ["PK" + "A1" * 9]),
    ],
)
def test_a_literal_secret_in_the_file_refuses_the_start_and_is_not_shown(
    load: Callable[..., config.AppConfig], path: str, value: Any
) -> None:
    with pytest.raises(ConfigError) as refused:
        load({path: value})
    said = str(refused.value)
    assert said.startswith(path.split(".", maxsplit=1)[0])
    assert "secret" in said
    assert "TS_" in said
    shown = value[0] if isinstance(value, list) else value
    assert shown not in said
    assert TOKEN not in said


@pytest.mark.parametrize(
    ("variable", "value", "said"),
    [
        ("TS_DISCORD__TOKEN", TOKEN, "discord.token: looks like a secret"),
        ("TS_BROKERS__PAPER__API_KEY", TOKEN, "brokers.paper.api_key: looks like a secret"),
        ("TS_DISCORD_TOKN", TOKEN, "TS_DISCORD_TOKN: no such setting"),
        ("TS_STORAGE__URL", f"postgresql://desk:{TOKEN}@db/desk", "storage.url: looks like a pass"),
        (
            "TS_STORAGE__URL",
            f"postgresql://desk:{TOKEN}:x@db/desk",
            "storage.url: TS_STORAGE__URL: must not hold a",
        ),
        (
            "TS_LOG__LEVEL",
            "M" + "a" * 24 + "." + "b" * 6 + "." + TOKEN * 2,
            "log.level: looks like",
        ),
    ],
)
def test_a_secret_in_the_wrong_variable_is_refused_and_not_shown(
    load: Callable[..., config.AppConfig],
    monkeypatch: pytest.MonkeyPatch,
    variable: str,
    value: str,
    said: str,
) -> None:
    monkeypatch.setenv(variable, value)
    with pytest.raises(ConfigError) as refused:
        load()
    assert str(refused.value).startswith(said)
    assert TOKEN not in str(refused.value)


def test_the_database_password_joins_its_address_only_on_demand(
    load: Callable[..., config.AppConfig], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TS_STORAGE_PASSWORD", "p@ss/w:rd")
    read = load({"storage.url": "postgresql://desk@127.0.0.1:5433/desk"})
    password = "p%40ss%2Fw%3Ard"
    assert read.database_url() == f"postgresql://desk:{password}@127.0.0.1:5433/desk"
    assert "p@ss" not in repr(read)


@pytest.mark.parametrize("name", [".env", ".secrets/discord_token"])
def test_a_secret_file_that_others_may_read_is_refused(
    load: Callable[..., config.AppConfig], tmp_path: Path, name: str
) -> None:
    write_private(tmp_path / name, "TS_DISCORD_TOKEN=x", 0o644)
    with pytest.raises(ConfigError, match="others may read it; do: chmod 600"):
        load()


@pytest.mark.parametrize("line", ["TS_MODE=paper", "DISCORD_TOKEN=x", "TRADESTREAM_ENV=prod"])
def test_dotenv_holds_nothing_but_secrets(
    load: Callable[..., config.AppConfig], tmp_path: Path, line: str
) -> None:
    write_private(tmp_path / ".env", line)
    with pytest.raises(ConfigError, match=rf"^\.env: {line.partition('=')[0]}: only secrets"):
        load()


def test_a_misnamed_secret_file_is_refused(
    load: Callable[..., config.AppConfig], tmp_path: Path
) -> None:
    write_private(tmp_path / ".secrets/discord-token", "x")
    with pytest.raises(ConfigError, match="no such secret; known: discord_token"):
        load()


def test_a_short_audit_key_is_refused_and_not_shown(
    load: Callable[..., config.AppConfig], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TS_AUDIT_KEY", "brief-canary")
    with pytest.raises(ConfigError, match=r"^audit_key: must have at least 32") as refused:
        load()
    assert "canary" not in str(refused.value)


def test_an_audit_key_is_made_once_beside_the_books_for_us_alone(
    load: Callable[..., config.AppConfig], tmp_path: Path
) -> None:
    key = load().audit_key()
    file = tmp_path / "var/audit.key"
    assert file.stat().st_mode & 0o777 == 0o600
    assert len(key) == 64
    assert load().audit_key() == key
    assert list(file.parent.iterdir()) == [file]
    file.chmod(0o640)
    with pytest.raises(ConfigError, match="chmod 600"):
        load().audit_key()


def test_a_given_audit_key_leaves_no_file(
    load: Callable[..., config.AppConfig], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TS_AUDIT_KEY", KEY)
    assert load().audit_key() == KEY.encode()
    assert not (tmp_path / "var").exists()


def test_the_example_names_every_secret_and_holds_none() -> None:
    text = (ROOT / ".env.example").read_text()
    given = dict(line.split("=", 1) for line in text.splitlines() if line.startswith("TS_"))
    assert given == {f"TS_{name.upper()}": "" for name in OURS}


# -- ready to run, test mode ------------------------------------------------------------------


def test_an_unset_server_is_named_key_by_key(load: Callable[..., config.AppConfig]) -> None:
    with pytest.raises(ConfigError, match=r"^discord\.guild_id: missing.*tradestream init"):
        load().check_ready_to_run()
    with pytest.raises(ConfigError) as refused:
        load(discord={"channels": {"approvals": 5}}).check_ready_to_run()
    assert {line.split(":")[0] for line in str(refused.value).splitlines()} == {
        "discord.guild_id",
        "discord.channels.trade_alerts",
        "discord.channels.admin",
        "discord.roles.trader",
        "discord.roles.admin",
    }


def test_a_server_without_any_channel_or_role_waits_for_its_setup(
    load: Callable[..., config.AppConfig], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TS_DISCORD_TOKEN", "x")
    read = load(discord={"guild_id": 5})
    read.check_ready_to_run()
    assert not read.discord.is_set_up


SANDBOX = {"api_base": "http://127.0.0.1:9", "gateway_url": "ws://localhost:9"}


def test_test_mode_takes_loopback_only(load: Callable[..., config.AppConfig]) -> None:
    assert load({"test_mode": True}, discord=SANDBOX).test_mode
    with pytest.raises(ConfigError, match=r"^storage\.url: must be on loopback in test mode"):
        load({"test_mode": True, "storage.url": "postgresql://u@db/x"}, discord=SANDBOX)
    with pytest.raises(ConfigError, match=r"^test_mode: must be false in prod"):
        load({"test_mode": True, "environment": "prod"}, discord=SANDBOX)
