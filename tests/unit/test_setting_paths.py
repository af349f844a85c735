"""Keys as paths: what may change live, how a value is read, and which way is tighter."""

from datetime import time
from decimal import Decimal

import pytest

from bot import config
from bot.config import with_changes
from bot.settings import paths
from engine.domain.errors import ConfigError, UserError

D = Decimal


@pytest.fixture
def loaded(tmp_path, monkeypatch):
    monkeypatch.delenv("TRADESTREAM_ENV", raising=False)
    file = tmp_path / "config.yaml"
    file.write_text(
        "accounts: {main: {broker: paper}}\n"
        "risk: {daily_loss: {max_loss_pct: 3}}\n"
        "sources: {room: {channel_id: 5}}\n"
    )
    return config.load(file)


def test_naming_nobody_an_admin_is_looser() -> None:
    assert paths.is_loosening("discord.roles.admin", frozenset({1}), frozenset())
    assert not paths.is_loosening("discord.roles.admin", frozenset({1, 2}), frozenset({1}))


def test_changes_lie_over_everything_and_can_be_taken_away_again(loaded):
    one = with_changes(loaded, {"risk": {"daily_loss": {"max_loss_pct": "2"}}})
    assert paths.flat(one)["risk.daily_loss.max_loss_pct"] == D(2)
    two = with_changes(one, {"sources": {"room": None, "new": {"channel_id": 6}}})
    assert set(two.sources) == {"new"}
    assert paths.flat(two)["risk.daily_loss.max_loss_pct"] == D(3)
    assert with_changes(two, {}).sources == loaded.sources
    with pytest.raises(ConfigError, match=r"^risk\.daily_loss\.max_loss_pct: must be"):
        with_changes(loaded, {"risk": {"daily_loss": {"max_loss_pct": "lots"}}})


def test_what_runs_is_shown_without_secrets_and_places(loaded):
    flat = paths.flat(loaded)
    assert flat["discord.confirm_expiry_s"] == 60
    assert not [p for p in flat if p.split(".")[0] in ("secrets", "home", "layers", "secrets_dir")]
    nested = paths.nested({"a.b": 1, "a.c": 2, "d": None})
    assert nested == {"a": {"b": 1, "c": 2}, "d": None}


def test_a_time_of_day_is_shown_as_one():
    """A prop firm's account has some; the snapshot of the configuration shows everything."""
    assert paths.shown(time(15, 10)) == "15:10:00"
    assert paths.plain({"a": {"b": time(15, 10)}}) == {"a": {"b": "15:10:00"}}


@pytest.mark.parametrize(
    ("typed", "value"),
    [
        ("3", 3),
        ("2.5", 2.5),
        ("null", None),
        ("true", True),
        ("auto", "auto"),
        ("[1, 2]", [1, 2]),
        ("{A: 1}", {"A": 1}),
        ("09:30", "09:30"),
    ],
)
def test_values_are_read_as_in_the_file(typed, value):
    assert paths.read_value(typed) == value


@pytest.mark.parametrize("typed", ["1e9", "1.0e9", "1_000", ".inf", "5."])
def test_a_figure_is_written_in_plain_digits(typed):
    """1e9 became a limit of a billion."""
    with pytest.raises(UserError, match="plain digits"):
        paths.read_value(typed)


@pytest.mark.parametrize("typed", ["٣", "1e1", "1_0", "３"])
def test_a_text_is_no_figure_however_a_machine_reads_it(loaded, typed):
    changes = paths.nested({"risk.daily_loss.max_loss_pct": typed})
    meant = with_changes(loaded, changes)
    assert paths.at(meant, "risk.daily_loss.max_loss_pct").is_finite()
    with pytest.raises(UserError, match=r"risk\.daily_loss\.max_loss_pct: write figures in plain"):
        paths.check_figures("risk", changes["risk"], paths.at(meant, "risk"))
    paths.check_figures("sources", {"room": {"name": typed}}, loaded.sources)


def test_a_broker_is_changed_under_the_key_that_the_file_gives_it(tmp_path, monkeypatch):
    monkeypatch.delenv("TRADESTREAM_ENV", raising=False)
    file = tmp_path / "config.yaml"
    file.write_text(
        "accounts: {main: {broker: paper}}\nbrokers: {tda: {rest_url: 'http://127.0.0.1:1'}}\n"
    )
    change = paths.nested({"brokers.schwab.fee_per_option_contract_usd": "0.5"})
    made = with_changes(config.load(file), change)
    assert made.brokers["schwab"].fee_per_option_contract_usd == D("0.5")
    assert made.brokers["schwab"].rest_url == "http://127.0.0.1:1"


@pytest.mark.parametrize("typed", ["[1", "a: b: c", "{", "x\ny: 3\nvalue: 9", "!!python/none x"])
def test_what_is_no_value_is_refused(typed):
    with pytest.raises(UserError, match="Nothing was changed"):
        paths.read_value(typed)


@pytest.mark.parametrize(
    "path",
    ["storage.url", "brokers.paper.latency_ms", "accounts.main.broker", "mode", "discord.api_base"],
)
def test_what_needs_a_restart_is_said(path):
    assert paths.refusal(path)
    assert "/mode" in paths.refusal("mode")
    assert not paths.refusal("risk.daily_loss.max_loss_pct")


@pytest.mark.parametrize(
    ("path", "old", "new", "is_loosening"),
    [
        ("risk.daily_loss.max_loss_pct", D(3), D(2), False),
        ("risk.daily_loss.max_loss_pct", D(3), D(4), True),
        ("brokers.topstepx.attended_min", None, D(30), False),
        ("brokers.topstepx.attended_min", D(30), D(60), True),
        ("brokers.topstepx.attended_min", D(30), None, True),
        ("brokers.alpaca.requests_per_min", 190, 900, False),
        ("risk.daily_loss.max_loss_usd", None, D(500), False),
        ("risk.daily_loss.max_loss_usd", D(500), None, True),
        ("risk.max_positions.max_positions", 20, 0, False),
        ("risk.min_reward.min_ratio", D(2), D(3), False),
        ("risk.min_reward.min_ratio", D(2), D(1), True),
        ("risk.cooldown.after_exit_min", 15, 30, False),
        ("risk.undefined_risk.is_allowed", False, True, True),
        ("risk.undefined_risk.is_allowed", True, False, False),
        ("risk.data_quality.worst_grade", "C", "D", True),
        ("sizing.risk_pct", D(1), D("0.5"), False),
        ("sizing.risk_pct", D(1), D(2), True),
        ("sizing.kelly_par", D("0.2"), D("0.1"), True),
        ("sizing.kelly_min_trades", 30, 1_000_000, True),
        ("sizing.kelly_max_trades", 100, 1, True),
        ("risk.correlation.min_days", 40, 100_000, True),
        ("risk.min_reward.kinds", frozenset({"stock"}), frozenset(), True),
        ("risk.min_reward.kinds", frozenset({"stock"}), frozenset({"stock", "option"}), False),
        ("discord.roles.admin", frozenset({1, 2}), frozenset({1}), False),
        ("discord.roles.admin", frozenset({1}), frozenset({1, 2}), True),
        ("discord.two_person_above_usd", D(1000), None, True),
        ("orders.entry_wait_s", 120, 600, False),
    ],
)
def test_only_what_is_surely_tighter_needs_one_admin(path, old, new, is_loosening):
    assert paths.is_loosening(path, old, new) is is_loosening
