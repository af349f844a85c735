"""A broker that falls silent is found within half a minute, and people hear of it once (A34)."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from engine.domain.errors import BrokerAuthError, BrokerUnavailable, RateLimited
from engine.flows.brokers import recover
from engine.flows.brokers.heartbeat import EVERY_S, LASTS_S, Heartbeat
from engine.flows.common import broker_switch, shut_out
from tests import rig as desks
from tests.conformance.faulty_broker import Faults, FaultyBroker
from tests.rig import Rig


@pytest.fixture
async def rig() -> AsyncIterator[Rig]:
    rig = await desks.start(wrap=lambda broker: FaultyBroker(broker, Faults()))
    yield rig
    await rig.close()


async def later(rig: Rig, beats: Heartbeat, seconds: float) -> None:
    rig.clock.advance(seconds)
    await beats.look()


async def test_silence_where_nothing_else_asks_is_found_told_once_and_so_is_its_end(
    rig: Rig,
) -> None:
    beats, faults = Heartbeat(rig.desk), rig.desk.brokers["paper"].faults
    await beats.beat()
    await beats.look()
    assert rig.desk.is_reconciled
    faults.fail_reads = 1_000
    await beats.beat()
    assert not rig.desk.is_reconciled, "no entry goes where nobody answers"
    await beats.look()
    assert not rig.notes(), "it may be back in a moment"
    for _ in range(40):
        await later(rig, beats, LASTS_S)
    (told,) = rig.notes()
    assert told.startswith("⚠ No answer from paper for 30 s (")
    assert "No entry goes there" in told
    assert "exits, stops and cancels are tried on" in told
    faults.fail_reads = 0
    await recover.again(rig.desk, "paper")
    await beats.look()
    assert rig.notes()[1:] == [
        "✔ paper answers again, after 20 min. Its books were compared; entries may go there."
    ]


async def test_a_return_is_told_once_its_books_are_compared(rig: Rig) -> None:
    """People read since when it was being compared, and never that entries may go there."""
    beats, faults = Heartbeat(rig.desk), rig.desk.brokers["paper"].faults
    faults.fail_reads = 1_000
    await beats.beat()
    for _ in range(2):
        await later(rig, beats, LASTS_S)
    faults.fail_reads = 0
    async with rig.desk.lock("compare paper"):
        rig.desk.health.pop("broker paper")  # its stream is back
        await beats.look()
        assert len(rig.notes()) == 1
    await recover.again(rig.desk, "paper")
    await beats.look()
    assert rig.notes()[1].endswith("Its books were compared; entries may go there.")


async def test_whose_silence_it_is_is_said_before_its_reason_alone(rig: Rig) -> None:
    async def silent(_account: str) -> Any:
        raise BrokerUnavailable("paper: no answer")

    beats, broker = Heartbeat(rig.desk), rig.desk.brokers["paper"]
    broker.balance = broker.positions = silent  # type: ignore[method-assign]
    await beats.beat()
    for _ in range(2):
        await later(rig, beats, LASTS_S)
    (told,) = rig.notes()
    assert "(paper: no answer)" in told


async def test_a_short_silence_is_told_to_nobody(rig: Rig) -> None:
    beats, faults = Heartbeat(rig.desk), rig.desk.brokers["paper"].faults
    for _ in range(5):
        faults.fail_reads = 1_000
        await beats.beat()
        await later(rig, beats, 0)
        await later(rig, beats, LASTS_S - 1)
        faults.fail_reads = 0
        await recover.again(rig.desk, "paper")
        await later(rig, beats, 1)
    assert not rig.notes()


async def test_one_that_comes_and_goes_is_told_once_in_a_quarter_of_an_hour(rig: Rig) -> None:
    beats, faults = Heartbeat(rig.desk), rig.desk.brokers["paper"].faults
    for _ in range(8):
        faults.fail_reads = 1_000
        await beats.beat()
        await beats.look()
        await later(rig, beats, LASTS_S)
        faults.fail_reads = 0
        await recover.again(rig.desk, "paper")
        await beats.look()
    assert [note[0] for note in rig.notes()] == ["⚠", "✔"]


async def test_too_many_questions_are_no_silence(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    beats, n_asked = Heartbeat(rig.desk), 0

    async def refuses(account: str) -> None:
        nonlocal n_asked
        n_asked += 1
        raise RateLimited("slow down", 5.0)

    monkeypatch.setattr(rig.desk.brokers["paper"], "balance", refuses, raising=False)
    await beats.beat()
    assert n_asked == 1
    assert rig.desk.is_reconciled


async def test_several_are_one_message_with_what_is_held_there_and_why_none_may_go(
    rig: Rig,
) -> None:
    desk = rig.desk
    beats = Heartbeat(desk)
    desk.brokers = {**desk.brokers, "schwab": desk.brokers["paper"]}
    for name in desk.brokers:
        desk.gates[name] = desk.health[f"broker {name}"] = f"{name} does not answer (502)"
    await beats.look()
    await later(rig, beats, EVERY_S)
    (told,) = rig.notes()
    assert "paper and schwab" in told
    assert "schwab: does not answer (502)" in told
    for name in desk.brokers:
        del desk.health[f"broker {name}"]
    del desk.gates["paper"]
    desk.gates["schwab"] = "10 SPY with us, 8 there"
    await beats.look()
    paper, schwab = rig.notes()[1:]
    assert paper.endswith("Its books were compared; entries may go there.")
    assert schwab.endswith("No entry goes there yet: 10 SPY with us, 8 there.")
    assert not broker_switch.off(desk, "paper")


async def test_what_people_were_called_about_is_not_told_again(rig: Rig) -> None:
    desk = rig.desk
    beats = Heartbeat(desk)
    desk.gates["paper"] = desk.health["broker paper"] = "no answer in time"
    desk.doubts.blind["paper"] = desk.clock.monotonic()
    await beats.look()
    await later(rig, beats, LASTS_S)
    assert not rig.notes()
    del desk.doubts.blind["paper"]
    await later(rig, beats, 1)
    assert len(rig.notes()) == 1


async def test_the_end_of_a_lockout_is_told_however_soon_it_comes(rig: Rig) -> None:
    """A token that was renewed at once left people with a call to log in again."""
    beats = Heartbeat(rig.desk)
    for _ in range(2):
        await shut_out.locked_out(rig.desk, "paper", BrokerAuthError("401"))
        await recover.again(rig.desk, "paper")
        await later(rig, beats, 1)
    await beats.look()
    assert [note[:1] for note in rig.notes()] == ["🛑", "✔"], "both once a day"
    assert rig.notes()[1].endswith("Its books were compared; entries may go there.")
