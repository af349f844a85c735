"""The misbehaving broker misbehaves as it says, and only then."""

import asyncio
import os
import sys
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from engine.brokers import Absent, Filled, OrderSeen, Seen, Unclear
from engine.domain.errors import BrokerUnavailable, OrderRejected, OrderStateUnknown
from engine.domain.order import OrderType, Side
from tests.conformance.broker_bench import CALL, Bench, MemoryVault, paper
from tests.conformance.faulty_broker import Faults, FaultyBroker
from tests.unit.brokers.file_vault import FileVault

D = Decimal
BUY, LIMIT = Side.BUY, OrderType.LIMIT


@pytest.fixture
async def bench():
    started = paper()
    make = started.make
    started.make = lambda b: FaultyBroker(make(b))
    await started.start()
    yield started
    await started.stop()


def faults(bench: Bench) -> Faults:
    found = bench.broker.faults
    assert isinstance(found, Faults)
    return found


async def test_without_faults_it_is_the_broker_itself(bench: Bench) -> None:
    await bench.quote(CALL, "2.00", "2.10")
    order = await bench.submit(BUY, 1)
    await bench.pass_latency()
    assert bench.told_states(order) == ["accepted", "filled"]
    assert len(bench.told_fills()) == 1


@pytest.mark.parametrize(
    ("fault", "error", "is_there"),
    [
        ("unavailable", BrokerUnavailable, False),
        ("reject", OrderRejected, False),
        ("unknown_before_accept", OrderStateUnknown, False),
        ("unknown_after_accept", OrderStateUnknown, True),
    ],
)
async def test_a_submit_fails_once_as_told(
    bench: Bench, fault: str, error: type[Exception], is_there: bool
) -> None:
    setattr(faults(bench), fault, 1)
    request = bench.request(BUY, 1, LIMIT, limit="2.00")
    with pytest.raises(error):
        await bench.broker.submit(request)
    found = await bench.broker.find("main", request.client_order_id)
    assert isinstance(found, Seen if is_there else Absent)
    assert (await bench.submit(BUY, 1, LIMIT, limit="2.00")).state == "accepted"


@pytest.mark.parametrize("fault", ["accept_then_hang", "hang_before_accept"])
async def test_an_answer_that_never_comes(bench: Bench, fault: str) -> None:
    setattr(faults(bench), fault, 1)
    request = bench.request(BUY, 1, LIMIT, limit="2.00")
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(bench.broker.submit(request), 0.05)
    found = await bench.broker.find("main", request.client_order_id)
    assert isinstance(found, Seen) is (fault == "accept_then_hang")


async def test_lists_and_look_ups_can_lie(bench: Bench) -> None:
    order = await bench.submit(BUY, 1, LIMIT, limit="2.00")
    plan = faults(bench)
    plan.hide_open = plan.unclear = plan.falsely_absent = 1
    assert await bench.broker.open_orders("main") == []
    assert isinstance(await bench.broker.find("main", order.client_order_id), Unclear)
    assert isinstance(await bench.broker.find("main", order.client_order_id), Absent)
    assert isinstance(await bench.broker.find("main", order.client_order_id), Seen)
    plan.fail_reads = 1
    with pytest.raises(BrokerUnavailable):
        await bench.broker.positions("main")


@pytest.mark.parametrize(
    ("plan", "told"),
    [
        ({}, ["accepted", "fill", "filled"]),
        ({"drop_fills": 1}, ["accepted", "filled"]),
        ({"drop_events": 3}, []),
        ({"duplicate_events": 2}, ["accepted", "accepted", "fill", "fill", "filled"]),
        ({"reorder": 2}, ["filled", "fill", "accepted"]),
    ],
)
async def test_events_get_lost_doubled_and_swapped(
    bench: Bench, plan: dict[str, Any], told: list[str]
) -> None:
    for name, value in plan.items():
        setattr(faults(bench), name, value)
    await bench.quote(CALL, "2.00", "2.10")
    await bench.submit(BUY, 1)
    await bench.pass_latency()
    kinds = [
        "fill" if isinstance(event, Filled) else event.order.state
        for event in bench.told
        if isinstance(event, Filled | OrderSeen)
    ]
    assert kinds == told


async def test_crash_points_are_called(bench: Bench) -> None:
    points: list[str] = []
    faults(bench).at = points.append
    order = await bench.submit(BUY, 1, LIMIT, limit="2.00")
    await bench.broker.cancel("main", order.client_order_id)
    assert {"before submit", "after accept", "before cancel", "after cancel"} <= set(points)


# -- a real kill -9 ---------------------------------------------------------------------------

CHILD = Path(__file__).with_name("paper_child.py")


@pytest.mark.parametrize("kill_after", [3, 17, 40])
async def test_kill_9_loses_nothing_that_was_answered(tmp_path: Path, kill_after: int) -> None:
    book = tmp_path / "book.jsonl"
    child = await asyncio.create_subprocess_exec(
        sys.executable,
        str(CHILD),
        str(book),
        stdout=asyncio.subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[3])},
    )
    assert child.stdout is not None
    said = [(await child.stdout.readline()).decode().split() for _ in range(kill_after)]
    child.kill()
    said += [line.split() for line in (await child.stdout.read()).decode().splitlines()]
    await child.wait()

    vault = MemoryVault()
    vault.kept = await FileVault(book).load()
    bench = await paper(vault=vault).start()
    fills = await bench.broker.fills_since("main", datetime(2020, 1, 1, tzinfo=UTC))
    ids = [fill.execution_id for fill in fills]
    assert len(ids) == len(set(ids))
    for words in said:
        if words[:1] == ["accepted"] and len(words) == 2:
            assert (await bench.seen(words[1])).client_order_id == words[1]
        if words[:1] == ["filled"] and len(words) == 2:
            assert words[1] in ids
    assert await bench.position() == sum(fill.qty * fill.side.sign for fill in fills)
    paid = sum(f.qty * f.side.sign * f.price * 100 + f.fee_usd for f in fills)
    assert await bench.cash_now() == 100_000 - paid
    await bench.stop()
