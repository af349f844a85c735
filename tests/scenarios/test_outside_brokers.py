"""Outside brokers at the start, down, and back: none holds another up (P-05), none is mixed up."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

import engine.brokers
from bot import reconnect
from bot.app import App
from bot.config import load
from bot.process import EXIT_CONFIG, Process
from bot.tokens import FileTokens, TrialTokens
from engine.brokers import Odd
from engine.domain.desk import Who
from engine.domain.errors import NotAllowed, UserError, WrongEnvironment
from engine.flows.brokers import hear
from engine.flows.limits import facts
from engine.reports import Missing
from tests.live import HandFeed

ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def _around(monkeypatch: pytest.MonkeyPatch) -> None:
    folders = [*engine.brokers.__path__, str(ROOT / "tests/outside")]
    monkeypatch.setattr(engine.brokers, "__path__", folders)
    monkeypatch.setattr(engine.brokers.__spec__, "submodule_search_locations", folders)
    monkeypatch.setenv("TS_PROBE_KEY", "PK-canary-0123456789")
    monkeypatch.setenv("TS_PROBE_SECRET", "canary-0123456789")


def made(tmp_path: Path, connecting: str) -> App:
    """A desk with one account on paper and one at the probe."""
    file = tmp_path / "config.yaml"
    values = {
        "accounts": {"main": {"broker": "paper"}, "far": {"broker": "probe"}},
        "brokers": {"probe": {"connecting": connecting}},
        "storage": {"url": "sqlite:///desk.db"},
        "health": {"port": None},
        "orders": {"exit_retry_s": 0.05},
        "jobs": {"monitor_s": 0.05},
    }
    file.write_text(yaml.safe_dump(values))
    return App(load(file), feed=HandFeed())


@asynccontextmanager
async def started(app: App) -> AsyncIterator[Any]:
    try:
        await app.start_desk()
        yield app.desk.brokers["probe"]
    finally:
        await app.stop()


async def until(check: Any) -> None:
    async with asyncio.timeout(10):
        while not check():  # noqa: ASYNC110 - other tasks move it, there is no event
            await asyncio.sleep(0.01)


@pytest.mark.parametrize("connecting", ["down", "locked_out", "breaks"])
async def test_a_broker_that_is_down_stops_its_own_entries_alone(
    tmp_path: Path, connecting: str
) -> None:
    app = made(tmp_path, connecting)
    async with started(app) as probe:
        desk = app.desk
        assert "probe" in desk.offline
        assert facts.gather(desk, "main").is_reconciled, "paper goes on"
        assert not facts.gather(desk, "far").is_reconciled, "no entries where nothing is known"
        assert "broker probe" in desk.health
        probe.connecting = "works"
        await until(lambda: facts.gather(desk, "far").is_reconciled)
        assert probe.n_connects >= 2
        assert "probe" not in desk.offline
        assert "broker probe" not in desk.health


async def test_a_broker_that_hangs_holds_up_neither_start_nor_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("engine.flows.brokers.recover.START_WAIT_S", 0.2)
    monkeypatch.setattr("bot.app._DRAIN_S", 0.3)
    app = made(tmp_path, "hangs")
    async with asyncio.timeout(20), started(app):
        assert "probe: does not answer yet" in app.report
        assert facts.gather(app.desk, "main").is_reconciled
        assert not facts.gather(app.desk, "far").is_reconciled


async def test_a_login_of_the_other_kind_refuses_to_start(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """O-24: what only the broker can tell."""
    app = made(tmp_path, "other_kind")
    assert await Process(app).run() == EXIT_CONFIG
    assert "brokers.probe.environment: configured paper, but this login is live" in caplog.text
    with pytest.raises(WrongEnvironment):
        async with started(made(tmp_path, "other_kind")):
            pass


async def test_people_are_told_once_that_a_broker_does_not_know_us(tmp_path: Path) -> None:
    app = made(tmp_path, "locked_out")
    async with started(app) as probe:
        await until(lambda: probe.n_connects >= 3)
        notes = [n for n in app.desk.book.notices.values() if n.channel == "admin"]
        assert len([n for n in notes if "probe" in n.text and "log in again" in n.text]) == 1


ADMIN = Who(user_id=9, name="ada", may_trade=True, may_admin=True)


async def test_a_renewed_connection_takes_the_place_of_the_old_and_its_events_are_heard(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = made(tmp_path, "works")
    async with started(app) as old:
        monkeypatch.setenv("TS_PROBE_SECRET", "canary-new-987654321")
        said = await reconnect.run(app, "probe", ADMIN)
        fresh: Any = app.desk.brokers["probe"]
        assert fresh is not old
        assert fresh.setup.secrets["secret"].get_secret_value() == "canary-new-987654321"
        assert "canary" not in said
        assert "books agree" in said
        await until(lambda: facts.gather(app.desk, "far").is_reconciled)
        heard: list[object] = []
        monkeypatch.setattr(hear, "on_event", lambda *args: _note(heard, args))
        fresh.inner._queue.put_nowait(Odd(note="news", raw=""))
        await until(lambda: heard)


async def test_new_secrets_that_do_not_work_leave_the_old_connection_in_use(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = made(tmp_path, "works")
    async with started(app) as old:
        monkeypatch.setitem(app.config.brokers["probe"].__dict__, "connecting", "locked_out")
        with pytest.raises(UserError, match="does not accept the secrets") as refused:
            await reconnect.run(app, "probe", ADMIN)
        assert "canary" not in str(refused.value)
        assert "probe does not accept the secrets of now: says 401" in str(refused.value)
        assert app.desk.brokers["probe"] is old
        assert "probe" not in app.desk.offline
        assert facts.gather(app.desk, "far").is_reconciled
        monkeypatch.delenv("TS_PROBE_SECRET")
        with pytest.raises(UserError, match="stays in use"):
            await reconnect.run(app, "probe", ADMIN)
        with pytest.raises(NotAllowed):
            await reconnect.run(app, "probe", Who(user_id=1, name="tom", may_trade=True))
        with pytest.raises(UserError, match="part of the desk"):
            await reconnect.run(app, "paper", ADMIN)
        assert app.desk.brokers["probe"] is old


async def test_of_a_broker_that_was_never_reached_nothing_stays_in_use(tmp_path: Path) -> None:
    app = made(tmp_path, "down")
    async with started(app):
        with pytest.raises(UserError, match=r"probe: no connection\. Nothing was changed"):
            await reconnect.run(app, "probe", ADMIN)


@pytest.mark.parametrize(
    ("connecting", "login_holds", "said"),
    [("down", None, "no connection"), ("locked_out", False, "says 401")],
)
async def test_a_broker_without_a_login_is_asked_of_no_account_and_tried_by_logging_in(
    tmp_path: Path, connecting: str, login_holds: bool | None, said: str
) -> None:
    app = made(tmp_path, connecting)
    async with started(app) as probe:
        (line,) = (await app.outside.brokers("probe")).brokers
        assert [m.equity_usd for m in line.accounts] == [Missing("not connected")]
        assert line.login_holds is login_holds
        (check,) = await app.outside.tested("probe")
        assert (check.name, check.is_ok) == ("login", False)
        assert said in check.detail
        probe.connecting = "works"
        checks = await app.outside.tested("Probe ")
        assert checks
        assert all(c.is_ok is not False for c in checks)
        assert "probe" not in app.desk.offline


async def test_a_broker_whose_login_hangs_is_tried_for_as_long_as_one_answer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("engine.flows.brokers.recover.START_WAIT_S", 0.1)
    monkeypatch.setattr("bot.app._DRAIN_S", 0.3)
    app = made(tmp_path, "hangs")
    async with started(app):
        app.desk.settings = replace(app.desk.settings, broker_timeout_s=0.2)
        async with asyncio.timeout(2):
            (check,) = await app.outside.tested("probe")
        assert (check.name, check.detail) == ("login", "does not answer yet")


async def test_a_person_hears_that_a_broker_hangs_whatever_else_waits_for_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It stood behind a comparison of all its accounts, and said for a minute: under way."""
    monkeypatch.setattr("engine.flows.brokers.recover.START_WAIT_S", 0.1)
    monkeypatch.setattr("bot.app._DRAIN_S", 0.3)
    app, steps = made(tmp_path, "hangs"), list[str]()
    async with started(app):
        app.desk.settings = replace(app.desk.settings, broker_timeout_s=0.2)
        assert app.desk.lock("reach probe").locked(), "the start waits for it still"
        with pytest.raises(UserError, match=r"probe does not answer\. Nothing was changed"):
            async with asyncio.timeout(3):
                await reconnect.run(app, "probe", ADMIN, steps.append)
        assert steps == ["a login is tried, probe has 0.2 s to answer"]


async def test_of_two_people_who_renew_a_connection_at_once_one_connection_is_left(
    tmp_path: Path,
) -> None:
    """The first one's was never ended: two wrote down which order is which."""
    app = made(tmp_path, "works")
    async with started(app) as old:
        probes, build = list[Any](), reconnect.connect.broker
        _counted(old, probes)

        def building(*args: Any, is_trial: bool = False) -> Any:
            return _counted(build(*args, is_trial=is_trial), probes)

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(reconnect.connect, "broker", building)
            await asyncio.gather(*(reconnect.run(app, "probe", ADMIN) for _ in range(2)))
        live = [probe for probe in probes if not probe.is_ended]
        assert live == [app.desk.brokers["probe"]]


def _counted(probe: Any, probes: list[Any]) -> Any:
    close, probe.is_ended = probe.inner.close, False
    probes.append(probe)

    async def closing() -> None:
        probe.is_ended = True
        await close()

    probe.close = closing
    return probe


async def test_a_trial_connection_writes_nothing_that_the_one_in_use_relies_on(
    tmp_path: Path,
) -> None:
    real = FileTokens(tmp_path / "tokens")
    await real.save("probe-orders", "what was sent")
    trial = TrialTokens(real)
    assert await trial.load("probe-orders") == "what was sent"
    await trial.save("probe-orders", "of the trial")
    assert await trial.load("probe-orders") == "of the trial"
    assert await real.load("probe-orders") == "what was sent"


async def test_the_new_connection_reads_only_after_the_old_one_has_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = made(tmp_path, "works")
    async with started(app) as old:
        order: list[str] = []
        close, build = old.inner.close, reconnect.connect.broker

        async def closing() -> None:
            order.append("old ends")
            await close()

        def building(*args: Any, is_trial: bool = False) -> Any:
            order.append("trial" if is_trial else "new")
            return build(*args, is_trial=is_trial)

        monkeypatch.setattr(old.inner, "close", closing)
        monkeypatch.setattr(reconnect.connect, "broker", building)
        await reconnect.run(app, "probe", ADMIN)
        assert order == ["trial", "old ends", "new"]


async def _note(heard: list[object], args: object) -> None:
    heard.append(args)
