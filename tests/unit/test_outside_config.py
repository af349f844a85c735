"""Brokers and live feeds in the configuration: files, secrets, paper or live, addresses."""

import asyncio
import copy
import os
import stat
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

import engine.brokers
import engine.feeds
from bot import __main__ as start
from bot import config, connect
from bot.config import adapters
from bot.config.file import read_yaml
from bot.config.layers import merged
from bot.tokens import FileTokens
from engine import registry
from engine.clock import ManualClock
from engine.domain.errors import ConfigError
from engine.domain.instrument import future, stock
from tests.unit.feeds.test_several import QUIET_FEED

ROOT = Path(__file__).parents[2]
KEY, SECRET, NUMBER = "canary-key-0123456789", "canary-secret-0123456789", "canary-5WT00001"
PROBE: dict[str, Any] = {
    "brokers": {"probe": {"environment": "paper"}},
    "accounts": {"main": {"broker": "probe"}},
}
Load = Callable[..., config.AppConfig]


@pytest.fixture(autouse=True)
def _around(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No settings of this machine; one more broker and one more feed."""
    for name in list(os.environ):
        if name.startswith(("TS_", "TRADESTREAM_")) or name == "CREDENTIALS_DIRECTORY":
            monkeypatch.delenv(name)
    feeds = tmp_path / "feeds"
    feeds.mkdir()
    (feeds / "quiet.py").write_text(QUIET_FEED)
    (feeds / "lacking.py").write_text("import a_library_that_nobody_has\n")
    brokers = ROOT / "tests/outside"
    for package, folder in ((engine.brokers, brokers), (engine.feeds, feeds)):
        folders = [*package.__path__, str(folder)]
        monkeypatch.setattr(package, "__path__", folders)
        monkeypatch.setattr(package.__spec__, "submodule_search_locations", folders)
    for name in ("brokers.probe", "feeds.quiet"):
        monkeypatch.delitem(sys.modules, f"engine.{name}", raising=False)


@pytest.fixture
def load(tmp_path: Path) -> Load:
    """The shipped file with these laid over it."""

    def run(*changes: dict[str, Any]) -> config.AppConfig:
        return config.load(write(tmp_path, *changes))

    return run


def write(folder: Path, *changes: dict[str, Any]) -> Path:
    values = merged(copy.deepcopy(read_yaml(ROOT / "config.yaml")), *changes)
    file = folder / "config.yaml"
    file.write_text(yaml.safe_dump(values))
    return file


@pytest.fixture
def keys(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TS_PROBE_KEY", KEY)
    monkeypatch.setenv("TS_PROBE_SECRET", SECRET)
    monkeypatch.setenv("TS_ACCOUNT_MAIN", NUMBER)


def clock() -> ManualClock:
    from tests.rig import START

    return ManualClock(START)


@pytest.mark.usefixtures("keys")
def test_a_broker_is_made_with_its_settings_accounts_and_secrets(load: Load) -> None:
    read = load(PROBE, {"brokers": {"probe": {"rest_url": "http://127.0.0.1:9"}}})
    made: Any = connect.brokers(read, clock())["probe"]
    assert made.settings.rest_url == "http://127.0.0.1:9"
    assert dict(made.setup.accounts) == {"main": NUMBER}
    assert {k: v.get_secret_value() for k, v in made.setup.secrets.items()} == {
        "key": KEY,
        "secret": SECRET,
    }
    assert made.n_connects == 0, "making one connects nothing"
    assert not {KEY, SECRET, NUMBER} & set(repr(read)), "and shows nothing"
    assert not any(canary in repr(read) + str(made.setup) for canary in (KEY, SECRET))
    assert {KEY, SECRET, NUMBER} <= read.secrets.values()


def test_what_is_not_configured_is_not_imported(load: Load) -> None:
    load()
    assert "engine.brokers.probe" not in sys.modules
    assert connect.brokers(load(), clock()) == {}


@pytest.mark.usefixtures("keys")
def test_a_broker_that_no_account_trades_at_is_not_connected(load: Load) -> None:
    read = load({"brokers": PROBE["brokers"]})
    assert connect.brokers(read, clock()) == {}


def test_secrets_of_brokers_come_from_files_too(
    load: Load, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / ".secrets"
    folder.mkdir()
    for name, text in (("probe_key", KEY), ("account_main", NUMBER)):
        (folder / name).write_text(f"{text}\n")
        (folder / name).chmod(0o600)
    (tmp_path / ".env").write_text(f"TS_PROBE_SECRET={SECRET}\n")
    (tmp_path / ".env").chmod(0o600)
    made: Any = connect.brokers(load(PROBE), clock())["probe"]
    assert made.setup.secrets["key"].get_secret_value() == KEY
    assert made.setup.secrets["secret"].get_secret_value() == SECRET
    assert made.setup.accounts["main"] == NUMBER


WRONG: list[tuple[dict[str, Any], str]] = [
    ({"probe": {"environment": "live"}}, "brokers.probe.environment: must be paper while mode is"),
    ({"probe": {"environment": "real"}}, "brokers.probe.environment: must be 'paper' or 'live'"),
    ({"probe": {"enviroment": "paper"}}, "brokers.probe.enviroment: unknown key"),
    ({"probe": {"own_machine": 1}}, ""),
    ({"probe": []}, "brokers.probe: must be a mapping"),
    ({"probe": {"rest_url": "http://example.com"}}, "brokers.probe.rest_url: must be https or wss"),
    ({"probe": {"stream_url": "ws://10.0.0.5/x"}}, "brokers.probe.stream_url: must be https or"),
    ({"probe": {"rest_url": "127.0.0.1:80"}}, "brokers.probe.rest_url: must be an http or ws"),
    ({"probe": {"rest_url": "ftp://127.0.0.1"}}, "brokers.probe.rest_url: must be an http or ws"),
    ({"probe": {"rest_url": "https://127.0.0.1:x"}}, "brokers.probe.rest_url: must be an http"),
    ({"probe": {"rest_url": "https://me@host/"}}, "brokers.probe.rest_url: must not hold cred"),
    (
        {"probe": {"rest_url": "ws://127.0.0.1:1"}},
        "brokers.probe.rest_url: must be an http or https",
    ),
    ({"probe": {"token_url": "wss://host"}}, "brokers.probe.token_url: must be an http or https"),
    ({"probe": {"rest_url": 5}}, "brokers.probe.rest_url: must be a text"),
    ({"probe": {"key": KEY}}, "brokers.probe.key: is a secret: set TS_PROBE_KEY"),
    ({"probe": {"secret": KEY}}, "brokers.probe.secret: looks like a secret"),
    ({"Probe": {}}, "brokers.Probe: unknown key; engine/brokers has: "),
    ({"_wire": {}}, "brokers._wire: unknown key; engine/brokers has: "),
]


@pytest.mark.parametrize(("brokers", "said"), WRONG, ids=[str(i) for i in range(len(WRONG))])
def test_a_bad_key_of_a_broker_ends_the_start_with_78_and_its_path(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], brokers: dict[str, Any], said: str
) -> None:
    file = write(tmp_path, {"brokers": brokers})
    code = start.main(["--config", str(file), "check"])
    out, err = capsys.readouterr()
    if not said:
        assert code == start.CLEAN
        return
    assert code == start.CONFIGURATION
    assert out == ""
    assert any(line.startswith(said) for line in err.splitlines()), err
    assert KEY not in err


@pytest.mark.usefixtures("keys")
def test_live_needs_a_live_broker_and_says_which_key_it_lacks(load: Load) -> None:
    with pytest.raises(ConfigError, match=r"^mode: must be paper: no broker's environment is live"):
        load(PROBE, {"mode": "live"})
    read = load(PROBE, {"mode": "live", "brokers": {"probe": {"environment": "live"}}})
    assert read.mode == "live"


def test_a_live_key_in_paper_mode_refuses_to_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """O-24."""
    monkeypatch.setenv("TS_PROBE_KEY", "AK-canary-0123456789")
    monkeypatch.setenv("TS_PROBE_SECRET", SECRET)
    file = write(tmp_path, PROBE)
    assert start.main(["--config", str(file), "check", "--ready"]) == start.CONFIGURATION
    err = capsys.readouterr().err
    assert "brokers.probe.environment: must be live with this key" in err.splitlines()
    assert "canary" not in err
    with pytest.raises(ConfigError, match=r"^brokers\.probe\.environment: must be live"):
        connect.brokers(config.load(file), clock())


@pytest.mark.parametrize(
    "text", ["canary-0123\n456789", "\ufeffcanary-0123456789", "kanárek-0123456"]
)
def test_a_secret_that_was_miscopied_is_named_and_not_shown(
    load: Load, monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    monkeypatch.setenv("TS_PROBE_KEY", KEY)
    monkeypatch.setenv("TS_PROBE_SECRET", text)
    with pytest.raises(ConfigError) as refused:
        load(PROBE).check_ready_to_run()
    assert "probe_secret: holds characters that no key has; copy it anew" in str(refused.value)
    assert "0123" not in str(refused.value)


def test_a_missing_secret_is_named_before_anything_starts(
    load: Load, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TS_PROBE_KEY", KEY)
    with pytest.raises(ConfigError) as refused:
        load(PROBE).check_ready_to_run()
    assert "probe_secret: missing; set TS_PROBE_SECRET" in str(refused.value).splitlines()
    assert "probe_key" not in str(refused.value)


@pytest.mark.parametrize(
    ("variable", "said"),
    [
        ("TS_PROBE_KEYY", "TS_PROBE_KEYY: no such secret; known: probe_key, probe_secret"),
        ("TS_ACCOUNT_MIAN", "TS_ACCOUNT_MIAN: accounts has no mian; it has main"),
        ("TS_PROBES_KEY", "TS_PROBES_KEY: no such setting"),
        ("TS_PAPER_KEY", "TS_PAPER_KEY: no such setting"),
        ("TS_ACCOUNT_", "TS_ACCOUNT_: no such setting"),
    ],
)
def test_a_misspelt_secret_is_named_and_not_shown(
    load: Load, monkeypatch: pytest.MonkeyPatch, variable: str, said: str
) -> None:
    """A number under a wrong name would let the login's only other account trade."""
    monkeypatch.setenv(variable, KEY)
    with pytest.raises(ConfigError) as refused:
        load(PROBE)
    assert str(refused.value).startswith(said)
    assert KEY not in str(refused.value)


def test_tda_is_schwab(load: Load, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(adapters.ALIASES, "old", "probe")
    assert adapters.ALIASES["tda"] == "schwab"
    monkeypatch.setenv("TS_OLD_KEY", KEY)
    monkeypatch.setenv("TS_PROBE_SECRET", SECRET)
    old = {"brokers": {"old": {"own_machine": True}}, "accounts": {"main": {"broker": "old"}}}
    made: Any = connect.brokers(load(old), clock())["probe"]
    assert made.name == "probe"
    assert made.settings.own_machine
    assert made.setup.secrets["key"].get_secret_value() == KEY
    with pytest.raises(ConfigError, match=r"^brokers\.probe: is probe, which stands there too"):
        load(old, {"brokers": {"probe": {}}})


SANDBOX = {"discord": {"api_base": "http://127.0.0.1:9", "gateway_url": "ws://localhost:9"}}


def test_in_test_mode_every_address_must_be_given_and_on_loopback(load: Load) -> None:
    here = {"rest_url": "http://127.0.0.1:1", "stream_url": "ws://[::1]:2"}
    with pytest.raises(ConfigError, match=r"^brokers\.probe\.token_url: must be a loopback addr"):
        load(PROBE, SANDBOX, {"test_mode": True, "brokers": {"probe": here}})
    there = here | {"token_url": "https://login.example.com"}
    with pytest.raises(ConfigError, match=r"^brokers\.probe\.token_url: must be a loopback addr"):
        load(PROBE, SANDBOX, {"test_mode": True, "brokers": {"probe": there}})
    here["token_url"] = "http://localhost:3/oauth"
    assert load(PROBE, SANDBOX, {"test_mode": True, "brokers": {"probe": here}}).test_mode


@pytest.mark.parametrize("is_feed", [False, True])
def test_in_test_mode_an_address_that_another_stands_for_may_be_empty(
    load: Load, monkeypatch: pytest.MonkeyPatch, *, is_feed: bool
) -> None:
    """The page of tastytrade says so of ``token_url``; the start was refused."""
    monkeypatch.setenv("TS_TASTYTRADE_CLIENT_SECRET", SECRET)
    monkeypatch.setenv("TS_TASTYTRADE_REFRESH_TOKEN", KEY)
    here = {"rest_url": "http://127.0.0.1:1"}
    if is_feed:
        there = {"feed": {"kind": "live", "live": {"tastytrade": here}}}
        here["quotes_url"] = "ws://127.0.0.1:1"
    else:
        there = {"brokers": {"tastytrade": here}, "accounts": {"main": {"broker": "tastytrade"}}}
        here["stream_url"] = "ws://127.0.0.1:1"
    assert load(SANDBOX, {"test_mode": True}, there).test_mode
    here["token_url"] = "https://login.example.com"
    with pytest.raises(ConfigError, match=r"tastytrade\.token_url: must be a loopback address"):
        load(SANDBOX, {"test_mode": True}, there)


def test_a_deposit_is_for_paper_accounts_only(load: Load) -> None:
    with pytest.raises(ConfigError, match=r"^accounts\.main\.start_cash_usd: is for paper"):
        load(PROBE, {"accounts": {"main": {"start_cash_usd": 5}}})


# -- live feeds -------------------------------------------------------------------------------


def test_live_feeds_are_asked_in_the_order_of_the_file(
    load: Load, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = load({"feed": {"kind": "live", "live": {"quiet": {"rest_url": "http://[::1]:1"}}}})
    with pytest.raises(ConfigError, match=r"^quiet_key: missing; set TS_QUIET_KEY"):
        connect.live_feed(read, clock())
    monkeypatch.setenv("TS_QUIET_KEY", KEY)
    read = load({"feed": {"kind": "live", "live": {"quiet": {}}}})
    made: Any = connect.live_feed(read, clock())
    assert [feed.name for feed in made.feeds] == ["quiet"]
    assert made.feeds[0].setup.secrets["key"].get_secret_value() == KEY
    assert stock("SPY").kind in made.feeds[0].kinds
    assert future("ES", clock().now().date()).kind not in made.feeds[0].kinds


def test_a_feed_without_its_library_says_so_and_hurts_nobody_else(load: Load) -> None:
    load()
    with pytest.raises(ConfigError, match=r"^feed\.live\.lacking: cannot be used: No module"):
        load({"feed": {"kind": "live", "live": {"lacking": {}}}})


def test_live_feeds_belong_to_kind_live_alone(load: Load) -> None:
    with pytest.raises(ConfigError, match=r"^feed\.live: must be empty unless kind is live"):
        load({"feed": {"kind": "none", "live": {"quiet": {}}}})


# -- tokens -----------------------------------------------------------------------------------


async def test_tokens_are_kept_whole_in_files_for_us_alone(tmp_path: Path) -> None:
    tokens = FileTokens(tmp_path / "tokens" / "probe-paper")
    assert await tokens.load("session") is None
    await tokens.save("session", "one")
    await tokens.save("session", "two")
    again = FileTokens(tmp_path / "tokens" / "probe-paper")
    assert await again.load("session") == "two"
    folder = tmp_path / "tokens" / "probe-paper"
    assert [f.name for f in folder.iterdir()] == ["session"]
    assert stat.S_IMODE((folder / "session").stat().st_mode) == 0o600
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    (folder / "session").chmod(0o640)
    with pytest.raises(ConfigError, match="others may read it"):
        await again.load("session")
    with pytest.raises(ValueError, match="no name of a token"):
        await again.save("../audit.key", "x")


async def test_tokens_kept_at_once_do_not_take_each_others_draft_away(tmp_path: Path) -> None:
    tokens = FileTokens(tmp_path)
    await asyncio.gather(*(tokens.save("session", str(n)) for n in range(40)))
    assert await tokens.load("session") == "39"


async def test_what_is_appended_is_there_or_not_at_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tokens = FileTokens(tmp_path / "tokens")
    await tokens.append("orders", "one\n")
    await tokens.append("orders", "two\n")
    assert stat.S_IMODE((tmp_path / "tokens" / "orders").stat().st_mode) == 0o600

    def full(_: int) -> None:
        raise OSError(28, "no space left")

    with monkeypatch.context() as disk:
        disk.setattr("bot.tokens.os.fsync", full)
        with pytest.raises(OSError, match="no space"):
            await tokens.append("orders", "three\n")
    assert await FileTokens(tmp_path / "tokens").load("orders") == "one\ntwo\n"


# -- what the shipped file shows ----------------------------------------------------------------


def _shown() -> dict[str, dict[str, Any]]:
    """The examples that stand in config.yaml as comments, by section."""
    found: dict[str, dict[str, Any]] = {}
    section = ""
    for line in (ROOT / "config.yaml").read_text().splitlines():
        if line[:1].isalpha():
            section = line.partition(":")[0]
        if line.startswith("  # ") and ": {" in line:
            found.setdefault(section, {}).update(yaml.safe_load(line[4:]))
    return found


@pytest.mark.parametrize(
    ("section", "package"), [("brokers", engine.brokers), ("feed", engine.feeds)]
)
def test_the_shipped_file_shows_every_adapter_with_its_defaults(
    section: str, package: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.undo()
    kind_of = adapters.broker_kind if section == "brokers" else adapters.feed_kind
    names = set(registry.names(package.__name__)) - {"paper", "recorded", "synthetic"}
    shown = _shown()[section]
    assert set(shown) == names
    for name in names:
        kind: Any = kind_of(name)
        assert set(shown[name]) == set(kind.Settings.model_fields), name
        assert kind.Settings.model_validate(shown[name]) == kind.Settings(), name
