"""/health metrics and /health detailed as people use them."""

from datetime import UTC, datetime

import aiohttp
import pytest

from bot import gauges, health
from tests.discord.kit import desk, plain
from tests.discord.test_charts import look


@pytest.fixture
async def it(tmp_path, monkeypatch):
    async with desk(tmp_path, monkeypatch, health={"port": 0}) as made:
        yield made


async def test_the_process_shows_its_own_pulse(tmp_path, monkeypatch):
    async with desk(tmp_path, monkeypatch) as it:
        empty = await look(it, "vic", "actions", "health metrics")
        assert "No figures of the process yet" in plain(empty.reply)
        for _ in range(3):
            await it.app.vitals.look()
        shown = (await look(it, "vic", "actions", "health metrics")).reply
        words = plain(shown)
        for name in ("memory MB", "processor %", "loop lag ms", "books ms"):
            assert name in words
        assert "3 looks" in words
        assert shown.attachments[0].description.startswith("The process over 3 looks: memory")
        (memory, *_) = it.app.vitals.report().vitals
        assert 40 < memory.now < 2_000


async def test_each_part_is_named_and_one_can_be_picked(tmp_path, monkeypatch):
    async with desk(tmp_path, monkeypatch) as it:
        it.app.desk.health["feed hand"] = "silent"
        whole = plain((await look(it, "vic", "orders", "health detailed")).reply)
        assert "✗ feed hand silent" in whole
        assert "✓ gateway" in whole
        it.app.desk.health["broker paper"] = "does not answer"
        twice = plain((await look(it, "vic", "orders", "health summary")).reply)
        assert twice.count("does not answer") == 1, "a broker is one part"
        del it.app.desk.health["broker paper"]
        one = plain((await look(it, "vic", "orders", "health detailed", component="gate")).reply)
        assert "1 parts called “gate”" in one
        none = plain((await look(it, "vic", "orders", "health detailed", component="moon")).reply)
        assert "There is no part called “moon”" in none
        found = await it.user("vic").autocomplete(
            "orders", "health detailed", "component", component="pap"
        )
        assert [c["value"] for c in found.choices] == ["paper"]
        hidden = await look(it, "vic", "actions", "health detailed")
        assert hidden.ephemeral


async def test_what_is_wrong_says_since_when_and_other_words_for_it_begin_nothing(it):
    health, began = it.app.desk.health, it.app.clock.now()
    health["feed hand"] = "silent"
    first = health.since["feed hand"]
    health["feed hand"] = "still silent"
    assert health.since["feed hand"] == first >= began
    shown = plain((await look(it, "vic", "orders", "health summary")).reply)
    assert f"✗ feed hand still silent since <t:{int(first.timestamp())}:R>" in shown
    del health["feed hand"]
    assert "feed hand" not in health.since


async def test_health_over_http_tells_parts_and_figures_and_no_secret(it):
    app = it.app
    app.desk.health["feed hand"] = "silent"
    await app.vitals.look()
    await look(it, "vic", "orders", "health summary")
    server = await health.serve(app)
    assert server is not None
    ((_, port),) = server.addresses
    base = f"http://127.0.0.1:{port}"
    try:
        async with aiohttp.ClientSession() as session:
            async with session.get(f"{base}/health/detailed") as answer:
                seen = await answer.json()
            async with session.get(f"{base}/metrics") as answer:
                kind, page = answer.headers["Content-Type"], await answer.text()
            refused = await session.get(f"{base}/metrics", headers={"Host": "evil.example"})
            assert refused.status == 403
    finally:
        await server.cleanup()
        del app.desk.health["feed hand"]
    parts = {p["name"]: p["condition"] for p in seen["parts"]}
    assert parts["gateway"] == "ok"
    (ill,) = [p for p in seen["problems"] if p["part"] == "feed hand"]
    assert (ill["what"], datetime.fromisoformat(ill["since"]).tzinfo) == ("silent", UTC)
    assert seen["process"]["memory MB"]["now"] > 10
    assert kind.startswith("text/plain; version=0.0.4")
    values = dict(line.rsplit(" ", 1) for line in page.splitlines() if not line.startswith("#"))
    assert values["tradestream_trading_ready"] == "1"
    assert values["tradestream_ready"] == "0"
    assert float(values["tradestream_memory_bytes"]) > 1e7
    assert int(values["tradestream_problems"]) >= 1
    typed = [line.split()[2] for line in page.splitlines() if line.startswith("# TYPE")]
    assert len(typed) == len(set(typed)) > 10, "each family once"
    assert {line.partition("{")[0].split()[0] for line in values} == set(typed)
    for secret in app.config.secrets.values():
        assert secret not in page
        assert secret not in str(seen)


async def test_cash_alone_is_told_and_leaves_the_desk_ready(it):
    it.app.desk.health["cash main"] = "Reconciliation of main: cash: $10.00 with us, $9.00 there"
    said = health.facts(it.app)
    assert said["ready"]
    assert "$9.00 there" in str(said["reasons"])
    it.app.desk.health["reconcile main"] = "MNQ: we hold 2, the broker 1"
    assert not health.facts(it.app)["ready"]


async def test_a_figure_that_is_not_known_is_left_out_of_the_metrics(it):
    page = gauges.page(it.app, health.facts(it.app))
    assert "tradestream_provider_calls_total" not in page, "nothing outside was called"
    assert 'tradestream_info{version="' in page
