"""The real wiring: config.yaml, secrets and token files -> a desk connected to every adapter."""

import asyncio
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from bot.app import App
from bot.config import load
from bot.demo import world
from engine.clock import SystemClock
from engine.desk import Desk
from engine.domain.order import OrderType, Side
from engine.flows.brokers import glance, recover
from engine.flows.limits import facts
from tests.conformance.broker_bench import BROKERS
from tests.conformance.venue_bench import VenueBench
from tests.live import HandFeed
from tests.scenarios.test_desk_at_venues import at

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


@pytest.mark.parametrize("by_hand", [False, True])
@pytest.mark.parametrize("name", ["etrade", "webull"])
async def test_a_start_reads_no_long_list_where_exits_filled_or_somebody_sold_meanwhile(
    name: str, by_hand: bool
) -> None:
    """Entries waited up to 42 s: the lists of the day were read to their end, and twice."""
    async with at(name) as it:
        bench, exchange = it.bench, it.bench.venue.exchange
        for _ in range(4):
            await it.enter(qty=1)
        bench.it, first = bench.it2, bench.it
        await it.enter(qty=1)
        await it.seconds(20)
        assert len(it.desk.book.open_trades()) == 5
        number = bench.numbers["main"]
        for n in range(12):  # somebody's, in the broker's own app
            app = replace(bench.request(Side.BUY, 1, OrderType.LIMIT, limit="0.50"), account=number)
            name_of_it = f"APP{n:05d}"
            await exchange.submit(replace(app, client_order_id=name_of_it))
            await exchange.cancel(number, name_of_it)
        bench.clock.advance(120)
        await it.desk.tell("admin", "the last word of this life")
        await it.die()
        bench.clock.advance(5)
        if by_hand:
            for order in await exchange.open_orders(number):
                if order.legs[0].instrument == bench.it:
                    await exchange.cancel(number, order.client_order_id)
            sale = replace(bench.request(Side.SELL, 1, OrderType.MARKET), account=number)
            await exchange.submit(replace(sale, client_order_id="APPSALE", reduces=False))
        bench.board.put(bench.quote_of(bench.it, "2.00", "2.01"))
        bench.board.put(bench.quote_of(first, "1.40", "1.41"))
        bench.clock.advance(1)
        bench.board.put(bench.quote_of(bench.it, "2.00", "2.01"))
        bench.board.put(bench.quote_of(first, "1.40", "1.41"))
        await exchange.settle()
        if name == "webull":
            bench.venue.largest_page = 2
        else:
            bench.venue.quirks.page = 2
        seen = []

        async def looked(desk: Desk, broker_name: str) -> bool:
            asked = len(bench.venue.log.requests)
            is_same = await glance.is_as_left(desk, broker_name)
            pages = [r for r in bench.venue.log.requests[asked:] if "orders" in r.path]
            seen.append((is_same, len(pages)))
            return is_same

        with pytest.MonkeyPatch.context() as patched:
            patched.setattr(recover, "is_as_left", looked)
            await it.start()
        assert len(it.desk.book.open_trades()) == (not by_hand)
        ((is_same, n_pages),) = seen
        assert is_same
        assert n_pages <= 10
        await it.true()


async def test_what_many_exits_filled_meanwhile_a_start_reads_in_one_list() -> None:
    """Each was asked for alone: with ten of them entries waited 8 s, with fourteen 13 s."""
    async with at("webull") as it:
        bench = it.bench
        for _ in range(8):
            await it.enter(qty=1)
        await it.seconds(20)
        assert len(it.desk.book.open_trades()) == 8
        bench.clock.advance(900)
        await it.desk.tell("admin", "the last word of this life")
        await it.die()
        for _ in range(2):
            bench.clock.advance(1)
            bench.board.put(bench.quote_of(bench.it, "1.40", "1.41"))
            await bench.venue.exchange.settle()
        asked = len(bench.venue.log.requests)
        await it.start()
        assert not it.desk.gates
        assert not it.desk.book.open_trades()
        paths = [request.path for request in bench.venue.log.requests[asked:]]
        assert not [path for path in paths if path.endswith("/orders/get")]
        await it.true()
