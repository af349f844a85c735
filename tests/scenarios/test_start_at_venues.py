"""The real wiring: config.yaml, secrets and token files -> a desk connected to every adapter."""

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from bot.app import App
from bot.config import load
from bot.demo import world
from engine.clock import SystemClock
from engine.flows import facts
from tests.conformance.broker_bench import BROKERS
from tests.conformance.venue_bench import VenueBench
from tests.live import HandFeed

NAMES = sorted(name for name in BROKERS if name != "paper" and " " not in name)


def written(folder: Path, name: str, bench: VenueBench, **more: object) -> Path:
    """A config.yaml that knows this venue; every address on loopback, as test mode demands."""
    settings = bench.settings(bench.venue.url, bench.venue.ws_url)
    terms = json.loads(settings.model_dump_json())
    for key in [k for k, v in terms.items() if k.endswith("_url") and not v]:
        terms[key] = bench.venue.ws_url if "stream" in key else bench.venue.url
    values = {
        "test_mode": True,
        "discord": {"api_base": "http://127.0.0.1:9", "gateway_url": "ws://127.0.0.1:9"},
        "accounts": {"main": {"broker": name}},
        "brokers": {name: terms},
        "storage": {"url": "sqlite:///desk.db"},
        "health": {"port": None},
        "jobs": {"monitor_s": 0.05},
        "orders": {"exit_retry_s": 0.1},
    } | more
    file = folder / "config.yaml"
    file.write_text(yaml.safe_dump(values))
    tokens = folder / "tokens" / f"{name}-{settings.environment}"
    tokens.mkdir(parents=True)
    for token, text in bench.tokens.kept.items():
        (tokens / token).write_text(text)
        (tokens / token).chmod(0o600)
    return file


@pytest.fixture(params=NAMES)
def name(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    monkeypatch.setenv("TS_DISCORD_TOKEN", world.TOKEN)
    return request.param  # type: ignore[no-any-return]


async def until(check) -> None:
    async with asyncio.timeout(15):
        while not check():  # noqa: ASYNC110 - other tasks move it, there is no event
            await asyncio.sleep(0.01)


async def test_a_configured_broker_is_connected_compared_and_closed(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    bench = BROKERS[name]()
    assert isinstance(bench, VenueBench)
    bench.clock = SystemClock()  # type: ignore[assignment] # one time for the desk and the world
    await bench.open_venue()
    bench.connect_faults(bench.venue)
    for secret, text in bench.secrets.items():
        monkeypatch.setenv(f"TS_{name.upper()}_{secret.upper()}", text)
    monkeypatch.setenv("TS_ACCOUNT_MAIN", bench.numbers["main"])
    try:
        with caplog.at_level("DEBUG"):
            config = load(written(tmp_path, name, bench))
    except Exception:
        await bench.stop()
        raise
    app = App(config, feed=HandFeed())
    try:
        await app.start_desk()
        desk = app.desk
        await until(lambda: not desk.gate(name))
        assert name not in desk.offline
        assert facts.gather(desk, "main").is_reconciled
        assert desk.compared["main"].cash_usd == 100_000
        said = caplog.text + app.report + json.dumps(dict(desk.health))
        assert bench.numbers["main"] not in said
        assert not any(text in said for text in bench.secrets.values() if len(text) > 5)
    finally:
        await app.stop()
        await bench.stop()
